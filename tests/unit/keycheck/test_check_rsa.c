#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crypto/der.h"
#include "tests/unit/keycheck/keys.h"

/* Primes of keys of 1024 bits: the checks know no size, and the tests are done sooner. */
#define PRIME_BITS 512
#define BITS 1024

static struct checker *checker;

struct numbers {
	mpz_t p, q, n, e, d, t, phi;
};

static void start(struct numbers *v)
{
	mpz_inits(v->p, v->q, v->n, v->e, v->d, v->t, v->phi, NULL);
	mpz_set_ui(v->e, 65537);
}

static void end(struct numbers *v)
{
	mpz_clears(v->p, v->q, v->n, v->e, v->d, v->t, v->phi, NULL);
}

static struct said ask(struct numbers *v)
{
	return said_of_rsa(checker, v->n, v->e, BITS);
}

static void product(struct numbers *v)
{
	mpz_mul(v->n, v->p, v->q);
}

static void honest_keys_have_no_finding(void **state)
{
	(void)state;
	enum { POOL = 40 };
	struct numbers v;
	mpz_t pool[POOL];
	unsigned asked = 0;

	start(&v);
	for (int i = 0; i < POOL; i++) {
		mpz_init(pool[i]);
		next_prime(pool[i], PRIME_BITS);
	}
	for (int i = 0; i < POOL; i++) {
		for (int j = 0; j < i; j++) {
			mpz_mul(v.n, pool[i], pool[j]);
			assert_int_equal(ask(&v).n, 0);
			asked++;
		}
	}
	assert_int_equal(asked, POOL * (POOL - 1) / 2);
	next_prime(v.p, 1024);
	next_prime(v.q, 1024);
	product(&v);
	assert_int_equal(said_of_rsa(checker, v.n, v.e, 0).n, 0);
	for (int i = 0; i < POOL; i++)
		mpz_clear(pool[i]);
	end(&v);
}

static void numbers_that_are_no_key(void **state)
{
	(void)state;
	struct numbers v;
	static const struct {
		unsigned long n;
		uint64_t want;
	} small[] = {
		{0, SAID(RSA_FORM)}, {1, SAID(RSA_FORM)}, {2, SAID(RSA_FORM)}, {3, SAID(RSA_PRIME)},
		{4, SAID(RSA_FORM)}, {9, SAID(RSA_SMALL_FACTOR) | SAID(RSA_POWER)},
		{15, SAID(RSA_SMALL_FACTOR)}, {65521, SAID(RSA_PRIME)}, {65537, SAID(RSA_PRIME)},
		{4295098369, SAID(RSA_POWER)}, /* 65537^2 */
	};

	start(&v);
	mpz_set_ui(v.e, 0);
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		mpz_set_ui(v.n, small[i].n);
		assert_int_equal(ask(&v).checks, small[i].want | SAID(RSA_SIZE));
	}
	next_number(v.n, BITS);
	mpz_clrbit(v.n, 0);
	assert_int_equal(ask(&v).checks, SAID(RSA_FORM));
	end(&v);
}

static void exponents(void **state)
{
	(void)state;
	struct numbers v;

	start(&v);
	next_prime(v.p, PRIME_BITS);
	next_prime(v.q, PRIME_BITS);
	product(&v);
	mpz_set_ui(v.e, 1);
	assert_int_equal(ask(&v).checks, SAID(RSA_FORM));
	mpz_set_ui(v.e, 65536);
	assert_int_equal(ask(&v).checks, SAID(RSA_FORM));
	mpz_set_ui(v.e, 3);
	assert_int_equal(ask(&v).checks, SAID(RSA_EXPONENT));
	mpz_set_ui(v.e, 65539);
	assert_int_equal(ask(&v).n, 0);
	mpz_set_ui(v.e, 0); /* a format that has none */
	assert_int_equal(ask(&v).n, 0);
	mpz_setbit(v.e, 255);
	mpz_setbit(v.e, 0);
	assert_int_equal(ask(&v).n, 0);
	mpz_setbit(v.e, 256);
	assert_int_equal(ask(&v).checks, SAID(RSA_EXPONENT));
	mpz_add_ui(v.e, v.n, 2);
	assert_int_equal(ask(&v).checks, SAID(RSA_EXPONENT));
	end(&v);
}

static void sizes(void **state)
{
	(void)state;
	struct numbers v;

	start(&v);
	next_prime(v.p, PRIME_BITS);
	next_prime(v.q, PRIME_BITS);
	product(&v);
	assert_int_equal(said_of_rsa(checker, v.n, v.e, 0).checks, SAID(RSA_SIZE));
	assert_int_equal(said_of_rsa(checker, v.n, v.e, 1025).checks, SAID(RSA_SIZE));
	assert_int_equal(said_of_rsa(checker, v.n, v.e, 1024).n, 0);
	end(&v);
}

static void small_factors(void **state)
{
	(void)state;
	static const unsigned factors[] = {3, 5, 7, 251, 257, 32749, 65519, 65521};
	struct numbers v;

	start(&v);
	for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
		next_prime(v.p, BITS);
		mpz_mul_ui(v.n, v.p, factors[i]);
		struct said s = ask(&v);
		char want[64];
		snprintf(want, sizeof(want), "it is divisible by %u", factors[i]);
		assert_int_equal(s.checks, SAID(RSA_SMALL_FACTOR));
		assert_string_equal(why_of(&s, CHECK_RSA_SMALL_FACTOR), want);
	}
	next_prime(v.p, BITS);
	mpz_mul_ui(v.n, v.p, 65537); /* the first prime above the limit */
	assert_int_equal(ask(&v).n, 0);
	end(&v);
}

static void a_prime_as_modulus(void **state)
{
	(void)state;
	struct numbers v;
	struct checker *quick;

	start(&v);
	next_prime(v.n, BITS);
	assert_int_equal(ask(&v).checks, SAID(RSA_PRIME));
	assert_int_equal(checker_new(NULL, &quick, NULL), ERR_OK);
	checker_leave_out(quick, CHECK_RSA_PRIME);
	assert_int_equal(said_of_rsa(quick, v.n, v.e, BITS).n, 0);
	checker_free(quick);
	end(&v);
}

/* The zero octet that keeps an INTEGER positive is missing. */
static void negative_numbers(void **state)
{
	(void)state;
	struct pubkey k;
	/* 0xc5 and -59 are one octet; the exponent is 3, and then -3 */
	struct bytes modulus = DER_LITERAL("\x30\x1a\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01"
		"\x01\x01\x05\x00\x03\x09\x00\x30\x06\x02\x01\xc5\x02\x01\x03");
	struct bytes exponent = DER_LITERAL("\x30\x1b\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01"
		"\x01\x01\x05\x00\x03\x0a\x00\x30\x07\x02\x02\x00\xc5\x02\x01\xfd");
	struct bytes good = DER_LITERAL("\x30\x1b\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01"
		"\x01\x01\x05\x00\x03\x0a\x00\x30\x07\x02\x02\x00\xc5\x02\x01\x03");
	assert_int_equal(pubkey_parse(modulus, &k, NULL), ERR_OK);
	struct said s = said_of(checker, &k, BITS);
	assert_non_null(strstr(why_of(&s, CHECK_RSA_NEGATIVE), "modulus"));
	assert_int_equal(pubkey_parse(exponent, &k, NULL), ERR_OK);
	s = said_of(checker, &k, BITS);
	assert_non_null(strstr(why_of(&s, CHECK_RSA_NEGATIVE), "exponent"));
	assert_int_equal(pubkey_parse(good, &k, NULL), ERR_OK);
	assert_int_equal(said_of(checker, &k, BITS).checks & SAID(RSA_NEGATIVE), 0);
}

/* 2^2053 - 1 is composite, without a factor that other checks find; 2 to the n - 1 is 1. */
static void a_pseudoprime_is_no_prime(void **state)
{
	(void)state;
	struct numbers v;

	start(&v);
	mpz_setbit(v.n, 2053);
	mpz_sub_ui(v.n, v.n, 1);
	assert_int_equal(ask(&v).checks & (SAID(RSA_PRIME) | SAID(RSA_SMALL_FACTOR)), 0);
	mpz_set_ui(v.n, 0);
	mpz_setbit(v.n, 2203); /* and this one is prime */
	mpz_sub_ui(v.n, v.n, 1);
	assert_int_equal(ask(&v).checks & SAID(RSA_PRIME), SAID(RSA_PRIME));
	end(&v);
}

static void perfect_powers(void **state)
{
	(void)state;
	struct numbers v;

	start(&v);
	for (unsigned k = 2; k <= 11; k++) {
		next_prime(v.p, 1100 / k + 1);
		mpz_pow_ui(v.n, v.p, k);
		assert_int_equal(ask(&v).checks, SAID(RSA_POWER));
	}
	/* p^2 * q is none */
	next_prime(v.p, 400);
	next_prime(v.q, 400);
	mpz_mul(v.n, v.p, v.p);
	mpz_mul(v.n, v.n, v.q);
	assert_int_equal(ask(&v).n, 0);
	end(&v);
}

static void primes_that_are_close(void **state)
{
	(void)state;
	struct numbers v;

	start(&v);
	next_prime(v.p, PRIME_BITS);
	mpz_nextprime(v.q, v.p);
	product(&v);
	assert_int_equal(ask(&v).checks, SAID(RSA_CLOSE_PRIMES));
	/* a difference of 2^k is found in 2^(2k) / 8 sqrt(n) steps: 2^260 in some 32, 2^270 never
	 */
	mpz_set_ui(v.t, 0);
	mpz_setbit(v.t, 260);
	mpz_add(v.q, v.p, v.t);
	mpz_nextprime(v.q, v.q);
	product(&v);
	assert_int_equal(ask(&v).checks, SAID(RSA_CLOSE_PRIMES));
	mpz_mul_2exp(v.t, v.t, 10);
	mpz_add(v.q, v.p, v.t);
	mpz_nextprime(v.q, v.q);
	product(&v);
	assert_int_equal(ask(&v).n, 0);
	end(&v);
}

static void primes_in_a_ratio(void **state)
{
	(void)state;
	static const unsigned ratio[][2] = {
		{2, 1}, {3, 1}, {3, 2}, {4, 1}, {5, 3}, {8, 1}, {7, 4}, {6, 5}, {31, 1}, {32, 1}};
	struct numbers v;

	start(&v);
	for (size_t i = 0; i < sizeof(ratio) / sizeof(ratio[0]); i++) {
		next_prime(v.p, PRIME_BITS + 8);
		mpz_mul_ui(v.q, v.p, ratio[i][0]);
		mpz_tdiv_q_ui(v.q, v.q, ratio[i][1]);
		mpz_nextprime(v.q, v.q);
		product(&v);
		assert_int_equal(ask(&v).checks, SAID(RSA_CLOSE_PRIMES));
	}
	next_prime(v.p, PRIME_BITS + 8);
	mpz_mul_ui(v.q, v.p, 37); /* above the bound that is promised */
	mpz_nextprime(v.q, v.q);
	product(&v);
	assert_int_equal(ask(&v).n, 0);
	end(&v);
}

/* e of a d of that many bits; `lcm`: modulo lcm(p-1, q-1) and not their product. */
static void exponent_of_d(struct numbers *v, unsigned bits, bool lcm)
{
	do {
		next_prime(v->p, PRIME_BITS);
		next_prime(v->q, PRIME_BITS);
		product(v);
		mpz_sub_ui(v->p, v->p, 1);
		mpz_sub_ui(v->q, v->q, 1);
		if (lcm)
			mpz_lcm(v->phi, v->p, v->q);
		else
			mpz_mul(v->phi, v->p, v->q);
		next_number(v->d, bits);
	} while (mpz_invert(v->e, v->d, v->phi) == 0);
}

static void small_private_exponents(void **state)
{
	(void)state;
	struct numbers v;

	start(&v);
	for (unsigned bits = 2; bits <= 250; bits += 31) {
		for (int lcm = 0; lcm < 2; lcm++) {
			exponent_of_d(&v, bits, lcm);
			struct said s = ask(&v);
			assert_true(s.checks & SAID(RSA_SMALL_D));
			assert_int_equal(s.checks & ~(SAID(RSA_SMALL_D) | SAID(RSA_EXPONENT)), 0);
		}
	}
	for (unsigned bits = 300; bits <= 900; bits += 150) {
		exponent_of_d(&v, bits, false);
		assert_int_equal(ask(&v).checks, SAID(RSA_EXPONENT));
	}
	end(&v);
}

/* Primes as the faulty library made them: k * M + (65537^a mod M). */
static void roca_prime(struct numbers *v, mpz_t out)
{
	mpz_t m, a;

	mpz_inits(m, a, NULL);
	mpz_primorial_ui(m, 167);
	do {
		next_number(a, 62);
		mpz_set_ui(out, 65537);
		mpz_powm(out, out, a, m);
		next_number(v->t, PRIME_BITS - 219);
		mpz_addmul(out, v->t, m);
	} while (mpz_probab_prime_p(out, 25) == 0);
	mpz_clears(m, a, NULL);
}

static void roca(void **state)
{
	(void)state;
	struct numbers v;

	start(&v);
	for (int i = 0; i < 5; i++) {
		roca_prime(&v, v.p);
		roca_prime(&v, v.q);
		product(&v);
		assert_int_equal(said_of_rsa(checker, v.n, v.e, 512).checks, SAID(RSA_ROCA));
		next_prime(v.q, PRIME_BITS); /* half of it is not it */
		product(&v);
		assert_int_equal(said_of_rsa(checker, v.n, v.e, 512).n, 0);
	}
	end(&v);
}

/* Each residue is a power of 65537, but not with one exponent for all: a mask alone would say yes.
 */
static void roca_needs_one_exponent(void **state)
{
	(void)state;
	struct numbers v;
	unsigned long c = 1;

	start(&v);
	mpz_set_ui(v.n, 1);
	mpz_set_ui(v.t, 2);
	for (unsigned long p = 3; p <= 167; p += 2) {
		mpz_set_ui(v.p, p);
		if (mpz_probab_prime_p(v.p, 25) == 0)
			continue;
		/* n = 65537^c (mod p), with another c each time */
		mpz_set_ui(v.q, 65537);
		mpz_powm_ui(v.q, v.q, c++, v.p);
		while (mpz_fdiv_ui(v.n, p) != mpz_get_ui(v.q))
			mpz_add(v.n, v.n, v.t);
		mpz_mul_ui(v.t, v.t, p);
	}
	next_number(v.d, 800);
	mpz_addmul(v.n, v.d, v.t);
	assert_false(said_of_rsa(checker, v.n, v.e, 512).checks & SAID(RSA_ROCA));
	end(&v);
}

/* A number of 2048 bits that begins and ends at random and has `fill` written over its middle. */
static struct said patterned(struct numbers *v, const uint8_t *fill, size_t n, size_t at)
{
	uint8_t octets[256];

	next_number(v->n, 2048);
	mpz_export(octets, NULL, 1, 1, 1, 0, v->n);
	memcpy(octets + at, fill, n);
	mpz_import(v->n, sizeof(octets), 1, 1, 1, 0, octets);
	return said_of_rsa(checker, v->n, v->e, 0);
}

static void patterns(void **state)
{
	(void)state;
	struct numbers v;
	uint8_t fill[255];

	start(&v);
	memset(fill, 0, sizeof(fill));
	assert_true(patterned(&v, fill, 11, 100).checks & SAID(RSA_PATTERN));
	assert_false(patterned(&v, fill, 4, 100).checks & SAID(RSA_PATTERN));
	memset(fill, 0xff, sizeof(fill));
	assert_true(patterned(&v, fill, 200, 20).checks & SAID(RSA_PATTERN));
	for (size_t i = 0; i < sizeof(fill); i++)
		fill[i] = (uint8_t)(0x5a + i % 16 * 7);
	assert_true(patterned(&v, fill, 32, 100).checks & SAID(RSA_PATTERN));
	assert_false(patterned(&v, fill, 16, 100).checks & SAID(RSA_PATTERN));
	end(&v);
}

/* Primes whose words have their upper halves empty: no octets repeat, but the product is thin. */
static void thin_and_periodic_moduli(void **state)
{
	(void)state;
	struct numbers v;

	start(&v);
	for (int word = 0; word < 8; word++) {
		next_number(v.t, 16);
		mpz_mul_2exp(v.p, v.p, 64);
		mpz_add(v.p, v.p, v.t);
		next_number(v.t, 16);
		mpz_mul_2exp(v.q, v.q, 64);
		mpz_add(v.q, v.q, v.t);
	}
	product(&v);
	struct said s = said_of_rsa(checker, v.n, v.e, 512);
	assert_true(s.checks & SAID(RSA_PATTERN));
	/* a period of 37 bits with one bit in eight turned */
	do
		next_number(v.t, 37);
	while (mpz_popcount(v.t) != 18); /* as many ones as zeros, nearly */
	mpz_set_ui(v.n, 0);
	for (int i = 0; i < 2048 / 37; i++) {
		mpz_mul_2exp(v.n, v.n, 37);
		mpz_add(v.n, v.n, v.t);
	}
	for (unsigned i = 0; i < 2000; i += 8) {
		next_number(v.d, 16);
		mpz_combit(v.n, i + (mpz_get_ui(v.d) >> 8) % 8);
	}
	mpz_setbit(v.n, 0);
	s = said_of_rsa(checker, v.n, v.e, 512);
	assert_true(s.checks & SAID(RSA_PATTERN));
	assert_non_null(strstr(why_of(&s, CHECK_RSA_PATTERN), "repeats after"));
	end(&v);
}

static void a_million_bits_are_done_in_time(void **state)
{
	(void)state;
	struct numbers v;
	struct timespec a, b;

	start(&v);
	next_number(v.n, PUBKEY_BITS_MAX);
	next_number(v.e, PUBKEY_BITS_MAX - 1);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	struct said s = ask(&v);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	assert_true(s.checks & SAID(RSA_SIZE));
	assert_non_null(strstr(why_of(&s, CHECK_RSA_SIZE), "not tried"));
	assert_true(b.tv_sec - a.tv_sec < 30); /* with sanitizers, on a busy machine */
	end(&v);
}

static int make_checker(void **state)
{
	(void)state;
	return checker_new(NULL, &checker, NULL) == ERR_OK ? 0 : -1;
}

static int free_checker(void **state)
{
	(void)state;
	checker_free(checker);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_keys_have_no_finding),
		cmocka_unit_test(numbers_that_are_no_key),
		cmocka_unit_test(exponents),
		cmocka_unit_test(sizes),
		cmocka_unit_test(small_factors),
		cmocka_unit_test(a_prime_as_modulus),
		cmocka_unit_test(negative_numbers),
		cmocka_unit_test(a_pseudoprime_is_no_prime),
		cmocka_unit_test(perfect_powers),
		cmocka_unit_test(primes_that_are_close),
		cmocka_unit_test(primes_in_a_ratio),
		cmocka_unit_test(small_private_exponents),
		cmocka_unit_test(roca),
		cmocka_unit_test(roca_needs_one_exponent),
		cmocka_unit_test(patterns),
		cmocka_unit_test(thin_and_periodic_moduli),
		cmocka_unit_test(a_million_bits_are_done_in_time),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_checker, free_checker);
}
