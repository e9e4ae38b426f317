/*
 * CVE-2017-15361 (Nemec, Sys, Svenda, Klinec, Matyas: The Return of Coppersmith's Attack, 2017,
 * §2): the faulty library made primes p = k*M + (65537^a mod M), where M is a product of the first
 * primes.  So the modulus is a power of 65537 modulo M, which one number in 2^154 is by chance.
 *
 * That is asked exactly, without M: n is 65537^c modulo every one of the primes with one c for all
 * of them.  The logarithms modulo the single primes are tables, made once; that one c fits them all
 * is true when each two agree modulo the gcd of their orders (Chinese remainder theorem).
 */
#include <stdlib.h>

#include "keycheck/check_impl.h"

#define GENERATOR 65537u
/* The least M, that of keys of 512 bits, ends with 167; the others are multiples of it. */
#define LAST_PRIME 167u
#define PRIMES 38u
/* Products of those primes that fit a word of 64 bits. */
#define WORDS 5u

struct roca {
	unsigned prime[PRIMES];
	unsigned order[PRIMES];              /* of 65537 modulo the prime */
	int16_t log[PRIMES][LAST_PRIME + 1]; /* -1: not a power of 65537 */
	unsigned word_of[PRIMES];
	uint64_t word[WORDS];
	unsigned words;
};

static void fill_logs(struct roca *r, unsigned i)
{
	unsigned p = r->prime[i];
	unsigned power = 1;

	for (unsigned v = 0; v <= LAST_PRIME; v++)
		r->log[i][v] = -1;
	do {
		r->log[i][power] = (int16_t)r->order[i];
		r->order[i]++;
		power = power * (GENERATOR % p) % p;
	} while (power != 1);
}

static bool is_odd_prime(unsigned n)
{
	for (unsigned d = 2; d * d <= n; d++) {
		if (n % d == 0)
			return false;
	}
	return true;
}

struct roca *roca_new(void)
{
	struct roca *r = calloc(1, sizeof(*r));
	unsigned n = 0;

	if (r == NULL)
		return NULL;
	r->word[0] = 1;
	for (unsigned p = 3; p <= LAST_PRIME; p += 2) {
		if (!is_odd_prime(p))
			continue;
		if (r->word[r->words] > UINT64_MAX / p)
			r->word[++r->words] = 1;
		r->word[r->words] *= p;
		r->word_of[n] = r->words;
		r->prime[n] = p;
		fill_logs(r, n++);
	}
	r->words++;
	return r;
}

void roca_free(struct roca *r)
{
	free(r);
}

static unsigned gcd_of(unsigned a, unsigned b)
{
	while (b != 0) {
		unsigned t = a % b;
		a = b;
		b = t;
	}
	return a;
}

static bool has_form(const struct roca *r, const mpz_t n)
{
	int log[PRIMES];
	uint64_t rest = 0;

	/* nearly every other number leaves in the first few rounds */
	for (unsigned i = 0; i < PRIMES; i++) {
		if (i == 0 || r->word_of[i] != r->word_of[i - 1])
			rest = mpz_fdiv_ui(n, r->word[r->word_of[i]]);
		log[i] = r->log[i][rest % r->prime[i]];
		if (log[i] < 0)
			return false;
	}
	for (unsigned i = 1; i < PRIMES; i++) {
		for (unsigned j = 0; j < i; j++) {
			unsigned g = gcd_of(r->order[i], r->order[j]);
			if ((unsigned)log[i] % g != (unsigned)log[j] % g)
				return false;
		}
	}
	return true;
}

void check_rsa_roca(struct look *l)
{
	/* below that the primes would be shorter than the M they were made with */
	if (look_wants(l, CHECK_RSA_ROCA) && l->bits >= 480 && has_form(l->c->roca, l->n))
		look_report(l, CHECK_RSA_ROCA,
			"it is a power of 65537 modulo each prime from 3 to 167, with one exponent "
			"for "
			"all");
}
