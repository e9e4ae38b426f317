/*
 * A subcommand's options as a table, parsed with getopt_long and printed by --help, so that what
 * is documented is what is understood.  No option takes a secret: those come from files or a prompt.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

#define ARG_LIST_MAX 64 /* operators or server names of one call: far above a real realm */

enum arg_kind {
	ARG_FLAG,     /* out: bool */
	ARG_TEXT,     /* out: const char * (NULL: not given) */
	ARG_LIST,     /* out: struct arg_list; may be given many times */
	ARG_NUMBER,   /* out: struct arg_number; decimal */
	ARG_DURATION, /* out: struct arg_number in seconds; 90, 90s, 15m, 12h, 30d */
};

struct arg_list {
	const char *v[ARG_LIST_MAX];
	size_t n;
};

struct arg_number {
	bool set;
	uint64_t v;
};

struct arg {
	const char *name; /* long option without its dashes; NULL ends a table */
	char letter;      /* the short one; 0: none */
	enum arg_kind kind;
	bool required;
	void *out;
	const char *value; /* what help calls the value; NULL for a flag */
	const char *help;
};

struct arg_operands {
	const char *const *v; /* view into argv */
	size_t n;
};

/*
 * Parse argv[1..] against two tables (`second` may be NULL), in any order with operands.  An
 * option given twice (but a list), an unknown or shortened one, or a missing required one is
 * ERR_USAGE.  `first_only`: stop at the first operand, for words before a subcommand.
 */
MUST_USE enum err_code args_parse(const struct arg *first, const struct arg *second,
	bool first_only, int argc, char **argv, struct arg_operands *operands, struct err *e);
void args_help(FILE *f, const struct arg *table);
MUST_USE enum err_code args_number(const char *s, uint64_t max, uint64_t *out);

#endif
