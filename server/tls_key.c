/*
 * A provider (provider(7)) with two algorithms: "EC" keys that have only a public point
 * (provider-keymgmt(7)), and "ECDSA" that passes on what is to be signed (provider-signature(7)).
 *
 * libssl asks for a signature with EVP_DigestSign over the whole input (ssl/statem).  EVP looks for
 * an implementation that can take the key, the default provider's first; that one is kept from it
 * because a key here refuses to be exported with its private half.
 */
#include "server/tls_key.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "base/log.h"

#define PROVIDER_NAME "medseal-signer"
#define PROVIDER_QUERY "provider=medseal-signer"
#define POINT_SIZE 65 /* uncompressed P-256 */
#define GROUP "prime256v1"

static tls_key_sign_fn *sign_fn;
static void *sign_arg;

void tls_key_signer(tls_key_sign_fn *fn, void *arg)
{
	sign_fn = fn;
	sign_arg = arg;
}

/* ---- keys ---------------------------------------------------------------------------------- */

struct remote_key {
	unsigned char point[POINT_SIZE];
	bool has_point;
};

static void *keymgmt_new(void *provctx)
{
	(void)provctx;
	return calloc(1, sizeof(struct remote_key));
}

static void keymgmt_free(void *key)
{
	free(key);
}

/* The private half is there as far as EVP is concerned: it can be signed with. */
static int keymgmt_has(const void *keydata, int selection)
{
	(void)selection;
	const struct remote_key *k = keydata;
	return k != NULL && k->has_point;
}

static int keymgmt_match(const void *a, const void *b, int selection)
{
	const struct remote_key *x = a;
	const struct remote_key *y = b;
	if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) == 0)
		return 1;
	return x->has_point && y->has_point && memcmp(x->point, y->point, POINT_SIZE) == 0;
}

static int keymgmt_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	struct remote_key *k = keydata;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
	if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) == 0)
		return 1;
	if (p == NULL || p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size != POINT_SIZE)
		return 0;
	memcpy(k->point, p->data, POINT_SIZE);
	k->has_point = true;
	return 1;
}

static const OSSL_PARAM *keymgmt_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0), OSSL_PARAM_END};
	(void)selection;
	return types;
}

static int keymgmt_export(void *keydata, int selection, OSSL_CALLBACK *cb, void *cbarg)
{
	struct remote_key *k = keydata;
	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 || !k->has_point)
		return 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){GROUP}, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, k->point, POINT_SIZE),
		OSSL_PARAM_construct_end()};
	return cb(params, cbarg);
}

static int keymgmt_get_params(void *keydata, OSSL_PARAM params[])
{
	struct remote_key *k = keydata;
	OSSL_PARAM *p;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_BITS)) != NULL &&
		!OSSL_PARAM_set_int(p, 256))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_SECURITY_BITS)) != NULL &&
		!OSSL_PARAM_set_int(p, 128))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE)) != NULL &&
		!OSSL_PARAM_set_int(p, TLS_SIGNATURE_MAX))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME)) != NULL &&
		!OSSL_PARAM_set_utf8_string(p, GROUP))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST)) != NULL &&
		!OSSL_PARAM_set_utf8_string(p, "SHA256"))
		return 0;
	if ((p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_PUB_KEY)) != NULL &&
		!OSSL_PARAM_set_octet_string(p, k->point, POINT_SIZE))
		return 0;
	return 1;
}

static const OSSL_PARAM *keymgmt_gettable(void *provctx)
{
	static const OSSL_PARAM table[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0), OSSL_PARAM_END};
	(void)provctx;
	return table;
}

static const char *keymgmt_operation(int id)
{
	return id == OSSL_OP_SIGNATURE ? "ECDSA" : NULL;
}

typedef void fn(void);

/* Function pointers of all kinds in one table is how provider(7) is made. */
static const OSSL_DISPATCH keymgmt_functions[] = {
	{OSSL_FUNC_KEYMGMT_NEW, (fn *)keymgmt_new}, {OSSL_FUNC_KEYMGMT_FREE, (fn *)keymgmt_free},
	{OSSL_FUNC_KEYMGMT_HAS, (fn *)keymgmt_has}, {OSSL_FUNC_KEYMGMT_MATCH, (fn *)keymgmt_match},
	{OSSL_FUNC_KEYMGMT_IMPORT, (fn *)keymgmt_import},
	{OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (fn *)keymgmt_types},
	{OSSL_FUNC_KEYMGMT_EXPORT, (fn *)keymgmt_export},
	{OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (fn *)keymgmt_types},
	{OSSL_FUNC_KEYMGMT_GET_PARAMS, (fn *)keymgmt_get_params},
	{OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (fn *)keymgmt_gettable},
	{OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (fn *)keymgmt_operation}, OSSL_DISPATCH_END};

/* ---- signatures ---------------------------------------------------------------------------- */

struct signing {
	const struct remote_key *key;
};

static void *signature_new(void *provctx, const char *propq)
{
	(void)provctx;
	(void)propq;
	return calloc(1, sizeof(struct signing));
}

static void signature_free(void *ctx)
{
	free(ctx);
}

static int digest_sign_init(void *ctx, const char *md, void *key, const OSSL_PARAM params[])
{
	struct signing *s = ctx;
	(void)params;
	if (key != NULL)
		s->key = key;
	return s->key != NULL && md != NULL &&
		(strcmp(md, "SHA256") == 0 || strcmp(md, "SHA2-256") == 0);
}

static int digest_sign(void *ctx, unsigned char *sig, size_t *len, size_t size,
	const unsigned char *tbs, size_t tbs_len)
{
	(void)ctx;
	if (sig == NULL) {
		*len = TLS_SIGNATURE_MAX;
		return 1;
	}
	if (sign_fn == NULL)
		return 0;
	struct buf made = buf_new(TLS_SIGNATURE_MAX);
	struct err e;
	enum err_code rc = sign_fn(sign_arg, TLS_SCHEME_ECDSA_P256_SHA256, bytes_of(tbs, tbs_len),
		&made, &e);
	int ok = rc == ERR_OK && !made.bad && made.len > 0 && made.len <= size;
	if (ok) {
		memcpy(sig, made.p, made.len);
		*len = made.len;
	} else if (rc != ERR_OK) {
		log_err(LOG_ERROR, "tls.sign", &e);
	}
	buf_free(&made);
	return ok;
}

static const OSSL_DISPATCH signature_functions[] = {
	{OSSL_FUNC_SIGNATURE_NEWCTX, (fn *)signature_new},
	{OSSL_FUNC_SIGNATURE_FREECTX, (fn *)signature_free},
	{OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (fn *)digest_sign_init},
	{OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (fn *)digest_sign}, OSSL_DISPATCH_END};

/* ---- the provider -------------------------------------------------------------------------- */

static const OSSL_ALGORITHM keymgmts[] = {
	{"EC:id-ecPublicKey:1.2.840.10045.2.1", PROVIDER_QUERY, keymgmt_functions, NULL},
	{NULL, NULL, NULL, NULL}};
static const OSSL_ALGORITHM signatures[] = {{"ECDSA", PROVIDER_QUERY, signature_functions, NULL},
	{NULL, NULL, NULL, NULL}};

static const OSSL_ALGORITHM *provider_query(void *provctx, int operation, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return keymgmts;
	return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
	{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (fn *)provider_query}, OSSL_DISPATCH_END};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
	const OSSL_DISPATCH **out, void **provctx)
{
	(void)in;
	*out = provider_functions;
	*provctx = (void *)(uintptr_t)handle; /* not used, but must not be NULL */
	return 1;
}

static OSSL_PROVIDER *loaded[2];

static enum err_code load_provider(struct err *e)
{
	if (loaded[1] != NULL)
		return ERR_OK;
	/* The default one is loaded by itself only as long as nobody loads another; and it must come
	 * first, so that everybody else's keys stay with it. */
	if (loaded[0] == NULL)
		loaded[0] = OSSL_PROVIDER_load(NULL, "default");
	if (loaded[0] != NULL &&
		OSSL_PROVIDER_add_builtin(NULL, PROVIDER_NAME, provider_init) == 1)
		loaded[1] = OSSL_PROVIDER_load(NULL, PROVIDER_NAME);
	if (loaded[1] == NULL)
		return err_set(e, ERR_CRYPTO, PROVIDER_NAME, "the provider could not be loaded: %s",
			ERR_reason_error_string(ERR_get_error()));
	return ERR_OK;
}

void tls_key_unload(void)
{
	(void)OSSL_PROVIDER_unload(loaded[1]);
	(void)OSSL_PROVIDER_unload(loaded[0]);
	loaded[0] = NULL;
	loaded[1] = NULL;
}

enum err_code tls_key_new(EVP_PKEY *public_key, EVP_PKEY **out, struct err *e)
{
	unsigned char point[POINT_SIZE];
	size_t len = 0;
	if (load_provider(e) != ERR_OK)
		return e->code;
	if (EVP_PKEY_is_a(public_key, "EC") != 1 || EVP_PKEY_get_bits(public_key) != 256 ||
		EVP_PKEY_get_octet_string_param(public_key, OSSL_PKEY_PARAM_PUB_KEY, point,
			sizeof(point), &len) != 1 ||
		len != POINT_SIZE)
		return err_set(e, ERR_KEY_ALGORITHM, "tls", "the server's key must be ECDSA P-256");
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len),
		OSSL_PARAM_construct_end()};
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", PROVIDER_QUERY);
	bool ok = ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (!ok)
		return err_set(e, ERR_CRYPTO, "tls", "the server's key could not be made: %s",
			ERR_reason_error_string(ERR_get_error()));
	*out = pkey;
	return ERR_OK;
}
