#include "tests/unit/cmocka_tap.h"

#include <stdlib.h>

#include "tests/unit/keycheck/keys.h"

static gmp_randstate_t state;
static bool seeded;

static void seed(void)
{
	if (!seeded) {
		gmp_randinit_mt(state);
		gmp_randseed_ui(state, 20261124);
		seeded = true;
	}
}

void next_number(mpz_t n, unsigned bits)
{
	seed();
	mpz_urandomb(n, state, bits);
	mpz_setbit(n, bits - 1);
	mpz_setbit(n, 0);
}

void next_prime(mpz_t p, unsigned bits)
{
	next_number(p, bits);
	mpz_setbit(p, bits - 2); /* so that a product of two has twice as many bits */
	mpz_nextprime(p, p);
}

static void take(void *arg, const struct finding *f)
{
	struct said *s = arg;

	/* findings come in the order of the table, each at most once but a form's */
	assert_true(s->n == 0 || f->check >= s->last[s->n - 1].check);
	assert_true(f->why[0] != '\0');
	assert_true(s->n < CHECK_COUNT);
	s->checks |= (uint64_t)1 << f->check;
	s->last[s->n++] = *f;
}

struct said said_of(const struct checker *c, const struct pubkey *k, unsigned bits_min)
{
	struct said s = {0};

	assert_int_equal(checker_key(c, k, bits_min, take, &s, NULL), ERR_OK);
	return s;
}

struct said said_of_rsa(const struct checker *c, const mpz_t n, const mpz_t e, unsigned bits_min)
{
	size_t n_len = 0, e_len = 0;
	uint8_t *n_octets = mpz_export(NULL, &n_len, 1, 1, 1, 0, n);
	uint8_t *e_octets = mpz_export(NULL, &e_len, 1, 1, 1, 0, e);
	struct buf spki = buf_new(PUBKEY_SPKI_MAX);
	struct pubkey k;

	assert_int_equal(pubkey_from_rsa(bytes_of(n_octets, n_len), bytes_of(e_octets, e_len),
				 &spki, &k, NULL),
		ERR_OK);
	struct said s = said_of(c, &k, bits_min);
	buf_free(&spki);
	free(n_octets);
	free(e_octets);
	return s;
}

const char *why_of(const struct said *s, enum check check)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (s->last[i].check == check)
			return s->last[i].why;
	}
	fail_msg("no finding %s", check_name(check));
	return "";
}
