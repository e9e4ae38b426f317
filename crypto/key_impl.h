/* The inside of struct key, for crypto/ alone. */
#ifndef CRYPTO_KEY_IMPL_H
#define CRYPTO_KEY_IMPL_H

#include <openssl/evp.h>

#include "crypto/key.h"
#include "crypto/ossl.h"

enum key_kind { KIND_P256, KIND_P384, KIND_P521, KIND_ED25519, KIND_RSA };

struct key {
	EVP_PKEY *pkey;
	enum key_kind kind;
	int bits;
	struct buf spki;    /* DER SubjectPublicKeyInfo, always there */
	EVP_PKEY_CTX *sign; /* prepared once; NULL for a public key, and for Ed25519 and RSA */
	bool is_private;
};

#endif
