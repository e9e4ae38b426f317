/* What follows an initial entropy estimate, for medseal entropy assess. */
#ifndef CLI_ENTROPY_H
#define CLI_ENTROPY_H

#include <yyjson.h>

#include "cli/cli.h"
#include "entropy/assess.h"

/* Read a file of samples, one a byte; "-" is standard input. */
MUST_USE enum err_code entropy_read(const char *path, unsigned bits, struct samples *out,
	struct err *e);

/* 1,000 samples after each of 1,000 restarts. */
struct entropy_restart {
	const char *path;
	struct samples s;
	bool iid_tested, row_iid, column_iid; /* section 3.1.2 */
};

/*
 * The restart tests with `*h` as the initial estimate; adds "restart" to `root` and sets *h to what
 * they leave of it: 0 when they fail, and then `*failed` is set.
 */
MUST_USE enum err_code entropy_restart(yyjson_mut_doc *doc, yyjson_mut_val *root,
	const struct entropy_restart *restart, enum assess_depth depth, double *h, bool *failed,
	struct err *e);

struct entropy_conditioning {
	const char *kind; /* "vetted" or "unvetted" */
	struct arg_number n_in, n_out, nw;
	const char *h_in;        /* a number; NULL: what n_in bits of samples carry */
	const char *conditioned; /* unvetted: a file of output of the component */
};

/* Section 3.1.5: adds "conditioning" to `root`.  `h` bits are in a sample of `bits`. */
MUST_USE enum err_code entropy_condition(yyjson_mut_doc *doc, yyjson_mut_val *root,
	const struct entropy_conditioning *c, double h, unsigned bits, struct err *e);

/* Write the page and the plots of an assessment; either name may be NULL. */
MUST_USE enum err_code entropy_report(const char *html, const char *svg, const char *path,
	const struct samples *s, const struct assessment *a, struct err *e);

#endif
