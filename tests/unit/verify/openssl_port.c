#include "tests/unit/verify/openssl_port.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static void must(int ok)
{
	if (ok != 1)
		abort();
}

void test_sha256(const uint8_t *p, size_t len, uint8_t digest[VERIFY_SHA256_SIZE])
{
	must(EVP_Digest(p, len, digest, NULL, EVP_sha256(), NULL));
}

void test_key_make(struct test_key *k)
{
	size_t len = 0;
	k->pkey = EVP_EC_gen("P-256");
	must(k->pkey != NULL);
	must(EVP_PKEY_get_octet_string_param(k->pkey, OSSL_PKEY_PARAM_PUB_KEY, k->point,
		sizeof(k->point), &len));
	must(len == sizeof(k->point));
	uint8_t *spki = NULL;
	int n = i2d_PUBKEY(k->pkey, &spki);
	must(n > 0);
	test_sha256(spki, (size_t)n, k->keyhash);
	OPENSSL_free(spki);
}

void test_key_free(struct test_key *k)
{
	EVP_PKEY_free(k->pkey);
	k->pkey = NULL;
}

size_t test_key_sign(const struct test_key *k, const uint8_t digest[VERIFY_SHA256_SIZE],
	uint8_t der[72])
{
	size_t len = 72;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->pkey, NULL);
	must(ctx != NULL);
	must(EVP_PKEY_sign_init(ctx));
	must(EVP_PKEY_sign(ctx, der, &len, digest, VERIFY_SHA256_SIZE));
	EVP_PKEY_CTX_free(ctx);
	return len;
}

static enum verify_code init(void *ctx)
{
	return EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? VERIFY_OK : VERIFY_PORT;
}

static enum verify_code update(void *ctx, const uint8_t *p, size_t len)
{
	return EVP_DigestUpdate(ctx, p, len) == 1 ? VERIFY_OK : VERIFY_PORT;
}

static enum verify_code final(void *ctx, uint8_t digest[VERIFY_SHA256_SIZE])
{
	return EVP_DigestFinal_ex(ctx, digest, NULL) == 1 ? VERIFY_OK : VERIFY_PORT;
}

static EVP_PKEY *point_to_key(const uint8_t point[VERIFY_POINT_SIZE])
{
	char group[] = "P-256";
	uint8_t copy[VERIFY_POINT_SIZE];
	memcpy(copy, point, sizeof(copy));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof(copy)),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	must(ctx != NULL);
	must(EVP_PKEY_fromdata_init(ctx));
	if (EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static enum verify_code ecdsa(void *arg, const uint8_t point[VERIFY_POINT_SIZE],
	const uint8_t digest[VERIFY_SHA256_SIZE], const struct verify_signature *sig)
{
	(void)arg;
	EVP_PKEY *pkey = point_to_key(point);
	if (pkey == NULL)
		return VERIFY_SIGNATURE;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	must(ctx != NULL);
	must(EVP_PKEY_verify_init(ctx));
	int ok = EVP_PKEY_verify(ctx, sig->der, sig->der_len, digest, VERIFY_SHA256_SIZE);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	return ok == 1 ? VERIFY_OK : VERIFY_SIGNATURE;
}

struct verify_port test_port(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	must(ctx != NULL);
	return (struct verify_port){ctx, init, update, final, ecdsa};
}

void test_port_free(struct verify_port *port)
{
	EVP_MD_CTX_free(port->ctx);
	port->ctx = NULL;
}
