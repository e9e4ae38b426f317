#include "x509/cms.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/x509.h>

#include "crypto/ossl.h"
#include "crypto/sign.h"
#include "x509/oid.h"

/* A signature with one certificate is under 2 kB; a certs-only message has a few. */
#define CMS_DER_MAX 65536
#define CERTS_MAX 16

/* ---- certificates only (RFC 7030 §4.1.3, RFC 5652 §5.1) ---- */

static int compare_der(const void *a, const void *b)
{
	const struct bytes *x = a;
	const struct bytes *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->p, y->p, n);
	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

enum err_code cms_certs_only(const struct bytes *certs_der, size_t n, struct buf *der,
	struct err *e)
{
	struct bytes sorted[CERTS_MAX];
	if (n == 0 || n > CERTS_MAX)
		return err_set(e, ERR_LIMIT, "certificates", "1 to %d", CERTS_MAX);
	memcpy(sorted, certs_der, n * sizeof(sorted[0]));
	/* A SET OF stands in the order of its encodings (X.690 §11.6). */
	qsort(sorted, n, sizeof(sorted[0]), compare_der);
	struct buf b = buf_new(BUF_MAX_DEFAULT);
	size_t info = der_open(&b, DER_SEQUENCE);
	der_write_oid(&b, OID_SIGNED_DATA);
	size_t explicit = der_open(&b, DER_CONTEXT(0));
	size_t signed_data = der_open(&b, DER_SEQUENCE);
	der_write_u64(&b, 1);
	der_write(&b, DER_SET, BYTES_NONE); /* digestAlgorithms */
	size_t content = der_open(&b, DER_SEQUENCE);
	der_write_oid(&b, OID_DATA);
	der_close(&b, content);
	size_t certs = der_open(&b, DER_CONTEXT(0));
	for (size_t i = 0; i < n; i++)
		buf_bytes(&b, sorted[i]);
	der_close(&b, certs);
	der_write(&b, DER_SET, BYTES_NONE); /* signerInfos */
	der_close(&b, signed_data);
	der_close(&b, explicit);
	der_close(&b, info);
	enum err_code rc = buf_end(&b, e, "certificates");
	if (rc == ERR_OK) {
		buf_bytes(der, buf_view(&b));
		rc = buf_end(der, e, "certificates");
	}
	buf_free(&b);
	return rc;
}

static CMS_ContentInfo *decode(struct bytes der, enum err_code refusal, enum err_code *rc,
	struct err *e)
{
	const uint8_t *p = der.p;
	if (der.len > CMS_DER_MAX) {
		*rc = err_set(e, ERR_LIMIT, "CMS", "at most %d bytes", CMS_DER_MAX);
		return NULL;
	}
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
	if (cms == NULL) {
		*rc = ossl_err(e, refusal, "CMS", "not a CMS message");
	} else if (p != der.p + der.len) {
		*rc = err_set(e, ERR_TRAILING, "CMS", "%zu bytes", (size_t)(der.p + der.len - p));
	} else if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
		*rc = err_set(e, refusal, "CMS", "not SignedData");
	} else {
		*rc = ERR_OK;
		return cms;
	}
	CMS_ContentInfo_free(cms);
	return NULL;
}

enum err_code cms_certs_parse(struct bytes der, struct cert *out, size_t max, size_t *n,
	struct err *e)
{
	enum err_code rc;
	CMS_ContentInfo *cms = decode(der, ERR_MALFORMED, &rc, e);
	if (cms == NULL)
		return rc;
	STACK_OF(X509) *certs = CMS_get1_certs(cms);
	CMS_ContentInfo_free(cms);
	int count = sk_X509_num(certs);
	size_t done = 0;
	if (count < 1)
		rc = err_set(e, ERR_MALFORMED, "CMS", "there is no certificate in it");
	else if ((size_t)count > max)
		rc = err_set(e, ERR_LIMIT, "CMS", "%d certificates, at most %zu", count, max);
	for (int i = 0; rc == ERR_OK && i < count; i++) {
		rc = cert_from_object(sk_X509_value(certs, i), &out[done], e);
		if (rc == ERR_OK)
			done++;
	}
	sk_X509_pop_free(certs, X509_free);
	if (rc == ERR_OK) {
		*n = done;
		return ERR_OK;
	}
	while (done > 0)
		cert_free(&out[--done]);
	return rc;
}

/* ---- detached signature ---- */

#define SIGN_FLAGS (CMS_PARTIAL | CMS_DETACHED | CMS_BINARY | CMS_NOSMIMECAP)

/* Our own signing time: the library would take the machine's clock. */
static bool set_signing_time(CMS_SignerInfo *si, int64_t at)
{
	ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)at);
	bool ok = t != NULL && CMS_signed_add1_attr_by_NID(si, NID_pkcs9_signingTime,
				       ASN1_STRING_type(t), t, -1) == 1;
	ASN1_TIME_free(t);
	return ok;
}

static bool sign(CMS_ContentInfo *cms, X509 *x, const struct key *k,
	const uint8_t digest[SHA256_SIZE], int64_t at)
{
	CMS_SignerInfo *si = CMS_add1_signer(cms, x, key_evp(k), ossl_md(OSSL_SHA256), SIGN_FLAGS);
	return si != NULL && set_signing_time(si, at) &&
		CMS_final_digest(cms, digest, SHA256_SIZE, NULL, SIGN_FLAGS) == 1;
}

enum err_code cms_sign_digest(const uint8_t digest[SHA256_SIZE], const struct key *k,
	struct bytes cert_der, int64_t at, struct buf *der, struct err *e)
{
	const uint8_t *p = cert_der.p;
	X509 *x = d2i_X509(NULL, &p, (long)cert_der.len);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, SIGN_FLAGS);
	unsigned char *out = NULL;
	int len = -1;
	enum err_code rc;
	if (x == NULL || p != cert_der.p + cert_der.len)
		rc = ossl_err(e, ERR_MALFORMED, "certificate", "not a certificate");
	else if (cms == NULL || X509_check_private_key(x, key_evp(k)) != 1 ||
		!sign(cms, x, k, digest, at) || (len = i2d_CMS_ContentInfo(cms, &out)) <= 0)
		rc = ossl_err(e, ERR_CRYPTO, "CMS", "it cannot be signed");
	else {
		buf_bytes(der, bytes_of(out, (size_t)len));
		rc = buf_end(der, e, "CMS");
	}
	OPENSSL_free(out);
	CMS_ContentInfo_free(cms);
	X509_free(x);
	return rc;
}

/* Exactly one value of the attribute, of this type. */
static const void *single_attribute(CMS_SignerInfo *si, int nid, int type)
{
	int at = CMS_signed_get_attr_by_NID(si, nid, -1);
	if (at < 0 || CMS_signed_get_attr_by_NID(si, nid, at) >= 0)
		return NULL;
	X509_ATTRIBUTE *a = CMS_signed_get_attr(si, at);
	return X509_ATTRIBUTE_count(a) == 1 ? X509_ATTRIBUTE_get0_data(a, 0, type, NULL) : NULL;
}

/* RFC 5652 §11.1, §11.2: both attributes, once each, and saying what they must. */
static const char *flaw_of_attributes(CMS_SignerInfo *si, const uint8_t digest[SHA256_SIZE])
{
	const ASN1_OBJECT *type = single_attribute(si, NID_pkcs9_contentType, V_ASN1_OBJECT);
	const ASN1_OCTET_STRING *md =
		single_attribute(si, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING);
	if (type == NULL || OBJ_obj2nid(type) != NID_pkcs7_data)
		return "the signed content-type is not data";
	if (md == NULL || ASN1_STRING_length(md) != SHA256_SIZE)
		return "there is no signed message-digest";
	if (memcmp(ASN1_STRING_get0_data(md), digest, SHA256_SIZE) != 0)
		return "the signed message-digest is of other content";
	return NULL;
}

static bool is_admitted(X509_ALGOR *digest, X509_ALGOR *signature)
{
	const ASN1_OBJECT *oid = NULL;
	const struct sign_alg *alg = NULL;
	unsigned char *der = NULL;
	X509_ALGOR_get0(&oid, NULL, NULL, digest);
	int len = i2d_X509_ALGOR(signature, &der);
	bool ok = OBJ_obj2nid(oid) == NID_sha256 && len > 0 &&
		sign_alg_parse(bytes_of(der, (size_t)len), &alg, NULL) == ERR_OK;
	OPENSSL_free(der);
	return ok;
}

static const char *flaw_of(CMS_ContentInfo *cms, const uint8_t digest[SHA256_SIZE], X509 **signer)
{
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);
	ASN1_OCTET_STRING **content = CMS_get0_content(cms);
	if (sk_CMS_SignerInfo_num(infos) != 1)
		return "there is not exactly one signer";
	if (content == NULL || *content != NULL ||
		OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
		return "it is not a detached signature over data";
	if (CMS_set1_signers_certs(cms, NULL, 0) != 1)
		return "the signer's certificate is not enclosed";
	X509_ALGOR *digest_alg = NULL;
	X509_ALGOR *sig_alg = NULL;
	CMS_SignerInfo *si = sk_CMS_SignerInfo_value(infos, 0);
	CMS_SignerInfo_get0_algs(si, NULL, signer, &digest_alg, &sig_alg);
	if (*signer == NULL || !is_admitted(digest_alg, sig_alg))
		return "its algorithms are not accepted";
	const char *flaw = flaw_of_attributes(si, digest);
	if (flaw != NULL)
		return flaw;
	return CMS_SignerInfo_verify(si) == 1 ? NULL : "the signature does not hold";
}

enum err_code cms_check_digest(struct bytes der, const uint8_t digest[SHA256_SIZE],
	struct cert *signer_out, enum err_code refusal, struct err *e)
{
	enum err_code rc;
	X509 *signer = NULL; /* borrowed from the message */
	CMS_ContentInfo *cms = decode(der, refusal, &rc, e);
	if (cms == NULL)
		return rc;
	struct cert c = {0};
	struct key *k = NULL;
	const char *flaw = flaw_of(cms, digest, &signer);
	rc = flaw != NULL ? ossl_err(e, refusal, "CMS", flaw) : cert_from_object(signer, &c, e);
	/* The library reads a key in more spellings than DER has; spki_id must name one key. */
	if (rc == ERR_OK && cert_key(&c, &k, e) != ERR_OK)
		rc = err_set(
			e, refusal, "CMS", "the signer's public key is not one we use, in DER");
	key_free(k);
	if (rc == ERR_OK)
		*signer_out = c;
	else
		cert_free(&c);
	CMS_ContentInfo_free(cms);
	return rc;
}
