/*
 * Are the samples independent and identically distributed?  The permutation tests, the chi-square
 * tests and the length of the longest repeated substring: SP 800-90B, section 5.  A source that
 * claims it and passes is estimated by its most common value alone.
 */
#ifndef ENTROPY_IID_H
#define ENTROPY_IID_H

#include "entropy/samples.h"

#define IID_ROUNDS 10000       /* permutations, section 5.1 */
#define IID_SEED_DEFAULT 90    /* any number would do; that it is the same every time matters */
#define IID_THREADS_MAX 64

enum iid_statistic {
	IID_EXCURSION,
	IID_RUNS,
	IID_LONGEST_RUN,
	IID_INCREASES,
	IID_MEDIAN_RUNS,
	IID_MEDIAN_LONGEST_RUN,
	IID_COLLISION_AVERAGE,
	IID_COLLISION_MAX,
	IID_PERIODICITY, /* of lag 1, 2, 8, 16, 32 */
	IID_COVARIANCE = IID_PERIODICITY + 5, /* likewise */
	IID_COMPRESSION = IID_COVARIANCE + 5,
	IID_STATISTICS
};

struct iid_options {
	uint64_t seed;
	unsigned threads; /* 0: one for each processor.  The result does not depend on it. */
	unsigned rounds;  /* 0: IID_ROUNDS */
	/* Called from the calling thread: rounds done, of the most there can be, and how many of the
	 * statistics are decided.  May be NULL. */
	void (*progress)(void *arg, unsigned round, unsigned rounds, unsigned decided);
	void *arg;
};

struct iid_chi_square {
	double score;
	unsigned freedom;
	double p;
	bool pass; /* p is at least 0.001 */
};

/*
 * A statistic passes as soon as it was at least 6 times at most, and at least 6 times at least, what
 * it is for the samples as they came: it is then not counted any further, and when all are decided
 * there are no more rounds.
 */
struct iid_permuted {
	uint32_t above, equal, below; /* permutations with a larger, the same, a smaller value */
	bool pass;
};

struct iid_result {
	struct iid_chi_square independence, fit;
	size_t longest_repeat;
	double repeat_p; /* the chance of one as long or longer in IID samples */
	bool repeat_pass;
	struct iid_permuted statistic[IID_STATISTICS];
	unsigned rounds; /* that were run */
	bool pass;       /* all of them */
};

/* ERR_USAGE for samples with one value only, of which nothing can be tested. */
MUST_USE enum err_code iid_test(const struct samples *s, const struct iid_options *o,
	struct iid_result *out, struct err *e);

/* "excursion", "periodicity(16)"; what it looks at. */
const char *iid_statistic_name(enum iid_statistic x);
const char *iid_statistic_meaning(enum iid_statistic x);

#endif
