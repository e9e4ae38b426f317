/* CMS (RFC 5652): certs-only for EST, detached signatures for firmware. */
#ifndef X509_CMS_H
#define X509_CMS_H

#include "crypto/hash.h"
#include "x509/cert.h"

/* Degenerate SignedData with these certificates (RFC 7030 §4.1.3); DER appended. */
MUST_USE enum err_code cms_certs_only(const struct bytes *certs_der, size_t n, struct buf *der,
	struct err *e);
/* The certificates of such a message; at most `max`.  Each is freed by cert_free. */
MUST_USE enum err_code cms_certs_parse(struct bytes der, struct cert *out, size_t max, size_t *n,
	struct err *e);

/*
 * Detached SignedData over content whose SHA-256 is `digest`, with signed attributes
 * (content-type, message-digest, signing-time `at`), the signer's certificate enclosed.
 */
MUST_USE enum err_code cms_sign_digest(const uint8_t digest[SHA256_SIZE], const struct key *k,
	struct bytes cert_der, int64_t at, struct buf *der, struct err *e);
/*
 * Check such a signature: exactly one signer, whose enclosed certificate becomes `signer_out`, and
 * message-digest equal to `digest`.  The certificate's chain is the caller's to check.
 */
MUST_USE enum err_code cms_check_digest(struct bytes der, const uint8_t digest[SHA256_SIZE],
	struct cert *signer_out, enum err_code refusal, struct err *e);

#endif
