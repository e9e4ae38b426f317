/*
 * Which public keys are admitted, until when, for what: one table, dated (SP 800-57,
 * SP 800-131A).  tests/unit/crypto holds a text snapshot: a change of policy is a visible diff.
 */
#ifndef CRYPTO_ALG_H
#define CRYPTO_ALG_H

#include "crypto/key.h"

enum alg_use {
	ALG_USE_DEVICE, /* a key we certify */
	ALG_USE_IDEVID, /* a manufacturer's key, which we only verify */
	ALG_USE_OPERATOR,
};

/*
 * May this public key be used for `use` at time `now`?  Refuses with ERR_KEY_ALGORITHM,
 * ERR_KEY_SIZE or ERR_KEY_INVALID (point not on the curve, even modulus, small exponent).
 */
MUST_USE enum err_code alg_admit_key(const struct key *k, enum alg_use use, int64_t now,
	struct err *e);
/* The table as text, a line a row. */
void alg_print_policy(struct buf *out);

#endif
