/* The audit log as the outside sees it: checkpoints that the signer has signed, and proofs. */
#ifndef AUTHORITY_JOURNAL_H
#define AUTHORITY_JOURNAL_H

#include "authority/authority.h"

/* Sign the log's present size, unless the newest checkpoint has it.  In the caller's transaction. */
MUST_USE enum err_code journal_checkpoint(struct authority *a, bool *made, struct err *e);
/* C2SP tlog-proof of entry `seq` against the newest checkpoint; ERR_NOT_FOUND when no checkpoint
 * covers it yet. */
MUST_USE enum err_code journal_proof(struct authority *a, uint64_t seq, struct buf *out,
	struct err *e);
/* One entry that concerns the server itself ("realm.created", "server.started"). */
MUST_USE enum err_code journal_note(struct authority *a, const char *act, const char *object,
	struct err *e);

#endif
