/* PKCS#10 certificate requests (RFC 2986) as devices send them. */
#ifndef X509_CSR_H
#define X509_CSR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/alg.h"
#include "x509/cert.h"

#define CSR_DER_MAX 16384 /* an ML-DSA-87 or RSA-8192 request with attributes fits */

struct csr {
	struct bytes der; /* owned by this struct; the views point into it */
	struct bytes info; /* CertificationRequestInfo: what is signed */
	struct bytes sig_alg;
	struct bytes sig;
	struct buf spki;    /* DER SubjectPublicKeyInfo */
	struct buf subject; /* DER Name */
	struct buf san;     /* DER GeneralNames that were asked for; empty: none */
	char common_name[CERT_NAME_MAX + 1];
	char device_serial[DEVICE_SERIAL_MAX + 1];
	/* challengePassword (RFC 2985 §5.4.1, RFC 7030 §3.5); empty: none */
	struct buf challenge;
	/* What csr_check will say of the subject and of what is asked for, or ERR_OK. */
	enum err_code subject_flaw;
	enum err_code request_flaw;
};

/* Takes the request apart; ERR_CSR_FORM, ERR_CSR_TRAILING, or ERR_LIMIT over CSR_DER_MAX. */
MUST_USE enum err_code csr_parse(struct bytes der, struct csr *out, struct err *e);
/*
 * Subject and extensions, key and signature policy at time `now`, then proof of possession.  The
 * key is admitted before anything is computed with it: no request costs more than one verification
 * of an admitted key.  ERR_CSR_SUBJECT (several names of a kind, or unreadable), ERR_CSR_EXTENSION
 * (a CA, a purpose no device has, an unknown critical extension), ERR_KEY_*, ERR_TEST_KEY,
 * ERR_SIG_ALGORITHM, ERR_CSR_SIGNATURE.
 */
MUST_USE enum err_code csr_check(const struct csr *c, int64_t now, struct err *e);
/* Make a request for subject {O when not NULL, serialNumber, CN} of this serial; DER appended. */
MUST_USE enum err_code csr_encode(const struct key *k, const char *organization,
	const char *device_serial, struct buf *der, struct err *e);
/* As csr_encode, with subject and SAN of an existing certificate (RFC 7030 §4.2.2). */
MUST_USE enum err_code csr_encode_like(const struct key *k, const struct cert *current,
	struct buf *der, struct err *e);
void csr_free(struct csr *c);

#endif
