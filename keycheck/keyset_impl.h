/* The parts of a key set, for the files that make it up. */
#ifndef KEYCHECK_KEYSET_IMPL_H
#define KEYCHECK_KEYSET_IMPL_H

#include "keycheck/keyindex.h"
#include "keycheck/keylog.h"
#include "keycheck/keyset.h"

/* One log for each kind of record; the order is that of their lengths in `state`. */
enum { LOG_KEYS, LOG_SOURCES, LOG_FLAWS, LOG_FINDINGS, LOG_SIGNERS, LOG_COUNT };
extern const char *const keyset_log_name[LOG_COUNT];

/* A key's record begins with its id and that of its modulus (zeros: not of the batch). */
#define KEY_RECORD_IDS (2 * SHA256_SIZE)

struct entry {
	uint64_t record; /* in LOG_KEYS */
	uint64_t source; /* the newest in LOG_SOURCES, and 1; 0: none */
	uint32_t modulus;
	uint32_t next; /* key of the same modulus */
};

struct keyset {
	char *dir;
	int lock;
	uint8_t call[SHA256_SIZE];
	struct keylog log[LOG_COUNT];
	struct entry *entry;
	uint32_t n, room;
	uint32_t *modulus_key; /* the first key of each modulus */
	uint32_t modulus_n, modulus_room;
	uint64_t sources;
	struct keyindex by_id, by_modulus;
	struct buf work;
	bool sealed;
};

/* keyset_state.c: the folder's lock and the checkpoint. */
MUST_USE enum err_code keyset_lock(struct keyset *s, struct err *e);
bool keyset_state_exists(const struct keyset *s);
MUST_USE enum err_code keyset_state_read(
	struct keyset *s, struct keyset_position *at, uint64_t size[LOG_COUNT], struct err *e);
MUST_USE enum err_code keyset_state_write(
	struct keyset *s, const struct keyset_position *at, struct err *e);

/* keyset_add.c: take up a key that is in the log, as new or on resuming. */
MUST_USE enum err_code keyset_take(
	struct keyset *s, const uint8_t ids[KEY_RECORD_IDS], uint64_t record, struct err *e);
/* keyset_add.c: likewise a source. */
MUST_USE enum err_code keyset_take_source(
	struct keyset *s, struct bytes record, uint64_t at, struct err *e);
/* keyset_add.c, keyset_read.c: a place within a record. */
void keyset_place_put(struct buf *b, const struct keyset_place *at);
bool keyset_place_read(struct reader *r, struct keyset_place *out);

#endif
