/*
 * Nonces that are not uniform: the hidden number problem (Boneh and Venkatesan 1996;
 * Howgrave-Graham and Smart 2001).  From k*s = z + r*d (mod n), each signature says: k = T*d + U,
 * with T = r/s and U = z/s known.  If all k are shorter than n by some bits, the vector of the k is
 * a very short one in a lattice that is written down from T and U, and LLL finds it.
 *
 * With m signatures the shortest bias that can be found is about bits/m bits each, so one lattice
 * is made of as many signatures as there are, for that bias; a stronger one is found by it as well.
 * Three ways of being biased are asked: short nonces, nonces with the same first bits, and nonces
 * with the same last bits (the differences of the last two are short, or short after a division).
 */
#include <flint/flint.h>
#include <flint/fmpz.h>
#include <flint/fmpz_lll.h>
#include <flint/fmpz_mat.h>

#include "keycheck/nonce_impl.h"

/* LLL of this many dimensions and 521 bits takes some seconds. */
#define SIGNATURES_MAX 64u
/* Fewer bits of bias cannot be had from SIGNATURES_MAX signatures by LLL. */
#define BIAS_BITS_MIN 6u

/* Numbers x_i = T_i * d + U_i (mod n) that lie within `bound` of `centre`. */
struct hidden {
	mpz_t t[SIGNATURES_MAX], u[SIGNATURES_MAX];
	unsigned m;
	mpz_t bound, centre;
};

static void hidden_start(struct hidden *h)
{
	for (unsigned i = 0; i < SIGNATURES_MAX; i++)
		mpz_inits(h->t[i], h->u[i], NULL);
	mpz_inits(h->bound, h->centre, NULL);
	h->m = 0;
}

static void hidden_end(struct hidden *h)
{
	for (unsigned i = 0; i < SIGNATURES_MAX; i++)
		mpz_clears(h->t[i], h->u[i], NULL);
	mpz_clears(h->bound, h->centre, NULL);
}

/* d out of a guessed x_0, proven. */
static bool is_answer(struct reckoner *k, const struct hidden *h, const mpz_t x0, mpz_t d)
{
	mpz_t inverse;
	bool ok;

	mpz_init(inverse);
	ok = mpz_invert(inverse, h->t[0], k->n) != 0;
	if (ok) {
		mpz_sub(d, x0, h->u[0]);
		mpz_mul(d, d, inverse);
		mpz_mod(d, d, k->n);
		ok = reckoner_is_private(k, d);
	}
	mpz_clear(inverse);
	return ok;
}

/*
 * d is taken out with x_0: x_i = a_i * x_0 + b_i (mod n), a_i = T_i/T_0, b_i = U_i - a_i*U_0.  With
 * y_i = x_i - centre the rows
 *     n on the diagonal for each i >= 1;  (1, a_1, ..., 0);  (0, b_i + (a_i - 1)*centre, ...,
 * bound) span a lattice with (y_0, y_1, ..., bound) in it.
 */
static bool fill_lattice(const struct reckoner *k, const struct hidden *h, fmpz_mat_t lattice)
{
	unsigned m = h->m;
	mpz_t inverse, a, b;
	bool ok;

	mpz_inits(inverse, a, b, NULL);
	ok = mpz_invert(inverse, h->t[0], k->n) != 0;
	for (unsigned i = 1; i < m && ok; i++) {
		mpz_mul(a, h->t[i], inverse);
		mpz_mod(a, a, k->n);
		mpz_sub_ui(b, a, 1);
		mpz_mul(b, b, h->centre);
		mpz_submul(b, a, h->u[0]);
		mpz_add(b, b, h->u[i]);
		mpz_mod(b, b, k->n);
		fmpz_set_mpz(fmpz_mat_entry(lattice, i - 1, i), k->n);
		fmpz_set_mpz(fmpz_mat_entry(lattice, m - 1, i), a);
		fmpz_set_mpz(fmpz_mat_entry(lattice, m, i), b);
	}
	fmpz_one(fmpz_mat_entry(lattice, m - 1, 0));
	fmpz_set_mpz(fmpz_mat_entry(lattice, m, m), h->bound);
	mpz_clears(inverse, a, b, NULL);
	return ok;
}

static bool try_row(
	struct reckoner *k, const struct hidden *h, const fmpz_mat_t lattice, slong row, mpz_t d)
{
	const fmpz *last = fmpz_mat_entry(lattice, row, (slong)h->m);
	mpz_t x, b;
	bool found = false;

	mpz_inits(x, b, NULL);
	fmpz_get_mpz(b, last);
	/* the combination in which the last row stands exactly once */
	if (mpz_cmpabs(b, h->bound) == 0) {
		fmpz_get_mpz(x, fmpz_mat_entry(lattice, row, 0));
		if (mpz_sgn(b) < 0)
			mpz_neg(x, x);
		mpz_add(x, x, h->centre);
		found = is_answer(k, h, x, d);
	}
	mpz_clears(x, b, NULL);
	return found;
}

static bool solve(struct reckoner *k, const struct hidden *h, mpz_t d)
{
	fmpz_mat_t lattice;
	fmpz_lll_t lll;
	bool found = false;

	if (h->m < 2)
		return false;
	fmpz_mat_init(lattice, (slong)h->m + 1, (slong)h->m + 1);
	if (fill_lattice(k, h, lattice)) {
		fmpz_lll_context_init_default(lll);
		fmpz_lll(lattice, NULL, lll);
		for (slong row = 0; row <= (slong)h->m && !found; row++)
			found = try_row(k, h, lattice, row, d);
	}
	fmpz_mat_clear(lattice);
	return found;
}

/* The least bias that m equations can show: bits/m and a little for LLL's own loss. */
static unsigned bias_for(unsigned bits, unsigned m)
{
	unsigned l = bits * 21 / (20 * m) + 2;

	return l > BIAS_BITS_MIN ? l : BIAS_BITS_MIN;
}

/* |x - centre| <= 2^(bits - l - 1) */
static bool set_bound(struct hidden *h, unsigned bits)
{
	unsigned l = bias_for(bits, h->m);

	if (h->m < 2 || l + 16 > bits)
		return false;
	mpz_set_ui(h->bound, 0);
	mpz_setbit(h->bound, bits - l - 1);
	mpz_set_ui(h->centre, 0);
	return true;
}

static bool take(const struct reckoner *k, const struct nonce_set *s, const struct signed_once *g,
	mpz_t t, mpz_t u)
{
	mpz_t r, sv, z;
	bool ok;

	mpz_inits(r, sv, z, NULL);
	ok = reckoner_numbers(k, s, g, r, sv, z) && mpz_invert(sv, sv, k->n) != 0;
	if (ok) {
		mpz_mul(t, r, sv);
		mpz_mod(t, t, k->n);
		mpz_mul(u, z, sv);
		mpz_mod(u, u, k->n);
	}
	mpz_clears(r, sv, z, NULL);
	return ok;
}

/* x_i := (x_(i+1) - x_0) / 2^shift: short when all x have the same first, or last, bits. */
static void differences(const struct reckoner *k, struct hidden *h, unsigned shift)
{
	mpz_t by;

	mpz_init(by);
	mpz_setbit(by, shift);
	if (mpz_invert(by, by, k->n) == 0)
		mpz_set_ui(by, 1);
	for (unsigned i = 1; i < h->m; i++) {
		mpz_sub(h->t[i], h->t[i], h->t[0]);
		mpz_mul(h->t[i], h->t[i], by);
		mpz_mod(h->t[i], h->t[i], k->n);
		mpz_sub(h->u[i], h->u[i], h->u[0]);
		mpz_mul(h->u[i], h->u[i], by);
		mpz_mod(h->u[i], h->u[i], k->n);
	}
	for (unsigned i = 1; i < h->m; i++) {
		mpz_swap(h->t[i - 1], h->t[i]);
		mpz_swap(h->u[i - 1], h->u[i]);
	}
	h->m--;
	mpz_clear(by);
}

static void take_all(const struct reckoner *k, const struct nonce_set *s,
	const struct signed_once *const *sigs, size_t n, struct hidden *h)
{
	h->m = 0;
	for (size_t i = 0; i < n && h->m < SIGNATURES_MAX; i++) {
		if (take(k, s, sigs[i], h->t[h->m], h->u[h->m]))
			h->m++;
	}
}

static bool try_short(struct reckoner *k, struct hidden *h, mpz_t d)
{
	/* from -2^b to 2^b: a library may have put n - s for s, and so n - k for k */
	if (!set_bound(h, k->bits))
		return false;
	if (solve(k, h, d))
		return true;
	/* from 0 to 2^(b+1), which is one bit more of bias */
	mpz_set(h->centre, h->bound);
	return solve(k, h, d);
}

static bool try_differences(struct reckoner *k, struct hidden *h, bool last_bits, mpz_t d)
{
	if (h->m < 3)
		return false;
	differences(k, h, last_bits ? bias_for(k->bits, h->m - 1) + 1 : 0);
	return set_bound(h, k->bits) && solve(k, h, d);
}

bool nonce_bias(struct reckoner *k, const struct nonce_set *s,
	const struct signed_once *const *sigs, size_t n, mpz_t d, const char **how)
{
	struct hidden h;
	bool found;

	hidden_start(&h);
	take_all(k, s, sigs, n, &h);
	*how = "they are shorter than the order";
	found = try_short(k, &h, d);
	if (!found) {
		*how = "they begin with the same bits";
		found = try_differences(k, &h, false, d);
	}
	if (!found) {
		take_all(k, s, sigs, n, &h);
		*how = "they end with the same bits";
		found = try_differences(k, &h, true, d);
	}
	hidden_end(&h);
	flint_cleanup(); /* its cache of numbers, private ones among them */
	return found;
}
