/* Reciprocals by Newton's iteration, and fractions with them. */
#ifndef BIGINT_RECIP_H
#define BIGINT_RECIP_H

#include "bigint/mul.h"

/*
 * x = B^(2n) / a, n + 1 limbs, at most RECIP_ERROR units off; the highest bit of the n limbs of `a`
 * is set.
 */
#define RECIP_ERROR 8
void recip(struct mul *m, struct crew c, uint64_t *x, const uint64_t *a, size_t n);

/*
 * The fraction of s / p to n + 1 limbs, at most 16 units of the last off (modulo 1): the root's
 * value.  Both have n limbs, high ones may be zero, p is not 0; s / p is below B.  `v` has n + 1.
 */
void recip_fraction(
	struct mul *m, struct crew c, uint64_t *v, const uint64_t *s, const uint64_t *p, size_t n);

/* A modulus that much will be reduced by. */
struct recip_mod {
	uint64_t *a; /* shifted up until its highest bit is set; n limbs */
	uint64_t *x; /* its reciprocal; n + 1 limbs */
	size_t n;
	unsigned shift;
};

/* p has n limbs, the highest not 0.  False without memory. */
MUST_USE bool recip_mod_new(
	struct mul *m, struct crew c, const uint64_t *p, size_t n, struct recip_mod *out);
void recip_mod_free(struct recip_mod *r);
/* z = z mod p, exact: `zn` limbs of z are read, at most 2 n; n limbs are left. */
void recip_mod_reduce(
	struct mul *m, struct crew c, const struct recip_mod *r, uint64_t *z, size_t zn);

#endif
