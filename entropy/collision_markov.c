/* Two estimates of bit strings from what follows on what: SP 800-90B, sections 6.3.2 and 6.3.3. */
#include <math.h>

#include "entropy/estimate.h"

/*
 * Section 6.3.2.  Of any three bits two are equal, so a collision takes 2 bits or 3.  With the
 * chance p of the likelier bit the mean is 2 + 2p(1 - p): step 7 of the standard, which writes it
 * with an incomplete gamma function, comes to this quadratic.
 */
struct estimate estimate_collision(const uint8_t *s, size_t n)
{
	uint64_t collisions = 0, used;
	double mean, squares, deviation, p;
	size_t i = 0;

	while (i + 2 < n) {
		i += s[i] == s[i + 1] ? 2 : 3;
		collisions++;
	}
	if (i + 2 == n && s[i] == s[i + 1]) {
		i += 2;
		collisions++;
	}
	if (collisions < 2)
		return (struct estimate){.ran = false};
	/* threes = used - 2 * collisions, and 4 * twos + 9 * threes are the squares */
	used = i;
	squares = (double)(4 * collisions + 5 * (used - 2 * collisions));
	mean = (double)used / (double)collisions;
	deviation = sqrt((squares - (double)used * mean) / (double)(collisions - 1));
	mean = fmax(2.0, mean - ESTIMATE_Z * deviation / sqrt((double)collisions));
	if (!(mean < 2.5)) /* no p gives more: step 8 */
		return (struct estimate){.ran = true, .h = 1.0, .p = 0.5};
	p = 0.5 + sqrt(1.25 - 0.5 * mean);
	return (struct estimate){.ran = true, .h = -log2(p), .p = p};
}

/* -log2 of the chance of a path of 128 bits, step 3 of section 6.3.3; infinite when it is none. */
static double path(double first, double a, double times_a, double b, double times_b)
{
	if (!(first > 0.0) || (times_a > 0.0 && !(a > 0.0)) || (times_b > 0.0 && !(b > 0.0)))
		return INFINITY;
	return -log2(first) - (times_a > 0.0 ? times_a * log2(a) : 0.0) -
	       (times_b > 0.0 ? times_b * log2(b) : 0.0);
}

struct estimate estimate_markov(const uint8_t *s, size_t n)
{
	uint64_t pair[2][2] = {{0}};
	uint64_t zeros = 0;
	double p0, p1, to[2][2], h = 128.0;

	if (n < 2)
		return (struct estimate){.ran = false};
	for (size_t i = 0; i + 1 < n; i++)
		pair[s[i]][s[i + 1]]++;
	for (unsigned a = 0; a < 2; a++) {
		uint64_t all = pair[a][0] + pair[a][1];
		to[a][0] = all > 0 ? (double)pair[a][0] / (double)all : 0.0;
		to[a][1] = all > 0 ? 1.0 - to[a][0] : 0.0;
	}
	zeros = pair[0][0] + pair[0][1] + (s[n - 1] == 0);
	p0 = (double)zeros / (double)n;
	p1 = 1.0 - p0;

	h = fmin(h, path(p0, to[0][0], 127, 1, 0));
	h = fmin(h, path(p0, to[0][1], 64, to[1][0], 63));
	h = fmin(h, path(p0, to[0][1], 1, to[1][1], 126));
	h = fmin(h, path(p1, to[1][0], 1, to[0][0], 126));
	h = fmin(h, path(p1, to[1][0], 64, to[0][1], 63));
	h = fmin(h, path(p1, to[1][1], 127, 1, 0));
	h = fmin(h / 128.0, 1.0);
	return (struct estimate){.ran = true, .h = h, .p = exp2(-h)};
}
