#include "tests/unit/cmocka_tap.h"

#include "agent/enrol.h"

#define DAY 86400

static struct cert cert_of_life(int64_t life, uint8_t dice)
{
	struct cert c = {.not_before = 1000000, .not_after = 1000000 + life};
	c.fingerprint[0] = dice;
	c.fingerprint[1] = dice;
	return c;
}

static void renewal_is_due_at_two_thirds_of_life_give_or_take_a_twentieth(void **state)
{
	(void)state;
	for (unsigned dice = 0; dice < 256; dice++) {
		struct cert c = cert_of_life(300 * DAY, (uint8_t)dice);
		int64_t age = enrol_due(&c) - c.not_before;
		assert_in_range(age, 185 * DAY, 215 * DAY);
	}
}

static void a_fleet_does_not_come_back_in_one_hour(void **state)
{
	(void)state;
	struct cert early = cert_of_life(300 * DAY, 0);
	struct cert late = cert_of_life(300 * DAY, 255);
	assert_int_equal(enrol_due(&late) - enrol_due(&early), 30 * DAY);
	assert_int_equal(enrol_due(&early), enrol_due(&early));
}

static void failures_back_off_to_a_day(void **state)
{
	(void)state;
	assert_in_range(enrol_back_off(1, 0), 45, 45);
	assert_in_range(enrol_back_off(1, 65535), 75, 75);
	for (unsigned n = 1; n < 40; n++) {
		assert_true(enrol_back_off(n, 32768) <= enrol_back_off(n + 1, 32768));
		assert_true(enrol_back_off(n, 65535) <= DAY + DAY / 4);
	}
	assert_int_equal(enrol_back_off(UINT32_MAX, 65535), DAY + DAY / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renewal_is_due_at_two_thirds_of_life_give_or_take_a_twentieth),
		cmocka_unit_test(a_fleet_does_not_come_back_in_one_hour),
		cmocka_unit_test(failures_back_off_to_a_day),
	};
	return RUN_TAP(tests);
}
