/* Certificates and extensions taken apart in place: views into the DER, nothing copied. */
#ifndef X509_VIEW_H
#define X509_VIEW_H

#include "x509/oid.h"

struct cert_view {
	struct bytes tbs;
	struct bytes serial; /* content octets of the INTEGER, without a leading zero */
	struct bytes issuer; /* DER Name */
	struct bytes subject;
	struct bytes spki;
	struct bytes extensions; /* content of the Extensions SEQUENCE; empty: none */
	struct bytes sig_alg;    /* DER AlgorithmIdentifier */
	struct bytes sig;
	int64_t not_before;
	int64_t not_after;
};

/* RFC 5280 §4.1; ERR_MALFORMED or ERR_TRAILING. */
MUST_USE enum err_code cert_view_parse(struct bytes der, struct cert_view *out, struct err *e);

struct extension {
	struct bytes oid;
	bool critical;
	struct bytes value; /* content of the OCTET STRING */
};

/* The next of the Extensions in `r`; `r` goes bad on a malformed one. */
struct extension ext_read(struct reader *r);
/* The extension's value; `.p` is NULL when it is absent.  `extensions` was parsed before. */
struct bytes ext_find(struct bytes extensions, struct bytes oid);
void ext_write(struct buf *b, struct bytes oid, bool critical, struct bytes value);

/* basicConstraints says CA:TRUE; `path_len` (may be NULL) is -1 when there is none. */
bool ext_is_ca(struct bytes extensions, int *path_len);
/* Is this purpose (content octets) in extendedKeyUsage? */
bool ext_has_purpose(struct bytes extensions, struct bytes oid);
/* keyUsage's first octet (OpenSSL's KU_* bits); 0 when absent. */
unsigned ext_key_usage(struct bytes extensions);

/* Key identifier: the first 160 bits of SHA-256 over the key's BIT STRING (RFC 7093 §2, 1). */
#define KEY_IDENTIFIER_SIZE 20
MUST_USE bool spki_key_identifier(struct bytes spki, uint8_t out[KEY_IDENTIFIER_SIZE]);
/* A CA's own subjectKeyIdentifier, or what it would be. */
MUST_USE bool issuer_key_identifier(const struct cert_view *issuer, struct buf *out);
/* The extension authorityKeyIdentifier with this key identifier. */
void ext_write_authority(struct buf *b, struct bytes identifier);

#endif
