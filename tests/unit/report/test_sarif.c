/* What is written as SARIF is one JSON document, says what went in, and fails where it must. */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "report/sarif.h"

static const struct sarif_rule rules[] = {
	{"one", "it is \"one\"", "replace it", "error"},
	{"two", "it is <two>", "look at it", "note"},
};

#define RULES (sizeof(rules) / sizeof(rules[0]))

/* A log that is being written to memory. */
struct log {
	struct sarif s;
	FILE *f;
	char *text;
	size_t size;
	yyjson_doc *doc;
};

static void start(struct log *l)
{
	*l = (struct log){0};
	l->f = open_memstream(&l->text, &l->size);
	assert_non_null(l->f);
	sarif_begin(&l->s, l->f, rules, RULES);
}

/* The run, read back; a document that is not whole is none. */
static yyjson_val *end(struct log *l)
{
	assert_int_equal(sarif_end(&l->s, "x", NULL), ERR_OK);
	assert_int_equal(fclose(l->f), 0);
	l->doc = yyjson_read(l->text, l->size, 0);
	assert_non_null(l->doc);
	yyjson_val *root = yyjson_doc_get_root(l->doc);
	assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "version")), "2.1.0");
	yyjson_val *runs = yyjson_obj_get(root, "runs");
	assert_int_equal(yyjson_arr_size(runs), 1);
	return yyjson_arr_get_first(runs);
}

static void drop(struct log *l)
{
	yyjson_doc_free(l->doc);
	free(l->text);
}

static yyjson_val *at(yyjson_val *v, const char *pointer)
{
	yyjson_val *found = yyjson_ptr_get(v, pointer);

	if (found == NULL)
		fail_msg("there is no %s", pointer);
	return found;
}

static void says(yyjson_val *v, const char *pointer, const char *want)
{
	assert_string_equal(yyjson_get_str(at(v, pointer)), want);
}

static void a_log_with_nothing_in_it_is_whole(void **state)
{
	(void)state;
	struct log l;
	start(&l);
	sarif_invocation(&l.s, true);
	yyjson_val *run = end(&l);
	says(run, "/tool/driver/name", "medseal");
	assert_int_equal(yyjson_arr_size(at(run, "/tool/driver/rules")), RULES);
	says(run, "/tool/driver/rules/0/id", "one");
	says(run, "/tool/driver/rules/0/shortDescription/text", "it is \"one\"");
	says(run, "/tool/driver/rules/1/help/text", "look at it");
	says(run, "/tool/driver/rules/1/defaultConfiguration/level", "note");
	assert_int_equal(yyjson_arr_size(at(run, "/results")), 0);
	assert_true(yyjson_is_true(at(run, "/invocations/0/executionSuccessful")));
	assert_int_equal(yyjson_arr_size(at(run, "/invocations/0/toolExecutionNotifications")), 0);
	drop(&l);
}

static void results_have_their_rule_and_places(void **state)
{
	(void)state;
	const struct sarif_place text = {.file = "a b/\xc3\xa4#.pem", .line = 7, .offset = 99},
				 binary = {.file = "/x/y.der", .offset = 0},
				 whole = {.file = "-", .whole = true, .line = 3},
				 named = {.file = "n", .line = 1, .name = bytes_str("CN=x\x1b")};
	struct log l;
	start(&l);
	sarif_result(&l.s, 1, "first", "aa");
	sarif_location(&l.s, &text);
	sarif_location(&l.s, &binary);
	sarif_location(&l.s, &whole);
	sarif_location(&l.s, &named);
	sarif_result_end(&l.s);
	sarif_result(&l.s, 0, "second", "bb");
	sarif_result_end(&l.s);
	sarif_invocation(&l.s, false);
	yyjson_val *run = end(&l), *r = at(run, "/results/0");
	assert_int_equal(yyjson_arr_size(at(run, "/results")), 2);
	says(r, "/ruleId", "two");
	assert_int_equal(yyjson_get_uint(at(r, "/ruleIndex")), 1);
	says(r, "/level", "note");
	says(r, "/message/text", "first");
	says(r, "/partialFingerprints/keySha256~1v1", "aa");
	says(run, "/results/1/ruleId", "one");
	assert_int_equal(yyjson_arr_size(at(run, "/results/1/locations")), 0);
	/* RFC 3986: a space, octets above ASCII and # are escaped; an absolute path is a file URI.
	 */
	says(r, "/locations/0/physicalLocation/artifactLocation/uri", "a%20b/%C3%A4%23.pem");
	assert_int_equal(
		yyjson_get_uint(at(r, "/locations/0/physicalLocation/region/startLine")), 7);
	assert_null(yyjson_ptr_get(r, "/locations/0/physicalLocation/region/byteOffset"));
	says(r, "/locations/1/physicalLocation/artifactLocation/uri", "file:///x/y.der");
	assert_int_equal(
		yyjson_get_uint(at(r, "/locations/1/physicalLocation/region/byteOffset")), 0);
	assert_null(yyjson_ptr_get(r, "/locations/2/physicalLocation/region"));
	assert_null(yyjson_ptr_get(r, "/locations/2/logicalLocations"));
	says(r, "/locations/3/logicalLocations/0/name", "CN=x\xef\xbf\xbd");
	assert_true(yyjson_is_false(at(run, "/invocations/0/executionSuccessful")));
	drop(&l);
}

static void what_was_not_read_is_a_notification(void **state)
{
	(void)state;
	const struct sarif_place place = {.file = "f", .offset = 12};
	struct log l;
	start(&l);
	sarif_invocation(&l.s, true);
	sarif_notification(&l.s, &place, "truncated", "it ends");
	sarif_notification(&l.s, &place, "limit", "it is \"long\"\n");
	yyjson_val *run = end(&l), *list = at(run, "/invocations/0/toolExecutionNotifications");
	assert_int_equal(yyjson_arr_size(list), 2);
	says(list, "/0/descriptor/id", "truncated");
	says(list, "/0/level", "warning");
	says(list, "/1/message/text", "it is \"long\"\xef\xbf\xbd");
	assert_int_equal(
		yyjson_get_uint(at(list, "/0/locations/0/physicalLocation/region/byteOffset")), 12);
	drop(&l);
}

static void hostile_text_stays_text(void **state)
{
	(void)state;
	static const char evil[] = "\",\"level\":\"none\",\"x\":\"\\\xff\xe2\x80\xae";
	const struct sarif_place place = {.file = evil, .line = 1, .name = bytes_str(evil)};
	struct log l;
	start(&l);
	sarif_result(&l.s, 0, evil, "aa");
	sarif_location(&l.s, &place);
	sarif_result_end(&l.s);
	sarif_invocation(&l.s, true);
	yyjson_val *r = at(end(&l), "/results/0");
	says(r, "/level", "error");
	assert_null(yyjson_obj_get(r, "x"));
	says(r, "/message/text", "\",\"level\":\"none\",\"x\":\"\\\xef\xbf\xbd\xef\xbf\xbd");
	drop(&l);
}

static void a_full_disk_is_told_with_the_file(void **state)
{
	(void)state;
	struct sarif s;
	struct err e = {0};
	FILE *f = fopen("/dev/full", "w");
	if (f == NULL)
		skip();
	sarif_begin(&s, f, rules, RULES);
	sarif_invocation(&s, true);
	assert_int_equal(sarif_end(&s, "report.sarif", &e), ERR_DISK_FULL);
	assert_string_equal(e.object, "report.sarif");
	fclose(f);
	/* And when it is full on the way, before the end. */
	f = fopen("/dev/full", "w");
	assert_non_null(f);
	assert_int_equal(setvbuf(f, NULL, _IONBF, 0), 0);
	sarif_begin(&s, f, rules, RULES);
	sarif_result(&s, 0, "x", "y");
	sarif_result_end(&s);
	sarif_invocation(&s, true);
	assert_int_equal(sarif_end(&s, "report.sarif", &e), ERR_DISK_FULL);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_with_nothing_in_it_is_whole),
		cmocka_unit_test(results_have_their_rule_and_places),
		cmocka_unit_test(what_was_not_read_is_a_notification),
		cmocka_unit_test(hostile_text_stays_text),
		cmocka_unit_test(a_full_disk_is_told_with_the_file),
	};
	return RUN_TAP(tests);
}
