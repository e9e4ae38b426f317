/*
 * ECDSA signatures of many keys: a nonce that was used twice, and nonces that are not random, both
 * give the private key away to whoever has the signatures.  Everything found is proven: the private
 * key is computed and its public key compared.  docs/design/keycheck-checks.md has the mathematics.
 *
 * Keys and signatures are collected in any order, then judged once.
 */
#ifndef KEYCHECK_NONCE_H
#define KEYCHECK_NONCE_H

#include "keycheck/finding.h"
#include "keycheck/pubkey.h"

/* About 1.5 million P-256 signatures. */
#define NONCE_MEMORY_DEFAULT ((uint64_t)256 << 20)

struct nonce_set;

struct nonce_signature {
	/* Who signed: this key, or (NULL) whoever has the DER Name `issuer`. */
	const struct pubkey *signer;
	struct bytes issuer;
	struct bytes issuer_key_id; /* keyIdentifier of the authority; may be empty */
	struct bytes sig_alg;       /* content octets of the algorithm's OID */
	struct bytes tbs;           /* what is signed */
	struct bytes sig;           /* DER ECDSA-Sig-Value (RFC 3279 §2.2.3) */
	uint64_t source;            /* the caller's own number of the place where it stood */
};

struct nonce_counts {
	uint64_t keys;       /* EC keys that may have signed */
	uint64_t signatures; /* ECDSA signatures kept */
	uint64_t dropped;    /* not kept: the memory was full */
	uint64_t unknown;    /* kept, and of none of the keys: known after nonce_judge */
};

/* What was found of one key. */
struct nonce_finding {
	uint8_t key[SHA256_SIZE];
	struct bytes spki;
	struct finding finding;
	const uint64_t *sources; /* of the signatures that show it */
	size_t sources_n;
};

/* `memory`: octets that may be kept; 0: NONCE_MEMORY_DEFAULT. */
MUST_USE enum err_code nonce_set_new(uint64_t memory, struct nonce_set **out, struct err *e);
/*
 * A key that may have signed something, with the DER Name and key identifier that signatures call
 * it by (both may be empty).  Keys of other kinds are passed over.  Copies what it needs.
 */
MUST_USE enum err_code nonce_key(struct nonce_set *s, const struct pubkey *k, struct bytes name,
	struct bytes key_id, struct err *e);
/* A signature.  Of other algorithms, or malformed: passed over.  When memory is full: counted. */
MUST_USE enum err_code nonce_add(
	struct nonce_set *s, const struct nonce_signature *sig, struct err *e);
/*
 * Calls `each` for every finding.  `private_key` is big-endian and secret: for a file that only its
 * owner reads, never for a report.  It is empty when the finding does not yield it: one nonce under
 * two keys, of which neither is known otherwise.
 */
MUST_USE enum err_code nonce_judge(struct nonce_set *s,
	enum err_code (*each)(
		void *arg, const struct nonce_finding *f, struct bytes private_key, struct err *e),
	void *arg, struct err *e);
struct nonce_counts nonce_counts(const struct nonce_set *s);
void nonce_set_free(struct nonce_set *s);

#endif
