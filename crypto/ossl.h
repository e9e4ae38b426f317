/*
 * What crypto/ and x509/ share of OpenSSL: algorithms fetched once (a fetch by name at each use
 * costs as much as the hash), and its error queue turned into ours.  Nobody else includes this.
 */
#ifndef CRYPTO_OSSL_H
#define CRYPTO_OSSL_H

#include <openssl/evp.h>

#include "base/err.h"

enum ossl_md { OSSL_SHA256, OSSL_SHA384, OSSL_SHA512, OSSL_MD_COUNT };
enum ossl_curve { OSSL_P256, OSSL_P384, OSSL_P521, OSSL_CURVE_COUNT };

/* Fetched at the first use and kept; the process ends when the library has not got them. */
const EVP_MD *ossl_md(enum ossl_md md);
/* A key of domain parameters only, to be copied. */
EVP_PKEY *ossl_curve(enum ossl_curve curve);

/* err_set with OpenSSL's own reason appended; empties its error queue. */
enum err_code ossl_err(struct err *e, enum err_code code, const char *object, const char *what);

#endif
