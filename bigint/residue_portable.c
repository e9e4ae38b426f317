/*
 * The kernel for every processor with 64-bit words: one lane.  Digits of 61 bits have products of
 * 122, of which 63 fit into a column of 128 bits; longer moduli have digits of 59 bits, of which
 * 1,023 fit (16,384 bits are 278).  So carries wait as in residue_avx2.c, whose order of work this
 * is, and a product costs one multiplication, one addition and one addition with carry.  GMP's
 * mpn_addmul_1, which has a carry to pass on and a column to load and store at each product, is
 * slower.
 */
#include <stdlib.h>
#include <string.h>

#include "bigint/residue_impl.h"

#define BITS_SHORT 61
#define BITS_LONG 59
#define DIGITS_SHORT 62 /* even, and 62 products and what is added to them stay below 2^128 */
#define M RESIDUE_BLOCK
#define COLUMNS_MAX (RESIDUE_BITS_MAX / BITS_LONG + 1 + M)

typedef unsigned __int128 wide;

struct digits {
	unsigned bits; /* of a digit */
	uint64_t mask;
	size_t n; /* digits of N, at least M + 1 and even: zeros above a short N's */
	uint64_t inverse; /* -1/N mod 2^bits */
	uint64_t d[]; /* N's digits and M + 1 zeros: columns need no bounds */
};

static bool here(void)
{
	return true;
}

static bool prepare(const mp_limb_t *n, size_t limbs, void **out)
{
	size_t size = mpn_sizeinbase(n, (mp_size_t)limbs, 2);
	unsigned bits = size <= BITS_SHORT * DIGITS_SHORT ? BITS_SHORT : BITS_LONG;
	size_t count = (size + bits - 1) / bits;
	count = count > M ? count : M + 1;
	count += count % 2;
	struct digits *d = calloc(1, sizeof(*d) + (count + M + 1) * sizeof(uint64_t));
	if (d == NULL)
		return false;
	d->bits = bits;
	d->mask = ((uint64_t)1 << bits) - 1;
	d->n = count;
	d->inverse = residue_inverse(n[0]) & d->mask;
	residue_split(n, limbs, bits, d->d, count);
	*out = d;
	return true;
}

/* The next M digits of the number, from bit `at` on. */
static void read_block(const struct digits *d, struct limbs in, uint64_t at, uint64_t *to)
{
	for (unsigned i = 0; i < M; i++, at += d->bits) {
		size_t limb = at / 64;
		unsigned shift = (unsigned)(at % 64);
		uint64_t v = limb < in.n ? in.p[limb] >> shift : 0;
		if (shift > 64 - d->bits && limb + 1 < in.n)
			v |= in.p[limb + 1] << (64 - shift);
		to[i] = v & d->mask;
	}
}

/* One block: `x` the digits to add, `acc` the n columns, which move down by M. */
static void block(const struct digits *d, const uint64_t *x, wide *acc)
{
	const uint64_t *nd = d->d;
	uint64_t q[M];
	wide carry = 0;
	for (unsigned k = 0; k < M; k++) {
		wide t = acc[k] + x[k] + carry;
		for (unsigned j = 0; j < k; j++)
			t += (wide)q[j] * nd[k - j];
		q[k] = (uint64_t)t * d->inverse & d->mask;
		t += (wide)q[k] * nd[0];
		carry = t >> d->bits;
	}
	acc[M] += carry;
	for (size_t i = 0; i < d->n; i += 2) {
		wide a = acc[i + M];
		wide b = acc[i + M + 1];
		const uint64_t *at = nd + i + M;
#pragma GCC unroll 8
		for (unsigned j = 0; j < M; j++) {
			a += (wide)q[j] * at[0 - (ptrdiff_t)j];
			b += (wide)q[j] * at[1 - (ptrdiff_t)j];
		}
		acc[i] = a;
		acc[i + 1] = b;
	}
}

/* Columns to digits without carries, so that they fit into a word each. */
static void pass_carries(const struct digits *d, const wide *acc, uint64_t *digits)
{
	wide carry = 0;
	for (size_t i = 0; i < d->n; i++) {
		carry += acc[i];
		digits[i] = (uint64_t)carry & d->mask;
		carry >>= d->bits;
	}
}

static uint64_t run(const struct residue *r, const struct limbs *in, size_t limbs,
	mp_limb_t (*out)[RESIDUE_LIMBS_MAX + 1])
{
	const struct digits *d = r->digits;
	wide acc[COLUMNS_MAX + M + 2];
	uint64_t digits[COLUMNS_MAX + M + 2];
	uint64_t x[M];
	uint64_t at = 0;
	memset(acc, 0, (d->n + M + 2) * sizeof(*acc));
	for (; at < 64 * (uint64_t)limbs; at += d->bits * M) {
		read_block(d, in[0], at, x);
		block(d, x, acc);
	}
	pass_carries(d, acc, digits);
	residue_pack(digits, 1, d->n, d->bits, out[0], r->limbs + 1);
	return at;
}

const struct kernel kernel_portable = {"portable", 1, here, prepare, run};
