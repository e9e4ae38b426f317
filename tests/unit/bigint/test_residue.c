/* Every kernel gives what GMP's division gives, for every shape of modulus and number. */
#include "tests/unit/cmocka_tap.h"

#include <gmp.h>
#include <stdlib.h>
#include <string.h>

#include "bigint/residue.h"

static gmp_randstate_t dice;

/* Sizes at, below and above a limb, a digit of each kernel, and a block of digits. */
static const unsigned odd_sizes[] = {2, 3, 5, 26, 27, 28, 51, 52, 53, 63, 64, 65, 103, 104, 105, 127,
	128, 129, 215, 216, 217, 243, 244, 415, 416, 417, 467, 468, 469, 511, 512, 513, 1000, 1024,
	1030, 1536, 2046, 2047, 2048, 2049, 2080, 3072, 3328, 3781, 3782, 3783, 4095, 4096, 8192, 16383, 16384};

static uint64_t roll(uint64_t below)
{
	return gmp_urandomm_ui(dice, below);
}

static void random_odd(mpz_t n, unsigned bits)
{
	/* long runs of ones and zeros too: they bring carries to where random bits never do */
	if (roll(2) == 0)
		mpz_urandomb(n, dice, bits);
	else
		mpz_rrandomb(n, dice, bits);
	mpz_setbit(n, bits - 1);
	mpz_setbit(n, 0);
}

static struct residue *prepared(mpz_t n, enum residue_kernel k)
{
	uint8_t bytes[RESIDUE_BITS_MAX / 8];
	size_t len;
	struct residue *r = NULL;
	mpz_export(bytes, &len, 1, 1, 0, 0, n);
	assert_int_equal(residue_new(bytes_of(bytes, len), k, &r, NULL), ERR_OK);
	return r;
}

/* A view of v's limbs, with `high` zero limbs above them, in memory that ends where they end: a
 * kernel that reads further is seen by the sanitizer. */
static struct limbs limbs_of(mpz_t v, size_t high)
{
	size_t n = mpz_size(v) + high;
	uint64_t *p = calloc(n > 0 ? n : 1, sizeof(*p));
	assert_non_null(p);
	memcpy(p, mpz_limbs_read(v), mpz_size(v) * sizeof(*p));
	return (struct limbs){p, n};
}

static void limbs_free(struct limbs l)
{
	free((void *)(uintptr_t)l.p);
}

static void check_one(struct residue *r, mpz_t n, mpz_t v, size_t high)
{
	mpz_t got;
	mpz_t want;
	struct buf out = buf_new(RESIDUE_BITS_MAX / 8);
	struct limbs l = limbs_of(v, high);
	mpz_inits(got, want, NULL);
	assert_int_equal(residue_exact(r, l, &out, NULL), ERR_OK);
	mpz_import(got, out.len, 1, 1, 0, 0, out.p);
	mpz_tdiv_r(want, v, n);
	assert_int_equal(mpz_cmp(got, want), 0);
	mpz_clears(got, want, NULL);
	limbs_free(l);
	buf_free(&out);
}

static void equals_division(enum residue_kernel k)
{
	mpz_t n;
	mpz_t v;
	if (!residue_has(k))
		skip();
	mpz_inits(n, v, NULL);
	for (size_t i = 0; i < sizeof(odd_sizes) / sizeof(odd_sizes[0]); i++) {
		for (int again = 0; again < 4; again++) {
			random_odd(n, odd_sizes[i]);
			struct residue *r = prepared(n, k);
			mpz_set_ui(v, 0);
			check_one(r, n, v, roll(3));
			mpz_set_ui(v, 1);
			check_one(r, n, v, 0);
			mpz_sub_ui(v, n, 1);
			check_one(r, n, v, roll(9));
			mpz_mul_ui(v, n, 1 + roll(1000));
			check_one(r, n, v, 0);
			mpz_rrandomb(v, dice, 1 + roll(20000));
			check_one(r, n, v, roll(20));
			mpz_urandomb(v, dice, 1 + roll(100000));
			check_one(r, n, v, roll(2));
			/* all ones, in both */
			mpz_set_ui(v, 0);
			mpz_setbit(v, 30000 + roll(600));
			mpz_sub_ui(v, v, 1);
			check_one(r, n, v, 0);
			residue_free(r);
		}
		mpz_set_ui(n, 0);
		mpz_setbit(n, odd_sizes[i]);
		mpz_sub_ui(n, n, 1);
		struct residue *r = prepared(n, k);
		mpz_rrandomb(v, dice, 1 + roll(50000));
		check_one(r, n, v, 0);
		residue_free(r);
	}
	mpz_clears(n, v, NULL);
}

static void portable_equals_division(void **state)
{
	(void)state;
	equals_division(RESIDUE_PORTABLE);
}

static void avx2_equals_division(void **state)
{
	(void)state;
	equals_division(RESIDUE_AVX2);
}

static void ifma_equals_division(void **state)
{
	(void)state;
	equals_division(RESIDUE_IFMA);
}

/* Some numbers, of even or of any lengths; now and then one has a factor of the modulus. */
static void check_many(enum residue_kernel k, unsigned bits, size_t count, bool even)
{
	mpz_t p, q, n, v, product, want, got;
	bool shares = false;
	struct limbs numbers[40];
	struct buf factor = buf_new(RESIDUE_BITS_MAX / 8);
	mpz_inits(p, q, n, v, product, want, got, NULL);
	random_odd(p, bits / 2);
	random_odd(q, bits - bits / 2);
	mpz_mul(n, p, q);
	mpz_set_ui(product, 1);
	for (size_t i = 0; i < count; i++) {
		mpz_urandomb(v, dice, even ? 40000 : 1 + roll(40000));
		mpz_setbit(v, 0); /* never 0, which would hide all others */
		if (roll(count * 2) == 0)
			mpz_mul(v, v, p);
		if (roll(count * 4) == 0)
			mpz_mul(v, v, q);
		mpz_mul(product, product, v);
		numbers[i] = limbs_of(v, 0);
	}
	mpz_gcd(want, product, n);
	struct residue *r = prepared(n, k);
	for (int again = 0; again < 2; again++) { /* the second time shows that start forgets */
		residue_start(r);
		residue_take(r, numbers, count);
		assert_int_equal(residue_shares(r, &shares, &factor, NULL), ERR_OK);
		assert_int_equal(shares, mpz_cmp_ui(want, 1) != 0);
		if (shares) {
			mpz_import(got, factor.len, 1, 1, 0, 0, factor.p);
			assert_int_equal(mpz_cmp(got, want), 0);
		}
	}
	residue_free(r);
	for (size_t i = 0; i < count; i++)
		limbs_free(numbers[i]);
	buf_free(&factor);
	mpz_clears(p, q, n, v, product, want, got, NULL);
}

static void shared_factors_are_found_among_many(void **state)
{
	(void)state;
	for (enum residue_kernel k = RESIDUE_PORTABLE; k < RESIDUE_KERNELS; k++) {
		if (!residue_has(k))
			continue;
		for (int again = 0; again < 30; again++) {
			unsigned bits = 64 + (unsigned)roll(2000);
			check_many(k, bits, 1 + roll(39), again % 2 == 0);
			check_many(k, bits, 8, true);
		}
	}
}

static void a_planted_prime_is_the_factor(void **state)
{
	(void)state;
	mpz_t p, q, n, product, got;
	bool shares = false;
	struct buf factor = buf_new(RESIDUE_BITS_MAX / 8);
	mpz_inits(p, q, n, product, got, NULL);
	mpz_urandomb(p, dice, 511);
	mpz_nextprime(p, p);
	mpz_urandomb(q, dice, 512);
	mpz_nextprime(q, q);
	mpz_mul(n, p, q);
	mpz_urandomb(product, dice, 100000);
	mpz_mul_2exp(product, product, 1);
	mpz_setbit(product, 0);
	struct residue *r = prepared(n, RESIDUE_BEST);
	for (int with = 0; with < 2; with++) {
		struct limbs l;
		if (with == 1)
			mpz_mul(product, product, p);
		l = limbs_of(product, 0);
		residue_start(r);
		residue_take(r, &l, 1);
		assert_int_equal(residue_shares(r, &shares, &factor, NULL), ERR_OK);
		assert_int_equal(shares, with == 1);
		limbs_free(l);
	}
	mpz_import(got, factor.len, 1, 1, 0, 0, factor.p);
	assert_int_equal(mpz_cmp(got, p), 0);
	residue_free(r);
	buf_free(&factor);
	mpz_clears(p, q, n, product, got, NULL);
}

static void only_odd_moduli_of_known_size_are_taken(void **state)
{
	(void)state;
	struct err e;
	struct residue *r = NULL;
	uint8_t large[RESIDUE_BITS_MAX / 8 + 1];
	const uint8_t even[] = {0x12, 0x34};
	const uint8_t one[] = {0, 1};
	memset(large, 0xff, sizeof(large));
	assert_int_equal(residue_new(BYTES_NONE, RESIDUE_BEST, &r, &e), ERR_MALFORMED);
	assert_int_equal(residue_new(bytes_of(even, 2), RESIDUE_BEST, &r, &e), ERR_MALFORMED);
	assert_int_equal(residue_new(bytes_of(one, 2), RESIDUE_BEST, &r, &e), ERR_MALFORMED);
	assert_int_equal(residue_new(bytes_of(large, sizeof(large)), RESIDUE_BEST, &r, &e),
		ERR_LIMIT);
	assert_int_equal(residue_new(bytes_of(large, sizeof(large) - 1), RESIDUE_BEST, &r, &e),
		ERR_OK);
	residue_free(r);
	residue_free(NULL);
}

int main(void)
{
	gmp_randinit_default(dice);
	gmp_randseed_ui(dice, 20190527);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(portable_equals_division),
		cmocka_unit_test(avx2_equals_division),
		cmocka_unit_test(ifma_equals_division),
		cmocka_unit_test(shared_factors_are_found_among_many),
		cmocka_unit_test(a_planted_prime_is_the_factor),
		cmocka_unit_test(only_odd_moduli_of_known_size_are_taken),
	};
	int failed = RUN_TAP(tests);
	gmp_randclear(dice);
	return failed;
}
