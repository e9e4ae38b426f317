/* What the files of the SQLite store share.  Nobody else includes this. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <sqlite3.h>

#include "store/store.h"

/* Every statement that is kept prepared; its text stands where it is used. */
enum query_id {
	Q_BEGIN,
	Q_COMMIT,
	Q_ROLLBACK,
	Q_STEP_BEGIN,
	Q_STEP_END,
	Q_STEP_UNDO,
	Q_META_GET,
	Q_META_SET,
	Q_DEVICE_ADD,
	Q_DEVICE_GET,
	Q_DEVICE_SET,
	Q_DEVICE_LIST,
	Q_DEVICE_COUNT,
	Q_MANUFACTURER_ADD,
	Q_MANUFACTURER_LIST,
	Q_TICKET_ADD,
	Q_TICKET_GET,
	Q_TICKET_USE,
	Q_CERT_ADD,
	Q_CERT_GET,
	Q_CERT_DER,
	Q_CERT_KEY_OWNER,
	Q_CERT_SET,
	Q_CERT_OF_DEVICE,
	Q_CERT_OF_SERVER,
	Q_CERT_REVOKED,
	Q_CERT_COUNT,
	Q_CERT_KEYS,
	Q_CERT_ALL,
	Q_CRL_SET,
	Q_CRL_GET,
	Q_OPERATOR_ADD,
	Q_OPERATOR_GET,
	Q_OPERATOR_REVOKE,
	Q_OPERATOR_LIST,
	Q_RELEASE_ADD,
	Q_RELEASE_GET,
	Q_RELEASE_LIST,
	Q_RELEASE_PUBLISH,
	Q_RELEASE_SIGNATURE,
	Q_RELEASE_NEWEST,
	Q_APPROVAL_ADD,
	Q_APPROVAL_LIST,
	Q_LOG_SIZE,
	Q_LOG_ADD,
	Q_LOG_GET,
	Q_LOG_LIST,
	Q_LOG_FIND,
	Q_LOG_FIND_DEVICE,
	Q_TILE_ADD,
	Q_TILE_GET,
	Q_CHECKPOINT_ADD,
	Q_CHECKPOINT_SAME,
	Q_CHECKPOINT_NEWEST,
	Q_CHECKPOINT_LIST,
	Q_COUNT
};

struct store {
	sqlite3 *db;
	int lock; /* descriptor whose flock keeps a second writer out; -1: read only */
	bool read_only;
	bool begun; /* store_begin was called and neither commit nor rollback since */
	bool taken[Q_COUNT];
	sqlite3_stmt *kept[Q_COUNT];
};

/* The migrations, oldest first: number i + 1 leads to version i + 1. */
extern const char *const store_migrations[];
extern const int store_migrations_n;

/* ---- running a statement (sqlite_query.c) */

struct query {
	struct store *s;
	sqlite3_stmt *st;
	enum query_id id;
	bool kept;    /* goes back to the cache; else finalized */
	bool damaged; /* a column did not have the form the schema promises */
	int rc;       /* the first failure of SQLite */
	int next;     /* parameter to bind next */
	int column;   /* column to read next */
};

/* Take the prepared statement `id`, or a second one when it is in use further up. */
struct query query_start(struct store *s, enum query_id id, const char *sql);
void bind_num(struct query *q, int64_t v);
void bind_text(struct query *q, const char *v);          /* the caller keeps it until the end */
void bind_bytes(struct query *q, struct bytes v);        /* likewise; empty, not NULL */
void bind_fixed(struct query *q, const void *p, int len);
/* Next row?  False at the end and on failure; query_end tells which. */
bool query_next(struct query *q);
int64_t column_num(struct query *q);
void column_text(struct query *q, char *out, size_t size);
struct bytes column_bytes(struct query *q); /* a view until the next row */
void column_fixed(struct query *q, void *out, size_t len);
/* Give the statement back; what went wrong, if anything, on `object`. */
MUST_USE enum err_code query_end(struct query *q, const char *object, struct err *e);

/* A change: runs the statement, inside a transaction only; `changed` may be NULL. */
MUST_USE enum err_code query_change(struct query *q, const char *object, int64_t *changed,
	struct err *e);
/* For one row: ERR_NOT_FOUND on `object` when `found` is false, else what query_end says. */
MUST_USE enum err_code query_end_one(struct query *q, bool found, const char *object,
	struct err *e);
/* For a walk: the code of `each` when it stopped it. */
MUST_USE enum err_code query_end_each(struct query *q, enum err_code each, const char *object,
	struct err *e);

/* Our code for a failure of SQLite, with its text. */
enum err_code sqlite_err(sqlite3 *db, int rc, const char *object, struct err *e);
/* Short name of a fingerprint in an error. */
void object_hex(const uint8_t *id, char out[17]);

#endif
