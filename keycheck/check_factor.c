/*
 * Factors that are found by one gcd: with the product of all small primes, and with the product of
 * all published ones.  And what is no product of two primes at all: a prime, a perfect power.
 */
#include <stdio.h>
#include <string.h>

#include "keycheck/check_impl.h"

/* Factors named in a finding; a damaged modulus has a handful. */
#define NAMED_MAX 8u

static bool sieve_is_prime(unsigned n)
{
	if (n % 2 == 0)
		return n == 2;
	for (unsigned d = 3; d * d <= n; d += 2) {
		if (n % d == 0)
			return false;
	}
	return n > 1;
}

/* By halves, so that the numbers multiplied are of one size. */
static void product_between(mpz_t out, unsigned from, unsigned to)
{
	mpz_set_ui(out, 1);
	if (to - from <= 64) {
		for (unsigned n = from; n < to; n++) {
			if (sieve_is_prime(n))
				mpz_mul_ui(out, out, n);
		}
		return;
	}
	mpz_t high;
	mpz_init(high);
	product_between(out, from, from + (to - from) / 2);
	product_between(high, from + (to - from) / 2, to);
	mpz_mul(out, out, high);
	mpz_clear(high);
}

void primes_product(mpz_t out, unsigned limit)
{
	product_between(out, 3, limit);
}

/* gcd(n, product); the product is far longer than n, or far shorter. */
static void common_with(mpz_t g, const mpz_t n, const mpz_t product)
{
	mpz_tdiv_r(g, product, n);
	mpz_gcd(g, g, n);
}

/* The primes below the limit that divide g, as text. */
static void name_factors(const mpz_t g, char *out, size_t size)
{
	size_t len = 0;
	unsigned named = 0;
	mpz_t left;

	mpz_init_set(left, g);
	for (unsigned p = 3; p < SMALL_FACTOR_LIMIT && mpz_cmp_ui(left, 1) > 0; p += 2) {
		if (!mpz_divisible_ui_p(left, p))
			continue;
		mpz_divexact_ui(left, left, p);
		if (named++ < NAMED_MAX && len < size)
			len += (size_t)snprintf(
				out + len, size - len, "%s%u", named > 1 ? ", " : "", p);
	}
	if (named > NAMED_MAX && len < size)
		snprintf(out + len, size - len, " and %u more", named - NAMED_MAX);
	mpz_clear(left);
}

void check_rsa_small_factor(struct look *l)
{
	mpz_t g;

	if (!look_wants(l, CHECK_RSA_SMALL_FACTOR))
		return;
	mpz_init(g);
	if (mpz_cmp(l->c->small_primes, l->n) > 0)
		common_with(g, l->n, l->c->small_primes);
	else
		common_with(g, l->c->small_primes, l->n);
	/* a modulus that is itself a small prime is the next check's */
	bool itself = mpz_cmp(g, l->n) == 0 && mpz_probab_prime_p(g, 25) > 0;
	if (mpz_cmp_ui(g, 1) > 0 && !itself) {
		char names[128] = "";
		name_factors(g, names, sizeof(names));
		look_report(l, CHECK_RSA_SMALL_FACTOR, "it is divisible by %s", names);
		l->factored = true;
	}
	mpz_clear(g);
}

void check_rsa_prime(struct look *l)
{
	/* Composite numbers leave after one exponentiation; 25 rounds are GMP's own advice. */
	if (!look_wants(l, CHECK_RSA_PRIME) || l->factored || l->bits > RSA_BITS_USUAL_MAX)
		return;
	if (mpz_probab_prime_p(l->n, 25) > 0) {
		look_report(l, CHECK_RSA_PRIME, "a prime of %zu bits", l->bits);
		l->factored = true;
	}
}

void check_rsa_power(struct look *l)
{
	if (!look_wants(l, CHECK_RSA_POWER) || l->bits < 2 || !mpz_perfect_power_p(l->n))
		return;
	mpz_t root;
	mpz_init(root);
	for (unsigned long k = 2; k <= l->bits; k++) {
		if (!mpz_root(root, l->n, k))
			continue;
		look_report(l, CHECK_RSA_POWER, "the power %lu of a number of %zu bits", k,
			mpz_sizeinbase(root, 2));
		l->factored = true;
		break;
	}
	mpz_clear(root);
}

/* The first published prime that divides n; 0-based, or `n` of them when none does alone. */
static size_t which_prime(const struct bytes *primes, size_t n, const mpz_t modulus)
{
	mpz_t p;
	size_t at = n;

	mpz_init(p);
	for (size_t i = 0; i < n && at == n; i++) {
		mpz_import(p, primes[i].len, 1, 1, 1, 0, primes[i].p);
		if (mpz_divisible_p(modulus, p))
			at = i;
	}
	mpz_clear(p);
	return at;
}

void check_known_prime(struct look *l)
{
	mpz_t g;

	if (l->c->lists == NULL || mpz_cmp_ui(l->c->known_primes, 1) == 0)
		return;
	mpz_init(g);
	common_with(g, l->n, l->c->known_primes);
	if (mpz_cmp_ui(g, 1) > 0) {
		size_t n = 0;
		const struct bytes *primes = lists_primes(l->c->lists, &n);
		size_t at = which_prime(primes, n, l->n);
		look_report(l, CHECK_KNOWN_PRIME, "published by %s",
			at < n ? lists_prime_source(l->c->lists, at) : "a list");
		l->factored = true;
	}
	mpz_clear(g);
}
