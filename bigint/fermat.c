/*
 * Montgomery's multiplication of one number by itself, with eight digits of 52 bits in a register
 * (AVX-512 IFMA, as residue_ifma.c): the accumulator stays in registers, digit after digit of the
 * multiplier is taken in, and the accumulator moves down by one digit each time.  The base is 2, so
 * what a general power multiplies in between is here a doubling.
 *
 * Numbers are below 2n, and below 4n after a doubling.  With R = 2^(52 * digits) > 16n a product of
 * two of those, (ab + qn) / R, is below 2n again, and nothing is ever subtracted.
 */
#include "bigint/fermat.h"

#include <string.h>

#include "bigint/residue_impl.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define BITS 52
#define MASK (((uint64_t)1 << BITS) - 1)
#define LANES 8
/* log2 of 16, as above. */
#define SPARE_BITS 4
#define REGISTERS_MAX 20
#define DIGITS_MAX (REGISTERS_MAX * LANES)
#define WORDS_MAX ((DIGITS_MAX + 63) / 64)

_Static_assert(FERMAT_BITS_MAX + SPARE_BITS <= DIGITS_MAX * BITS, "the longest number fits");

#define TARGET __attribute__((target("avx512f,avx512ifma")))
#define INLINE_TARGET __attribute__((target("avx512f,avx512ifma"), always_inline)) inline
#define EACH _Pragma("GCC unroll 20")

/* Digits, low ones first, and zeros to the end: one more than any number has is read. */
struct digits {
	uint64_t d[DIGITS_MAX + LANES] __attribute__((aligned(64)));
};

struct modulus {
	struct digits n;
	uint64_t inverse; /* -1/n mod 2^BITS */
	unsigned digits;  /* of R */
};

INLINE_TARGET static __m512i load(const struct digits *x, unsigned at)
{
	return _mm512_load_si512(x->d + (size_t)at * LANES);
}

/* Eight digits further down by one; the lowest of `above` comes in. */
INLINE_TARGET static __m512i down(__m512i above, __m512i x)
{
	return _mm512_alignr_epi64(above, x, 1);
}

/*
 * Carries in one go.  A first pass leaves digits below 2^52 + 2^12, so that a digit gives (it is
 * above the mask) or passes on what it is given (it is the mask) a carry of one: all of them are
 * then one addition of the two sets of bits.
 */
INLINE_TARGET static void carry(__m512i *acc, unsigned v, struct digits *out)
{
	const __m512i mask = _mm512_set1_epi64((int64_t)MASK);
	__m512i high = _mm512_setzero_si512();
	uint64_t gives[WORDS_MAX] = {0};
	uint64_t passes[WORDS_MAX] = {0};
	EACH for (unsigned j = 0; j < v; j++) {
		__m512i up = _mm512_srli_epi64(acc[j], BITS);
		acc[j] = _mm512_add_epi64(_mm512_and_si512(acc[j], mask),
			_mm512_alignr_epi64(up, high, LANES - 1));
		high = up;
		gives[j / 8] |= (uint64_t)_mm512_cmpgt_epu64_mask(acc[j], mask) << j % 8 * 8;
		passes[j / 8] |= (uint64_t)_mm512_cmpeq_epu64_mask(acc[j], mask) << j % 8 * 8;
	}
	uint64_t given = 0;
	unsigned __int128 sum = 0;
	EACH for (unsigned w = 0; w < (v + 7) / 8; w++) {
		sum += (unsigned __int128)passes[w] + (gives[w] << 1 | given);
		given = gives[w] >> 63;
		passes[w] ^= (uint64_t)sum;
		sum >>= 64;
	}
	EACH for (unsigned j = 0; j < v; j++) {
		__mmask8 one = (__mmask8)(passes[j / 8] >> j % 8 * 8);
		acc[j] = _mm512_mask_add_epi64(acc[j], one, acc[j], _mm512_set1_epi64(1));
		_mm512_store_si512(out->d + (size_t)j * LANES, _mm512_and_si512(acc[j], mask));
	}
}

/*
 * out = a * b / R, or twice that; out may be a or b.  Each column is a sum of at most four halves of
 * a product for each digit, far below 2^64.
 *
 * Every quotient digit q waits for the one before it.  What leads from one to the next is kept
 * short: the lowest register gets the products that do not need q (`apart`) beside that chain.
 */
INLINE_TARGET static void multiply(const struct modulus *m, unsigned v, const struct digits *a,
	const struct digits *b, bool twice, struct digits *out)
{
	const __m512i zero = _mm512_setzero_si512();
	const __m512i inverse = _mm512_set1_epi64((int64_t)m->inverse);
	__m512i acc[REGISTERS_MAX + 1];
	__m512i digit = _mm512_set1_epi64((int64_t)b->d[0]);
	EACH for (unsigned j = 0; j < v; j++)
		acc[j] = _mm512_madd52lo_epu64(zero, load(a, j), digit);
	acc[v] = zero;
	for (unsigned i = 0; i < m->digits; i++) {
		__m512i next = _mm512_set1_epi64((int64_t)b->d[i + 1]);
		__m512i apart = _mm512_madd52lo_epu64(
			_mm512_madd52hi_epu64(zero, load(a, 0), digit), load(a, 0), next);
		__m512i q = _mm512_madd52lo_epu64(zero, acc[0], inverse);
		q = _mm512_broadcastq_epi64(_mm512_castsi512_si128(q));
		apart = _mm512_madd52hi_epu64(apart, load(&m->n, 0), q);
		EACH for (unsigned j = 0; j < v; j++)
			acc[j] = _mm512_madd52lo_epu64(acc[j], load(&m->n, j), q);
		/* the lowest digit is zero now, up to what it carries */
		apart = _mm512_add_epi64(apart, _mm512_maskz_srli_epi64(1, acc[0], BITS));
		EACH for (unsigned j = 0; j < v; j++)
			acc[j] = down(acc[j + 1], acc[j]);
		acc[0] = _mm512_add_epi64(acc[0], apart);
		EACH for (unsigned j = 1; j < v; j++) {
			acc[j] = _mm512_madd52hi_epu64(acc[j], load(a, j), digit);
			acc[j] = _mm512_madd52hi_epu64(acc[j], load(&m->n, j), q);
			acc[j] = _mm512_madd52lo_epu64(acc[j], load(a, j), next);
		}
		digit = next;
	}
	EACH for (unsigned j = 0; twice && j < v; j++)
		acc[j] = _mm512_add_epi64(acc[j], acc[j]);
	carry(acc, v, out);
}

typedef void (*multiply_fn)(const struct modulus *m, const struct digits *a,
	const struct digits *b, bool twice, struct digits *out);

/* One for each number of registers: only then does the accumulator stay in them. */
#define WITH_REGISTERS(V)                                                                          \
	TARGET static void multiply_##V(const struct modulus *m, const struct digits *a,           \
		const struct digits *b, bool twice, struct digits *out)                            \
	{                                                                                          \
		multiply(m, V, a, b, twice, out);                                                  \
	}

WITH_REGISTERS(3)
WITH_REGISTERS(5)
WITH_REGISTERS(8)
WITH_REGISTERS(10)
WITH_REGISTERS(15)
WITH_REGISTERS(20)

/* The sizes that are in use: 1024, 2048, 3072, 4096, 6144 and 8192 bits. */
static multiply_fn multiply_for(unsigned digits)
{
	static const struct {
		unsigned registers;
		multiply_fn f;
	} sizes[] = {{3, multiply_3}, {5, multiply_5}, {8, multiply_8}, {10, multiply_10},
		{15, multiply_15}, {20, multiply_20}};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (digits <= sizes[i].registers * LANES)
			return sizes[i].f;
	return NULL;
}

static void split(const mpz_t x, struct digits *out)
{
	memset(out, 0, sizeof(*out));
	residue_split(mpz_limbs_read(x), mpz_size(x), BITS, out->d, DIGITS_MAX);
}

bool fermat_has(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma");
}

bool fermat_power(mpz_t power, const mpz_t n)
{
	size_t bits = mpz_sizeinbase(n, 2);
	struct modulus m = {.digits = (unsigned)((bits + SPARE_BITS + BITS - 1) / BITS)};
	struct digits x;
	struct digits one = {.d = {1}};
	if (bits > FERMAT_BITS_MAX || !fermat_has())
		return false;
	multiply_fn f = multiply_for(m.digits);
	split(n, &m.n);
	m.inverse = residue_inverse(mpz_getlimbn(n, 0)) & MASK;
	/* 2R: the first bit of the exponent n - 1; its last one is 0 */
	mpz_set_ui(power, 0);
	mpz_setbit(power, BITS * m.digits + 1);
	mpz_mod(power, power, n);
	split(power, &x);
	for (size_t i = bits - 1; i-- > 0;)
		f(&m, &x, &x, i > 0 && mpz_tstbit(n, i) != 0, &x);
	f(&m, &x, &one, false, &x);
	mp_limb_t *limbs = mpz_limbs_write(power, (mp_size_t)(bits / 64 + 2));
	residue_pack(x.d, 1, m.digits, BITS, limbs, bits / 64 + 2);
	mpz_limbs_finish(power, (mp_size_t)(bits / 64 + 2));
	mpz_mod(power, power, n);
	return true;
}

#else /* another processor */

bool fermat_has(void)
{
	return false;
}

bool fermat_power(mpz_t power, const mpz_t n)
{
	(void)power;
	(void)n;
	return false;
}

#endif
