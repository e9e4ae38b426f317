/*
 * Every check that looks at one key alone.  What each costs stands in docs/design/keycheck.md, and
 * `bench/keycheck` measures it.  Checks across keys are bigint/batch.h, keycheck/nonce.h and
 * keycheck/door.h.
 */
#ifndef KEYCHECK_CHECK_H
#define KEYCHECK_CHECK_H

#include "keycheck/finding.h"
#include "keycheck/lists.h"
#include "keycheck/pubkey.h"

struct checker; /* read-only once made: many threads may use one */

typedef void (*finding_fn)(void *arg, const struct finding *f);

/* `lists` may be NULL (no list checks) and must outlive the checker. */
MUST_USE enum err_code checker_new(const struct lists *lists, struct checker **out, struct err *e);
/*
 * Never make this check: CHECK_RSA_PRIME costs more than all others together.  Before the checker
 * is used.  A check that reads lists is left out by giving no lists.
 */
void checker_leave_out(struct checker *c, enum check check);
/*
 * All findings of one key, in the order of checks.def.  An error is ours (memory), never the key's.
 * `rsa_bits_min`: below it a size is a finding; 0: the default, 2048.
 */
MUST_USE enum err_code checker_key(const struct checker *c, const struct pubkey *k,
	unsigned rsa_bits_min, finding_fn each, void *arg, struct err *e);
void checker_free(struct checker *c);

#endif
