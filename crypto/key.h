/*
 * Keys: made, read, written, named.  `struct key` holds a private key or only its public half.
 * OpenSSL stays behind this header for everybody outside crypto/, x509/ and the server's TLS.  A
 * private key keeps a prepared signing context: one thread at a time signs with it.
 */
#ifndef CRYPTO_KEY_H
#define CRYPTO_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/hash.h"

struct evp_pkey_st;
struct key; /* opaque; key_free */

/* What we make.  What we admit from others is wider: crypto/alg.h. */
enum key_type { KEY_P256, KEY_P384, KEY_ED25519 };

/* SubjectPublicKeyInfo of the largest admitted key (RSA-8192 is 1,062 bytes), rounded up. */
#define KEY_SPKI_MAX 2048
/* Shortest accepted passphrase for a key at rest, in bytes. */
#define PASSPHRASE_MIN 12

MUST_USE enum err_code key_generate(enum key_type type, struct key **out, struct err *e);
/* The public key in a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7); trailing bytes are refused. */
MUST_USE enum err_code key_from_spki(struct bytes der, struct key **out, struct err *e);
/*
 * Takes over one reference of `pkey`, also when it fails: NULL without memory, or for a key that is
 * neither ECDSA (P-256, P-384, P-521), Ed25519 nor RSA.
 */
struct key *key_wrap(struct evp_pkey_st *pkey);
struct evp_pkey_st *key_evp(const struct key *k); /* borrowed */

/* Append the DER SubjectPublicKeyInfo to `out`. */
MUST_USE enum err_code key_spki(const struct key *k, struct buf *out, struct err *e);
/* A key's identifier everywhere in Medseal: SHA-256 over the DER SubjectPublicKeyInfo. */
MUST_USE enum err_code key_id(const struct key *k, uint8_t out[SHA256_SIZE], struct err *e);
/* "ecdsa-p256", "ed25519", "rsa-3072", ... ; static text. */
const char *key_type_name(const struct key *k);
bool key_is_private(const struct key *k);

/*
 * Write the private key as encrypted PKCS#8 PEM (PBES2, scrypt N=2^14 r=8 p=1, AES-256-CBC;
 * RFC 5958, RFC 7914) into a new file of mode 0600, fsynced with its folder.  ERR_EXISTS when the
 * file is there; ERR_PASSPHRASE_WEAK under PASSPHRASE_MIN bytes.
 */
MUST_USE enum err_code key_save(const struct key *k, const char *path, struct bytes passphrase,
	struct err *e);
/*
 * Read such a file (an unencrypted PKCS#8 when `passphrase.p` is NULL).  Refuses a file that
 * others may read (ERR_PERMISSIONS), a wrong passphrase (ERR_PASSPHRASE), a published test key
 * (ERR_TEST_KEY).
 */
MUST_USE enum err_code key_load(const char *path, struct bytes passphrase, struct key **out,
	struct err *e);
/* Unencrypted PKCS#8 PEM, mode 0600: for a device whose storage is the protection. */
MUST_USE enum err_code key_save_plain(const struct key *k, const char *path, struct err *e);
/* Append the unencrypted PKCS#8 DER to the secret buffer `out`: for a library that wants the key
 * itself (libcurl).  ERR_INTERNAL when `out` is not secret. */
MUST_USE enum err_code key_private_der(const struct key *k, struct buf *out, struct err *e);

/*
 * Sign `data`: ECDSA with the curve's SHA-2 (DER, RFC 3279), or pure Ed25519 (RFC 8032); the
 * signature is appended to `sig`.  key_sign_digest signs a finished SHA-256 with ECDSA P-256.
 */
MUST_USE enum err_code key_sign(const struct key *k, struct bytes data, struct buf *sig,
	struct err *e);
MUST_USE enum err_code key_sign_digest(const struct key *k, const uint8_t digest[SHA256_SIZE],
	struct buf *sig, struct err *e);
/* ERR_OK only when the signature holds; `refusal` is the code returned when it does not. */
MUST_USE enum err_code key_verify(const struct key *k, struct bytes data, struct bytes sig,
	enum err_code refusal, struct err *e);
MUST_USE enum err_code key_verify_digest(const struct key *k, const uint8_t digest[SHA256_SIZE],
	struct bytes sig, enum err_code refusal, struct err *e);

void key_free(struct key *k);

#endif
