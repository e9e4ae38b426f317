/* batch_gcd() against the definition: the gcd of each modulus with the product of all others. */
#include "tests/unit/cmocka_tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigint/batch.h"
#include "bigint/fft.h"
#include "tests/unit/bigint/sets.h"

static size_t check(const struct set *s)
{
	return check_with(s, &(struct batch_options){.threads = 2});
}

/* ---- tests
 * ----------------------------------------------------------------------------------------- */

static void one_two_or_three_moduli(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 3; n++) {
		struct set s = set_new(n);
		for (size_t i = 0; i < n; i++)
			random_odd(s.n[i], 2048);
		(void)check(&s);
		for (size_t i = 0; i < n; i++)
			mpz_set_ui(s.n[i], 15);
		assert_int_equal(check(&s), n > 1 ? n : 0);
		set_free(&s);
	}
}

/* All primes below 2^12 in pairs: many share, many do not, and every sum is larger than 1. */
static void tiny_moduli(void **state)
{
	(void)state;
	for (size_t n = 4; n < 400; n = n * 3 / 2) {
		struct set s = set_new(n);
		for (size_t i = 0; i < n; i++)
			random_odd(s.n[i], 2 + (unsigned)(i % 11));
		(void)check(&s);
		set_free(&s);
	}
}

static void shared_primes_of_every_kind(void **state)
{
	(void)state;
	mpz_t p[8];
	for (size_t i = 0; i < 8; i++) {
		mpz_init(p[i]);
		random_prime(p[i], 512);
	}
	struct set s = set_new(300);
	for (size_t i = 0; i < s.count; i++) {
		mpz_t q;
		mpz_init(q);
		random_prime(q, 512);
		random_prime(s.n[i], 512);
		mpz_mul(s.n[i], s.n[i], q);
		mpz_clear(q);
	}
	mpz_mul(s.n[7], p[0], p[1]); /* both primes shared, with different others */
	mpz_mul(s.n[90], p[0], p[2]);
	mpz_mul(s.n[299], p[1], p[3]);
	mpz_mul(s.n[100], p[4], p[5]); /* three that share pairwise */
	mpz_mul(s.n[101], p[5], p[6]);
	mpz_mul(s.n[102], p[6], p[4]);
	mpz_set(s.n[200], s.n[0]);     /* a duplicate */
	mpz_mul(s.n[250], p[7], p[7]); /* a square that shares with nobody */
	assert_int_equal(check(&s), 8);
	mpz_mul(s.n[251], p[7], p[0]); /* now it does */
	assert_int_equal(check(&s), 10);
	for (size_t i = 0; i < 8; i++)
		mpz_clear(p[i]);
	set_free(&s);
}

/* Sizes from 2 bits to 1,000,000, in no order. */
static void small_and_huge_moduli_together(void **state)
{
	(void)state;
	static const unsigned bits[] = {
		2048, 2, 1000000, 4096, 64, 65, 1024, 127, 512, 16384, 3, 100000};
	struct set s = set_new(120);
	for (size_t i = 0; i < s.count; i++)
		random_odd(s.n[i], i > 60 && bits[i % 12] > 50000 ? 2047 : bits[i % 12]);
	(void)check(&s);
	set_free(&s);
}

/* Numbers of few bits set, and all bits set: carries run through everything. */
static void long_carries(void **state)
{
	(void)state;
	for (unsigned bits = 64; bits <= 2048; bits *= 2) {
		struct set s = set_new(200);
		for (size_t i = 0; i < s.count; i++) {
			mpz_set_ui(s.n[i], 1);
			mpz_mul_2exp(s.n[i], s.n[i], bits);
			mpz_sub_ui(s.n[i], s.n[i], 1);
			if (i % 3 == 0)
				mpz_clrbit(s.n[i], 1 + i % (bits - 2));
			if (i % 3 == 1) {
				mpz_set_ui(s.n[i], 1);
				mpz_setbit(s.n[i], bits - 1 - (i % 7));
			}
		}
		(void)check(&s);
		set_free(&s);
	}
}

/* Every shape of tree, and sizes around those where the way of multiplying changes. */
static void random_sets(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		struct set s = set_new(2 + gmp_urandomm_ui(rnd, round < 30 ? 100 : 700));
		unsigned most = 2 + (unsigned)gmp_urandomm_ui(rnd, 3000);
		bool same = round % 2;
		for (size_t i = 0; i < s.count; i++)
			random_odd(s.n[i], same ? most : 2 + (unsigned)gmp_urandomm_ui(rnd, most));
		(void)check(&s);
		set_free(&s);
	}
}

/* Enough that the uppermost products are by all threads together. */
static void many_moduli(void **state)
{
	(void)state;
	struct set s = set_new(1100);
	for (size_t i = 0; i < s.count; i++)
		random_odd(s.n[i], 2048);
	size_t said = check(&s);
	assert_int_equal(check_with(&s, &(struct batch_options){.threads = 3}), said);
	set_free(&s);
}

struct pairs {
	size_t n;
	uint64_t i[8], j[8];
};

static enum err_code keep_pair(
	void *arg, uint64_t i, uint64_t j, struct bytes common, struct err *e)
{
	struct pairs *p = arg;
	(void)e;
	assert_true(i < j);
	assert_true(common.len == 1);
	p->i[p->n] = i;
	p->j[p->n++] = j;
	return ERR_OK;
}

static void pairs_are_named(void **state)
{
	(void)state;
	struct set s = set_new(5);
	static const unsigned n[] = {3 * 5, 7 * 11, 5 * 13, 13 * 3, 17 * 19};
	for (size_t i = 0; i < 5; i++)
		mpz_set_ui(s.n[i], n[i]);
	char path[64];
	struct err e;
	struct moduli *m = written(&s, path);
	struct pairs p = {0};
	const uint64_t hits[] = {3, 0, 2};
	assert_int_equal(batch_pairs(m, hits, 3, keep_pair, &p, &e), ERR_OK);
	assert_int_equal(p.n, 3);
	assert_int_equal(batch_pairs(m, (const uint64_t[]){5}, 1, keep_pair, &p, &e), ERR_USAGE);
	moduli_close(m);
	assert_int_equal(unlink(path), 0);
	set_free(&s);
}

static void a_prime_factor_is_told_from_others(void **state)
{
	(void)state;
	assert_true(batch_is_prime(bytes_of("\x03", 1)));
	assert_true(batch_is_prime(bytes_of("\0\x01\x01", 3))); /* 257 */
	assert_false(batch_is_prime(bytes_of("\x01", 1)));
	assert_false(batch_is_prime(bytes_of("\x0f", 1)));
	assert_false(batch_is_prime(bytes_of("\x02\x31", 2)));         /* 561 = 3 * 11 * 17 */
	assert_false(batch_is_prime(bytes_of("\x01\0\x02\0\x01", 5))); /* 65537 squared */
}

static void the_kernel_is_the_wanted_one(void **state)
{
	(void)state;
	const char *want = getenv("MEDSEAL_FFT");
	if (want == NULL)
		skip();
	assert_true((fft_load() != NULL) == (strcmp(want, "off") != 0));
}

int main(void)
{
	gmp_randinit_mt(rnd);
	gmp_randseed_ui(rnd, 20260101);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_is_the_wanted_one),
		cmocka_unit_test(one_two_or_three_moduli),
		cmocka_unit_test(tiny_moduli),
		cmocka_unit_test(shared_primes_of_every_kind),
		cmocka_unit_test(small_and_huge_moduli_together),
		cmocka_unit_test(long_carries),
		cmocka_unit_test(random_sets),
		cmocka_unit_test(many_moduli),
		cmocka_unit_test(pairs_are_named),
		cmocka_unit_test(a_prime_factor_is_told_from_others),
	};
	int failed = RUN_TAP(tests);
	gmp_randclear(rnd);
	return failed;
}
