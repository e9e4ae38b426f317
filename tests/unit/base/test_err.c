#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "base/err.h"

static void names_are_unique_and_lead_back(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_COUNT; i++)
		assert_int_equal(err_from_name(err_name((enum err_code)i)), i);
	assert_int_equal(err_from_name("no such code"), ERR_INTERNAL);
}

static void a_refusal_never_exits_zero_or_answers_2xx(void **state)
{
	(void)state;
	for (int i = 1; i < ERR_COUNT; i++) {
		if (i == ERR_NOT_DUE)
			continue;
		assert_int_not_equal(err_exit((enum err_code)i), 0);
		if (i == ERR_KEY_PENDING) /* no refusal: RFC 7030 section 4.2.3 answers 202 */
			continue;
		assert_true(err_http((enum err_code)i) >= 400);
	}
}

static void hostile_bytes_do_not_reach_a_terminal(void **state)
{
	(void)state;
	struct err e;
	assert_int_equal(err_set(&e, ERR_SERIAL_FORM, "a\x1b[2Jb\nc", "%s", "x\ry"),
		ERR_SERIAL_FORM);
	assert_string_equal(e.object, "a?[2Jb?c");
	assert_string_equal(e.reason, "x?y");
}

static void a_line_names_object_reason_and_code(void **state)
{
	(void)state;
	struct err e;
	char line[256];
	assert_int_equal(err_set(&e, ERR_TICKET_USED, "PUMP-1", "on %s", "Monday"),
		ERR_TICKET_USED);
	err_print(&e, line, sizeof(line));
	assert_string_equal(line, "PUMP-1: the ticket was used already (on Monday) [ticket-used]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_and_lead_back),
		cmocka_unit_test(a_refusal_never_exits_zero_or_answers_2xx),
		cmocka_unit_test(hostile_bytes_do_not_reach_a_terminal),
		cmocka_unit_test(a_line_names_object_reason_and_code),
	};
	return RUN_TAP(tests);
}
