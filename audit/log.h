/*
 * The audit log over the store: append inside the caller's transaction, checkpoint, prove, and
 * verify (a database, or an exported copy with no server at all).
 */
#ifndef AUDIT_LOG_H
#define AUDIT_LOG_H

#include "audit/entry.h"
#include "merkle/note.h"
#include "store/store.h"

struct audit_state {
	struct merkle_edge edge; /* as of the last append, committed or not */
	struct merkle_hash last; /* leaf hash of the newest entry */
	char origin[NOTE_ORIGIN_MAX + 1];
};

/* Read the edge back at start and check it against the newest checkpoint (ERR_LOG_*). */
MUST_USE enum err_code audit_open(struct store *s, const struct note_key *k,
	struct audit_state *out, struct err *e);
/* Fill seq and prev, encode, store.  After a rollback the caller puts its copy of `l` back. */
MUST_USE enum err_code audit_append(struct store *s, struct audit_state *l, struct entry *en,
	struct err *e);
/* What a checkpoint of the present size says; the signer signs its text. */
void audit_checkpoint(const struct audit_state *l, struct checkpoint *out);
MUST_USE enum err_code audit_prove(struct store *s, uint64_t index, uint64_t size,
	struct merkle_proof *out, struct err *e);

/* Everything an outsider needs, as text (docs/spec/log-export.md), written to `fd`.
 * ERR_LOG_CHECKPOINT when nothing was signed yet. */
MUST_USE enum err_code audit_export(struct store *s, const struct audit_state *l, int fd,
	struct err *e);

struct audit_verdict {
	uint64_t entries;
	uint64_t checkpoints;
	uint64_t signed_entries; /* how many of them the newest checkpoint covers */
	uint64_t bad_seq; /* the first entry found wrong, when the verdict is not ERR_OK */
};

/*
 * Verify an export (a file of any size, or a pipe) with the log's key, which the verifier has from
 * elsewhere.  `out` is filled in either case.  What was found is the code: ERR_LOG_EDITED,
 * ERR_LOG_REMOVED, ERR_LOG_REORDERED, ERR_LOG_CUT, ERR_LOG_CHECKPOINT; ERR_MALFORMED when it is not
 * an export at all.
 */
MUST_USE enum err_code audit_verify_export(int fd, const struct note_key *k,
	struct audit_verdict *out, struct err *e);
/* The same over a database; ERR_STORE_DAMAGED when only the hashes of its tree are wrong. */
MUST_USE enum err_code audit_verify_store(struct store *s, const struct note_key *k,
	struct audit_verdict *out, struct err *e);

#endif
