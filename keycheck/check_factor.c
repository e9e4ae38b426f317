/*
 * Factors that are found by one gcd: with the product of all small primes, and with the product of
 * all published ones.  And what is no product of two primes at all: a prime, a perfect power.
 */
#include <stdio.h>

#include "bigint/fermat.h"
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

void primes_start(struct primes *p)
{
	for (int i = 0; i < PRIME_PARTS; i++)
		mpz_init_set_ui(p->part[i], 1);
}

void primes_end(struct primes *p)
{
	for (int i = 0; i < PRIME_PARTS; i++)
		mpz_clear(p->part[i]);
}

void primes_small(struct primes *p, unsigned limit)
{
	for (unsigned i = 0; i < PRIME_PARTS; i++)
		product_between(p->part[i], i == 0 ? 3 : i * (limit / PRIME_PARTS),
			i + 1 == PRIME_PARTS ? limit : (i + 1) * (limit / PRIME_PARTS));
}

void primes_add(struct primes *p, size_t i, struct bytes prime)
{
	mpz_t v;

	mpz_init(v);
	mpz_import(v, prime.len, 1, 1, 1, 0, prime.p);
	mpz_mul(p->part[i % PRIME_PARTS], p->part[i % PRIME_PARTS], v);
	mpz_clear(v);
}

void primes_ready(struct primes *p)
{
	_Static_assert(sizeof(mp_limb_t) == sizeof(uint64_t), "limbs of 64 bits");
	for (int i = 0; i < PRIME_PARTS; i++)
		p->limbs[i] = (struct limbs){mpz_limbs_read(p->part[i]), mpz_size(p->part[i])};
}

void primes_common(const struct primes *p, const mpz_t n, mpz_t g)
{
	mpz_t product, part;

	mpz_init_set_ui(product, 1);
	mpz_init(part);
	for (int i = 0; i < PRIME_PARTS; i++) {
		mpz_mod(part, p->part[i], n);
		mpz_mul(product, product, part);
		mpz_mod(product, product, n);
	}
	mpz_gcd(g, product, n);
	mpz_clears(product, part, NULL);
}

/* All primes at once: nearly every key shares none, and that is known after one reduction. */
enum err_code check_rsa_common(struct look *l, struct err *e)
{
	struct residue *r;

	/* longer ones are few: the two checks look for themselves */
	l->shares = l->bits > RESIDUE_BITS_MAX;
	if (l->shares)
		return ERR_OK;
	enum err_code rc = residue_new(l->k->modulus, RESIDUE_BEST, &r, e);
	if (rc != ERR_OK)
		return rc;
	residue_start(r);
	residue_take(r, l->c->small_primes.limbs, PRIME_PARTS);
	if (l->c->lists != NULL)
		residue_take(r, l->c->known_primes.limbs, PRIME_PARTS);
	rc = residue_shares(r, &l->shares, NULL, e);
	residue_free(r);
	return rc;
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

	if (!look_wants(l, CHECK_RSA_SMALL_FACTOR) || !l->shares)
		return;
	mpz_init(g);
	primes_common(&l->c->small_primes, l->n, g);
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

/*
 * Nearly every modulus is composite, and one power of 2 proves it.  GMP's test begins with the same
 * power; ours is faster where the processor allows, and where it proves nothing the whole test is
 * made.  25 rounds are GMP's own advice.
 */
static bool is_prime(const mpz_t n)
{
	mpz_t power;

	mpz_init(power);
	bool composite = mpz_cmp_ui(n, 1) <= 0 ||
			 (fermat_power(power, n) && mpz_cmp_ui(power, 1) != 0);
	mpz_clear(power);
	return !composite && mpz_probab_prime_p(n, 25) > 0;
}

void check_rsa_prime(struct look *l)
{
	if (!look_wants(l, CHECK_RSA_PRIME) || l->factored || l->bits > RSA_BITS_USUAL_MAX)
		return;
	if (is_prime(l->n)) {
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

	if (l->c->lists == NULL || !l->shares)
		return;
	mpz_init(g);
	primes_common(&l->c->known_primes, l->n, g);
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
