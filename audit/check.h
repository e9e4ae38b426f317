/*
 * The check of a whole log, one piece after the other: entries and checkpoints are pushed in as
 * they come, and the first fault gets its name.  Files and databases are read elsewhere.
 *
 * Each entry names its number and, by hash, the entry before it; a checkpoint signs the root of all
 * before it.  When an entry does not fit, what follows tells why, so a fault is first a doubt:
 *
 *   SURE --entry does not fit-->        ODD  --next entry, or the end--> edited | removed | ...
 *   SURE --its number is too high-->    ODD  --next entry--> GAP --the missing one--> reordered
 *                                                            GAP --the end--> removed
 *   SURE --checkpoint is larger-->      SHORT --fitting entry--> removed  --other--> ODD
 *                                             --the end--> cut off
 *   SURE --checkpoint's root differs--> ROOT  --entry, or the end--> edited: one, or a range
 */
#ifndef AUDIT_CHECK_H
#define AUDIT_CHECK_H

#include "audit/log.h"

enum check_doubt { CHECK_SURE, CHECK_ODD, CHECK_GAP, CHECK_SHORT, CHECK_ROOT };

struct check {
	const struct note_key *key;
	struct merkle_edge edge; /* of the entries that fit */
	struct merkle_hash last; /* leaf of the newest of them */
	uint64_t good;           /* the largest size whose signed root was reached */
	uint64_t checkpoints;
	bool has_newest;
	struct checkpoint newest;
	enum check_doubt doubt;
	uint64_t doubt_size;          /* SHORT, ROOT: size of the checkpoint in doubt */
	struct entry odd;             /* ODD, GAP: the entry that did not fit */
	struct merkle_hash odd_leaf;
	uint64_t bad_seq;
};

void check_start(struct check *c, const struct note_key *k);
/* The checkpoint that the log is measured by: the newest.  Before any entry. */
MUST_USE enum err_code check_newest(struct check *c, struct bytes note, struct err *e);
/* The next of either; anything but ERR_OK is the verdict. */
MUST_USE enum err_code check_entry(struct check *c, struct bytes line, struct err *e);
MUST_USE enum err_code check_checkpoint(struct check *c, struct bytes note, struct err *e);
/* Nothing follows.  `last`: what the log's own end says is the leaf hash of the last of its `size`
 * entries, NULL when it says nothing. */
MUST_USE enum err_code check_end(struct check *c, uint64_t size, const struct merkle_hash *last,
	struct err *e);
void check_verdict(const struct check *c, enum err_code rc, struct audit_verdict *out);
/* A fault that the reader found: names entry `seq`. */
enum err_code check_fault(struct check *c, enum err_code code, uint64_t seq, const char *why,
	struct err *e);

#endif
