/* The private half from a factor or a nonce's number: the right one, or none at all. */
#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "keycheck/recover.h"
#include "tests/unit/keycheck/keys.h"

#define PEM_MAX ((size_t)1 << 16)

struct numbers {
	mpz_t p, q, n, e, t;
	struct buf spki, pem;
	struct pubkey k;
};

static void start(struct numbers *v)
{
	mpz_inits(v->p, v->q, v->n, v->e, v->t, NULL);
	v->spki = buf_new(PUBKEY_SPKI_MAX);
	v->pem = buf_new_secret(PEM_MAX);
	mpz_set_ui(v->e, 65537);
	/* 65537 has an inverse modulo p - 1, but for one prime in 65536 */
	next_prime(v->p, 512);
	next_prime(v->q, 512);
	mpz_mul(v->n, v->p, v->q);
}

static void end(struct numbers *v)
{
	mpz_clears(v->p, v->q, v->n, v->e, v->t, NULL);
	buf_free(&v->spki);
	buf_free(&v->pem);
}

static struct bytes octets(const mpz_t v, uint8_t *out)
{
	size_t n = 0;
	mpz_export(out, &n, 1, 1, 1, 0, v);
	return bytes_of(out, n);
}

/* From the key of v->n and v->e, and a factor. */
static enum err_code recover(struct numbers *v, const mpz_t factor)
{
	uint8_t n[4096], e[4096], f[4096];
	assert_int_equal(
		pubkey_from_rsa(octets(v->n, n), octets(v->e, e), &v->spki, &v->k, NULL), ERR_OK);
	buf_reset(&v->pem);
	enum err_code rc = recover_rsa(&v->k, octets(factor, f), &v->pem, NULL);
	assert_int_equal(v->pem.len > 0, rc == ERR_OK);
	return rc;
}

/* The PEM is a whole private key; the caller frees. */
static EVP_PKEY *key_of(const struct buf *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	assert_non_null(key);
	BIO_free(bio);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	assert_int_equal(EVP_PKEY_check(ctx), 1); /* d*e = 1, n = p*q, primes, CRT numbers */
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Its public half is the SubjectPublicKeyInfo. */
static void belongs_to(const struct buf *pem, struct bytes spki)
{
	EVP_PKEY *key = key_of(pem);
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	assert_int_equal(n, (int)spki.len);
	assert_memory_equal(der, spki.p, spki.len);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}

static void either_prime_gives_the_key(void **state)
{
	(void)state;
	struct numbers v;
	start(&v);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(recover(&v, i == 0 ? v.p : v.q), ERR_OK);
		belongs_to(&v.pem, v.k.spki);
		assert_ptr_equal(strstr(buf_cstr(&v.pem), "-----BEGIN PRIVATE KEY-----\n"),
			buf_cstr(&v.pem));
	}
	/* p and q of different sizes, and a small exponent */
	do {
		next_prime(v.p, 300);
		mpz_sub_ui(v.t, v.p, 1);
	} while (mpz_divisible_ui_p(v.t, 3));
	do {
		next_prime(v.q, 900);
		mpz_sub_ui(v.t, v.q, 1);
	} while (mpz_divisible_ui_p(v.t, 3));
	mpz_mul(v.n, v.p, v.q);
	mpz_set_ui(v.e, 3);
	assert_int_equal(recover(&v, v.q), ERR_OK);
	belongs_to(&v.pem, v.k.spki);
	end(&v);
}

static void a_key_without_exponent_is_made_with_65537(void **state)
{
	(void)state;
	struct numbers v;
	uint8_t n[256];
	struct buf spki = buf_new(PUBKEY_SPKI_MAX);
	struct pubkey k;
	start(&v);
	mpz_set_ui(v.e, 0);
	assert_int_equal(recover(&v, v.p), ERR_OK);
	assert_int_equal(
		pubkey_from_rsa(octets(v.n, n), bytes_of("\x01\x00\x01", 3), &spki, &k, NULL),
		ERR_OK);
	belongs_to(&v.pem, k.spki);
	buf_free(&spki);
	end(&v);
}

static void what_is_no_factor_gives_nothing(void **state)
{
	(void)state;
	struct numbers v;
	start(&v);
	mpz_set_ui(v.t, 0);
	assert_int_equal(recover(&v, v.t), ERR_NOT_FOUND);
	mpz_set_ui(v.t, 1);
	assert_int_equal(recover(&v, v.t), ERR_NOT_FOUND);
	assert_int_equal(recover(&v, v.n), ERR_NOT_FOUND);
	mpz_add_ui(v.t, v.p, 2);
	assert_int_equal(recover(&v, v.t), ERR_NOT_FOUND);
	mpz_mul(v.t, v.n, v.p); /* longer than the modulus */
	assert_int_equal(recover(&v, v.t), ERR_NOT_FOUND);
	end(&v);
}

static void moduli_that_are_no_two_primes_give_nothing(void **state)
{
	(void)state;
	struct numbers v;
	start(&v);
	mpz_mul(v.n, v.p, v.p); /* p^2: RSA with it loses messages */
	assert_int_equal(recover(&v, v.p), ERR_NOT_FOUND);
	next_prime(v.t, 256); /* three primes: neither p nor q*t will do */
	mpz_mul(v.n, v.p, v.q);
	mpz_mul(v.n, v.n, v.t);
	assert_int_equal(recover(&v, v.p), ERR_NOT_FOUND);
	mpz_mul(v.t, v.t, v.q);
	assert_int_equal(recover(&v, v.t), ERR_NOT_FOUND);
	mpz_mul(v.n, v.p, v.q);
	assert_int_equal(recover(&v, v.p), ERR_OK);
	end(&v);
}

static void exponents_without_inverse_give_nothing(void **state)
{
	(void)state;
	struct numbers v;
	start(&v);
	mpz_set_ui(v.e, 2);
	assert_int_equal(recover(&v, v.p), ERR_NOT_FOUND);
	mpz_sub_ui(v.e, v.p, 1);
	assert_int_equal(recover(&v, v.p), ERR_NOT_FOUND);
	end(&v);
}

static void what_does_not_fit_is_refused(void **state)
{
	(void)state;
	struct numbers v;
	uint8_t f[256];
	start(&v);
	struct buf open = buf_new(PEM_MAX); /* no secret */
	assert_int_equal(recover(&v, v.p), ERR_OK);
	assert_int_equal(recover_rsa(&v.k, octets(v.p, f), &open, NULL), ERR_INTERNAL);
	assert_int_equal(open.len, 0);
	struct pubkey other = v.k;
	other.kind = PUBKEY_EC;
	buf_reset(&v.pem);
	assert_int_equal(recover_rsa(&other, octets(v.p, f), &v.pem, NULL), ERR_NOT_FOUND);
	/* Longer than anything that loads it; it is refused before a number is computed. */
	next_number(v.q, RECOVER_BITS_MAX);
	mpz_mul(v.n, v.p, v.q);
	assert_int_equal(recover(&v, v.p), ERR_NOT_FOUND);
	end(&v);
}

static EVP_PKEY *new_ec(const char *curve, BIGNUM **private)
{
	EVP_PKEY *key = EVP_EC_gen(curve);
	assert_non_null(key);
	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, private), 1);
	return key;
}

static void the_private_number_of_a_curve_gives_the_key(void **state)
{
	(void)state;
	static const char *const curves[] = {"P-256", "P-384", "P-521"};
	for (size_t i = 0; i < 3; i++) {
		struct buf pem = buf_new_secret(PEM_MAX);
		BIGNUM *d = NULL;
		EVP_PKEY *key = new_ec(curves[i], &d);
		uint8_t *spki = NULL, number[80];
		int n = i2d_PUBKEY(key, &spki);
		int size = BN_bn2bin(d, number);
		assert_int_equal(recover_ec(bytes_of(spki, (size_t)n),
					 bytes_of(number, (size_t)size), &pem, NULL),
			ERR_OK);
		belongs_to(&pem, bytes_of(spki, (size_t)n));
		EVP_PKEY *again = key_of(&pem);
		assert_int_equal(EVP_PKEY_eq(key, again), 1);
		EVP_PKEY_free(again);
		/* another number is another key's */
		buf_reset(&pem);
		number[size - 1] ^= 1;
		assert_int_equal(recover_ec(bytes_of(spki, (size_t)n),
					 bytes_of(number, (size_t)size), &pem, NULL),
			ERR_NOT_FOUND);
		assert_int_equal(pem.len, 0);
		OPENSSL_free(spki);
		BN_clear_free(d);
		EVP_PKEY_free(key);
		buf_free(&pem);
	}
}

static void no_key_of_a_curve_gives_nothing(void **state)
{
	(void)state;
	struct numbers v;
	start(&v);
	assert_int_equal(recover(&v, v.p), ERR_OK);
	buf_reset(&v.pem);
	assert_int_equal(recover_ec(v.k.spki, bytes_of("\x05", 1), &v.pem, NULL), ERR_NOT_FOUND);
	assert_int_equal(recover_ec(BYTES_NONE, bytes_of("\x05", 1), &v.pem, NULL), ERR_NOT_FOUND);
	assert_int_equal(v.pem.len, 0);
	end(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_prime_gives_the_key),
		cmocka_unit_test(a_key_without_exponent_is_made_with_65537),
		cmocka_unit_test(what_is_no_factor_gives_nothing),
		cmocka_unit_test(moduli_that_are_no_two_primes_give_nothing),
		cmocka_unit_test(exponents_without_inverse_give_nothing),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(the_private_number_of_a_curve_gives_the_key),
		cmocka_unit_test(no_key_of_a_curve_gives_nothing),
	};
	return RUN_TAP(tests);
}
