#include "tests/unit/cmocka_tap.h"

#include "base/clock.h"

static void prints_and_parses_rfc3339(void **state)
{
	(void)state;
	char text[CLOCK_TEXT_SIZE];
	int64_t t = 0;
	clock_print(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	assert_int_equal(clock_parse("2038-01-19T03:14:08Z", &t, NULL), ERR_OK);
	assert_true(t == (int64_t)1 << 31);
}

static void refuses_what_is_no_time(void **state)
{
	(void)state;
	int64_t t;
	assert_int_equal(clock_parse("2026-02-30T00:00:00Z", &t, NULL), ERR_MALFORMED);
	assert_int_equal(clock_parse("2026-01-01 00:00:00", &t, NULL), ERR_MALFORMED);
	assert_int_equal(clock_parse("2026-01-01T00:00:00Zx", &t, NULL), ERR_MALFORMED);
	assert_int_equal(clock_parse("2026-1-1T0:0:0Z", &t, NULL), ERR_MALFORMED);
}

static void nineteen_seventy_is_not_believed(void **state)
{
	(void)state;
	int64_t t = 0;
	struct clock c = clock_fixed(&t);
	assert_false(clock_believable(clock_now(c)));
	t = CLOCK_BELIEVABLE_FROM;
	assert_true(clock_believable(clock_now(c)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_and_parses_rfc3339),
		cmocka_unit_test(refuses_what_is_no_time),
		cmocka_unit_test(nineteen_seventy_is_not_believed),
	};
	return RUN_TAP(tests);
}
