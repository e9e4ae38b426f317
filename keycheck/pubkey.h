/*
 * A public key as the key checks see it: its numbers, as views, and its name.  Nothing is refused
 * here that can be said of a key; a key that no library would load is the one worth a finding.
 */
#ifndef KEYCHECK_PUBKEY_H
#define KEYCHECK_PUBKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/hash.h"

/* A modulus of 1,000,000 bits is met in test data and is read; longer ones are an input's fault. */
#define PUBKEY_BITS_MAX (1u << 20)
/* DER SubjectPublicKeyInfo of such a modulus with an exponent of the same size, rounded up. */
#define PUBKEY_SPKI_MAX (3u * PUBKEY_BITS_MAX / 8)

enum pubkey_kind {
	PUBKEY_RSA,
	PUBKEY_EC,
	PUBKEY_ED25519,
	PUBKEY_ED448,
	PUBKEY_X25519,
	PUBKEY_X448,
	PUBKEY_DSA,
	PUBKEY_ML_DSA_44,
	PUBKEY_ML_DSA_65,
	PUBKEY_ML_DSA_87,
	PUBKEY_OTHER, /* named by its algorithm identifier; no check but size knows it */
};

struct pubkey {
	enum pubkey_kind kind;
	struct bytes spki;       /* DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) */
	uint8_t id[SHA256_SIZE]; /* SHA-256 of spki: the key's name in every report */
	struct bytes algorithm;  /* content octets of the algorithm's OID */

	/*
	 * RSA: the magnitudes, big-endian without leading zeros, empty for 0.  An INTEGER whose first
	 * bit is set is negative in DER and nearly always a modulus whose zero octet was forgotten: its
	 * octets are taken as unsigned, and the flag makes a finding of it.
	 */
	struct bytes modulus;
	struct bytes exponent;
	bool modulus_negative;
	bool exponent_negative;

	/* EC: content octets of the named curve's OID (empty: explicit parameters or none). */
	struct bytes curve;
	/* The content of the BIT STRING: EC point, Ed25519, ML-DSA key. Empty for RSA. */
	struct bytes point;
};

/*
 * Take a DER SubjectPublicKeyInfo apart; the views point into `der`.  ERR_MALFORMED, ERR_TRUNCATED
 * or ERR_TRAILING when it is none; ERR_LIMIT over PUBKEY_BITS_MAX.
 */
MUST_USE enum err_code pubkey_parse(struct bytes der, struct pubkey *out, struct err *e);
/*
 * A key of formats that carry bare numbers.  `modulus` and `exponent` are unsigned big-endian,
 * leading zeros allowed; an empty exponent means unknown and is written as 0.  The DER is put into
 * `spki` (emptied first), which `out` then points into.
 */
MUST_USE enum err_code pubkey_from_rsa(struct bytes modulus, struct bytes exponent,
	struct buf *spki, struct pubkey *out, struct err *e);
/* Likewise for an EC point on a named curve (content octets of its OID). */
MUST_USE enum err_code pubkey_from_ec(struct bytes curve, struct bytes point, struct buf *spki,
	struct pubkey *out, struct err *e);
/* Likewise for a key that is one octet string: Ed25519, Ed448, X25519, X448, ML-DSA. */
MUST_USE enum err_code pubkey_from_raw(enum pubkey_kind kind, struct bytes raw, struct buf *spki,
	struct pubkey *out, struct err *e);
/* Size in bits: of the modulus, of the curve's field; 0 when it is not known. */
unsigned pubkey_bits(const struct pubkey *k);
/* "RSA", "EC", ... ; static text. */
const char *pubkey_kind_name(enum pubkey_kind kind);

#endif
