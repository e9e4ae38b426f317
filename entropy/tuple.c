/* The t-tuple and the longest repeated substring estimates: SP 800-90B, sections 6.3.5, 6.3.6. */
#include <math.h>

#include "entropy/estimate.h"

/* A tuple that occurs less often than this says nothing of chances (section 6.3.5, step 1). */
#define TUPLE_SEEN_MIN 35

static struct estimate bound_of(long double p, size_t n)
{
	static const long double z = 2.575829303548900384158L;
	long double bound = p + z * sqrtl(p * (1.0L - p) / (long double)(n - 1));
	bound = fminl(1.0L, bound);
	return (struct estimate){.ran = true, .h = (double)-log2l(bound), .p = (double)bound};
}

enum err_code estimate_tuples(const uint8_t *s, size_t n, unsigned k, struct estimate *t_tuple,
	struct estimate *lrs, struct err *e)
{
	struct repeats r;
	long double p = 0;
	size_t u = 1; /* the least length of which no tuple is common */
	enum err_code rc;

	*t_tuple = *lrs = (struct estimate){.ran = false};
	if (n < 2)
		return ERR_OK;
	rc = repeats_count(s, n, k, &r, e);
	if (rc != ERR_OK)
		return rc;
	for (; u <= r.longest && r.most[u] >= TUPLE_SEEN_MIN; u++) {
		long double share = (long double)r.most[u] / (long double)(n - u + 1);
		p = fmaxl(p, powl(share, 1.0L / (long double)u));
	}
	if (u > 1)
		*t_tuple = bound_of(p, n);
	p = 0;
	for (size_t t = u; t <= r.longest; t++) {
		uint64_t all = (uint64_t)(n - t) * (n - t + 1) / 2;
		long double share = (long double)r.pairs[t] / (long double)all;
		p = fmaxl(p, powl(share, 1.0L / (long double)t));
	}
	if (u <= r.longest)
		*lrs = bound_of(p, n);
	repeats_free(&r);
	return ERR_OK;
}
