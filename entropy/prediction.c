/*
 * From how a predictor did to a bound on the next guess: the last steps of SP 800-90B, sections
 * 6.3.7 to 6.3.10.  The bound is the largest of three: the share of right guesses, with its margin;
 * the chance that makes a run as long as the longest one unlikely only at 1 in 100; and 1/k.
 */
#include <float.h>
#include <math.h>

#include "entropy/estimate.h"

#define RUN_CONFIDENCE 0.99
#define BISECT_STEPS 1100 /* above the exponents and digits a double has */
#define ROOT_STEPS 65

/*
 * log of the chance that n guesses, each right with chance p, have no run of r (Feller, XIII.7;
 * step 6 of section 6.3.7).  x is the root of 1 - x + q p^r x^(r+1) near 1, by fixed-point steps
 * that only grow.
 */
static double log_no_run(long double p, uint64_t r, uint64_t n)
{
	long double q = 1.0L - p, x = 1.0L, before = 0.0L;
	long double runs = (long double)r, all = (long double)n;
	long double q_pr = q * powl(p, runs);

	for (unsigned i = 0; i <= ROOT_STEPS && x - before > LDBL_EPSILON * x; i++) {
		before = x;
		x = 1.0L + q_pr * powl(x, runs + 1.0L);
	}
	return (double)(logl(1.0L - p * x) - logl((runs + 1.0L - runs * x) * q) -
			(all + 1.0L) * logl(x));
}

/* The p for which a run as long as the longest is just that unlikely: bisection above `low`. */
static double local_bound(const struct prediction *p, double low)
{
	double high = 1.0, target = log(RUN_CONFIDENCE);

	for (unsigned i = 0; i < BISECT_STEPS; i++) {
		double mid = (low + high) / 2.0;
		if (!(mid > low && mid < high))
			break;
		/* not a number: mid is so near 1 that the logarithms end; a run is then certain */
		if (log_no_run(mid, p->longest + 1, p->tried) > target)
			low = mid;
		else
			high = mid;
	}
	return high;
}

struct estimate prediction_estimate(const struct prediction *p, unsigned k)
{
	double n = (double)p->tried;
	double share, global, bound;

	if (p->tried < 2)
		return (struct estimate){.ran = false};
	share = (double)p->correct / n;
	if (p->correct > 0)
		global = fmin(1.0, share + ESTIMATE_Z * sqrt(share * (1.0 - share) / (n - 1.0)));
	else
		global = 1.0 - pow(0.01, 1.0 / n);
	bound = fmax(1.0 / k, global);
	/* only when such a run is too unlikely for the bound so far can it raise it */
	if (bound < 1.0 && log_no_run(bound, p->longest + 1, p->tried) > log(RUN_CONFIDENCE))
		bound = fmax(bound, local_bound(p, bound));
	return (struct estimate){.ran = true, .h = -log2(bound), .p = bound};
}
