/* X.509 certificates (RFC 5280): built from a profile and fields, parsed, checked, printed. */
#ifndef X509_CERT_H
#define X509_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/key.h"
#include "x509/profile.h"

/* The largest certificate accepted from anybody, DER. */
#define CERT_DER_MAX 8192
/* Serial numbers we make: 16 random bytes, positive (RFC 5280 §4.1.2.2 allows 20). */
#define CERT_SERIAL_SIZE 16
/* Longest serialNumber accepted (RFC 5280: 20 octets), as hex with a terminator. */
#define CERT_SERIAL_HEX 41
/* Longest device serial, as text: X.520 ub-serial-number. */
#define DEVICE_SERIAL_MAX 64
#define CERT_NAME_MAX 64 /* X.520 ub-common-name */

struct x509_st;

/* All that goes into a certificate beside its profile. */
struct cert_fields {
	enum profile profile;
	uint8_t serial[CERT_SERIAL_SIZE]; /* random; its two top bits become 01 (cert_serial_hex) */
	const char *organization;         /* the realm's name: O= */
	const char *common_name;          /* CN= */
	const char *device_serial;        /* serialNumber= (2.5.4.5); NULL: none */
	int64_t not_before;               /* seconds since 1970, before backdating */
	int64_t not_after;                /* 0: not_before + the profile's lifetime */
	struct bytes spki;                /* DER SubjectPublicKeyInfo of the subject */
	const char *const *names;         /* server: DNS names and IP addresses; NULL-terminated */
	const char *crl_url;              /* NULL: none */
};

/*
 * Build and sign; DER appended to `der`.  `issuer_cert_der` empty: self-signed.  Refuses fields
 * that the profile does not allow (ERR_SIGNER_REFUSED), a key or an issuer that does not fit it.
 * Subject: {O, serialNumber when given, CN}, in this order.  A certificate never outlives its
 * issuer: a default not_after is shortened, one that was asked for is refused.
 */
MUST_USE enum err_code cert_build(const struct cert_fields *f, const struct key *issuer_key,
	struct bytes issuer_cert_der, struct buf *der, struct err *e);

/*
 * The serial number that cert_build makes of these 16 bytes, as `struct cert` prints it.  The top
 * bits are 01, so that it is positive and always 16 octets long.
 */
void cert_serial_hex(const uint8_t serial[CERT_SERIAL_SIZE], char out[CERT_SERIAL_HEX]);

/* A parsed certificate; what is needed of it, copied out. */
struct cert {
	struct x509_st *x;                      /* the library's object; NULL until cert_prepare */
	struct bytes der;                       /* owned by this struct */
	char serial[CERT_SERIAL_HEX];           /* serialNumber, hex, lower case */
	char common_name[CERT_NAME_MAX + 1];    /* "" when there is none, or more than one */
	char device_serial[DEVICE_SERIAL_MAX + 1]; /* subject serialNumber (2.5.4.5), likewise */
	int64_t not_before;
	int64_t not_after;
	uint8_t spki_id[SHA256_SIZE];           /* SHA-256 of the SubjectPublicKeyInfo */
	uint8_t fingerprint[SHA256_SIZE];       /* SHA-256 of the DER */
};

MUST_USE enum err_code cert_parse(struct bytes der, struct cert *out, struct err *e);
/* From the library's object, of which it takes a reference: a TLS peer's, decoded already. */
MUST_USE enum err_code cert_from_object(struct x509_st *x, struct cert *out, struct err *e);
/* The first CERTIFICATE of a PEM text, or of a file that holds PEM or DER. */
MUST_USE enum err_code cert_parse_pem(struct bytes pem, struct cert *out, struct err *e);
MUST_USE enum err_code cert_load(const char *path, struct cert *out, struct err *e);
/*
 * Make the library's object now and keep it: for certificates that many others are checked
 * against.  cert_load and cert_parse_pem do it.
 */
MUST_USE enum err_code cert_prepare(struct cert *c, struct err *e);
/* The certificate's public key; key_free. */
MUST_USE enum err_code cert_key(const struct cert *c, struct key **out, struct err *e);
/* Append the DER subject Name / the DER GeneralNames of subjectAltName (nothing when absent). */
MUST_USE enum err_code cert_subject(const struct cert *c, struct buf *out, struct err *e);
MUST_USE enum err_code cert_san(const struct cert *c, struct buf *out, struct err *e);
/* Append the DER GeneralNames that cert_build makes of these names (NULL-terminated): what cert_san
 * finds in a certificate with the same ones.  ERR_SIGNER_REFUSED for what is no name. */
MUST_USE enum err_code cert_names_encode(const char *const *names, struct buf *out, struct err *e);
/* Does it name this purpose (dotted text)?  anyExtendedKeyUsage does not count. */
bool cert_has_eku(const struct cert *c, const char *oid);
bool cert_is_ca(const struct cert *c);
MUST_USE enum err_code cert_to_pem(struct bytes der, struct buf *pem, struct err *e);

/*
 * Does `c` name `ca` as its issuer?  A quick look that proves nothing: it tells which of many
 * anchors is worth cert_check_chain.  False unless both are prepared.
 */
bool cert_names_issuer(const struct cert *c, const struct cert *ca);

/*
 * Does `leaf` lead to one of `anchors` (through `between`) at time `at`?  `profile`: which purpose
 * the leaf must have (its EKU), PROFILE_COUNT for any.  `direct`: the leaf must be issued by an
 * anchor itself.  Refuses with `refusal`, or ERR_PEER_EXPIRED / ERR_PEER_PURPOSE.
 */
MUST_USE enum err_code cert_check_chain(const struct cert *leaf, const struct cert *between,
	size_t between_n, const struct cert *anchors, size_t anchors_n, int64_t at,
	enum profile profile, bool direct, enum err_code refusal, struct err *e);

void cert_free(struct cert *c);

/* PKCS#12 (RFC 7292) with key, certificate and chain; a new file, mode 0600. */
MUST_USE enum err_code cert_save_pkcs12(const struct key *k, struct bytes cert_der,
	const struct bytes *chain_der, size_t chain_n, const char *name, struct bytes passphrase,
	const char *path, struct err *e);

#endif
