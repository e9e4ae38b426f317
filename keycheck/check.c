#include "keycheck/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "keycheck/check_impl.h"

/* Below this, by NIST SP 800-131A, no RSA key may sign. */
#define RSA_BITS_MIN 2048u

void look_report(const struct look *l, enum check check, const char *fmt, ...)
{
	struct finding f = {.check = check};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f.why, sizeof(f.why), fmt, ap);
	va_end(ap);
	l->each(l->arg, &f);
}

static void multiply_known(struct checker *c)
{
	size_t n = 0;
	const struct bytes *primes = c->lists != NULL ? lists_primes(c->lists, &n) : NULL;
	mpz_t p;

	mpz_init(p);
	for (size_t i = 0; i < n; i++) {
		mpz_import(p, primes[i].len, 1, 1, 1, 0, primes[i].p);
		mpz_mul(c->known_primes, c->known_primes, p);
	}
	mpz_clear(p);
}

enum err_code checker_new(const struct lists *lists, struct checker **out, struct err *e)
{
	struct checker *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set(e, ERR_NO_MEMORY, "key checks", NULL);
	mpz_init(c->small_primes);
	mpz_init_set_ui(c->known_primes, 1);
	c->lists = lists;
	c->roca = roca_new();
	c->small_keys = small_keys_new();
	if (c->roca == NULL || c->small_keys == NULL) {
		checker_free(c);
		return err_set(e, ERR_NO_MEMORY, "key checks", NULL);
	}
	primes_product(c->small_primes, SMALL_FACTOR_LIMIT);
	multiply_known(c);
	*out = c;
	return ERR_OK;
}

void checker_leave_out(struct checker *c, enum check check)
{
	c->left_out |= (uint64_t)1 << check;
}

static void look_at_rsa(struct look *l)
{
	const struct pubkey *k = l->k;

	mpz_init(l->n);
	mpz_init(l->e);
	mpz_import(l->n, k->modulus.len, 1, 1, 1, 0, k->modulus.p);
	mpz_import(l->e, k->exponent.len, 1, 1, 1, 0, k->exponent.p);
	l->bits = mpz_sgn(l->n) != 0 ? mpz_sizeinbase(l->n, 2) : 0;
	bool odd_and_above_one = check_rsa_form(l);
	if (k->modulus_negative || k->exponent_negative)
		look_report(l, CHECK_RSA_NEGATIVE, "the %s is written as a negative number",
			k->modulus_negative ? "modulus" : "exponent");
	check_rsa_size(l);
	check_rsa_exponent(l);
	if (odd_and_above_one) {
		check_rsa_small_factor(l);
		check_rsa_prime(l);
		check_rsa_power(l);
		check_rsa_close_primes(l);
		check_rsa_small_d(l);
		check_rsa_roca(l);
	}
	check_pattern(l, CHECK_RSA_PATTERN, k->modulus, "modulus");
	if (odd_and_above_one)
		check_known_prime(l);
	mpz_clear(l->n);
	mpz_clear(l->e);
}

enum err_code checker_key(const struct checker *c, const struct pubkey *k, unsigned rsa_bits_min,
	finding_fn each, void *arg, struct err *e)
{
	struct look l = {.c = c,
		.k = k,
		.rsa_bits_min = rsa_bits_min != 0 ? rsa_bits_min : RSA_BITS_MIN,
		.each = each,
		.arg = arg};

	switch (k->kind) {
	case PUBKEY_RSA:
		look_at_rsa(&l);
		check_lists(&l);
		return ERR_OK;
	case PUBKEY_EC:
		check_lists(&l);
		return check_ec(&l, e);
	case PUBKEY_ED25519:
	case PUBKEY_ED448:
		check_lists(&l);
		return check_edwards(&l, e);
	case PUBKEY_X25519:
	case PUBKEY_X448:
		check_lists(&l);
		return check_montgomery(&l, e);
	case PUBKEY_ML_DSA_44:
	case PUBKEY_ML_DSA_65:
	case PUBKEY_ML_DSA_87:
		check_lists(&l);
		return check_ml_dsa(&l, e);
	case PUBKEY_DSA:
	case PUBKEY_OTHER:
	default:
		check_lists(&l);
		look_report(&l, CHECK_KEY_KIND,
			k->kind == PUBKEY_DSA
				? "DSA signs no more (FIPS 186-5); only lists were asked"
				: "the algorithm is not known here; only lists were asked");
		return ERR_OK;
	}
}

void checker_free(struct checker *c)
{
	if (c == NULL)
		return;
	mpz_clear(c->small_primes);
	mpz_clear(c->known_primes);
	roca_free(c->roca);
	small_keys_free(c->small_keys);
	free(c);
}
