#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "base/log.h"

static const struct log_field fields[] = {
	{.key = "serial", .str = "PUMP-1"},
	{.key = "reason", .str = "a \"b\"\n"},
	{.key = "n", .num = -3},
};

static void logfmt_quotes_what_needs_it(void **state)
{
	(void)state;
	char out[256];
	log_format_line(LOG_LOGFMT, "T", LOG_WARN, "worker-0", "x.y", fields, 3, out, sizeof(out));
	assert_string_equal(out, "time=T level=warn process=worker-0 event=x.y serial=PUMP-1 "
				 "reason=\"a \\\"b\\\"\\u000a\" n=-3\n");
}

static void json_is_one_object_a_line(void **state)
{
	(void)state;
	char out[256];
	log_format_line(LOG_JSON, "T", LOG_INFO, "keeper", "x", fields, 3, out, sizeof(out));
	assert_string_equal(out, "{\"time\":\"T\",\"level\":\"info\",\"process\":\"keeper\","
				 "\"event\":\"x\",\"serial\":\"PUMP-1\","
				 "\"reason\":\"a \\\"b\\\"\\u000a\",\"n\":-3}\n");
}

static void a_line_too_long_is_cut_and_still_ends(void **state)
{
	(void)state;
	char out[64];
	char longer[200];
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	struct log_field f = {.key = "k", .str = longer};
	log_format_line(LOG_LOGFMT, "T", LOG_INFO, "p", "e", &f, 1, out, sizeof(out));
	assert_true(strlen(out) < sizeof(out));
	assert_int_equal(out[strlen(out) - 1], '\n');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logfmt_quotes_what_needs_it),
		cmocka_unit_test(json_is_one_object_a_line),
		cmocka_unit_test(a_line_too_long_is_cut_and_still_ends),
	};
	return RUN_TAP(tests);
}
