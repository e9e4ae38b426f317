/* What the files nonce*.c share. */
#ifndef KEYCHECK_NONCE_IMPL_H
#define KEYCHECK_NONCE_IMPL_H

#include <gmp.h>
#include <openssl/ec.h>

#include "keycheck/nonce.h"

#define NAME_HASH 16

/* The longest order of an accepted curve (P-521), in octets. */
#define NONCE_OCTETS_MAX 66

struct signer_key {
	uint8_t id[SHA256_SIZE];
	uint8_t name[NAME_HASH]; /* start of the SHA-256 of its DER Name */
	uint64_t key_id;         /* likewise of its key identifier; 0: none */
	uint64_t spki;           /* where its SPKI stands in the octets, and how long */
	uint32_t spki_len;
	uint32_t point; /* where in the SPKI the point stands */
	uint32_t point_len;
	int nid;
};

/* A signature: r, s and the digest stand one after the other in the octets. */
struct signed_once {
	uint8_t signer[NAME_HASH]; /* start of the key's id, or of the hash of the issuer's Name */
	uint64_t key_id;
	uint64_t source;
	uint64_t at;
	uint8_t r_len, s_len, z_len;
	bool self;
	uint32_t key; /* index of its key once that is known; NO_KEY */
};

#define NO_KEY UINT32_MAX

struct nonce_set {
	uint64_t memory, used;
	struct signer_key *keys;
	size_t keys_n, keys_cap;
	struct signed_once *sigs;
	size_t sigs_n, sigs_cap;
	uint8_t *octets;
	uint64_t octets_n, octets_cap;
	uint64_t dropped, unknown;
};

static inline struct bytes sig_r(const struct nonce_set *s, const struct signed_once *g)
{
	return bytes_of(s->octets + g->at, g->r_len);
}

static inline struct bytes sig_s(const struct nonce_set *s, const struct signed_once *g)
{
	return bytes_of(s->octets + g->at + g->r_len, g->s_len);
}

static inline struct bytes sig_z(const struct nonce_set *s, const struct signed_once *g)
{
	return bytes_of(s->octets + g->at + g->r_len + g->s_len, g->z_len);
}

static inline struct bytes key_spki(const struct nonce_set *s, const struct signer_key *k)
{
	return bytes_of(s->octets + k->spki, k->spki_len);
}

/* A key ready for reckoning: its group, its point, the order. */
struct reckoner {
	EC_GROUP *group;
	EC_POINT *point, *probe;
	BN_CTX *ctx;
	BIGNUM *bn;
	mpz_t n; /* the order */
	unsigned bits;
};

MUST_USE enum err_code reckoner_start(
	struct reckoner *k, const struct nonce_set *s, const struct signer_key *key, struct err *e);
void reckoner_end(struct reckoner *k);
/* Is d this key's private half? */
bool reckoner_is_private(struct reckoner *k, const mpz_t d);
/* r, s and the digest as a number of the order's length (FIPS 186-5 §6.4.1); false: not in range.
 */
bool reckoner_numbers(const struct reckoner *k, const struct nonce_set *s,
	const struct signed_once *g, mpz_t r, mpz_t sv, mpz_t z);

/*
 * The private key out of n signatures of one key whose nonces are short, or share their first or
 * last bits; `how` then says which.  false: not found.
 */
bool nonce_bias(struct reckoner *k, const struct nonce_set *s,
	const struct signed_once *const *sigs, size_t n, mpz_t d, const char **how);

/* Does the signature verify under the key it was given to? */
bool nonce_verifies(const struct nonce_set *s, const struct signed_once *g);
/* Finds the key of each signature. */
MUST_USE enum err_code nonce_attribute(struct nonce_set *s, struct err *e);

#endif
