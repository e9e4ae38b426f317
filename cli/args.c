#include "cli/args.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#define ARGS_MAX 64         /* options of one subcommand and the common ones together */
#define ARG_CODE_FIRST 1000 /* above every character: codes of long options */

enum err_code args_number(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (*s == '\0')
		return ERR_USAGE;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return ERR_USAGE;
		uint64_t digit = (uint64_t)(*s - '0');
		if (v > (max - digit) / 10)
			return ERR_USAGE;
		v = v * 10 + digit;
	}
	*out = v;
	return ERR_OK;
}

static enum err_code parse_duration(const char *s, uint64_t *out)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char digits[21];
	size_t len = strlen(s);
	uint64_t factor = 1;

	if (len == 0 || len >= sizeof(digits))
		return ERR_USAGE;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (s[len - 1] == units[i].unit) {
			factor = units[i].seconds;
			len--;
			break;
		}
	}
	memcpy(digits, s, len);
	digits[len] = '\0';
	uint64_t v;
	if (args_number(digits, INT32_MAX, &v) != ERR_OK)
		return ERR_USAGE;
	*out = v * factor;
	return ERR_OK;
}

static enum err_code arg_store(const struct arg *a, const char *value, struct err *e)
{
	switch (a->kind) {
	case ARG_FLAG:
		*(bool *)a->out = true;
		return ERR_OK;
	case ARG_TEXT:
		if (*(const char **)a->out != NULL)
			return err_set(e, ERR_USAGE, a->name, "--%s is given twice", a->name);
		*(const char **)a->out = value;
		return ERR_OK;
	case ARG_LIST: {
		struct arg_list *l = a->out;
		if (l->n == ARG_LIST_MAX)
			return err_set(e, ERR_USAGE, a->name, "--%s is given more than %d times",
				a->name, ARG_LIST_MAX);
		l->v[l->n++] = value;
		return ERR_OK;
	}
	case ARG_NUMBER:
	case ARG_DURATION: {
		struct arg_number *n = a->out;
		enum err_code rc;
		if (n->set)
			return err_set(e, ERR_USAGE, a->name, "--%s is given twice", a->name);
		rc = a->kind == ARG_NUMBER ? args_number(value, INT64_MAX, &n->v) :
					     parse_duration(value, &n->v);
		if (rc != ERR_OK)
			return err_set(e, ERR_USAGE, a->name, "--%s takes %s, not \"%s\"", a->name,
				a->kind == ARG_NUMBER ? "a number" : "a duration (90s, 15m, 12h, 30d)",
				value);
		n->set = true;
		return ERR_OK;
	}
	}
	return err_set(e, ERR_INTERNAL, a->name, "unknown kind of option");
}

static bool arg_given(const struct arg *a)
{
	switch (a->kind) {
	case ARG_FLAG:
		return *(const bool *)a->out;
	case ARG_TEXT:
		return *(const char *const *)a->out != NULL;
	case ARG_LIST:
		return ((const struct arg_list *)a->out)->n > 0;
	case ARG_NUMBER:
	case ARG_DURATION:
		return ((const struct arg_number *)a->out)->set;
	}
	return false;
}

struct tables {
	const struct arg *row[ARGS_MAX];
	struct option longs[ARGS_MAX + 1];
	char shorts[2 * ARGS_MAX + 3];
	size_t n;
};

static void tables_add(struct tables *t, const struct arg *table)
{
	size_t s = strlen(t->shorts);

	for (; table != NULL && table->name != NULL && t->n < ARGS_MAX; table++) {
		t->row[t->n] = table;
		t->longs[t->n] = (struct option){.name = table->name,
			.has_arg = table->kind == ARG_FLAG ? no_argument : required_argument,
			.val = ARG_CODE_FIRST + (int)t->n};
		if (table->letter != 0) {
			t->shorts[s++] = table->letter;
			if (table->kind != ARG_FLAG)
				t->shorts[s++] = ':';
			t->shorts[s] = '\0';
		}
		t->n++;
	}
}

static const struct arg *tables_find(const struct tables *t, int code)
{
	if (code >= ARG_CODE_FIRST)
		return t->row[code - ARG_CODE_FIRST];
	for (size_t i = 0; i < t->n; i++) {
		if (t->row[i]->letter == (char)code)
			return t->row[i];
	}
	return NULL;
}

/* getopt_long takes `--oper` for `--operator`; a script that relies on it breaks with the next option. */
static bool is_shortened(const char *word, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(word, "--", 2) != 0)
		return false;
	return strncmp(word + 2, name, len) != 0 || (word[2 + len] != '\0' && word[2 + len] != '=');
}

static enum err_code bad_option(char **argv, int code, struct err *e)
{
	const char *word = argv[optind > 0 ? optind - 1 : 0];

	if (optopt >= ARG_CODE_FIRST || (code == ':' && optopt != 0))
		return err_set(e, ERR_USAGE, word, "this option needs a value, or takes none");
	if (optopt != 0)
		return err_set(e, ERR_USAGE, word, "there is no option -%c; see --help", optopt);
	return err_set(e, ERR_USAGE, word, "there is no such option; see --help");
}

enum err_code args_parse(const struct arg *first, const struct arg *second, bool first_only,
	int argc, char **argv, struct arg_operands *operands, struct err *e)
{
	struct tables t = {.shorts = ""};
	int code;

	snprintf(t.shorts, sizeof(t.shorts), "%s:", first_only ? "+" : "");
	tables_add(&t, first);
	tables_add(&t, second);
	opterr = 0;
	optind = 0; /* glibc: start afresh */
	for (;;) {
		code = getopt_long(argc, argv, t.shorts, t.longs, NULL);
		if (code == -1)
			break;
		const struct arg *a = code == '?' || code == ':' ? NULL : tables_find(&t, code);
		if (a == NULL)
			return bad_option(argv, code, e);
		if (code >= ARG_CODE_FIRST) {
			/* The value is a word of its own, or there is none, or it follows '='. */
			const char *word = optarg == argv[optind - 1] ? argv[optind - 2] : argv[optind - 1];
			if (is_shortened(word, a->name))
				return err_set(e, ERR_USAGE, word, "write it out: --%s", a->name);
		}
		enum err_code rc = arg_store(a, optarg, e);
		if (rc != ERR_OK)
			return rc;
	}
	operands->v = (const char *const *)argv + optind;
	operands->n = (size_t)(argc - optind);
	for (size_t i = 0; i < t.n; i++) {
		if (t.row[i]->required && !arg_given(t.row[i]))
			return err_set(e, ERR_USAGE, t.row[i]->name, "--%s is needed", t.row[i]->name);
	}
	return ERR_OK;
}

void args_help(FILE *f, const struct arg *table)
{
	for (; table != NULL && table->name != NULL; table++) {
		char left[64];
		snprintf(left, sizeof(left), "%s%c%s--%s%s%s", table->letter != 0 ? "-" : "  ",
			table->letter != 0 ? table->letter : ' ', table->letter != 0 ? ", " : " ",
			table->name, table->value != NULL ? " " : "",
			table->value != NULL ? table->value : "");
		fprintf(f, "  %-34s %s%s\n", left, table->help, table->required ? " (needed)" : "");
	}
}
