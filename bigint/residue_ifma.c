/*
 * The kernel for AVX-512 IFMA: 8 lanes, digits of 52 bits.  The multiplier gives the low and the
 * high half of a product of 104 bits, each added to a column of 64: 4,096 halves fit, a modulus of
 * 16,384 bits has 632 in a column.  So carries wait, as in residue_avx2.c, whose order of work this
 * is; here q_j * N puts halves into two columns.
 *
 * Eight digits of a lane are 52 bytes: one load, one permutation of bytes and one shift bring each
 * digit into its place, and eight lanes are turned from rows into columns.
 */
#include <stdlib.h>
#include <string.h>

#include "bigint/residue_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define BITS 52
#define MASK (((uint64_t)1 << BITS) - 1)
#define LANES 8
#define M RESIDUE_BLOCK
#define BLOCK_BYTES (M * BITS / 8)
#define COLUMNS_MAX (RESIDUE_BITS_MAX / BITS + 1 + M)
#define BLOCK_READ 64
/* Columns that are worked on together: enough for the multiplier's latency, few enough for the
 * registers. */
#define TILE 4

#define TARGET __attribute__((target("avx512f,avx512ifma,avx512vbmi")))
#define INLINE_TARGET __attribute__((target("avx512f,avx512ifma,avx512vbmi"), always_inline)) inline

struct digits {
	size_t n;         /* digits of N, at least M + 1 and a multiple of TILE */
	uint64_t inverse; /* -1/N mod 2^BITS */
	/* N's digits and M zeros: columns need no bounds. */
	uint64_t d[];
};

static bool here(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma") &&
		__builtin_cpu_supports("avx512vbmi");
}

static bool prepare(const mp_limb_t *n, size_t limbs, void **out)
{
	size_t count = (mpn_sizeinbase(n, (mp_size_t)limbs, 2) + BITS - 1) / BITS;
	count = count > M ? count : M + 1;
	count = (count + TILE - 1) / TILE * TILE;
	size_t size = sizeof(struct digits) + (count + M) * sizeof(uint64_t);
	struct digits *d = calloc(1, size);
	if (d == NULL)
		return false;
	residue_split(n, limbs, BITS, d->d, count);
	d->n = count;
	d->inverse = residue_inverse(n[0]) & MASK;
	*out = d;
	return true;
}

/* Rows to columns: out[i] lane j is in[j] lane i. */
INLINE_TARGET static void transpose(const __m512i *in, __m512i *out)
{
	__m512i a[8];
	__m512i b[8];
	for (int i = 0; i < 8; i += 2) {
		a[i] = _mm512_unpacklo_epi64(in[i], in[i + 1]);
		a[i + 1] = _mm512_unpackhi_epi64(in[i], in[i + 1]);
	}
	for (int i = 0; i < 8; i += 4) {
		for (int k = 0; k < 2; k++) {
			b[i + k] = _mm512_shuffle_i64x2(a[i + k], a[i + k + 2], 0x88);
			b[i + k + 2] = _mm512_shuffle_i64x2(a[i + k], a[i + k + 2], 0xdd);
		}
	}
	for (int k = 0; k < 2; k++) {
		out[k] = _mm512_shuffle_i64x2(b[k], b[k + 4], 0x88);
		out[k + 4] = _mm512_shuffle_i64x2(b[k], b[k + 4], 0xdd);
		out[k + 2] = _mm512_shuffle_i64x2(b[k + 2], b[k + 6], 0x88);
		out[k + 6] = _mm512_shuffle_i64x2(b[k + 2], b[k + 6], 0xdd);
	}
}

/* The next M digits of one lane, as a row.  `left` bytes may be read. */
INLINE_TARGET static __m512i read_row(const uint8_t *p, size_t left)
{
	/* digit i begins at bit 52 i: at byte 6.5 i, rounded down, and half a byte further if odd */
	static const uint8_t place[64] __attribute__((aligned(64))) = {0, 1, 2, 3, 4, 5, 6, 7, 6, 7,
		8, 9, 10, 11, 12, 13, 13, 14, 15, 16, 17, 18, 19, 20, 19, 20, 21, 22, 23, 24, 25,
		26, 26, 27, 28, 29, 30, 31, 32, 33, 32, 33, 34, 35, 36, 37, 38, 39, 39, 40, 41, 42,
		43, 44, 45, 46, 45, 46, 47, 48, 49, 50, 51, 52};
	const __m512i shift = _mm512_set_epi64(4, 0, 4, 0, 4, 0, 4, 0);
	__m512i row;
	if (left >= BLOCK_READ) {
		row = _mm512_loadu_si512(p);
	} else {
		uint8_t padded[BLOCK_READ] = {0};
		if (left > 0)
			memcpy(padded, p, left);
		row = _mm512_loadu_si512(padded);
	}
	row = _mm512_permutexvar_epi8(_mm512_load_si512(place), row);
	return _mm512_and_si512(_mm512_srlv_epi64(row, shift),
		_mm512_set1_epi64((int64_t)MASK));
}

/* The quotients of one block, from the M lowest columns and the digits `x` that are added to them;
 * what they carry into column M. */
INLINE_TARGET static __m512i quotients(const struct digits *d, const __m512i *x, const __m512i *acc,
	__m512i *q)
{
	const uint64_t *nd = d->d;
	const __m512i zero = _mm512_setzero_si512();
	const __m512i inverse = _mm512_set1_epi64((int64_t)d->inverse);
	__m512i carry = zero;
#define N(i) _mm512_set1_epi64((int64_t)nd[i])
#pragma GCC unroll 8
	for (int k = 0; k < M; k++) {
		__m512i t = _mm512_add_epi64(x[k], acc[k]);
		__m512i high = carry;
#pragma GCC unroll 8
		for (int j = 0; j < k; j++) {
			t = _mm512_madd52lo_epu64(t, q[j], N(k - j));
			high = _mm512_madd52hi_epu64(high, q[j], N(k - j - 1));
		}
		t = _mm512_add_epi64(t, high);
		q[k] = _mm512_madd52lo_epu64(zero, t, inverse);
		t = _mm512_madd52lo_epu64(t, q[k], N(0));
		carry = _mm512_srli_epi64(t, BITS);
	}
#undef N
	return carry;
}

/* Columns from..to of the sum with q * N, moved down by M; `carry` goes into the first of them. */
INLINE_TARGET static void walk(const struct digits *d, const __m512i *q, __m512i carry,
	__m512i *acc, size_t from, size_t to)
{
	for (size_t at = from; at < to; at += TILE) {
		const uint64_t *here_n = d->d + at + M;
		__m512i low[TILE];
		__m512i high[TILE];
		for (int c = 0; c < TILE; c++) {
			low[c] = acc[at + M + (size_t)c];
			high[c] = _mm512_setzero_si512();
		}
		high[0] = carry;
		carry = _mm512_setzero_si512();
#pragma GCC unroll 8
		for (int j = 0; j < M; j++) {
#pragma GCC unroll 4
			for (int c = 0; c < TILE; c++) {
				low[c] = _mm512_madd52lo_epu64(low[c], q[j],
					_mm512_set1_epi64((int64_t)here_n[c - j]));
				high[c] = _mm512_madd52hi_epu64(high[c], q[j],
					_mm512_set1_epi64((int64_t)here_n[c - j - 1]));
			}
		}
		for (int c = 0; c < TILE; c++)
			acc[at + (size_t)c] = _mm512_add_epi64(low[c], high[c]);
	}
}

/* The next M digits of every lane, from byte `at` on. */
INLINE_TARGET static void read_block(const struct limbs *in, size_t at, __m512i *x)
{
	__m512i rows[LANES];
	for (unsigned j = 0; j < LANES; j++) {
		size_t len = in[j].n * sizeof(uint64_t);
		size_t from = at < len ? at : len;
		rows[j] = read_row((const uint8_t *)in[j].p + from, len - from);
	}
	transpose(rows, x);
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
	__m512i acc[COLUMNS_MAX + 2 * M];
	__m512i q[M];
	__m512i next[M];
	__m512i x[M];
	size_t bytes = limbs * sizeof(uint64_t);
	uint64_t dropped = 0;
	for (size_t i = 0; i < d->n + M; i++)
		acc[i] = _mm512_setzero_si512();
	read_block(in, 0, x);
	__m512i carry = quotients(d, x, acc, q);
	for (size_t at = 0; at < bytes; at += BLOCK_BYTES) {
		walk(d, q, carry, acc, 0, M);
		read_block(in, at + BLOCK_BYTES, x);
		carry = quotients(d, x, acc, next);
		walk(d, q, _mm512_setzero_si512(), acc, M, d->n);
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

const struct kernel kernel_ifma = {"ifma", 8, here, prepare, run};
