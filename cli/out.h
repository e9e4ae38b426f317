/*
 * What the program says.  A result is one JSON document: printed as it is with --json, else as
 * lines and tables made from it, so that both say the same.  Text from elsewhere is shown without
 * control characters.
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <yyjson.h>

#include "cli/cli.h"

/* Print the result; ERR_IO when standard output cannot take it. */
MUST_USE enum err_code out_value(const struct cli *c, yyjson_val *v, struct err *e);
/* As out_value; frees `doc`. */
MUST_USE enum err_code out_doc(const struct cli *c, yyjson_mut_doc *doc, struct err *e);
/* A remark for people: on standard output, nothing with --quiet or --json. */
void out_note(const struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The error on standard error; with --json also as an object on standard output. */
void out_err(const struct cli *c, const struct err *e);
/* A string of JSON onto the terminal: control characters become '?'. */
void out_clean(FILE *f, const char *s);
/* "  45%  12 MiB of 27 MiB" on a terminal's standard error, over itself; `total` 0: unknown. */
void out_progress(const struct cli *c, const char *what, uint64_t done, uint64_t total);
/* "  45%  lag of the bits", likewise. */
void out_step(const struct cli *c, const char *what, unsigned done, unsigned total);
void out_progress_end(const struct cli *c);

#endif
