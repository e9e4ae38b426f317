/*
 * The compression estimate: SP 800-90B, section 6.3.4.  Maurer's universal statistic over blocks of
 * six bits, and the chance of the likeliest block that would give such a mean.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "entropy/estimate.h"

#define BLOCK_BITS 6
#define BLOCK_VALUES (1u << BLOCK_BITS)
#define TRAIN 1000              /* d: blocks that fill the dictionary and are not counted */
#define DEVIATION_FACTOR 0.5907 /* c, step 5 */

/* Bisection halves the interval 1/64 to 1; after these steps no double is left in between. */
#define BISECT_STEPS 100

/*
 * What the rest of the sum below could still add is under this share of it: 1e-18 is less than a
 * double sees, and so millions of terms of nearly nothing are left out.
 */
#define SUM_TAIL 1e-18

struct sums {
	size_t blocks;
	double *log2_of; /* log2_of[i] for 1 <= i <= blocks */
};

static unsigned block_at(const uint8_t *s, size_t i)
{
	unsigned v = 0;
	for (unsigned j = 0; j < BLOCK_BITS; j++)
		v = v << 1 | s[i * BLOCK_BITS + j];
	return v;
}

/*
 * G(z) of step 7: the mean over t = d+1..blocks of the sum over u = 1..t of log2(u) F(z, t, u),
 * where F is z^2 (1-z)^(u-1) for u < t and z (1-z)^(t-1) for u = t.  Turned round, each u < t
 * appears once for every later t: blocks - d times while u <= d, and blocks - u times above.
 */
static double expected(const struct sums *a, double z)
{
	double power = 1.0 - z; /* (1-z)^(u-1) */
	double inner = 0, last = 0;
	double counted = (double)(a->blocks - TRAIN);

	for (size_t u = 2; u <= a->blocks && power > 0; u++) {
		double term = a->log2_of[u] * power;
		if (u <= TRAIN) {
			inner += counted * term;
		} else {
			inner += (double)(a->blocks - u) * term;
			last += term;
		}
		/* all that is to come is at most counted * log2(blocks) * power / z, in both sums
		 */
		if (u % 64 == 0 &&
			2 * counted * a->log2_of[a->blocks] * power <= SUM_TAIL * z * inner)
			break;
		power *= 1.0 - z;
	}
	return z * (z * inner + last) / counted;
}

/* The mean when one block has chance p and all others share the rest. */
static double expected_mean(const struct sums *a, double p)
{
	double q = (1.0 - p) / (BLOCK_VALUES - 1.0);
	return expected(a, p) + (BLOCK_VALUES - 1.0) * expected(a, q);
}

/* The largest mean is that of equal chances; above it no p fits, and 1/64 stands (step 8). */
static double solve(const struct sums *a, double mean)
{
	double low = 1.0 / BLOCK_VALUES, high = 1.0;

	if (!(expected_mean(a, low) > mean))
		return low;
	for (unsigned i = 0; i < BISECT_STEPS; i++) {
		double p = (low + high) / 2.0;
		if (!(p > low && p < high))
			break;
		if (expected_mean(a, p) > mean)
			low = p;
		else
			high = p;
	}
	return (low + high) / 2.0;
}

enum err_code estimate_compression(const uint8_t *s, size_t n, struct estimate *out, struct err *e)
{
	struct sums a = {.blocks = n / BLOCK_BITS};
	size_t last[BLOCK_VALUES] = {0};  /* where each value was last, counted from 1 */
	long double sum = 0, squares = 0; /* millions of terms: a double would lose digits */
	double mean, counted, deviation, p;

	*out = (struct estimate){.ran = false};
	if (a.blocks <= TRAIN)
		return ERR_OK;
	a.log2_of = malloc((a.blocks + 1) * sizeof(double));
	if (a.log2_of == NULL)
		return err_set(
			e, ERR_NO_MEMORY, "compression estimate", "for %zu blocks", a.blocks);
	a.log2_of[0] = 0;
	for (size_t i = 1; i <= a.blocks; i++)
		a.log2_of[i] = log2((double)i);

	for (size_t i = 0; i < TRAIN; i++)
		last[block_at(s, i)] = i + 1;
	for (size_t i = TRAIN; i < a.blocks; i++) {
		unsigned v = block_at(s, i);
		double d = a.log2_of[i + 1 - last[v]];
		sum += d;
		squares += (long double)d * d;
		last[v] = i + 1;
	}
	counted = (double)(a.blocks - TRAIN);
	mean = (double)(sum / counted);
	deviation =
		DEVIATION_FACTOR * sqrt(fmax(0.0, (double)squares / (counted - 1.0) - mean * mean));
	p = solve(&a, mean - ESTIMATE_Z * deviation / sqrt(counted));
	free(a.log2_of);
	out->ran = true;
	out->p = p;
	out->h = p > 1.0 / BLOCK_VALUES ? -log2(p) / BLOCK_BITS : 1.0;
	return ERR_OK;
}
