#include "crypto/sign.h"

#include <openssl/rsa.h>

#include "crypto/der.h"
#include "crypto/key_impl.h"

/* The largest digest (SHA-512), and the largest signature: RSA-8192. */
#define DIGEST_MAX 64
#define SIGNATURE_MAX 1024

enum family { FAMILY_ECDSA, FAMILY_ED25519, FAMILY_RSA, FAMILY_RSA_PSS };

struct sign_alg {
	const char *name;
	enum family family;
	enum ossl_md md; /* not for Ed25519 */
	struct bytes der;
};

#define BYTES(s) {(const uint8_t *)(s), sizeof(s) - 1}
/* RSASSA-PSS with MGF1 of the same hash and a salt of its length (RFC 4055 §3.1): three rows. */
#define PSS(md, salt)                                                                              \
	BYTES("\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34\xa0\x0f\x30\x0d"       \
	      "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" md "\x05\x00\xa1\x1c\x30\x1a\x06\x09\x2a" \
	      "\x86\x48\x86\xf7\x0d\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04"       \
	      "\x02" md "\x05\x00\xa2\x03\x02\x01" salt)

static const struct sign_alg table[] = {
	/* RFC 5758 §3.2: parameters absent */
	{"ecdsa-with-SHA256", FAMILY_ECDSA, OSSL_SHA256,
		BYTES("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")},
	{"ecdsa-with-SHA384", FAMILY_ECDSA, OSSL_SHA384,
		BYTES("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03")},
	{"ecdsa-with-SHA512", FAMILY_ECDSA, OSSL_SHA512,
		BYTES("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04")},
	/* RFC 8410 §3 */
	{"Ed25519", FAMILY_ED25519, OSSL_SHA512, BYTES("\x30\x05\x06\x03\x2b\x65\x70")},
	/* RFC 4055 §5: parameters NULL */
	{"sha256WithRSAEncryption", FAMILY_RSA, OSSL_SHA256,
		BYTES("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")},
	{"sha384WithRSAEncryption", FAMILY_RSA, OSSL_SHA384,
		BYTES("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00")},
	{"sha512WithRSAEncryption", FAMILY_RSA, OSSL_SHA512,
		BYTES("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00")},
	{"RSASSA-PSS-SHA256", FAMILY_RSA_PSS, OSSL_SHA256, PSS("\x01", "\x20")},
	{"RSASSA-PSS-SHA384", FAMILY_RSA_PSS, OSSL_SHA384, PSS("\x02", "\x30")},
	{"RSASSA-PSS-SHA512", FAMILY_RSA_PSS, OSSL_SHA512, PSS("\x03", "\x40")},
};
#define ROWS (sizeof(table) / sizeof(table[0]))

enum err_code sign_alg_parse(struct bytes der, const struct sign_alg **out, struct err *e)
{
	for (size_t i = 0; i < ROWS; i++)
		if (bytes_equal(der, table[i].der)) {
			*out = &table[i];
			return ERR_OK;
		}
	struct reader r = reader_of(der);
	struct reader seq = der_enter(&r, DER_SEQUENCE);
	struct bytes oid = der_read(&seq, DER_OID);
	char hex[65] = "?";
	if (!seq.bad && oid.len < sizeof(hex) / 2)
		hex_encode(oid.p, oid.len, hex);
	return err_set(e, ERR_SIG_ALGORITHM, "signature", "object identifier %s", hex);
}

const struct sign_alg *sign_alg_of(const struct key *k)
{
	switch (k->kind) {
	case KIND_P256:
		return &table[0];
	case KIND_P384:
		return &table[1];
	case KIND_P521:
		return &table[2];
	case KIND_ED25519:
		return &table[3];
	case KIND_RSA:
		break;
	}
	return NULL;
}

struct bytes sign_alg_der(const struct sign_alg *a)
{
	return a->der;
}

const char *sign_alg_name(const struct sign_alg *a)
{
	return a->name;
}

void sign_alg_print(struct buf *out)
{
	for (size_t i = 0; i < ROWS; i++)
		buf_printf(out, "%s\n", table[i].name);
}

/* ---- signing ---- */

static enum err_code ecdsa_sign(const struct key *k, const uint8_t *digest, size_t len,
	struct buf *sig, struct err *e)
{
	uint8_t out[SIGNATURE_MAX];
	size_t out_len = sizeof(out);
	if (EVP_PKEY_sign(k->sign, out, &out_len, digest, len) != 1)
		return ossl_err(e, ERR_CRYPTO, "key", "it did not sign");
	buf_bytes(sig, bytes_of(out, out_len));
	return buf_end(sig, e, "signature");
}

static enum err_code ed25519_sign(const struct key *k, struct bytes data, struct buf *sig,
	struct err *e)
{
	uint8_t out[SIGNATURE_MAX];
	size_t len = sizeof(out);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL &&
		  EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, k->pkey, NULL) == 1 &&
		  EVP_DigestSign(ctx, out, &len, data.p, data.len) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return ossl_err(e, ERR_CRYPTO, "key", "it did not sign");
	buf_bytes(sig, bytes_of(out, len));
	return buf_end(sig, e, "signature");
}

static enum err_code digest_of(enum ossl_md md, struct bytes data, uint8_t out[DIGEST_MAX],
	unsigned *len, struct err *e)
{
	if (EVP_Digest(data.p != NULL ? (const void *)data.p : "", data.len, out, len, ossl_md(md),
		    NULL) != 1)
		return ossl_err(e, ERR_CRYPTO, NULL, "no digest");
	return ERR_OK;
}

enum err_code key_sign(const struct key *k, struct bytes data, struct buf *sig, struct err *e)
{
	const struct sign_alg *a = sign_alg_of(k);
	if (!k->is_private || a == NULL)
		return err_set(e, ERR_KEY_ALGORITHM, "key", "%s",
			k->is_private ? "Medseal does not sign with RSA"
				      : "it is only a public key");
	if (a->family == FAMILY_ED25519)
		return ed25519_sign(k, data, sig, e);
	uint8_t digest[DIGEST_MAX];
	unsigned len = 0;
	enum err_code rc = digest_of(a->md, data, digest, &len, e);
	return rc != ERR_OK ? rc : ecdsa_sign(k, digest, len, sig, e);
}

enum err_code key_sign_digest(const struct key *k, const uint8_t digest[SHA256_SIZE],
	struct buf *sig, struct err *e)
{
	if (!k->is_private || k->kind != KIND_P256)
		return err_set(e, ERR_KEY_ALGORITHM, "key", "a private P-256 key is needed");
	return ecdsa_sign(k, digest, SHA256_SIZE, sig, e);
}

/* ---- verifying: only 1 is yes (OpenSSL returns 0 or a negative number for no) ---- */

static enum err_code ecdsa_verify(const struct key *k, const uint8_t *digest, size_t len,
	struct bytes sig, enum err_code refusal, struct err *e)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	bool ready = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1;
	bool holds = ready && EVP_PKEY_verify(ctx, sig.p, sig.len, digest, len) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (!ready)
		return ossl_err(e, ERR_CRYPTO, "signature", "it could not be checked");
	return holds ? ERR_OK : ossl_err(e, refusal, "signature", "it does not hold");
}

static bool set_padding(EVP_PKEY_CTX *ctx, enum family family)
{
	if (family != FAMILY_RSA_PSS)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* Ed25519 (no digest) and RSA. */
static enum err_code evp_verify(const struct sign_alg *a, const struct key *k, struct bytes data,
	struct bytes sig, enum err_code refusal, struct err *e)
{
	EVP_PKEY_CTX *pctx = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = a->family == FAMILY_ED25519 ? NULL : ossl_md(a->md);
	bool ready = ctx != NULL && EVP_DigestVerifyInit(ctx, &pctx, md, NULL, k->pkey) == 1 &&
		set_padding(pctx, a->family);
	bool holds = ready && EVP_DigestVerify(ctx, sig.p, sig.len, data.p, data.len) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ready)
		return ossl_err(e, ERR_CRYPTO, "signature", "it could not be checked");
	return holds ? ERR_OK : ossl_err(e, refusal, "signature", "it does not hold");
}

static bool family_fits(enum family f, enum key_kind kind)
{
	switch (kind) {
	case KIND_P256:
	case KIND_P384:
	case KIND_P521:
		return f == FAMILY_ECDSA;
	case KIND_ED25519:
		return f == FAMILY_ED25519;
	case KIND_RSA:
		return f == FAMILY_RSA || f == FAMILY_RSA_PSS;
	}
	return false;
}

enum err_code sign_alg_verify(const struct sign_alg *a, const struct key *k, struct bytes data,
	struct bytes sig, enum err_code refusal, struct err *e)
{
	if (!family_fits(a->family, k->kind))
		return err_set(e, ERR_SIG_ALGORITHM, "signature", "%s with a key of type %s",
			a->name, key_type_name(k));
	if (sig.len == 0 || sig.len > SIGNATURE_MAX)
		return err_set(e, refusal, "signature", "%zu bytes", sig.len);
	if (data.p == NULL)
		data = bytes_str("");
	if (a->family != FAMILY_ECDSA)
		return evp_verify(a, k, data, sig, refusal, e);
	uint8_t digest[DIGEST_MAX];
	unsigned len = 0;
	enum err_code rc = digest_of(a->md, data, digest, &len, e);
	return rc != ERR_OK ? rc : ecdsa_verify(k, digest, len, sig, refusal, e);
}

enum err_code key_verify(const struct key *k, struct bytes data, struct bytes sig,
	enum err_code refusal, struct err *e)
{
	const struct sign_alg *a = sign_alg_of(k);
	if (a == NULL)
		return err_set(e, ERR_KEY_ALGORITHM, "key", "an RSA signature names its algorithm");
	return sign_alg_verify(a, k, data, sig, refusal, e);
}

enum err_code key_verify_digest(const struct key *k, const uint8_t digest[SHA256_SIZE],
	struct bytes sig, enum err_code refusal, struct err *e)
{
	if (k->kind != KIND_P256)
		return err_set(e, ERR_KEY_ALGORITHM, "key", "a P-256 key is needed");
	if (sig.len == 0 || sig.len > SIGNATURE_MAX)
		return err_set(e, refusal, "signature", "%zu bytes", sig.len);
	return ecdsa_verify(k, digest, SHA256_SIZE, sig, refusal, e);
}
