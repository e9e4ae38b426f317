/*
 * Signature algorithms as X.509, PKCS#10 and CRLs name them: one table of what is made and
 * accepted.  No SHA-1, no MD5, no DSA.  key_sign and key_verify (crypto/key.h) are here too.
 */
#ifndef CRYPTO_SIGN_H
#define CRYPTO_SIGN_H

#include "crypto/key.h"

struct sign_alg;

/* The row of a whole DER AlgorithmIdentifier; ERR_SIG_ALGORITHM when it is not in the table. */
MUST_USE enum err_code sign_alg_parse(struct bytes der, const struct sign_alg **out,
	struct err *e);
/* The algorithm key_sign uses with this key; NULL for a key that Medseal does not sign with. */
const struct sign_alg *sign_alg_of(const struct key *k);
/* Its DER AlgorithmIdentifier, and its name ("ecdsa-with-SHA256"). */
struct bytes sign_alg_der(const struct sign_alg *a);
const char *sign_alg_name(const struct sign_alg *a);
/*
 * As key_verify, by the algorithm that the object names.  ERR_SIG_ALGORITHM when the key is of
 * another family: a signature is never checked with an algorithm its key is not for.
 */
MUST_USE enum err_code sign_alg_verify(const struct sign_alg *a, const struct key *k,
	struct bytes data, struct bytes sig, enum err_code refusal, struct err *e);
/* The table as text, a line a row. */
void sign_alg_print(struct buf *out);

#endif
