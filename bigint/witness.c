#include "bigint/witness.h"

#define PRIME (((uint64_t)1 << 61) - 1)

/* x < 2^125 */
static uint64_t reduce(unsigned __int128 x)
{
	unsigned __int128 y = (x & PRIME) + (x >> 61);
	uint64_t r = (uint64_t)(y & PRIME) + (uint64_t)(y >> 61);
	return r >= PRIME ? r - PRIME : r;
}

uint64_t witness_of(const uint64_t *p, size_t n)
{
	uint64_t r = 0;
	while (n-- > 0) /* 2^64 is 8 */
		r = reduce((unsigned __int128)r * 8 + p[n]);
	return r;
}

/* P / N + P' / N' ... of one more: S N + P, then P N. */
void witness_add(struct witness *w, const uint64_t *modulus, size_t n)
{
	uint64_t r = witness_of(modulus, n);
	w->sum = reduce((unsigned __int128)w->sum * r + w->product);
	w->product = reduce((unsigned __int128)w->product * r);
}
