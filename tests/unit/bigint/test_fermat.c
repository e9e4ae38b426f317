/* The power of 2 that GMP computes, for every size and shape of number. */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <gmp.h> /* after it: gmp_fprintf */

#include "bigint/fermat.h"

static gmp_randstate_t dice;

static void check_one(const mpz_t n)
{
	mpz_t base, exponent, expected, got;
	mpz_inits(base, exponent, expected, got, NULL);
	mpz_set_ui(base, 2);
	mpz_sub_ui(exponent, n, 1);
	mpz_powm(expected, base, exponent, n);
	mpz_set_ui(got, 4711);
	if (mpz_sizeinbase(n, 2) > FERMAT_BITS_MAX) {
		assert_false(fermat_power(got, n));
		assert_int_equal(mpz_cmp_ui(got, 4711), 0);
	} else {
		assert_true(fermat_power(got, n));
		if (mpz_cmp(expected, got) != 0) {
			gmp_fprintf(stderr, "n = %Zx\n", n);
			fail();
		}
	}
	mpz_clears(base, exponent, expected, got, NULL);
}

/* One bit more and less than any number of digits and of registers, and what is in use. */
static void check_size(unsigned bits)
{
	mpz_t n;
	mpz_init(n);
	/* ones and zeros in long runs bring carries through many digits */
	for (int shape = 0; shape < 4; shape++) {
		if (shape == 0)
			mpz_urandomb(n, dice, bits);
		else if (shape == 1)
			mpz_rrandomb(n, dice, bits);
		else if (shape == 2)
			mpz_ui_pow_ui(n, 2, bits - 1);
		else
			mpz_ui_pow_ui(n, 2, bits);
		if (shape == 3)
			mpz_sub_ui(n, n, 1);
		mpz_setbit(n, bits - 1);
		mpz_setbit(n, 0);
		check_one(n);
	}
	mpz_clear(n);
}

static void it_is_the_power_that_gmp_computes(void **state)
{
	static const unsigned registers[] = {8, 10, 15};
	static const unsigned sizes[] = {2046, 2047, 2048, 2049, 3071, 3072, 4095, 4096, 8191, 8192,
		8193};
	(void)state;
	if (!fermat_has())
		skip();
	for (unsigned bits = 2; bits <= 64; bits++)
		check_size(bits);
	for (unsigned digits = 2; digits <= 40; digits++)
		for (unsigned bits = digits * 52 - 5; bits <= digits * 52 + 1; bits++)
			check_size(bits);
	/* the last that fits into each number of registers, and the first that does not */
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		for (unsigned bits = 0; bits < 2; bits++)
			check_size(registers[i] * 8 * 52 - 4 + bits);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check_size(sizes[i]);
}

/* 341 = 11 * 31 is the least composite number of which base 2 says nothing (Sarrus 1819). */
static void primes_and_pseudoprimes_give_one(void **state)
{
	static const unsigned long ones[] = {3, 5, 7, 341, 561, 645, 1105, 65537, 4294967297};
	mpz_t n, power;
	(void)state;
	if (!fermat_has())
		skip();
	mpz_inits(n, power, NULL);
	for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
		mpz_set_ui(n, ones[i]);
		assert_true(fermat_power(power, n));
		assert_int_equal(mpz_cmp_ui(power, 1), 0);
	}
	/* Mersenne's primes and a composite of that form: 2^p = 1, so both give 1 */
	static const unsigned exponents[] = {521, 607, 1279, 2203, 2281, 3217, 4253, 4423, 2048 + 5};
	for (size_t i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
		mpz_set_ui(n, 0);
		mpz_setbit(n, exponents[i]);
		mpz_sub_ui(n, n, 1);
		assert_true(fermat_power(power, n));
		assert_int_equal(mpz_cmp_ui(power, 1), 0);
	}
	mpz_clears(n, power, NULL);
}

int main(void)
{
	gmp_randinit_default(dice);
	gmp_randseed_ui(dice, 1640);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_power_that_gmp_computes),
		cmocka_unit_test(primes_and_pseudoprimes_give_one),
	};
	int failed = RUN_TAP(tests);
	gmp_randclear(dice);
	return failed;
}
