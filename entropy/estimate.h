/*
 * The ten estimators of SP 800-90B, section 6.3, one function each (two share what they count).
 * For entropy/assess.c; the numbers behind each are those of NIST's own program, including what
 * the standard leaves open: ties, the order of predictors, what counts as a full dictionary.
 */
#ifndef ENTROPY_ESTIMATE_H
#define ENTROPY_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The 99.5th percentile of the normal distribution (section 6.3: z of all confidence bounds). */
#define ESTIMATE_Z 2.5758293035489008

struct estimate {
	bool ran;      /* false: too few samples for this estimator, or not meant for this input */
	double h;      /* bits of min-entropy in a symbol */
	double p;      /* the bound on the chance of the likeliest symbol behind it; 0: none */
};

/*
 * `s` are n symbols of 0 to k - 1.  Those of the first group want bits (k = 2).  What cannot be
 * estimated is `ran = false`, not an error; errors are ERR_NO_MEMORY alone.
 */
struct estimate estimate_mcv(const uint8_t *s, size_t n, unsigned k);
struct estimate estimate_collision(const uint8_t *s, size_t n);
struct estimate estimate_markov(const uint8_t *s, size_t n);
MUST_USE enum err_code estimate_compression(const uint8_t *s, size_t n, struct estimate *out,
	struct err *e);
MUST_USE enum err_code estimate_tuples(const uint8_t *s, size_t n, unsigned k,
	struct estimate *t_tuple, struct estimate *lrs, struct err *e);
struct estimate estimate_multi_mcw(const uint8_t *s, size_t n, unsigned k);
struct estimate estimate_lag(const uint8_t *s, size_t n, unsigned k);
MUST_USE enum err_code estimate_multi_mmc(const uint8_t *s, size_t n, unsigned k,
	struct estimate *out, struct err *e);
MUST_USE enum err_code estimate_lz78y(const uint8_t *s, size_t n, unsigned k,
	struct estimate *out, struct err *e);

/* The two above for k = 2: every context has its own place, no dictionary is searched. */
MUST_USE enum err_code estimate_multi_mmc_bits(const uint8_t *s, size_t n, struct estimate *out,
	struct err *e);
MUST_USE enum err_code estimate_lz78y_bits(const uint8_t *s, size_t n, struct estimate *out,
	struct err *e);

/* How a predictor did: for the common last steps of sections 6.3.7 to 6.3.10. */
struct prediction {
	uint64_t tried;   /* N */
	uint64_t correct; /* C */
	uint64_t run;     /* correct predictions in a row, now */
	uint64_t longest; /* the most there were */
};

struct estimate prediction_estimate(const struct prediction *p, unsigned k);

static inline void prediction_right(struct prediction *p)
{
	p->correct++;
	p->run++;
	if (p->run > p->longest)
		p->longest = p->run;
}

/* Longest common prefixes of a text's sorted suffixes, summed up: entropy/repeat.c. */
struct repeats {
	size_t longest;  /* the longest string that occurs twice (overlaps allowed); 0: none */
	/* For t = 1 to longest: how often the commonest t-tuple occurs, and the sum over all
	 * t-tuples of the number of pairs of their places. */
	uint32_t *most;
	uint64_t *pairs;
};

MUST_USE enum err_code repeats_count(const uint8_t *s, size_t n, unsigned k, struct repeats *out,
	struct err *e);
void repeats_free(struct repeats *r);

#endif
