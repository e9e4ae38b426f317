/* Certificate revocation lists (RFC 5280 §5). */
#ifndef X509_CRL_H
#define X509_CRL_H

#include "x509/cert.h"

struct crl_entry {
	char serial[CERT_SERIAL_HEX]; /* hex */
	int64_t revoked_at;
	int reason; /* CRLReason (RFC 5280 §5.3.1) */
};

struct crl_fields {
	uint64_t number; /* CRL number, ever growing */
	int64_t this_update;
	int64_t next_update;
	const struct crl_entry *entries;
	size_t entries_n;
};

MUST_USE enum err_code crl_build(const struct crl_fields *f, const struct key *issuer_key,
	struct bytes issuer_cert_der, struct buf *der, struct err *e);
/* For a verifier without a clock: what was revoked stays so, however old the list is. */
#define CRL_ANY_TIME 0
/* Is `serial_hex` on the CRL?  Its signature by `issuer` and its dates at `at` are checked first. */
MUST_USE enum err_code crl_check(struct bytes crl_der, const struct cert *issuer,
	const char *serial_hex, int64_t at, bool *revoked, struct err *e);

#endif
