/*
 * How much min-entropy do samples of a noise source have?  The ten estimators of SP 800-90B, section
 * 6.3, over the samples and over their bits, and what follows from them (section 3.1.3).  Results
 * equal those of NIST's own program; docs/design/entropy.md tells how they are computed and how that
 * is shown.  Nothing here is random, and nothing is kept between calls.
 */
#ifndef ENTROPY_ASSESS_H
#define ENTROPY_ASSESS_H

#include "entropy/estimate.h"
#include "entropy/samples.h"

enum estimator {
	ESTIMATOR_MCV,
	ESTIMATOR_COLLISION,
	ESTIMATOR_MARKOV,
	ESTIMATOR_COMPRESSION,
	ESTIMATOR_T_TUPLE,
	ESTIMATOR_LRS,
	ESTIMATOR_MULTI_MCW,
	ESTIMATOR_LAG,
	ESTIMATOR_MULTI_MMC,
	ESTIMATOR_LZ78Y,
	ESTIMATOR_COUNT
};

enum assess_depth {
	ASSESS_FULL,  /* all ten */
	ASSESS_QUICK, /* those that pass once over the samples: an upper bound, in a tenth of the time */
	ASSESS_IID,   /* the most common value alone: for sources that passed entropy/iid.h */
};

struct assess_options {
	enum assess_depth depth;
	/* What is being done, `done` of `total` steps.  May be NULL. */
	void (*progress)(void *arg, const char *what, unsigned done, unsigned total);
	void *arg;
};

/*
 * Of a source with two values the bit string tells nothing more and is left out (has_bits false).
 * A source with one value has no entropy: every h is 0 and no estimator has run.
 */
struct assessment {
	struct estimate original[ESTIMATOR_COUNT]; /* over the samples */
	struct estimate bits[ESTIMATOR_COUNT];     /* over their bits */
	bool has_bits;
	double h_original;  /* bits in a sample: the least of `original`, at most the width */
	double h_bitstring; /* bits in a bit: the least of `bits`, at most 1 */
	double min_entropy; /* bits in a sample: the lesser of h_original and width * h_bitstring */
	enum estimator limiting;
	bool limiting_bits; /* the limiting one looked at the bits */
};

MUST_USE enum err_code assess(const struct samples *s, const struct assess_options *o,
	struct assessment *out, struct err *e);
/*
 * The least of all estimates of one string of symbols (k = 2: of bits), at most `most`; for the
 * rows and columns of restarts and for conditioned output.
 */
MUST_USE enum err_code assess_string(const uint8_t *s, size_t n, unsigned k,
	enum assess_depth depth, double most, double *h, struct err *e);

/* "multi-mmc"; "MultiMMC prediction"; what it looks at; what it suggests when it is the least. */
const char *estimator_name(enum estimator x);
const char *estimator_title(enum estimator x);
const char *estimator_meaning(enum estimator x);
const char *estimator_advice(enum estimator x);

#endif
