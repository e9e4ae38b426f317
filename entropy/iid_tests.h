/* The parts of entropy/iid.c. */
#ifndef ENTROPY_IID_TESTS_H
#define ENTROPY_IID_TESTS_H

#include "entropy/bz_length.h"
#include "entropy/iid.h"

MUST_USE enum err_code chi_square_tests(const struct samples *s,
	struct iid_chi_square *independent, struct iid_chi_square *good_fit, struct err *e);

/* What the statistics need to know of the samples and a permutation does not change. */
struct permuted_facts {
	size_t n;
	bool bits;          /* two values: sections 5.1's conversions apply */
	uint8_t one;        /* bits: the larger of the two */
	uint8_t at_median;  /* samples from here on are not below the median */
	int64_t step[256];  /* n * value - sum of all: the excursion, times n */
};

/* Room for one permutation; one for each thread. */
struct permuted {
	uint8_t *data;
	uint8_t *ones;    /* bits: 0 or 1 each */
	uint8_t *weights; /* bits: ones in each 8 (conversion I) */
	uint8_t *octets;  /* bits: each 8 as a number (conversion II) */
	struct bz_work *bz;
};

void permuted_facts(const struct samples *s, struct permuted_facts *f);
bool permuted_init(struct permuted *p, const struct permuted_facts *f);
void permuted_free(struct permuted *p);

/*
 * The permutation of a round: data[i] and data[j] change places for i = n - 1 down to 1, where j is
 * uniform in 0..i, from xoshiro256** that is seeded by splitmix64 from seed and round.  `from` stays.
 */
void permuted_shuffle(struct permuted *p, const uint8_t *from, size_t n, uint64_t seed,
	unsigned round);

/*
 * Those statistics of `data` that `wanted` asks for, as numbers that compare as the statistics do.
 * Exact: where the standard has a fraction it is multiplied out.
 */
void permuted_statistics(struct permuted *p, const struct permuted_facts *f,
	const bool wanted[IID_STATISTICS], int64_t out[IID_STATISTICS]);

#endif
