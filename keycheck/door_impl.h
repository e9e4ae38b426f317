/*
 * Inside keycheck/door*.c.
 *
 * Invariants:
 *  1. a modulus is in one bucket, once (door_add looks before it adds);
 *  2. `records`, `keys` and `pile` are the same keys, in one order; `pile` is their product;
 *  3. what is in the log file is a beginning of what is in memory, and a record is there whole or
 *     the log is cut before it (log_size); a MARK stands behind every key it speaks of;
 *  4. closed buckets are on the disk before the log that follows them is begun.
 *
 *   held --door_add--> open bucket (log file) --full--> closed bucket
 *     \--door_settle--> forgotten
 */
#ifndef KEYCHECK_DOOR_IMPL_H
#define KEYCHECK_DOOR_IMPL_H

#include "keycheck/door.h"
#include "keycheck/door_bucket.h"
#include "keycheck/door_pile.h"

/* Where a key is in a buffer of records. */
struct key_place {
	uint64_t fingerprint;
	size_t at;
};

/* Some keys: their records one after the other, and their product. */
struct key_set {
	struct buf records;
	struct key_place *place;
	size_t n;
	size_t room;
	struct pile pile;
};

struct broken {
	uint8_t id[SHA256_SIZE];
	uint8_t other[SHA256_SIZE];
	int64_t at;
};

struct aside {
	char owner[DOOR_NAME_MAX + 1];
	uint8_t id[SHA256_SIZE];
	int64_t at;
};

/* The newest keys of a product line: between one and two halves of COHORT_HALF. */
#define COHORT_HALF 8192
#define COHORT_LINES_MAX 256
/* Over all lines: 64 MiB of RSA-2048. */
#define COHORT_KEYS_MAX 262144

struct cohort {
	char line[DOOR_NAME_MAX + 1];
	struct pile young;
	struct pile old;
};

struct sweep; /* door_sweep.c */

struct door {
	struct door_options o;
	int dir;
	int lock;
	int log;
	uint64_t number;   /* of the open bucket */
	uint64_t log_size; /* bytes of whole records */
	bool log_behind;   /* something in memory is not in the log */
	bool log_torn;     /* it ends in part of a record, which could not be cut off */
	bool log_news;     /* a key since the last MARK */
	uint64_t mark;
	uint64_t mark_written;
	bool lost; /* while it opens: not everything could be mended from the keys */

	struct bucket *closed;
	size_t closed_n;
	size_t closed_room;
	uint64_t closed_keys;
	struct key_set open;
	struct key_set held;

	struct broken *broken;
	size_t broken_n;
	size_t broken_room;
	struct aside *aside;
	size_t aside_n;
	size_t aside_room;

	struct cohort *cohorts; /* NULL until there are more keys than are looked at inline */
	size_t cohorts_n;
	struct sweep *sweep;
};

/* Room for one more of `size` bytes in *p; false without memory. */
bool grow(void **p, size_t n, size_t *room, size_t size);

/* door_set.c */
void set_init(struct key_set *s);
MUST_USE enum err_code set_add(struct key_set *s, const struct record *r, struct err *e);
bool set_find(const struct key_set *s, struct bytes modulus, uint64_t fingerprint,
	struct record *out);
MUST_USE enum err_code set_each(const struct key_set *s, record_fn each, void *arg,
	struct err *e);
void set_clear(struct key_set *s); /* empty again */
void set_free(struct key_set *s);
/* An exact match among all keys that are known, held ones too. */
bool door_find(const struct door *d, struct bytes modulus, struct record *out);

/* May the modulus stand in a product: odd, above 1, and not longer than the kernels take? */
bool modulus_fits(struct bytes n);

/* door_log.c: the open bucket's file. */
MUST_USE enum err_code log_append(struct door *d, const struct record *r, struct err *e);
/* Read log `number`, or begin it. */
MUST_USE enum err_code log_load(struct door *d, uint64_t number, struct err *e);
/* A new log: what is remembered besides keys goes over into it. */
MUST_USE enum err_code log_begin(struct door *d, uint64_t number, struct err *e);
void log_name(uint64_t number, char out[BUCKET_NAME_SIZE]);

/* door_close.c: close the open bucket when it is full. */
MUST_USE enum err_code bucket_add(struct door *d, const struct bucket *b, struct err *e);
MUST_USE enum err_code door_turn_over(struct door *d, struct err *e);
/* A damaged bucket, made anew from the keys that are whole in it. */
MUST_USE enum err_code door_mend(struct door *d, uint64_t number, const struct err *damage,
	struct err *e);

/* door_memory.c: the broken and those set aside. */
MUST_USE enum err_code remember(struct door *d, const struct record *r, struct err *e);
bool is_broken(const struct door *d, const uint8_t id[SHA256_SIZE], uint8_t other[SHA256_SIZE]);
/* All of them as records into the log's successor. */
void memory_encode(const struct door *d, struct buf *out);

/* door_cohort.c */
MUST_USE enum err_code cohorts_make(struct door *d, struct err *e);
void cohorts_add(struct door *d, struct bytes line, struct bytes modulus);
const struct cohort *cohort_of(const struct door *d, const char *line);
void cohorts_free(struct door *d);

/* door_search.c */
void set_take(struct residue *r, const struct key_set *s);
void closed_take(const struct door *d, struct residue *r, size_t from, size_t to);
/* Every key that shares a factor with the modulus, wherever it is. */
MUST_USE enum err_code search_all(struct door *d, struct residue *r, struct bytes modulus,
	record_fn each, void *arg, struct err *e);

/* door_sweep.c */
enum sweep_state { SWEEP_NONE, SWEEP_WAITS, SWEEP_DONE };
enum sweep_state sweep_look(const struct door *d, const struct door_request *r, bool *shares,
	size_t *since);
MUST_USE enum err_code sweep_join(struct door *d, const struct door_request *r, struct err *e);
void sweep_drop(struct door *d, const struct door_request *r);
void sweep_free(struct door *d);

#endif
