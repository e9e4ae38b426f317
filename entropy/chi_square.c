/* The chi-square tests of SP 800-90B, section 5.2, and where their scores stand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "entropy/iid_tests.h"

#define EXPECTED_MIN 5.0 /* what a bin must expect for the score to be chi-square distributed */
#define P_MIN 0.001
#define TUPLE_BITS_MAX 11
#define PARTS 10 /* the goodness of fit compares tenths of the samples */

/*
 * Q(a, x), the upper regularized incomplete gamma function: by its series below a + 1, by its
 * continued fraction above (Numerical methods: Abramowitz and Stegun 6.5.29 and 6.5.31).
 */
static double upper_gamma(double a, double x)
{
	double log_front = a * log(x) - x - lgamma(a);

	if (!(x > 0) || !(a > 0))
		return 1.0;
	if (x < a + 1) {
		double term = 1.0 / a, sum = term;
		for (unsigned i = 1; term > sum * 1e-17 && i < 100000; i++) {
			term *= x / (a + i);
			sum += term;
		}
		return 1.0 - exp(log_front) * sum;
	}
	/* Lentz's way of evaluating it from the front */
	double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
	for (unsigned i = 1; i < 100000; i++) {
		double an = -(double)i * (i - a);
		b += 2;
		d = 1 / (an * d + b);
		c = b + an / c;
		h *= d * c;
		if (fabs(d * c - 1) < 1e-16)
			break;
	}
	return exp(log_front) * h;
}

static struct iid_chi_square verdict(double score, unsigned freedom)
{
	double p = freedom > 0 ? upper_gamma(freedom / 2.0, score / 2.0) : 1.0;
	return (struct iid_chi_square){score, freedom, p, p >= P_MIN};
}

/* ---- bits ---- */

/* Section 5.2.3: tuples of m bits against the share of ones. */
static struct iid_chi_square bits_independence(const uint8_t *s, size_t n)
{
	double ones = 0, p[2], score = 0;
	uint32_t seen[1u << TUPLE_BITS_MAX] = {0};
	unsigned m = TUPLE_BITS_MAX;
	size_t blocks;

	for (size_t i = 0; i < n; i++)
		ones += s[i];
	p[1] = ones / (double)n;
	p[0] = 1.0 - p[1];
	while (m > 1 && pow(fmin(p[0], p[1]), m) * (double)(n / m) < EXPECTED_MIN)
		m--;
	if (m < 2)
		return verdict(0, 0);
	blocks = n / m;
	for (size_t i = 0; i < blocks; i++) {
		unsigned tuple = 0;
		for (unsigned j = 0; j < m; j++)
			tuple = tuple << 1 | s[i * m + j];
		seen[tuple]++;
	}
	for (unsigned t = 0; t < 1u << m; t++) {
		int set = __builtin_popcount(t);
		double expected = pow(p[1], set) * pow(p[0], (int)m - set) * (double)blocks;
		score += (seen[t] - expected) * (seen[t] - expected) / expected;
	}
	return verdict(score, (1u << m) - 2);
}

/* Section 5.2.4. */
static struct iid_chi_square bits_fit(const uint8_t *s, size_t n)
{
	size_t part = n / PARTS;
	double ones = 0, score = 0, p;

	for (size_t i = 0; i < n; i++)
		ones += s[i];
	p = ones / (double)n;
	for (unsigned d = 0; d < PARTS; d++) {
		double e1 = p * (double)part, e0 = (1.0 - p) * (double)part, o1 = 0, o0;
		for (size_t i = 0; i < part; i++)
			o1 += s[d * part + i];
		o0 = (double)part - o1;
		score += (o0 - e0) * (o0 - e0) / e0 + (o1 - e1) * (o1 - e1) / e1;
	}
	return verdict(score, PARTS - 1);
}

/* ---- other alphabets ---- */

/* Something that can be seen, how often it is expected, and the bin it is counted in. */
struct cell {
	double expected;
	uint32_t name;
	uint32_t bin;
};

struct bins {
	struct cell *cell; /* by name */
	double *expected;  /* by bin */
	uint32_t *seen;
	uint32_t cells, n;
};

static int rarest_first(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;
	if (x->expected < y->expected || x->expected > y->expected)
		return x->expected < y->expected ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static int by_name(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;
	return x->name < y->name ? -1 : x->name > y->name;
}

/* Steps 3 and 4 of section 5.2.1: rare cells share a bin until it expects enough; the rest joins
 * the last. */
static void bins_allocate(struct bins *b)
{
	double expected = 0;

	qsort(b->cell, b->cells, sizeof(*b->cell), rarest_first);
	b->n = 0;
	for (uint32_t i = 0; i < b->cells; i++) {
		if (expected >= EXPECTED_MIN) {
			b->expected[b->n++] = expected;
			expected = 0;
		}
		b->cell[i].bin = b->n;
		expected += b->cell[i].expected;
	}
	if (b->n > 0 && expected < EXPECTED_MIN) {
		for (uint32_t i = b->cells; i-- > 0 && b->cell[i].bin == b->n;)
			b->cell[i].bin = b->n - 1;
		b->expected[b->n - 1] += expected;
	} else {
		b->expected[b->n++] = expected;
	}
	qsort(b->cell, b->cells, sizeof(*b->cell), by_name);
}

static double bins_score(const struct bins *b)
{
	double score = 0;
	for (uint32_t i = 0; i < b->n; i++) {
		double d = b->seen[i] - b->expected[i];
		score += d * d / b->expected[i];
	}
	return score;
}

static bool bins_init(struct bins *b, uint32_t cells)
{
	*b = (struct bins){.cells = cells};
	b->cell = malloc(cells * sizeof(*b->cell));
	b->expected = malloc(cells * sizeof(*b->expected));
	b->seen = calloc(cells, sizeof(*b->seen));
	return b->cell != NULL && b->expected != NULL && b->seen != NULL;
}

static void bins_free(struct bins *b)
{
	free(b->cell);
	free(b->expected);
	free(b->seen);
}

static struct iid_chi_square independence(
	struct bins *b, const uint8_t *s, size_t n, unsigned k, const double p[256])
{
	for (uint32_t i = 0; i < b->cells; i++)
		b->cell[i] = (struct cell){p[i / k] * p[i % k] * (double)(n / 2), i, 0};
	bins_allocate(b);
	for (size_t i = 0; i + 1 < n; i += 2)
		b->seen[b->cell[s[i] * k + s[i + 1]].bin]++;
	return verdict(bins_score(b), b->n > k ? b->n - k : 0);
}

static struct iid_chi_square fit(struct bins *b, const uint8_t *s, size_t n, const double p[256])
{
	size_t part = n / PARTS;
	double score = 0;

	for (uint32_t i = 0; i < b->cells; i++)
		b->cell[i] = (struct cell){p[i] * (double)part, i, 0};
	bins_allocate(b);
	for (unsigned d = 0; d < PARTS; d++) {
		memset(b->seen, 0, b->n * sizeof(*b->seen));
		for (size_t i = 0; i < part; i++)
			b->seen[b->cell[s[d * part + i]].bin]++;
		score += bins_score(b);
	}
	return verdict(score, (PARTS - 1) * (b->n - 1));
}

enum err_code chi_square_tests(const struct samples *s, struct iid_chi_square *independent,
	struct iid_chi_square *good_fit, struct err *e)
{
	double p[256] = {0};
	struct bins pairs, singles;
	bool ok;

	if (s->alphabet == 2) {
		*independent = bits_independence(s->symbols, s->n);
		*good_fit = bits_fit(s->symbols, s->n);
		return ERR_OK;
	}
	/*
	 * Summed up sample by sample, as NIST's program does: of cells that expect the same, which
	 * shares a bin with which depends on the last digit.
	 */
	for (size_t i = 0; i < s->n; i++)
		p[s->symbols[i]] += 1.0 / (double)s->n;
	ok = bins_init(&pairs, s->alphabet * s->alphabet);
	ok = bins_init(&singles, s->alphabet) && ok;
	if (ok) {
		*independent = independence(&pairs, s->symbols, s->n, s->alphabet, p);
		*good_fit = fit(&singles, s->symbols, s->n, p);
	}
	bins_free(&pairs);
	bins_free(&singles);
	return ok ? ERR_OK : err_set(e, ERR_NO_MEMORY, "chi-square tests", "for their bins");
}
