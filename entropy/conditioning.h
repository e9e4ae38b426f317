/*
 * How much entropy comes out of a conditioning component: SP 800-90B, section 3.1.5.
 */
#ifndef ENTROPY_CONDITIONING_H
#define ENTROPY_CONDITIONING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CONDITIONING_BITS_MAX UINT32_MAX

struct conditioning {
	uint64_t n_in;  /* bits that go in */
	uint64_t n_out; /* bits that come out */
	uint64_t nw;    /* bits of the narrowest place inside */
	double h_in;    /* bits of entropy that go in: above 0, at most n_in */
	bool vetted;    /* of the list in section 3.1.5.1.1 */
	double h_prime; /* not vetted: entropy in a bit of its output, estimated by assess_string */
};

struct conditioned {
	double output_entropy; /* Output_Entropy(n_in, n_out, nw, h_in), section 3.1.5.1.2 */
	double h_out;          /* that, or less when not vetted (section 3.1.5.2) */
	/* -log2 of the share of n_out that is missing: above 64 or so the sum rounds to n_out */
	double missing_log2;
};

/* ERR_USAGE for numbers outside the limits above. */
MUST_USE enum err_code conditioning_entropy(const struct conditioning *c, struct conditioned *out,
	struct err *e);

#endif
