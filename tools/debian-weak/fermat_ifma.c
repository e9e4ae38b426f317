/*
 * Fermat's test with AVX-512 IFMA: a lane a number, 52 bits a limb, Montgomery's multiplication.
 * With R = 2^(52 L) at least 16 n no value needs to be brought below n: from x < 4n comes
 * (x*x + m*n) / R < 2n, and doubled it is below 4n again.
 */
#include "tools/debian-weak/fermat.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)

#include <immintrin.h>

#define LIMB_BITS 52
#define LIMB_MASK (((uint64_t)1 << LIMB_BITS) - 1)
#define SPARE_BITS 4
#define LIMBS_MAX ((FERMAT_BITS_MAX + SPARE_BITS + LIMB_BITS - 1) / LIMB_BITS)
#define WITH_IFMA __attribute__((target("avx512f,avx512ifma")))

struct lanes {
	__m512i limb[LIMBS_MAX];
};

bool fermat_has_ifma(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma");
}

static uint64_t limb_of(const mpz_t v, unsigned i)
{
	uint64_t limb = 0;
	unsigned bit = i * LIMB_BITS, at = bit / 64, shift = bit % 64;

	limb = mpz_getlimbn(v, at) >> shift;
	if (shift > 64 - LIMB_BITS)
		limb |= mpz_getlimbn(v, at + 1) << (64 - shift);
	return limb & LIMB_MASK;
}

static void put(struct lanes *x, unsigned lane, const mpz_t v, unsigned limbs)
{
	for (unsigned i = 0; i < limbs; i++) {
		uint64_t limb = limb_of(v, i);
		memcpy((char *)&x->limb[i] + lane * sizeof(limb), &limb, sizeof(limb));
	}
}

static void take(const struct lanes *x, unsigned lane, unsigned limbs, mpz_t out)
{
	mpz_set_ui(out, 0);
	for (unsigned i = limbs; i-- > 0;) {
		uint64_t limb;
		memcpy(&limb, (const char *)&x->limb[i] + lane * sizeof(limb), sizeof(limb));
		mpz_mul_2exp(out, out, LIMB_BITS);
		mpz_add_ui(out, out, limb);
	}
}

/* -1 / n modulo 2^52, from one limb: each step doubles the bits that are right. */
static uint64_t negative_inverse(uint64_t n)
{
	uint64_t x = n; /* right to 3 bits */

	for (int i = 0; i < 5; i++)
		x *= 2 - n * x;
	return (0 - x) & LIMB_MASK;
}

/*
 * x = x * x / R, and twice that in the lanes of `twice`.  Each turn adds one limb of x times x and
 * what makes the lowest sum a multiple of 2^52, and moves all sums down by a limb.  A sum takes 4 L
 * products below 2^52, which stays below 2^61.
 *
 * Where `limbs` is a constant the compiler keeps the sums in registers.
 */
WITH_IFMA __attribute__((always_inline)) static inline void square(
	struct lanes *x, const struct lanes *n, __m512i inverse, __mmask8 twice, unsigned limbs)
{
	const __m512i mask = _mm512_set1_epi64((long long)LIMB_MASK), zero = _mm512_setzero_si512();
	__m512i sum[LIMBS_MAX];

#pragma GCC unroll 20
	for (unsigned i = 0; i < limbs; i++)
		sum[i] = zero;
	for (unsigned i = 0; i < limbs; i++) {
		__m512i a = x->limb[i], low = _mm512_madd52lo_epu64(sum[0], a, x->limb[0]);
		__m512i m = _mm512_madd52lo_epu64(zero, low, inverse);
		low = _mm512_madd52lo_epu64(low, m, n->limb[0]); /* its 52 bits are 0 now */
		__m512i carry = _mm512_srli_epi64(low, LIMB_BITS);
#pragma GCC unroll 20
		for (unsigned j = 1; j < limbs; j++) {
			__m512i v = _mm512_madd52lo_epu64(sum[j], a, x->limb[j]);
			__m512i w = _mm512_madd52hi_epu64(carry, a, x->limb[j - 1]);
			v = _mm512_madd52lo_epu64(v, m, n->limb[j]);
			w = _mm512_madd52hi_epu64(w, m, n->limb[j - 1]);
			sum[j - 1] = _mm512_add_epi64(v, w);
			carry = zero;
		}
		__m512i top = _mm512_madd52hi_epu64(zero, a, x->limb[limbs - 1]);
		sum[limbs - 1] = _mm512_madd52hi_epu64(top, m, n->limb[limbs - 1]);
	}
	__m512i carry = zero;
#pragma GCC unroll 20
	for (unsigned i = 0; i < limbs; i++) {
		__m512i v =
			_mm512_add_epi64(_mm512_mask_slli_epi64(sum[i], twice, sum[i], 1), carry);
		x->limb[i] = _mm512_and_si512(v, mask);
		carry = _mm512_srli_epi64(v, LIMB_BITS);
	}
}

/* 1024- and 2048-bit keys have primes of 10 and 20 limbs. */
WITH_IFMA static void square_all(
	struct lanes *x, const struct lanes *n, __m512i inverse, __mmask8 twice, unsigned limbs)
{
	if (limbs == 10)
		square(x, n, inverse, twice, 10);
	else if (limbs == 20)
		square(x, n, inverse, twice, 20);
	else
		square(x, n, inverse, twice, limbs);
}

/* In which lanes is bit `bit` of n - 1 set?  n is odd: only bit 0 differs from n's. */
static __mmask8 exponent_bits(const mpz_t n[FERMAT_LANES], unsigned bit)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < FERMAT_LANES && bit > 0; i++)
		mask |= (unsigned)mpz_tstbit(n[i], bit) << i;
	return (__mmask8)mask;
}

WITH_IFMA unsigned fermat_first_ifma(const mpz_t n[FERMAT_LANES], unsigned bits)
{
	unsigned limbs = (bits + SPARE_BITS + LIMB_BITS - 1) / LIMB_BITS, found = FERMAT_LANES;
	struct lanes x, modulus;
	uint64_t inverse[FERMAT_LANES];
	mpz_t one[FERMAT_LANES], v;

	mpz_init(v);
	for (unsigned i = 0; i < FERMAT_LANES; i++) {
		mpz_init(one[i]);
		mpz_setbit(one[i], limbs * LIMB_BITS);
		mpz_mod(one[i], one[i], n[i]); /* R: what 1 is in Montgomery's form */
		mpz_mul_2exp(v, one[i], 1);
		put(&x, i, v, limbs);
		put(&modulus, i, n[i], limbs);
		inverse[i] = negative_inverse(limb_of(n[i], 0));
	}
	__m512i inverses = _mm512_loadu_si512(inverse);
	for (unsigned bit = bits - 1; bit-- > 0;)
		square_all(&x, &modulus, inverses, exponent_bits(n, bit), limbs);
	for (unsigned i = FERMAT_LANES; i-- > 0;) {
		take(&x, i, limbs, v);
		if (mpz_congruent_p(v, one[i], n[i]))
			found = i;
		mpz_clear(one[i]);
	}
	mpz_clear(v);
	return found;
}

#else

bool fermat_has_ifma(void)
{
	return false;
}

unsigned fermat_first_ifma(const mpz_t n[FERMAT_LANES], unsigned bits)
{
	return fermat_first_portable(n, bits);
}

#endif
