#include "tools/debian-weak/keygen.h"

#include <stdlib.h>

#include <gmp.h>

#include "tools/debian-weak/fermat.h"

#define PRIME_OCTETS_MAX (KEYGEN_BITS_MAX / 2 / 8)
/* The table of primes that 0.9.8 sieves with: the first 2048, of which 2 is not used. */
#define PRIMES 2048
#define PRIME_LAST 17863
/* Products of them that fit 64 bits: one long division finds the rests of several. */
#define GROUPS_MAX PRIMES

struct group {
	uint64_t product;
	unsigned from, to;
};

/* Of a number that may be prime. */
struct candidate {
	mpz_t base;        /* the first one that Miller and Rabin's test uses */
	struct pool after; /* the pool when number and base are drawn */
};

struct keygen {
	uint32_t primes[PRIMES];
	struct group groups[GROUPS_MAX];
	unsigned groups_n;
	mpz_t n[FERMAT_LANES];
	struct candidate c[FERMAT_LANES];
	mpz_t less_1, odd, power;
	mpz_t p, q, modulus;
};

static void make_primes(struct keygen *k)
{
	unsigned n = 0;

	for (uint32_t v = 2; n < PRIMES; v++) {
		unsigned i = 0;
		while (i < n && k->primes[i] * k->primes[i] <= v && v % k->primes[i] != 0)
			i++;
		if (i == n || k->primes[i] * k->primes[i] > v)
			k->primes[n++] = v;
	}
	if (k->primes[PRIMES - 1] != PRIME_LAST)
		abort();
	for (unsigned i = 1; i < PRIMES;) {
		struct group *g = &k->groups[k->groups_n++];
		*g = (struct group){1, i, i};
		while (i < PRIMES && g->product <= UINT64_MAX / k->primes[i])
			g->product *= k->primes[i++];
		g->to = i;
	}
}

/* BN_rand with two bits set at the top, so that a product of two has full length, and odd. */
static void draw_odd(struct pool *pool, unsigned bits, uint8_t *out)
{
	unsigned octets = (bits + 7) / 8, top = (bits - 1) % 8;

	pool_draw(pool, out, octets);
	if (top == 0) {
		out[0] = 1;
		out[1] |= 0x80;
	} else {
		out[0] = (uint8_t)(out[0] | 3u << (top - 1));
	}
	out[0] = (uint8_t)(out[0] & (0xffu >> (7 - top)));
	out[octets - 1] |= 1;
}

static void small_rests(const struct keygen *k, const mpz_t n, uint32_t *rests)
{
	for (unsigned g = 0; g < k->groups_n; g++) {
		uint64_t rest = mpz_fdiv_ui(n, k->groups[g].product);
		for (unsigned i = k->groups[g].from; i < k->groups[g].to; i++)
			rests[i] = (uint32_t)(rest % k->primes[i]);
	}
}

/*
 * The first number from the drawn one on, in steps of 2, that no small prime divides and whose
 * predecessor none divides either.  That second wish is an oversight of 0.9.8 (it was meant for
 * safe primes) and is how its keys are recognised.
 */
static unsigned first_unsieved(const struct keygen *k, const uint32_t *rests)
{
	for (unsigned delta = 0;; delta += 2) {
		unsigned i = 1;
		while (i < PRIMES && (rests[i] + delta) % k->primes[i] > 1)
			i++;
		if (i == PRIMES)
			return delta;
	}
}

/* BN_pseudo_rand_range: 1 <= base < n.  The range begins with two 1 bits: draw until it is met. */
static void draw_base(struct pool *pool, const mpz_t n, mpz_t base)
{
	uint8_t v[PRIME_OCTETS_MAX + 1];
	unsigned bits = (unsigned)mpz_sizeinbase(n, 2), octets = (bits + 7) / 8;

	do {
		pool_draw(pool, v, octets);
		v[0] = (uint8_t)(v[0] & (0xffu >> (7 - (bits - 1) % 8)));
		mpz_import(base, octets, 1, 1, 1, 0, v);
		mpz_add_ui(base, base, 1);
	} while (mpz_cmp(base, n) >= 0);
}

static void draw_candidate(
	const struct keygen *k, struct pool *pool, unsigned bits, mpz_t n, mpz_t base)
{
	uint8_t v[PRIME_OCTETS_MAX + 1];
	uint32_t rests[PRIMES];
	unsigned octets = (bits + 7) / 8;

	draw_odd(pool, bits, v);
	mpz_import(n, octets, 1, 1, 1, 0, v);
	small_rests(k, n, rests);
	mpz_add_ui(n, n, first_unsieved(k, rests));
	draw_base(pool, n, base);
}

/* Miller and Rabin: does the base leave it open that n is prime? */
static bool passes(struct keygen *k, const mpz_t n, const mpz_t base)
{
	mpz_sub_ui(k->less_1, n, 1);
	mp_bitcnt_t twos = mpz_scan1(k->less_1, 0);
	mpz_fdiv_q_2exp(k->odd, k->less_1, twos);
	mpz_powm(k->power, base, k->odd, n);
	bool pass = mpz_cmp_ui(k->power, 1) == 0 || mpz_cmp(k->power, k->less_1) == 0;
	for (mp_bitcnt_t i = 1; i < twos && !pass; i++) {
		mpz_powm_ui(k->power, k->power, 2, n);
		pass = mpz_cmp(k->power, k->less_1) == 0;
	}
	return pass;
}

/* BN_prime_checks_for_size. */
static int rounds_for(unsigned bits)
{
	static const struct {
		unsigned bits;
		int rounds;
	} table[] = {
		{1300, 2}, {850, 3}, {650, 4}, {550, 5}, {450, 6}, {400, 7}, {350, 8}, {300, 9}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (bits >= table[i].bits)
			return table[i].rounds;
	return 12; /* down to 250 bits; KEYGEN_BITS_MIN halved is 256 */
}

/* All rounds; each but the first, whose base is drawn, takes one from the pool. */
static bool all_pass(struct keygen *k, struct pool *pool, unsigned bits, const mpz_t n, mpz_t base)
{
	bool pass = passes(k, n, base);

	for (int i = 1; i < rounds_for(bits) && pass; i++) {
		draw_base(pool, n, base);
		pass = passes(k, n, base);
	}
	return pass;
}

/*
 * BN_generate_prime_ex.  Nearly all candidates fall in the first round, and that they do changes
 * nothing in the pool.  So eight are drawn ahead and looked at together; at the first that may be
 * prime the pool goes back to where it stood behind it.
 */
static void draw_prime(struct keygen *k, struct pool *pool, unsigned bits, mpz_t out)
{
	for (;;) {
		for (unsigned i = 0; i < FERMAT_LANES; i++) {
			draw_candidate(k, pool, bits, k->n[i], k->c[i].base);
			k->c[i].after = *pool;
		}
		unsigned i = fermat_first(k->n, bits);
		if (i == FERMAT_LANES)
			continue;
		*pool = k->c[i].after;
		if (all_pass(k, pool, bits, k->n[i], k->c[i].base)) {
			mpz_set(out, k->n[i]);
			return;
		}
	}
}

/* A prime with e coprime to its predecessor. */
static void draw_rsa_prime(
	struct keygen *k, struct pool *pool, unsigned bits, unsigned long e, mpz_t out)
{
	do {
		draw_prime(k, pool, bits, out);
		mpz_sub_ui(k->less_1, out, 1);
	} while (mpz_gcd_ui(NULL, k->less_1, e) != 1);
}

enum err_code keygen_modulus(struct keygen *k, enum weak_arch arch, enum weak_program program,
	unsigned bits, uint32_t pid, uint8_t *modulus, struct err *e)
{
	struct pool pool;

	if (bits < KEYGEN_BITS_MIN || bits > KEYGEN_BITS_MAX || bits % 8 != 0)
		return err_set(e, ERR_USAGE, "bits", "%u: from %d to %d, in steps of 8", bits,
			KEYGEN_BITS_MIN, KEYGEN_BITS_MAX);
	enum err_code rc = pool_new(&pool, arch, program, pid, e);
	if (rc != ERR_OK)
		return rc;
	/* openssl's other exponent, 3, gives the same key: the sieve keeps 3 out of p - 1 */
	unsigned long exponent = program == WEAK_SSH_KEYGEN ? 35 : 65537;
	draw_rsa_prime(k, &pool, bits - bits / 2, exponent, k->p);
	do
		draw_rsa_prime(k, &pool, bits / 2, exponent, k->q);
	while (mpz_cmp(k->p, k->q) == 0);
	pool_free(&pool);
	mpz_mul(k->modulus, k->p, k->q);
	if (mpz_sizeinbase(k->modulus, 2) != bits)
		return err_set(e, ERR_INTERNAL, "modulus", "it has not the length that was asked");
	mpz_export(modulus, NULL, 1, 1, 1, 0, k->modulus);
	return ERR_OK;
}

enum err_code keygen_new(struct keygen **out, struct err *e)
{
	struct keygen *k = calloc(1, sizeof(*k));
	if (k == NULL)
		return err_set(e, ERR_NO_MEMORY, "key generator", NULL);
	for (unsigned i = 0; i < FERMAT_LANES; i++)
		mpz_inits(k->n[i], k->c[i].base, NULL);
	mpz_inits(k->less_1, k->odd, k->power, k->p, k->q, k->modulus, NULL);
	make_primes(k);
	*out = k;
	return ERR_OK;
}

void keygen_free(struct keygen *k)
{
	if (k == NULL)
		return;
	for (unsigned i = 0; i < FERMAT_LANES; i++)
		mpz_clears(k->n[i], k->c[i].base, NULL);
	mpz_clears(k->less_1, k->odd, k->power, k->p, k->q, k->modulus, NULL);
	free(k);
}
