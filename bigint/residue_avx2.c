/*
 * The kernel for AVX2: 4 lanes, digits of 27 bits, so that a product has 54 and a column of a
 * 16,384-bit modulus (607 of them) still fits into 64 bits: carries are not passed on between
 * columns while a column waits, only when it becomes the lowest.
 *
 * RESIDUE_BLOCK digits are taken in at once.  Their quotients q_0..q_7 come from the 8 lowest
 * columns; then one walk over the other columns adds q_j * N to all of them and moves them down.
 */
#include <stdlib.h>
#include <string.h>

#include "bigint/residue_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define BITS 27
#define MASK (((uint64_t)1 << BITS) - 1)
#define LANES 4
#define M RESIDUE_BLOCK
#define BLOCK_BYTES (M * BITS / 8)
#define COLUMNS_MAX (RESIDUE_BITS_MAX / BITS + 1 + M)
/* The last digit of a block is read as 8 bytes from here. */
#define BLOCK_READ ((M - 1) * BITS / 8 + 8)

/* Columns that are worked on together: their sums and the q_j have a register each. */
#define TILE 4

#define TARGET __attribute__((target("avx2")))
#define INLINE_TARGET __attribute__((target("avx2"), always_inline)) inline

struct digits {
	size_t n;         /* digits of N, at least M + 1 and a multiple of TILE */
	uint64_t inverse; /* -1/N mod 2^BITS */
	/* N's digits, each four times, and M zeros: columns need no bounds. */
	uint64_t d[] __attribute__((aligned(32)));
};

static bool here(void)
{
	return __builtin_cpu_supports("avx2");
}

static size_t digits_of(const mp_limb_t *n, size_t limbs)
{
	size_t count = (mpn_sizeinbase(n, (mp_size_t)limbs, 2) + BITS - 1) / BITS;
	count = count > M ? count : M + 1;
	return (count + TILE - 1) / TILE * TILE;
}

static bool prepare(const mp_limb_t *n, size_t limbs, void **out)
{
	uint64_t plain[COLUMNS_MAX + TILE];
	size_t count = digits_of(n, limbs);
	size_t size = sizeof(struct digits) + (count + M) * LANES * sizeof(uint64_t);
	struct digits *d = aligned_alloc(64, (size + 63) / 64 * 64);
	if (d == NULL)
		return false;
	memset(d, 0, size);
	residue_split(n, limbs, BITS, plain, count);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < LANES; j++)
			d->d[i * LANES + j] = plain[i];
	d->n = count;
	d->inverse = residue_inverse(n[0]) & MASK;
	*out = d;
	return true;
}

/* The next M digits of a lane, in every LANES-th place of `to`. */
static void read_block(const uint8_t *p, size_t left, uint64_t *to)
{
	uint8_t padded[BLOCK_READ];
	if (left < BLOCK_READ) {
		memset(padded, 0, sizeof(padded));
		if (left > 0)
			memcpy(padded, p, left);
		p = padded;
	}
	for (unsigned i = 0; i < M; i++) {
		uint64_t v;
		memcpy(&v, p + i * BITS / 8, sizeof(v));
		to[i * LANES] = v >> (i * BITS % 8) & MASK;
	}
}

/* The quotients of one block, from the M lowest columns and the digits `x` that are added to them;
 * what they carry into column M. */
INLINE_TARGET static __m256i quotients(const struct digits *d, const __m256i *x, const __m256i *acc,
	__m256i *q)
{
	const __m256i *nd = (const __m256i *)(const void *)d->d;
	const __m256i mask = _mm256_set1_epi64x((int64_t)MASK);
	const __m256i inverse = _mm256_set1_epi64x((int64_t)d->inverse);
	__m256i carry = _mm256_setzero_si256();
#pragma GCC unroll 8
	for (int k = 0; k < M; k++) {
		__m256i t = _mm256_add_epi64(x[k], acc[k]);
#pragma GCC unroll 8
		for (int j = 0; j < k; j++)
			t = _mm256_add_epi64(t, _mm256_mul_epu32(q[j], _mm256_load_si256(nd + k - j)));
		t = _mm256_add_epi64(t, carry);
		q[k] = _mm256_and_si256(_mm256_mul_epu32(t, inverse), mask);
		t = _mm256_add_epi64(t, _mm256_mul_epu32(q[k], _mm256_load_si256(nd)));
		carry = _mm256_srli_epi64(t, BITS);
	}
	return carry;
}

/* Columns from..to of the sum with q * N, moved down by M; `carry` goes into the first of them. */
INLINE_TARGET static void walk(const struct digits *d, const __m256i *q, __m256i carry,
	__m256i *acc, size_t from, size_t to)
{
	for (size_t i = from; i < to; i += TILE) {
		const __m256i *at = (const __m256i *)(const void *)d->d + i + M;
		__m256i sum[TILE];
		for (int c = 0; c < TILE; c++)
			sum[c] = acc[i + M + (size_t)c];
		sum[0] = _mm256_add_epi64(sum[0], carry);
		carry = _mm256_setzero_si256();
#pragma GCC unroll 8
		for (int j = 0; j < M; j++) {
#pragma GCC unroll 4
			for (int c = 0; c < TILE; c++) {
				sum[c] = _mm256_add_epi64(sum[c], _mm256_mul_epu32(q[j],
					_mm256_load_si256(at + c - j)));
				/* The compiler would add in another order and run out of registers. */
				__asm__("" : "+x"(sum[c]));
			}
		}
		for (int c = 0; c < TILE; c++)
			acc[i + (size_t)c] = sum[c];
	}
}

static void read_lanes(const struct limbs *in, size_t at, uint64_t *digit)
{
	for (unsigned j = 0; j < LANES; j++) {
		size_t len = in[j].n * sizeof(uint64_t);
		size_t from = at < len ? at : len;
		read_block((const uint8_t *)in[j].p + from, len - from, digit + j);
	}
}

/*
 * Quotients depend on each other and cost time, not work; the columns cost work.  So the quotients
 * of the next block are begun as soon as the M columns that they need are there, and the processor
 * does them between the other columns of this block.
 */
TARGET static uint64_t run(const struct residue *r, const struct limbs *in, size_t limbs,
	mp_limb_t (*out)[RESIDUE_LIMBS_MAX + 1])
{
	const struct digits *d = r->digits;
	uint64_t digit[M * LANES] __attribute__((aligned(32)));
	const __m256i *x = (const __m256i *)(const void *)digit;
	__m256i acc[COLUMNS_MAX + M + TILE];
	__m256i q[M];
	__m256i next[M];
	size_t bytes = limbs * sizeof(uint64_t);
	uint64_t dropped = 0;
	for (size_t i = 0; i < d->n + M; i++)
		acc[i] = _mm256_setzero_si256();
	read_lanes(in, 0, digit);
	__m256i carry = quotients(d, x, acc, q);
	for (size_t at = 0; at < bytes; at += BLOCK_BYTES) {
		walk(d, q, carry, acc, 0, M);
		read_lanes(in, at + BLOCK_BYTES, digit);
		carry = quotients(d, x, acc, next);
		walk(d, q, _mm256_setzero_si256(), acc, M, d->n);
		memcpy(q, next, sizeof(q));
		dropped += M * BITS;
	}
	for (unsigned j = 0; j < LANES; j++)
		residue_pack((const uint64_t *)(const void *)acc + j, LANES, d->n, BITS, out[j],
			r->limbs + 1);
	return dropped;
}

#else /* another processor */

static bool here(void)
{
	return false;
}

static bool prepare(const mp_limb_t *n, size_t limbs, void **out)
{
	(void)n;
	(void)limbs;
	(void)out;
	return false;
}

static uint64_t run(const struct residue *r, const struct limbs *in, size_t limbs,
	mp_limb_t (*out)[RESIDUE_LIMBS_MAX + 1])
{
	(void)r;
	(void)in;
	(void)limbs;
	(void)out;
	return 0;
}

#endif

const struct kernel kernel_avx2 = {"avx2", 4, here, prepare, run};
