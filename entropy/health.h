/*
 * The two continuous health tests of SP 800-90B (section 4.4) on raw samples of a noise source.
 * One pass, no memory but the struct.  They notice a source that has failed: one value over and
 * over (repetition count), or one value far too often (adaptive proportion).  They do not measure
 * entropy: what the source is claimed to give is the caller's word.
 */
#ifndef ENTROPY_HEALTH_H
#define ENTROPY_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The chance of a false alarm per test is 2^-40: the low end of what section 4.3 recommends, since
 * a device that makes no key helps nobody.
 */
#define HEALTH_ALPHA_LOG2 40
/* Windows of the adaptive proportion test (section 4.4.2): for binary and for other sources. */
#define HEALTH_WINDOW_BINARY 1024
#define HEALTH_WINDOW 512

enum health_verdict {
	HEALTH_OK,
	HEALTH_REPETITION, /* section 4.4.1 failed */
	HEALTH_PROPORTION, /* section 4.4.2 failed */
};

struct health {
	uint32_t repetition_cutoff;
	uint32_t proportion_cutoff;
	uint32_t window;
	uint64_t samples;      /* seen so far */
	enum health_verdict verdict; /* a failure stays */
	uint8_t last;          /* repetition: the value and how often it came in a row */
	uint32_t run;
	uint8_t base;          /* proportion: first value of the window, how often it came, place */
	uint32_t base_count;
	uint32_t window_pos;
};

/*
 * Prepare for samples of `bits` (1 to 8) bits with a claimed min-entropy of `min_entropy` bits
 * each (above 0, at most `bits`) and a false alarm rate of 2^-alpha_log2 (1 to 60 for
 * alpha_log2).  ERR_USAGE for anything else.
 */
MUST_USE enum err_code health_init(struct health *h, unsigned bits, double min_entropy,
	unsigned alpha_log2, struct err *e);

/* One more sample.  After a failure every answer is that failure. */
MUST_USE enum health_verdict health_feed(struct health *h, uint8_t sample);

/* "repetition count test" and so on. */
const char *health_test_name(enum health_verdict v);

/* The cut-offs by themselves: the smallest count that is a failure. */
uint32_t health_repetition_cutoff(double min_entropy, unsigned alpha_log2);
uint32_t health_proportion_cutoff(uint32_t window, double min_entropy, unsigned alpha_log2);

#endif
