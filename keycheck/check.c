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

static void multiply(struct checker *c)
{
	size_t n = 0;
	const struct bytes *primes = c->lists != NULL ? lists_primes(c->lists, &n) : NULL;

	primes_small(&c->small_primes, SMALL_FACTOR_LIMIT);
	for (size_t i = 0; i < n; i++)
		primes_add(&c->known_primes, i, primes[i]);
	primes_ready(&c->small_primes);
	primes_ready(&c->known_primes);
}

enum err_code checker_new(const struct lists *lists, struct checker **out, struct err *e)
{
	struct checker *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_set(e, ERR_NO_MEMORY, "key checks", NULL);
	primes_start(&c->small_primes);
	primes_start(&c->known_primes);
	c->lists = lists;
	c->roca = roca_new();
	c->small_keys = small_keys_new();
	if (c->roca == NULL || c->small_keys == NULL) {
		checker_free(c);
		return err_set(e, ERR_NO_MEMORY, "key checks", NULL);
	}
	multiply(c);
	*out = c;
	return ERR_OK;
}

void checker_leave_out(struct checker *c, enum check check)
{
	c->left_out |= (uint64_t)1 << check;
}

static enum err_code look_at_rsa(struct look *l, struct err *e)
{
	const struct pubkey *k = l->k;
	enum err_code rc = ERR_OK;

	mpz_inits(l->n, l->e, NULL);
	mpz_import(l->n, k->modulus.len, 1, 1, 1, 0, k->modulus.p);
	mpz_import(l->e, k->exponent.len, 1, 1, 1, 0, k->exponent.p);
	l->bits = mpz_sgn(l->n) != 0 ? mpz_sizeinbase(l->n, 2) : 0;
	bool odd_and_above_one = check_rsa_form(l);
	if (k->modulus_negative || k->exponent_negative)
		look_report(l, CHECK_RSA_NEGATIVE, "the %s is written as a negative number",
			k->modulus_negative ? "modulus" : "exponent");
	check_rsa_size(l);
	check_rsa_exponent(l);
	if (odd_and_above_one)
		rc = check_rsa_common(l, e);
	if (odd_and_above_one && rc == ERR_OK) {
		check_rsa_small_factor(l);
		check_rsa_prime(l);
		check_rsa_power(l);
		check_rsa_close_primes(l);
		check_rsa_small_d(l);
		check_rsa_roca(l);
	}
	check_pattern(l, CHECK_RSA_PATTERN, k->modulus, "modulus");
	if (odd_and_above_one && rc == ERR_OK)
		check_known_prime(l);
	if (rc == ERR_OK)
		check_lists(l);
	mpz_clears(l->n, l->e, NULL);
	return rc;
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
		return look_at_rsa(&l, e);
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
	primes_end(&c->small_primes);
	primes_end(&c->known_primes);
	roca_free(c->roca);
	small_keys_free(c->small_keys);
	free(c);
}
