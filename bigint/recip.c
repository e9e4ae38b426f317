#include "bigint/recip.h"

#include <gmp.h>

#include <stdlib.h>
#include <string.h>

/* Below this GMP's division is faster. */
#define RECIP_BASE 64

/* floor(B^(2n) / a). */
static void recip_base(uint64_t *x, const uint64_t *a, size_t n)
{
	uint64_t num[2 * RECIP_BASE + 1] = {0}, rem[RECIP_BASE];
	num[2 * n] = 1;
	mpn_tdiv_qr((mp_ptr)x, (mp_ptr)rem, 0, num, (mp_size_t)(2 * n + 1), a, (mp_size_t)n);
	/* The quotient has n + 2 limbs, of which the highest is 0: B^(2n) / a is at most 2 B^n. */
}

/*
 * With X = B^(2h) / A' of the h highest limbs A', good to E units, x = X / B^h is 1 / a to a factor
 * 1 + d, |d| <= (E + 4) B^(-h).  x + x (1 - a x) is then good to d^2, which 2h > n makes less than
 * a unit of B^(-n).  Each product below is cut where it adds less than a unit, mul_window adds one,
 * and the cut of D adds less than 2.
 */
void recip(struct mul *m, struct crew c, uint64_t *x, const uint64_t *a, size_t n)
{
	if (n <= RECIP_BASE) {
		uint64_t q[RECIP_BASE + 2];
		recip_base(q, a, n);
		memcpy(x, q, (n + 1) * sizeof(*x));
		return;
	}
	size_t h = n / 2 + 1;
	uint64_t *xh = limbs_new(h + 1 + n + 3 + n + 4);
	if (xh == NULL) {
		mul_lack(m);
		return;
	}
	uint64_t *d = xh + h + 1, *corr = d + n + 3;
	recip(m, c, xh, a + (n - h), h);
	/* D = A X - B^(n + h): how far A X is from 1. */
	bool above = !mul_near(m, c, d, n + 3, n + h, a, n, xh, h + 1);
	/* X D / B^(2h), of D without its h - 1 lowest limbs. */
	size_t cut = h - 1, dn = n + 3 - cut;
	mul_window(m, c, corr, 2 * h - cut, h + 1 + dn, xh, h + 1, d + cut, dn);
	size_t cn = h + 1 + dn - (2 * h - cut); /* n + 3 - h */
	memset(x, 0, (n - h) * sizeof(*x));
	memcpy(x + (n - h), xh, (h + 1) * sizeof(*x));
	if (cn > n + 1)
		cn = n + 1;
	if (above)
		(void)mpn_sub((mp_ptr)x, (mp_srcptr)x, (mp_size_t)(n + 1), (mp_srcptr)corr,
			(mp_size_t)cn);
	else
		(void)mpn_add((mp_ptr)x, (mp_srcptr)x, (mp_size_t)(n + 1), (mp_srcptr)corr,
			(mp_size_t)cn);
	free(xh);
}

static size_t normal(const uint64_t *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n;
}

/* z = a << shift; z has n + 1 limbs. */
static void shift_up(uint64_t *z, const uint64_t *a, size_t n, unsigned shift)
{
	z[n] = 0;
	if (shift == 0)
		memcpy(z, a, n * sizeof(*z));
	else
		z[n] = mpn_lshift((mp_ptr)z, (mp_srcptr)a, (mp_size_t)n, shift);
}

void recip_fraction(
	struct mul *m, struct crew c, uint64_t *v, const uint64_t *s, const uint64_t *p, size_t n)
{
	size_t pn = normal(p, n), f = n + 1;
	/* s' x / B^(q + pn - f) is off by x's error times s' / B^(q + pn - f) <= B^(1 + f - q). */
	size_t q = f + 1;
	uint64_t *a = limbs_new(q + n + 2 + q + 1);
	if (a == NULL) {
		mul_lack(m);
		return;
	}
	uint64_t *top = a + q, *x = top + n + 2;
	unsigned shift = (unsigned)__builtin_clzll(p[pn - 1]);
	/* p, shifted, as the highest limbs of q. */
	memset(a, 0, q * sizeof(*a));
	shift_up(top, p, pn, shift);
	memcpy(a + (q - pn), top, pn * sizeof(*a));
	recip(m, c, x, a, q);
	shift_up(top, s, n, shift);
	mul_window(m, c, v, q + pn - f, q + pn, top, n + 1, x, q + 1);
	free(a);
}

bool recip_mod_new(struct mul *m, struct crew c, const uint64_t *p, size_t n, struct recip_mod *out)
{
	*out = (struct recip_mod){.a = limbs_new(n + 1), .x = limbs_new(n + 1), .n = n};
	if (out->a == NULL || out->x == NULL) {
		recip_mod_free(out);
		return false;
	}
	out->shift = (unsigned)__builtin_clzll(p[n - 1]);
	shift_up(out->a, p, n, out->shift);
	recip(m, c, out->x, out->a, n);
	return true;
}

void recip_mod_free(struct recip_mod *r)
{
	free(r->a);
	free(r->x);
	*r = (struct recip_mod){0};
}

/*
 * Barrett: q = the highest limbs of Z X is the quotient, a few units off; Z - q A is computed where
 * it is small, and mended.
 */
void recip_mod_reduce(
	struct mul *m, struct crew c, const struct recip_mod *r, uint64_t *z, size_t zn)
{
	size_t n = r->n, sn = 2 * n + 1, qn = n + 3;
	uint64_t *s = mul_scratch(m, c, 0, sn + 2), *q = mul_scratch(m, c, 1, qn);
	uint64_t *qa = mul_scratch(m, c, 2, qn + n);
	if (s == NULL || q == NULL || qa == NULL)
		return;
	memset(s, 0, sn * sizeof(*s));
	shift_up(s, z, zn, r->shift);
	/* Z X / B^(2n): Z has 2n + 1 limbs, X n + 1; of Z its n + 3 highest limbs do. */
	size_t cut = n - 2 < n ? n - 2 : 0;
	mul_window(m, c, q, 2 * n - cut, sn - cut + n + 1, s + cut, sn - cut, r->x, n + 1);
	size_t have = sn + n + 1 - 2 * n; /* n + 2 */
	q[have] = 0;
	mul_full(m, c, qa, q, have, r->a, n);
	/* Within a few times A of Z: n + 2 limbs tell, as a signed number. */
	size_t rn = n + 2 < sn ? n + 2 : sn;
	(void)mpn_sub_n((mp_ptr)s, (mp_srcptr)s, (mp_srcptr)qa, (mp_size_t)rn);
	while (s[rn - 1] >> 63)
		(void)mpn_add(
			(mp_ptr)s, (mp_srcptr)s, (mp_size_t)rn, (mp_srcptr)r->a, (mp_size_t)n);
	while (normal(s + n, rn - n) > 0 ||
		mpn_cmp((mp_srcptr)s, (mp_srcptr)r->a, (mp_size_t)n) >= 0)
		(void)mpn_sub(
			(mp_ptr)s, (mp_srcptr)s, (mp_size_t)rn, (mp_srcptr)r->a, (mp_size_t)n);
	if (r->shift != 0)
		(void)mpn_rshift((mp_ptr)s, (mp_srcptr)s, (mp_size_t)n, r->shift);
	memcpy(z, s, n * sizeof(*z));
}
