/*
 * An audit entry: what an act looks like in the log (docs/spec/log-entry.md).  One line of JSON
 * (RFC 8259) with a fixed order of members, so that the fields decide the bytes:
 *
 *   {"v":1,"seq":7,"time":"2026-01-31T23:59:59Z","act":"device.enrolled","actor":"device:PUMP-1",
 *    "object":"PUMP-1","detail":{"cert":"<sha256>"},"prev":"<leaf hash of seq 6>"}
 *
 * `seq` is the leaf index.  `prev` chains each entry to the one before it, so that a verifier can
 * name the entry that was touched; the Merkle tree proves the same to someone who has only a part.
 */
#ifndef AUDIT_ENTRY_H
#define AUDIT_ENTRY_H

#include <stdint.h>

#include "base/bytes.h"
#include "merkle/tree.h"

#define ENTRY_VERSION 1
#define ENTRY_MAX 4096
#define ENTRY_ACT_MAX 32
#define ENTRY_ACTOR_MAX 96
#define ENTRY_OBJECT_MAX 96
#define ENTRY_DETAIL_MAX 12 /* pairs */
#define ENTRY_DETAIL_KEY_MAX 32
#define ENTRY_DETAIL_VALUE_MAX 256

struct entry_pair {
	char key[ENTRY_DETAIL_KEY_MAX + 1];
	char value[ENTRY_DETAIL_VALUE_MAX + 1];
};

struct entry {
	uint64_t seq;
	int64_t time;
	char act[ENTRY_ACT_MAX + 1];       /* "device.enrolled" */
	char actor[ENTRY_ACTOR_MAX + 1];   /* "operator:alice", "device:PUMP-1", "medseald" */
	char object[ENTRY_OBJECT_MAX + 1]; /* what it was done to */
	size_t detail_n;
	struct entry_pair detail[ENTRY_DETAIL_MAX];
	struct merkle_hash prev; /* zeros for seq 0 */
	bool bad;                /* a member did not fit: entry_encode refuses */
};

MUST_USE enum err_code entry_parse(struct bytes line, struct entry *out, struct err *e);
MUST_USE enum err_code entry_encode(const struct entry *en, struct buf *line, struct err *e);
void entry_start(struct entry *en, int64_t time, const char *act, const char *actor,
	const char *object);
void entry_detail(struct entry *en, const char *key, const char *value);
void entry_detail_num(struct entry *en, const char *key, uint64_t value);
void entry_detail_hex(struct entry *en, const char *key, struct bytes value);
const char *entry_detail_get(const struct entry *en, const char *key); /* NULL: not there */

#endif
