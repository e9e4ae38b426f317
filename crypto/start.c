#include "crypto/start.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "crypto/ossl.h"

static const char *const md_names[OSSL_MD_COUNT] = {"SHA2-256", "SHA2-384", "SHA2-512"};
static const char *const curve_names[OSSL_CURVE_COUNT] = {"P-256", "P-384", "P-521"};

static EVP_MD *mds[OSSL_MD_COUNT];
static EVP_PKEY *curves[OSSL_CURVE_COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static EVP_PKEY *curve_new(const char *name)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)name, 0),
		OSSL_PARAM_construct_end(),
	};
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEY_PARAMETERS, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static void fetch_all(void)
{
	(void)OPENSSL_init_crypto(
		OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
	for (int i = 0; i < OSSL_MD_COUNT; i++)
		mds[i] = EVP_MD_fetch(NULL, md_names[i], NULL);
	for (int i = 0; i < OSSL_CURVE_COUNT; i++)
		curves[i] = curve_new(curve_names[i]);
	for (int i = 0; i < OSSL_MD_COUNT; i++) {
		if (mds[i] != NULL && curves[i] != NULL)
			continue;
		/* Nothing can be hashed, signed or checked: there is no way to go on. */
		fprintf(stderr, "libcrypto has no %s or no %s\n", md_names[i], curve_names[i]);
		abort();
	}
}
_Static_assert((int)OSSL_MD_COUNT == (int)OSSL_CURVE_COUNT, "one loop checks both");

const EVP_MD *ossl_md(enum ossl_md md)
{
	(void)pthread_once(&once, fetch_all);
	return mds[md];
}

EVP_PKEY *ossl_curve(enum ossl_curve curve)
{
	(void)pthread_once(&once, fetch_all);
	return curves[curve];
}

void crypto_start(void)
{
	(void)pthread_once(&once, fetch_all);
	/* The generators are seeded now, not at the first request. */
	unsigned char seed[1];
	(void)RAND_bytes(seed, sizeof(seed));
	(void)RAND_priv_bytes(seed, sizeof(seed));
}

enum err_code ossl_err(struct err *e, enum err_code code, const char *object, const char *what)
{
	unsigned long first = ERR_get_error();
	const char *reason = first != 0 ? ERR_reason_error_string(first) : NULL;
	ERR_clear_error();
	if (reason == NULL)
		return err_set(e, code, object, "%s", what);
	return err_set(e, code, object, "%s: %s", what, reason);
}
