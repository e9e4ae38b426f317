/* Option tables: what is documented is what is understood, and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "tests/unit/cmocka_tap.h"

#define WORDS_MAX 16

static struct {
	bool flag;
	const char *text;
	struct arg_list list;
	struct arg_number number, duration;
} opt;

static const struct arg table[] = {
	{"flag", 'f', ARG_FLAG, false, &opt.flag, NULL, "a flag"},
	{"text", 't', ARG_TEXT, false, &opt.text, "TEXT", "a text"},
	{"list", 0, ARG_LIST, false, &opt.list, "ITEM", "a list"},
	{"number", 'n', ARG_NUMBER, false, &opt.number, "N", "a number"},
	{"duration", 0, ARG_DURATION, false, &opt.duration, "TIME", "a duration"},
	{.name = NULL},
};

static const char *needed;
static const struct arg needing[] = {
	{"needed", 0, ARG_TEXT, true, &needed, "X", "must be there"},
	{.name = NULL},
};

/* `line` is split at spaces; the words stay allocated until the process ends. */
static enum err_code parse(const struct arg *second, const char *line, struct arg_operands *o,
	struct err *e)
{
	static char copy[8][512];
	static char *argv[8][WORDS_MAX + 2];
	static unsigned next;
	unsigned at = next++ % 8;
	int argc = 1;
	char *rest = copy[at], *word;

	memset(&opt, 0, sizeof(opt));
	needed = NULL;
	err_clear(e);
	snprintf(copy[at], sizeof(copy[at]), "%s", line);
	argv[at][0] = (char[]){"medseal"};
	while ((word = strsep(&rest, " ")) != NULL && argc < WORDS_MAX) {
		if (*word != '\0')
			argv[at][argc++] = word;
	}
	argv[at][argc] = NULL;
	return args_parse(table, second, false, argc, argv[at], o, e);
}

static void options_and_operands_come_in_any_order(void **state)
{
	struct arg_operands o;
	struct err e;

	(void)state;
	assert_int_equal(parse(NULL, "one --text=x -f two --list a --list b -n 7 three", &o, &e), ERR_OK);
	assert_int_equal(o.n, 3);
	assert_string_equal(o.v[0], "one");
	assert_string_equal(o.v[2], "three");
	assert_true(opt.flag);
	assert_string_equal(opt.text, "x");
	assert_int_equal(opt.list.n, 2);
	assert_string_equal(opt.list.v[1], "b");
	assert_true(opt.number.set);
	assert_int_equal(opt.number.v, 7);
	assert_false(opt.duration.set);
}

static void what_follows_two_dashes_is_an_operand(void **state)
{
	struct arg_operands o;
	struct err e;

	(void)state;
	assert_int_equal(parse(NULL, "-f -- --text", &o, &e), ERR_OK);
	assert_int_equal(o.n, 1);
	assert_string_equal(o.v[0], "--text");
	assert_null(opt.text);
}

static void a_value_may_look_like_an_option(void **state)
{
	struct arg_operands o;
	struct err e;

	(void)state;
	assert_int_equal(parse(NULL, "--text --flag", &o, &e), ERR_OK);
	assert_string_equal(opt.text, "--flag");
	assert_false(opt.flag);
}

static void wrong_calls_are_refused(void **state)
{
	static const char *const lines[] = {"--unknown", "-x", "--text", "-t", "--flag=1", "--fla",
		"--tex x", "--tex=x", "--text a --text b", "-n 1 -n 2", "-n -1", "-n 0x10", "-n ,1",
		"-n 9223372036854775808", "-n 99999999999999999999", "--duration 5w",
		"--duration h", "--duration -5m", "--duration 1h30m", "--duration 2147483648"};
	struct arg_operands o;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (parse(NULL, lines[i], &o, &e) != ERR_USAGE)
			fail_msg("accepted: %s", lines[i]);
		assert_int_equal(e.code, ERR_USAGE);
		assert_true(e.reason[0] != '\0');
	}
}

static void durations_have_units(void **state)
{
	static const struct {
		const char *line;
		uint64_t seconds;
	} cases[] = {{"--duration 90", 90}, {"--duration 90s", 90}, {"--duration 15m", 900},
		{"--duration 12h", 43200}, {"--duration 30d", 2592000}};
	struct arg_operands o;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(NULL, cases[i].line, &o, &e), ERR_OK);
		assert_int_equal(opt.duration.v, cases[i].seconds);
	}
}

static void a_needed_option_is_needed(void **state)
{
	struct arg_operands o;
	struct err e;

	(void)state;
	assert_int_equal(parse(needing, "-f", &o, &e), ERR_USAGE);
	assert_string_equal(e.object, "needed");
	assert_int_equal(parse(needing, "-f --needed x", &o, &e), ERR_OK);
	assert_string_equal(needed, "x");
}

static void a_list_has_a_limit(void **state)
{
	char *argv[2 * ARG_LIST_MAX + 4] = {(char[]){"medseal"}};
	char option[] = "--list", value[] = "v";
	struct arg_operands o;
	struct err e;
	int argc = 1;

	(void)state;
	memset(&opt, 0, sizeof(opt));
	for (int i = 0; i < ARG_LIST_MAX; i++) {
		argv[argc++] = option;
		argv[argc++] = value;
	}
	assert_int_equal(args_parse(table, NULL, false, argc, argv, &o, &e), ERR_OK);
	assert_int_equal(opt.list.n, ARG_LIST_MAX);
	memset(&opt, 0, sizeof(opt));
	argv[argc++] = option;
	argv[argc++] = value;
	assert_int_equal(args_parse(table, NULL, false, argc, argv, &o, &e), ERR_USAGE);
}

/* What --help and the parser rely on, for every command there is. */
static void every_table_is_well_formed(void **state)
{
	(void)state;
	for (size_t i = 0; commands[i] != NULL; i++) {
		const struct command *c = commands[i];
		assert_non_null(c->words);
		assert_non_null(c->operands);
		assert_non_null(c->summary);
		assert_non_null(c->run);
		assert_true(c->min <= c->max);
		assert_int_equal(c->max == 0, c->operands[0] == '\0');
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(c->words, commands[j]->words);
		for (const struct arg *a = c->args; a != NULL && a->name != NULL; a++) {
			assert_non_null(a->out);
			assert_non_null(a->help);
			assert_int_equal(a->kind == ARG_FLAG, a->value == NULL);
			/* Secrets come from files: no option takes one. */
			if (strstr(a->name, "passphrase") != NULL)
				assert_true(strcmp(a->value, "FILE") == 0 || strcmp(a->value, "DIR") == 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_operands_come_in_any_order),
		cmocka_unit_test(what_follows_two_dashes_is_an_operand),
		cmocka_unit_test(a_value_may_look_like_an_option),
		cmocka_unit_test(wrong_calls_are_refused),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(a_needed_option_is_needed),
		cmocka_unit_test(a_list_has_a_limit),
		cmocka_unit_test(every_table_is_well_formed),
	};
	return RUN_TAP(tests);
}
