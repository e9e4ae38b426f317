#include "crypto/key.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/x509.h>

#include "crypto/der.h"
#include "crypto/key_impl.h"

/* RFC 5480 §2.1.1, RFC 8410 §3, RFC 8017 A.1 */
#define OID_EC_PUBLIC_KEY "\x2a\x86\x48\xce\x3d\x02\x01"
#define OID_ED25519 "\x2b\x65\x70"
#define OID_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"

/* A larger modulus is not even read: what it costs to check grows with the square of its size. */
#define RSA_BITS_MAX 8192
/* Every key in use has 65537; each bit more makes each verification dearer. */
#define RSA_EXPONENT_OCTETS_MAX 4

struct curve {
	enum key_kind kind;
	enum ossl_curve params;
	const char *name;
	const char *group; /* as the library prints it */
	struct bytes oid;
	size_t point; /* octets of an uncompressed point */
	int bits;
};

static const struct curve curves[] = {
	{KIND_P256, OSSL_P256, "ecdsa-p256", "prime256v1",
		{(const uint8_t *)"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8}, 65, 256},
	{KIND_P384, OSSL_P384, "ecdsa-p384", "secp384r1",
		{(const uint8_t *)"\x2b\x81\x04\x00\x22", 5}, 97, 384},
	{KIND_P521, OSSL_P521, "ecdsa-p521", "secp521r1",
		{(const uint8_t *)"\x2b\x81\x04\x00\x23", 5}, 133, 521},
};
#define CURVES (sizeof(curves) / sizeof(curves[0]))
#define ED25519_SIZE 32

static enum err_code key_new(
	EVP_PKEY *pkey, enum key_kind kind, struct bytes spki, struct key **out, struct err *e)
{
	struct key *k = calloc(1, sizeof(*k));
	if (k == NULL) {
		EVP_PKEY_free(pkey);
		return err_set(e, ERR_NO_MEMORY, "key", "%zu bytes", sizeof(*k));
	}
	*k = (struct key){.pkey = pkey, .kind = kind, .spki = buf_new(KEY_SPKI_MAX)};
	k->bits = EVP_PKEY_get_bits(pkey);
	buf_bytes(&k->spki, spki);
	enum err_code rc = buf_end(&k->spki, e, "public key");
	if (rc != ERR_OK) {
		key_free(k);
		return rc;
	}
	*out = k;
	return ERR_OK;
}

/* ---- from a SubjectPublicKeyInfo ---- */

static enum err_code ec_from_spki(const struct curve *c, struct bytes point, struct bytes spki,
	struct key **out, struct err *e)
{
	/* Only the uncompressed form: with two, one key would have two identifiers. */
	if (point.len != c->point || point.p[0] != 0x04)
		return err_set(e, ERR_KEY_INVALID, "public key", "the point is not uncompressed");
	EVP_PKEY *pkey = EVP_PKEY_dup(ossl_curve(c->params));
	/* This refuses a point that is not on the curve; the cofactor is 1. */
	if (pkey == NULL || EVP_PKEY_set1_encoded_public_key(pkey, point.p, point.len) != 1) {
		EVP_PKEY_free(pkey);
		return ossl_err(e, ERR_KEY_INVALID, "public key", "the point is not on the curve");
	}
	return key_new(pkey, c->kind, spki, out, e);
}

static enum err_code ed25519_from_spki(struct bytes raw, struct bytes spki, struct key **out,
	struct err *e)
{
	EVP_PKEY *pkey = raw.len == ED25519_SIZE
		? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw.p, raw.len)
		: NULL;
	if (pkey == NULL)
		return ossl_err(e, ERR_KEY_INVALID, "public key", "not an Ed25519 key");
	return key_new(pkey, KIND_ED25519, spki, out, e);
}

/* RFC 8017 A.1.1; the size is known, and refused, before the library computes anything. */
static enum err_code rsa_from_spki(struct bytes raw, struct bytes spki, struct key **out,
	struct err *e)
{
	struct reader r = reader_of(raw);
	struct reader seq = der_enter(&r, DER_SEQUENCE);
	struct bytes n = der_read_integer(&seq);
	struct bytes exponent = der_read_integer(&seq);
	if (r.bad || seq.bad || reader_left(&seq) != 0 || reader_left(&r) != 0 || n.p[0] >= 0x80 ||
		exponent.p[0] >= 0x80)
		return err_set(e, ERR_KEY_INVALID, "public key", "not an RSA key");
	if (n.len > RSA_BITS_MAX / 8 + 1 || exponent.len > RSA_EXPONENT_OCTETS_MAX)
		return err_set(e, ERR_KEY_SIZE, "public key",
			"an RSA modulus of %zu bytes, an exponent of %zu; the most is %d and %d",
			n.len, exponent.len, RSA_BITS_MAX / 8, RSA_EXPONENT_OCTETS_MAX);
	const uint8_t *p = spki.p;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)spki.len);
	if (pkey == NULL)
		return ossl_err(e, ERR_KEY_INVALID, "public key", "not an RSA key");
	return key_new(pkey, KIND_RSA, spki, out, e);
}

enum err_code key_from_spki(struct bytes der, struct key **out, struct err *e)
{
	struct reader r = reader_of(der);
	struct reader seq = der_enter(&r, DER_SEQUENCE);
	struct reader alg = der_enter(&seq, DER_SEQUENCE);
	struct bytes oid = der_read(&alg, DER_OID);
	struct bytes key = der_read_bits(&seq);
	if (r.bad || seq.bad || alg.bad || reader_left(&seq) != 0)
		return err_set(
			e, ERR_KEY_INVALID, "public key", "not a SubjectPublicKeyInfo in DER");
	enum err_code rc = reader_end(&r, e, "public key");
	if (rc != ERR_OK)
		return rc;

	if (bytes_equal(oid, DER_LITERAL(OID_EC_PUBLIC_KEY))) {
		struct bytes named = der_read(&alg, DER_OID);
		for (size_t i = 0; i < CURVES; i++)
			if (!alg.bad && reader_left(&alg) == 0 && bytes_equal(named, curves[i].oid))
				return ec_from_spki(&curves[i], key, der, out, e);
		return err_set(e, ERR_KEY_ALGORITHM, "public key",
			"not one of the curves P-256, P-384, P-521 by name");
	}
	if (bytes_equal(oid, DER_LITERAL(OID_ED25519)) && reader_left(&alg) == 0)
		return ed25519_from_spki(key, der, out, e);
	if (bytes_equal(oid, DER_LITERAL(OID_RSA))) {
		struct bytes null = der_read(&alg, DER_NULL);
		if (!alg.bad && null.len == 0 && reader_left(&alg) == 0)
			return rsa_from_spki(key, der, out, e);
	}
	return err_set(e, ERR_KEY_ALGORITHM, "public key", "neither ECDSA, Ed25519 nor RSA");
}

/* ---- from the library's own object ---- */

static bool kind_of(const EVP_PKEY *pkey, enum key_kind *kind)
{
	char group[32] = "";
	if (EVP_PKEY_is_a(pkey, "ED25519") == 1) {
		*kind = KIND_ED25519;
		return true;
	}
	if (EVP_PKEY_is_a(pkey, "RSA") == 1) {
		*kind = KIND_RSA;
		return true;
	}
	if (EVP_PKEY_is_a(pkey, "EC") != 1 ||
		EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1)
		return false;
	for (size_t i = 0; i < CURVES; i++)
		if (strcmp(group, curves[i].group) == 0) {
			*kind = curves[i].kind;
			return true;
		}
	return false;
}

static bool has_private(const EVP_PKEY *pkey, enum key_kind kind)
{
	if (kind == KIND_ED25519) {
		size_t len = 0;
		return EVP_PKEY_get_raw_private_key(pkey, NULL, &len) == 1;
	}
	BIGNUM *n = NULL;
	int rc = EVP_PKEY_get_bn_param(pkey,
		kind == KIND_RSA ? OSSL_PKEY_PARAM_RSA_D : OSSL_PKEY_PARAM_PRIV_KEY, &n);
	BN_clear_free(n);
	return rc == 1;
}

/* ECDSA over a finished digest, set up once: it saves a tenth of each signature. */
static EVP_PKEY_CTX *prepare_sign(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1) {
		EVP_PKEY_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static enum err_code wrap(EVP_PKEY *pkey, struct key **out, struct err *e)
{
	enum key_kind kind;
	struct key *k = NULL;
	if (!kind_of(pkey, &kind)) {
		EVP_PKEY_free(pkey);
		return ossl_err(e, ERR_KEY_ALGORITHM, "key", "neither ECDSA, Ed25519 nor RSA");
	}
	unsigned char *spki = NULL;
	int len = i2d_PUBKEY(pkey, &spki);
	if (len <= 0) {
		EVP_PKEY_free(pkey);
		return ossl_err(e, ERR_KEY_INVALID, "key", "it has no public half");
	}
	enum err_code rc = key_new(pkey, kind, bytes_of(spki, (size_t)len), &k, e);
	OPENSSL_free(spki);
	if (rc != ERR_OK)
		return rc;
	k->is_private = has_private(pkey, kind);
	if (k->is_private && kind != KIND_ED25519 && kind != KIND_RSA) {
		k->sign = prepare_sign(pkey);
		if (k->sign == NULL) {
			key_free(k);
			return ossl_err(e, ERR_CRYPTO, "key", "it cannot sign");
		}
	}
	*out = k;
	return ERR_OK;
}

struct key *key_wrap(struct evp_pkey_st *pkey)
{
	struct key *k = NULL;
	return wrap(pkey, &k, NULL) == ERR_OK ? k : NULL;
}

enum err_code key_generate(enum key_type type, struct key **out, struct err *e)
{
	EVP_PKEY *pkey = NULL;
	switch (type) {
	case KEY_P256:
		pkey = EVP_EC_gen("P-256");
		break;
	case KEY_P384:
		pkey = EVP_EC_gen("P-384");
		break;
	case KEY_ED25519:
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	}
	if (pkey == NULL)
		return ossl_err(e, ERR_CRYPTO, "key", "no key could be made");
	return wrap(pkey, out, e);
}

/* ---- reading what it is ---- */

struct evp_pkey_st *key_evp(const struct key *k)
{
	return k->pkey;
}

enum err_code key_spki(const struct key *k, struct buf *out, struct err *e)
{
	buf_bytes(out, buf_view(&k->spki));
	return buf_end(out, e, "public key");
}

enum err_code key_id(const struct key *k, uint8_t out[SHA256_SIZE], struct err *e)
{
	(void)e;
	sha256_of(buf_view(&k->spki), out);
	return ERR_OK;
}

const char *key_type_name(const struct key *k)
{
	static const struct {
		int bits;
		const char *name;
	} rsa[] = {{512, "rsa-512"}, {1024, "rsa-1024"}, {2048, "rsa-2048"}, {3072, "rsa-3072"},
		{4096, "rsa-4096"}, {6144, "rsa-6144"}, {7680, "rsa-7680"}, {8192, "rsa-8192"}};
	if (k->kind == KIND_ED25519)
		return "ed25519";
	for (size_t i = 0; i < CURVES; i++)
		if (curves[i].kind == k->kind)
			return curves[i].name;
	for (size_t i = 0; i < sizeof(rsa) / sizeof(rsa[0]); i++)
		if (rsa[i].bits == k->bits)
			return rsa[i].name;
	return "rsa";
}

bool key_is_private(const struct key *k)
{
	return k->is_private;
}

void key_free(struct key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_CTX_free(k->sign);
	EVP_PKEY_free(k->pkey); /* the library clears private numbers itself */
	buf_free(&k->spki);
	free(k);
}
