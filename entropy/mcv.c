/* The most common value estimate: SP 800-90B, section 6.3.1. */
#include <math.h>

#include "entropy/estimate.h"

struct estimate estimate_mcv(const uint8_t *s, size_t n, unsigned k)
{
	uint64_t count[256] = {0};
	uint64_t mode = 0;
	double p, bound;

	if (n < 2)
		return (struct estimate){.ran = false};
	for (size_t i = 0; i < n; i++)
		count[s[i]]++;
	for (unsigned v = 0; v < k; v++)
		mode = count[v] > mode ? count[v] : mode;
	p = (double)mode / (double)n;
	bound = fmin(1.0, p + ESTIMATE_Z * sqrt(p * (1.0 - p) / ((double)n - 1.0)));
	return (struct estimate){.ran = true, .h = -log2(bound), .p = bound};
}
