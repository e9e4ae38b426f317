/*
 * The server's TLS key, held elsewhere: an EVP_PKEY whose public half is the certificate's and
 * whose signatures are made by whoever `tls_key_signer` names (the signer process).  The library
 * hands over all that is signed, not a digest of it, so the signer can see what it is asked for.
 */
#ifndef SERVER_TLS_KEY_H
#define SERVER_TLS_KEY_H

#include "base/bytes.h"

struct evp_pkey_st;

/* RFC 8446 §4.2.3: the one scheme of a realm's TLS key. */
#define TLS_SCHEME_ECDSA_P256_SHA256 0x0403
#define TLS_SIGNATURE_MAX 72 /* two numbers of 33 bytes at most, DER */

typedef enum err_code tls_key_sign_fn(void *arg, unsigned scheme, struct bytes tbs,
	struct buf *signature, struct err *e);

/* Once a process; before a handshake. */
void tls_key_signer(tls_key_sign_fn *fn, void *arg);

/* A key for the certificate with this SubjectPublicKeyInfo's key; EVP_PKEY_free. */
MUST_USE enum err_code tls_key_new(struct evp_pkey_st *public_key, struct evp_pkey_st **out,
	struct err *e);
/* At the end of the program, when no key is left. */
void tls_key_unload(void);

#endif
