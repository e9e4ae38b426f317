/* The log in a realm's folder, and what the log commands share. */
#ifndef CLI_LOG_REALM_H
#define CLI_LOG_REALM_H

#include "audit/log.h"
#include "merkle/note.h"

struct log_realm {
	struct store *store;
	struct note_key key; /* as the folder says */
};

/* Read only: the server may run meanwhile. */
MUST_USE enum err_code log_realm_open(const char *dir, struct log_realm *out, struct err *e);
void log_realm_close(struct log_realm *r);

/* Does the tlog-proof lead from this entry to a checkpoint that `k` has signed?  `seq` may be NULL. */
MUST_USE enum err_code log_check_proof(struct bytes proof, struct bytes entry,
	const struct note_key *k, uint64_t *seq, struct err *e);

#endif
