/*
 * One ASN.1 object that holds public keys: certificate, request, SubjectPublicKeyInfo,
 * RSAPublicKey, PKCS#7, the public half of a private key.  Which one is told from its shape.
 */
#ifndef KEYREAD_OBJECT_H
#define KEYREAD_OBJECT_H

#include "keyread/ber.h"
#include "keyread/found.h"

enum object_kind {
	OBJECT_UNKNOWN,
	OBJECT_CERTIFICATE, /* RFC 5280 §4.1 */
	OBJECT_REQUEST,     /* RFC 2986 §4 */
	OBJECT_SPKI,        /* RFC 5280 §4.1.2.7 */
	OBJECT_RSA,         /* RFC 8017 §A.1.1 */
	OBJECT_CMS,         /* RFC 5652 §3 */
	OBJECT_PRIVATE,     /* RFC 8017 §A.1.2, RFC 5915 §3, RFC 5958 §2, and DSA as OpenSSL writes it */
	OBJECT_OTHER,       /* a known object without a public key of its own: a CRL */
};

/*
 * From the first elements; what is behind them may still be damaged.  Objects whose first elements
 * have indefinite lengths are OBJECT_UNKNOWN, but for PKCS#7.
 */
enum object_kind object_kind(struct bytes der);

/*
 * Hand on what is in the first element of `der`; *used is its size.  An error is damage, after
 * whatever could be handed on.  With `form` the key is called so ("certificate in a CT chain").
 */
MUST_USE enum err_code object_read(struct found *f, struct bytes der, const char *form,
	size_t *used, struct err *e);

/* The parts, for those who know what they hold. */
MUST_USE enum err_code certificate_read(struct found *f, struct bytes der, const char *form,
	struct err *e);
/* A TBSCertificate alone: a precertificate's leaf (RFC 6962 §3.2). */
MUST_USE enum err_code tbs_read(struct found *f, struct bytes der, const char *form, struct err *e);
MUST_USE enum err_code request_read(struct found *f, struct bytes der, const char *form,
	struct err *e);
MUST_USE enum err_code cms_read(struct found *f, struct bytes der, struct err *e);
MUST_USE enum err_code private_read(struct found *f, struct bytes der, struct err *e);
/*
 * A SubjectPublicKeyInfo, DER or not quite: `k` points into `der` or into f->spki, where it is
 * written again in DER.
 */
MUST_USE enum err_code spki_read(struct found *f, struct bytes der, struct pubkey *k, struct err *e);
/* RSAPublicKey, or the first two INTEGERs of whatever `in` reads. */
MUST_USE enum err_code rsa_read(struct found *f, struct reader *in, struct pubkey *k, struct err *e);
/* An algorithm with numbers as parameters and one as key (DSA, Elgamal), written as DER into `b`. */
MUST_USE enum err_code numbers_read(struct buf *b, struct bytes oid, const struct bytes *parameters,
	size_t n, struct bytes key, struct pubkey *k, struct err *e);

/* A DER Name as text, "C=.., O=.., CN=..", into the record's name. */
void name_text(struct found *f, struct bytes name);

#endif
