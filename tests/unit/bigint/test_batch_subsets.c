/* batch_gcd() in subsets, and in one tree that is all on disk, against the definition. */
#include "tests/unit/cmocka_tap.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/bigint/faulty_calls.h"
#include "tests/unit/bigint/sets.h"

static bool is_there(const char *dir, const char *name)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static size_t in_folder(const struct set *s, uint32_t subsets, uint64_t memory)
{
	char dir[64];
	work_new(dir);
	calls_fail(CALL_OPEN, 0, 0);
	size_t said = check_with(s,
		&(struct batch_options){
			.threads = 2, .work_dir = dir, .subsets = subsets, .memory = memory});
	/* That it went the way that was meant. */
	assert_true(calls_count(CALL_FALLOCATE) > 0);
	assert_int_equal(is_there(dir, "plan"), subsets != 1 && (subsets > 1 || s->count >= 4));
	assert_false(is_there(dir, "product-0"));
	if (subsets > 1) {
		char last[32];
		(void)snprintf(last, sizeof(last), "answer-%u", subsets - 1);
		assert_true(is_there(dir, last));
		(void)snprintf(last, sizeof(last), "answer-%u", subsets);
		assert_false(is_there(dir, last));
	}
	/* Again: all is there. */
	if (subsets > 1) {
		calls_fail(CALL_OPEN, 0, 0);
		assert_int_equal(check_with(s,
					 &(struct batch_options){.threads = 2, .work_dir = dir}),
			said);
		assert_int_equal(calls_count(CALL_FALLOCATE), 0);
	}
	work_free(dir);
	return said;
}

/* The same for each number of subsets. */
static size_t check(const struct set *s)
{
	static const uint32_t some[] = {2, 3, 5};
	size_t said = in_folder(s, 1, 1);
	for (size_t i = 0; i < 3; i++)
		if (some[i] < s->count / 2)
			assert_int_equal(in_folder(s, some[i], 1), said);
	if (s->count >= 4)
		assert_int_equal(in_folder(s, (uint32_t)(s->count / 2), 0), said);
	assert_int_equal(in_folder(s, 0, 1), said);
	return said;
}

static void two_to_nine_moduli(void **state)
{
	(void)state;
	for (size_t n = 2; n <= 9; n++) {
		struct set s = set_new(n);
		for (size_t i = 0; i < n; i++)
			random_odd(s.n[i], 2048);
		(void)check(&s);
		for (size_t i = 0; i < n; i++)
			mpz_set_ui(s.n[i], 15);
		assert_int_equal(check(&s), n);
		/* Each modulus a subset of its own. */
		assert_int_equal(in_folder(&s, (uint32_t)n, 0), n);
		set_free(&s);
	}
}

static void tiny_moduli(void **state)
{
	(void)state;
	for (size_t n = 10; n < 300; n = n * 2 + 1) {
		struct set s = set_new(n);
		for (size_t i = 0; i < n; i++)
			random_odd(s.n[i], 2 + (unsigned)(i % 11));
		(void)check(&s);
		set_free(&s);
	}
}

/* In one subset, across two, across all; both of one modulus; duplicates; squares. */
static void shared_primes_of_every_kind(void **state)
{
	(void)state;
	mpz_t p[8], q;
	mpz_init(q);
	for (size_t i = 0; i < 8; i++) {
		mpz_init(p[i]);
		random_prime(p[i], 256);
	}
	struct set s = set_new(120);
	for (size_t i = 0; i < s.count; i++) {
		random_prime(q, 256);
		random_prime(s.n[i], 256);
		mpz_mul(s.n[i], s.n[i], q);
	}
	mpz_mul(s.n[7], p[0], p[1]); /* both shared, with others of other subsets */
	mpz_mul(s.n[70], p[0], p[2]);
	mpz_mul(s.n[119], p[1], p[3]);
	mpz_mul(s.n[40], p[4], p[5]); /* three that share pairwise, neighbours */
	mpz_mul(s.n[41], p[5], p[6]);
	mpz_mul(s.n[42], p[6], p[4]);
	mpz_set(s.n[100], s.n[0]); /* a duplicate far away, and one beside it */
	mpz_set(s.n[11], s.n[10]);
	mpz_mul(s.n[90], p[7], p[7]); /* a square that shares with nobody */
	assert_int_equal(check(&s), 10);
	mpz_mul(s.n[91], p[7], p[0]); /* now it does */
	mpz_mul(s.n[1], p[7], p[2]);
	assert_int_equal(check(&s), 13);
	for (size_t i = 0; i < 8; i++)
		mpz_clear(p[i]);
	mpz_clear(q);
	set_free(&s);
}

/* All are one and the same: the foreign product is 0 modulo each subset's. */
static void nothing_but_duplicates(void **state)
{
	(void)state;
	struct set s = set_new(40);
	random_odd(s.n[0], 1024);
	for (size_t i = 1; i < s.count; i++)
		mpz_set(s.n[i], s.n[0]);
	assert_int_equal(check(&s), s.count);
	set_free(&s);
}

/* One of 1,000,000 bits among 64-bit ones: it is a subset by itself, or nearly. */
static void one_huge_modulus(void **state)
{
	(void)state;
	struct set s = set_new(60);
	mpz_t p;
	mpz_init(p);
	random_prime(p, 33);
	for (size_t i = 0; i < s.count; i++)
		random_odd(s.n[i], 64);
	random_odd(s.n[31], 1000000);
	mpz_mul(s.n[31], s.n[31], p);
	random_odd(s.n[5], 31);
	mpz_mul(s.n[5], s.n[5], p);
	assert_true(check(&s) >= 2);
	for (size_t i = 0; i < s.count; i += 2)
		random_odd(s.n[i], i % 20 == 0 ? 30000 : 2048);
	(void)check(&s);
	mpz_clear(p);
	set_free(&s);
}

static void long_carries(void **state)
{
	(void)state;
	for (unsigned bits = 64; bits <= 1024; bits *= 4) {
		struct set s = set_new(100);
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

/* Large enough for products by transforms, in the subsets and in their residues. */
static void many_moduli(void **state)
{
	(void)state;
	struct set s = set_new(600);
	for (size_t i = 0; i < s.count; i++)
		random_odd(s.n[i], 2048);
	size_t said = in_folder(&s, 1, 1);
	assert_int_equal(in_folder(&s, 2, 0), said);
	assert_int_equal(in_folder(&s, 5, 1), said);
	set_free(&s);
}

static void no_such_number_of_subsets(void **state)
{
	(void)state;
	char dir[64], path[64];
	struct err e;
	struct set s = set_new(4);
	for (size_t i = 0; i < s.count; i++)
		random_odd(s.n[i], 64);
	struct moduli *m = written(&s, path);
	work_new(dir);
	struct batch_options o = {.threads = 1, .work_dir = dir, .subsets = 5};
	assert_int_equal(batch_gcd(m, &o, NULL, NULL, &e), ERR_USAGE);
	assert_false(is_there(dir, "plan"));
	work_free(dir);
	/* A folder that is not there. */
	o.subsets = 2;
	assert_int_equal(batch_gcd(m, &o, NULL, NULL, &e), ERR_IO);
	assert_non_null(strstr(e.object, dir));
	moduli_close(m);
	assert_int_equal(unlink(path), 0);
	set_free(&s);
}

int main(void)
{
	gmp_randinit_mt(rnd);
	gmp_randseed_ui(rnd, 20260202);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_to_nine_moduli),
		cmocka_unit_test(tiny_moduli),
		cmocka_unit_test(shared_primes_of_every_kind),
		cmocka_unit_test(nothing_but_duplicates),
		cmocka_unit_test(one_huge_modulus),
		cmocka_unit_test(long_carries),
		cmocka_unit_test(many_moduli),
		cmocka_unit_test(no_such_number_of_subsets),
	};
	int failed = RUN_TAP(tests);
	gmp_randclear(rnd);
	return failed;
}
