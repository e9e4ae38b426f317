#include "keycheck/recover.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define CURVE_NAME_MAX 80
#define POINT_MAX 133 /* P-521, uncompressed */

/* The numbers of RFC 8017 §3.2, wiped when freed. */
struct rsa {
	BN_CTX *ctx;
	BIGNUM *n, *e, *d, *p, *q, *dp, *dq, *qinv, *lambda, *t;
};

static bool rsa_new(struct rsa *r, const struct pubkey *k, struct bytes factor)
{
	BIGNUM **all[] = {&r->d, &r->q, &r->dp, &r->dq, &r->qinv, &r->lambda, &r->t};

	r->ctx = BN_CTX_secure_new();
	r->n = BN_bin2bn(k->modulus.p, (int)k->modulus.len, NULL);
	r->e = BN_bin2bn(k->exponent.p, (int)k->exponent.len, NULL);
	if (r->e != NULL && BN_is_zero(r->e) && !BN_set_word(r->e, RSA_F4))
		return false;
	r->p = BN_bin2bn(factor.p, (int)factor.len, NULL);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		*all[i] = BN_secure_new();
	return r->ctx != NULL && r->n != NULL && r->e != NULL && r->d != NULL && r->p != NULL &&
	       r->q != NULL && r->dp != NULL && r->dq != NULL && r->qinv != NULL &&
	       r->lambda != NULL && r->t != NULL;
}

static void rsa_free(struct rsa *r)
{
	BIGNUM *all[] = {r->n, r->e, r->d, r->p, r->q, r->dp, r->dq, r->qinv, r->lambda, r->t};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		BN_clear_free(all[i]);
	BN_CTX_free(r->ctx);
}

/* q = n / p, both prime and different; d = 1/e mod lcm(p - 1, q - 1). */
static bool rsa_compute(struct rsa *r)
{
	if (BN_is_zero(r->p) || BN_is_one(r->p) || !BN_div(r->q, r->t, r->n, r->p, r->ctx) ||
		!BN_is_zero(r->t) || BN_is_one(r->q) || BN_cmp(r->p, r->q) == 0)
		return false;
	if (BN_check_prime(r->p, r->ctx, NULL) != 1 || BN_check_prime(r->q, r->ctx, NULL) != 1)
		return false;
	if (BN_cmp(r->p, r->q) < 0)
		BN_swap(r->p, r->q); /* the greater one first, as everybody writes it */
	if (!BN_sub(r->dp, r->p, BN_value_one()) || !BN_sub(r->dq, r->q, BN_value_one()) ||
		!BN_gcd(r->t, r->dp, r->dq, r->ctx) || !BN_mul(r->lambda, r->dp, r->dq, r->ctx) ||
		!BN_div(r->lambda, NULL, r->lambda, r->t, r->ctx))
		return false;
	if (BN_mod_inverse(r->d, r->e, r->lambda, r->ctx) == NULL ||
		BN_mod_inverse(r->qinv, r->q, r->p, r->ctx) == NULL)
		return false;
	return BN_mod(r->dp, r->d, r->dp, r->ctx) && BN_mod(r->dq, r->d, r->dq, r->ctx);
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *bld)
{
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *rsa_key(const struct rsa *r)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	const struct {
		const char *name;
		const BIGNUM *v;
	} parts[] = {{OSSL_PKEY_PARAM_RSA_N, r->n}, {OSSL_PKEY_PARAM_RSA_E, r->e},
		{OSSL_PKEY_PARAM_RSA_D, r->d}, {OSSL_PKEY_PARAM_RSA_FACTOR1, r->p},
		{OSSL_PKEY_PARAM_RSA_FACTOR2, r->q}, {OSSL_PKEY_PARAM_RSA_EXPONENT1, r->dp},
		{OSSL_PKEY_PARAM_RSA_EXPONENT2, r->dq},
		{OSSL_PKEY_PARAM_RSA_COEFFICIENT1, r->qinv}};
	bool good = bld != NULL;
	EVP_PKEY *key;

	for (size_t i = 0; good && i < sizeof(parts) / sizeof(parts[0]); i++)
		good = OSSL_PARAM_BLD_push_BN(bld, parts[i].name, parts[i].v) == 1;
	key = good ? from_params("RSA", bld) : NULL;
	OSSL_PARAM_BLD_free(bld);
	return key;
}

static enum err_code write_pem(EVP_PKEY *key, struct buf *pem, struct err *e)
{
	BIO *bio;
	char *text;
	long n;
	enum err_code rc;

	if (!pem->secret)
		return err_set(e, ERR_INTERNAL, "private key", "the buffer is not secret");
	bio = BIO_new(BIO_s_secmem());
	if (bio == NULL ||
		PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
		BIO_free(bio);
		ERR_clear_error();
		return err_set(e, ERR_CRYPTO, "private key", "it cannot be written");
	}
	n = BIO_get_mem_data(bio, &text);
	buf_bytes(pem, bytes_of(text, (size_t)n));
	rc = buf_end(pem, e, "private key");
	BIO_free(bio); /* secmem: wiped */
	return rc;
}

enum err_code recover_rsa(
	const struct pubkey *k, struct bytes factor, struct buf *pem, struct err *e)
{
	struct rsa r = {0};
	EVP_PKEY *key = NULL;
	enum err_code rc;

	if (k->kind != PUBKEY_RSA || pubkey_bits(k) > RECOVER_BITS_MAX)
		return err_set(e, ERR_NOT_FOUND, "private key", "over %d bits", RECOVER_BITS_MAX);
	if (!rsa_new(&r, k, factor))
		rc = err_set(e, ERR_NO_MEMORY, "private key", "for its numbers");
	else if (!rsa_compute(&r))
		rc = err_set(e, ERR_NOT_FOUND, "private key", "it is no key of two primes");
	else if ((key = rsa_key(&r)) == NULL)
		rc = err_set(
			e, ERR_NOT_FOUND, "private key", "the library does not take the numbers");
	else
		rc = write_pem(key, pem, e);
	EVP_PKEY_free(key);
	rsa_free(&r);
	ERR_clear_error();
	return rc;
}

/* Is the private number that of the point?  The library takes them as they are given. */
static bool is_pair(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool yes = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return yes;
}

enum err_code recover_ec(struct bytes spki, struct bytes number, struct buf *pem, struct err *e)
{
	const uint8_t *p = spki.p;
	EVP_PKEY *public = d2i_PUBKEY(NULL, &p, (long)spki.len);
	EVP_PKEY *key = NULL;
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	BIGNUM *d = BN_secure_new();
	char curve[CURVE_NAME_MAX];
	uint8_t point[POINT_MAX];
	size_t point_n = 0;
	enum err_code rc;

	if (public != NULL && bld != NULL && d != NULL &&
		BN_bin2bn(number.p, (int)number.len, d) != NULL &&
		EVP_PKEY_get_group_name(public, curve, sizeof(curve), NULL) == 1 &&
		EVP_PKEY_get_octet_string_param(
			public, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &point_n) == 1 &&
		OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
		OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, point_n) == 1)
		key = from_params("EC", bld);
	if (key == NULL)
		rc = err_set(e, ERR_NOT_FOUND, "private key", "the library does not take it");
	else if (!is_pair(key))
		rc = err_set(e, ERR_NOT_FOUND, "private key", "the number is not of this key");
	else
		rc = write_pem(key, pem, e);
	EVP_PKEY_free(key);
	EVP_PKEY_free(public);
	OSSL_PARAM_BLD_free(bld);
	BN_clear_free(d);
	ERR_clear_error();
	return rc;
}
