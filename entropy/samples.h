/*
 * Samples of a noise source as the estimators of SP 800-90B see them: one sample a byte, and each
 * distinct value numbered in order, so that an alphabet has no gaps.
 */
#ifndef ENTROPY_SAMPLES_H
#define ENTROPY_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define SAMPLES_BITS_MAX 8
/* Two are the least of which anything can be said. */
#define SAMPLES_MIN 2
/* What section 3.1.1 wants for an assessment; fewer are assessed all the same, and it is said. */
#define SAMPLES_WANTED 1000000
/*
 * Thirty times that.  The windows of the bit string take 8 bytes for each of its bits, so a full
 * set of 8-bit samples needs 2.1 GiB, and as much again when the source is heavily biased.
 */
#define SAMPLES_MAX (1u << 25)

struct samples {
	uint8_t *raw;      /* as they were read */
	uint8_t *symbols;  /* numbered 0 to alphabet - 1, in the order of their values */
	size_t n;
	unsigned bits;     /* width of a sample: 1 to 8 */
	unsigned alphabet; /* how many values occur */
	uint8_t max;       /* the largest of them */
	uint8_t value[256]; /* value[i]: the sample behind symbol i */
};

/*
 * Take over a copy of `data`.  `bits` is the width, or 0: the least that holds every sample.
 * ERR_SAMPLE_WIDTH names the first sample that is wider, its place and how many there are;
 * ERR_TRUNCATED when there are fewer than SAMPLES_MIN, ERR_LIMIT above SAMPLES_MAX.  `object` is
 * the name for errors.  samples_free when done; on an error there is nothing to free.
 */
MUST_USE enum err_code samples_take(struct bytes data, unsigned bits, const char *object,
	struct samples *out, struct err *e);
/*
 * The bit string of section 3.1.3: the bits of each sample from the highest down, one a byte; n *
 * bits of them.  For the caller to free; NULL without memory.
 */
uint8_t *samples_bits(const struct samples *s);
void samples_free(struct samples *s);

#endif
