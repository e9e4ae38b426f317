/* The 19 statistics of SP 800-90B, section 5.1, and the shuffle. */
#include <stdlib.h>
#include <string.h>

#include "entropy/iid_tests.h"

static const unsigned lags[5] = {1, 2, 8, 16, 32};

/* ---- the shuffle ---- */

struct xoshiro {
	uint64_t s[4];
};

static inline uint64_t rotate(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

/* xoshiro256** 1.0 (Blackman, Vigna) */
static inline uint64_t xoshiro_next(struct xoshiro *x)
{
	uint64_t *s = x->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* splitmix64 (Steele, Lea, Flood) */
static uint64_t mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static struct xoshiro seeded(uint64_t seed, unsigned round)
{
	uint64_t state = mix(&seed) ^ round;
	struct xoshiro x;
	for (unsigned i = 0; i < 4; i++)
		x.s[i] = mix(&state);
	return x;
}

/* Uniform in 0 to n - 1, n below 2^32, from the upper half of one number (Lemire, 2019). */
static inline uint32_t below(struct xoshiro *x, uint32_t n)
{
	uint64_t m = (xoshiro_next(x) >> 32) * n;
	if ((uint32_t)m < n) {
		uint32_t uneven = -n % n;
		while ((uint32_t)m < uneven)
			m = (xoshiro_next(x) >> 32) * n;
	}
	return (uint32_t)(m >> 32);
}

void permuted_shuffle(
	struct permuted *p, const uint8_t *from, size_t n, uint64_t seed, unsigned round)
{
	struct xoshiro x = seeded(seed, round);
	uint8_t *data = p->data;

	memcpy(data, from, n);
	for (size_t i = n - 1; i > 0; i--) {
		uint32_t j = below(&x, (uint32_t)i + 1);
		uint8_t v = data[i];
		data[i] = data[j];
		data[j] = v;
	}
}

/* ---- facts and room ---- */

void permuted_facts(const struct samples *s, struct permuted_facts *f)
{
	uint64_t count[256] = {0}, sum = 0, seen = 0;
	unsigned v = 0;

	*f = (struct permuted_facts){.n = s->n, .bits = s->alphabet == 2};
	for (size_t i = 0; i < s->n; i++) {
		count[s->raw[i]]++;
		sum += s->raw[i];
	}
	for (unsigned x = 0; x < 256; x++)
		f->step[x] = (int64_t)(s->n * x) - (int64_t)sum;
	/*
	 * The median is that of the sorted symbols, or lies half way between two neighbours that
	 * both occur; either way what is below it is below the sample at n / 2.
	 */
	for (; seen + count[v] <= s->n / 2; v++)
		seen += count[v];
	f->at_median = (uint8_t)v;
	f->one = s->max;
	if (f->bits) /* sections 5.1.5 and 5.1.6 set it to one half */
		f->at_median = f->one;
}

bool permuted_init(struct permuted *p, const struct permuted_facts *f)
{
	size_t octets = f->n / 8 + 1;

	*p = (struct permuted){.data = malloc(f->n), .bz = bz_work_new()};
	if (f->bits) {
		p->ones = malloc(f->n);
		p->weights = malloc(octets);
		p->octets = malloc(octets);
	}
	if (p->data != NULL && p->bz != NULL &&
		(!f->bits || (p->ones != NULL && p->weights != NULL && p->octets != NULL)))
		return true;
	permuted_free(p);
	return false;
}

void permuted_free(struct permuted *p)
{
	free(p->data);
	free(p->ones);
	free(p->weights);
	free(p->octets);
	bz_work_free(p->bz);
	*p = (struct permuted){.data = NULL};
}

/* ---- statistics ---- */

/* Section 5.1.1, times n: the sum of the first i less i times the mean. */
static int64_t excursion(const uint8_t *s, size_t n, const int64_t step[256])
{
	int64_t d = 0, most = 0, least = 0;

	for (size_t i = 0; i < n; i++) {
		d += step[s[i]];
		most = d > most ? d : most;
		least = d < least ? d : least;
	}
	return most > -least ? most : -least;
}

struct runs {
	uint32_t n, longest, ups;
};

static inline void run_next(struct runs *r, uint32_t *run, unsigned *before, unsigned up)
{
	unsigned same = up == *before;
	*run = same ? *run + 1 : 1;
	r->n += !same;
	r->longest = *run > r->longest ? *run : r->longest;
	r->ups += up;
	*before = up;
}

/* Sections 5.1.2 to 5.1.4: a step down, or none or up. */
static struct runs directional(const uint8_t *s, size_t n)
{
	struct runs r = {0, 0, 0};
	uint32_t run = 0;
	unsigned before = 2;

	for (size_t i = 0; i + 1 < n; i++)
		run_next(&r, &run, &before, s[i] <= s[i + 1]);
	return r;
}

/* Sections 5.1.5 and 5.1.6: below the median, or not. */
static struct runs by_median(const uint8_t *s, size_t n, uint8_t at_median)
{
	struct runs r = {0, 0, 0};
	uint32_t run = 0;
	unsigned before = 2;

	for (size_t i = 0; i < n; i++)
		run_next(&r, &run, &before, s[i] >= at_median);
	return r;
}

/*
 * Sections 5.1.7 and 5.1.8: how many samples until one comes again.  The mean is given as the bits
 * of a double: of numbers above 0 they compare as the numbers do.
 */
static void collisions(const uint8_t *s, size_t n, int64_t *average, int64_t *longest)
{
	uint32_t seen[256] = {0}; /* in which stretch */
	uint32_t stretch = 1, sum = 0, most = 0, len = 0;
	double mean = 0;

	for (size_t i = 0; i < n; i++) {
		len++;
		if (seen[s[i]] != stretch) {
			seen[s[i]] = stretch;
			continue;
		}
		stretch++;
		sum += len;
		most = len > most ? len : most;
		len = 0;
	}
	if (stretch > 1)
		mean = (double)sum / (stretch - 1);
	memcpy(average, &mean, sizeof(mean));
	*longest = most;
}

#define CHUNK 4096 /* sums of 4,096 products of bytes fit in 32 bits */

/* Section 5.1.9. */
static int64_t periodicity(const uint8_t *s, size_t n, unsigned lag)
{
	int64_t sum = 0;

	for (size_t from = 0; from + lag < n; from += CHUNK) {
		size_t to = n - lag - from > CHUNK ? from + CHUNK : n - lag;
		uint32_t part = 0;
		for (size_t i = from; i < to; i++)
			part += s[i] == s[i + lag];
		sum += part;
	}
	return sum;
}

/* Section 5.1.10. */
static int64_t covariance(const uint8_t *s, size_t n, unsigned lag)
{
	int64_t sum = 0;

	for (size_t from = 0; from + lag < n; from += CHUNK) {
		size_t to = n - lag - from > CHUNK ? from + CHUNK : n - lag;
		uint32_t part = 0;
		for (size_t i = from; i < to; i++)
			part += (uint32_t)s[i] * s[i + lag];
		sum += part;
	}
	return sum;
}

/* Section 5.1: a last group of less than 8 bits counts too; its number is filled up with zeros. */
static size_t convert(struct permuted *p, const struct permuted_facts *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		p->ones[i] = p->data[i] == f->one;
	for (size_t i = 0; i < f->n; i += 8, n++) {
		unsigned weight = 0, number = 0;
		for (size_t j = 0; j < 8; j++) {
			unsigned bit = i + j < f->n ? p->ones[i + j] : 0;
			weight += bit;
			number = number << 1 | bit;
		}
		p->weights[n] = (uint8_t)weight;
		p->octets[n] = (uint8_t)number;
	}
	return n;
}

static bool any(const bool *wanted, unsigned from, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (wanted[from + i])
			return true;
	}
	return false;
}

void permuted_statistics(struct permuted *p, const struct permuted_facts *f,
	const bool wanted[IID_STATISTICS], int64_t out[IID_STATISTICS])
{
	const uint8_t *s = p->data, *repeated = p->data;
	size_t n = f->n, repeated_n = n;

	if (f->bits) {
		n = repeated_n = convert(p, f);
		s = p->weights;
		repeated = p->octets;
	}
	if (wanted[IID_EXCURSION])
		out[IID_EXCURSION] = excursion(p->data, f->n, f->step);
	if (any(wanted, IID_RUNS, 3)) {
		struct runs r = directional(s, n);
		uint32_t downs = (uint32_t)(n > 0 ? n - 1 : 0) - r.ups;
		out[IID_RUNS] = r.n;
		out[IID_LONGEST_RUN] = r.longest;
		out[IID_INCREASES] = r.ups > downs ? r.ups : downs;
	}
	if (any(wanted, IID_MEDIAN_RUNS, 2)) {
		struct runs r = by_median(p->data, f->n, f->at_median);
		out[IID_MEDIAN_RUNS] = r.n;
		out[IID_MEDIAN_LONGEST_RUN] = r.longest;
	}
	if (any(wanted, IID_COLLISION_AVERAGE, 2))
		collisions(
			repeated, repeated_n, &out[IID_COLLISION_AVERAGE], &out[IID_COLLISION_MAX]);
	for (unsigned i = 0; i < 5; i++) {
		if (wanted[IID_PERIODICITY + i])
			out[IID_PERIODICITY + i] = periodicity(s, n, lags[i]);
		if (wanted[IID_COVARIANCE + i])
			out[IID_COVARIANCE + i] = covariance(s, n, lags[i]);
	}
	if (wanted[IID_COMPRESSION])
		out[IID_COMPRESSION] = (int64_t)bz_length(p->bz, p->data, f->n);
}
