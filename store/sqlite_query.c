/* Statements: prepared once, bound, run, read; and what SQLite's failures mean here. */
#include "store/sqlite.h"

#include <errno.h>
#include <string.h>

static enum err_code io_err(sqlite3 *db, int rc, const char *object, struct err *e)
{
	int errnum = sqlite3_system_errno(db);
	if (errnum == ENOSPC || errnum == EDQUOT)
		return err_sys(e, ERR_DISK_FULL, object, errnum, "database");
	if (rc == SQLITE_IOERR_NOMEM)
		return err_set(e, ERR_NO_MEMORY, object, "database");
	if (rc == SQLITE_IOERR_SHORT_READ || rc == SQLITE_IOERR_CORRUPTFS)
		return err_set(e, ERR_STORE_DAMAGED, object, "%s", sqlite3_errstr(rc));
	return err_sys(e, ERR_IO, object, errnum, "database: %s", sqlite3_errstr(rc));
}

static enum err_code constraint_err(sqlite3 *db, int rc, const char *object, struct err *e)
{
	if (rc == SQLITE_CONSTRAINT_PRIMARYKEY || rc == SQLITE_CONSTRAINT_UNIQUE ||
		rc == SQLITE_CONSTRAINT_ROWID)
		return err_set(e, ERR_EXISTS, object, "its name, number or key is taken");
	if (rc == SQLITE_CONSTRAINT_FOREIGNKEY)
		return err_set(e, ERR_NOT_FOUND, object, "what it belongs to is not there");
	return err_set(e, ERR_STORE, object, "%s", sqlite3_errmsg(db));
}

enum err_code sqlite_err(sqlite3 *db, int rc, const char *object, struct err *e)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return err_set(e, ERR_DISK_FULL, object, "database");
	case SQLITE_IOERR:
		return io_err(db, rc, object, e);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(e, ERR_STORE_DAMAGED, object, "%s", sqlite3_errmsg(db));
	case SQLITE_NOMEM:
		return err_set(e, ERR_NO_MEMORY, object, "database");
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(e, ERR_REALM_LOCKED, object, "the database is in use");
	case SQLITE_CANTOPEN:
		return err_sys(e, ERR_IO, object, sqlite3_system_errno(db),
			"the database cannot be opened");
	case SQLITE_CONSTRAINT:
		return constraint_err(db, rc, object, e);
	case SQLITE_TOOBIG:
		return err_set(e, ERR_LIMIT, object, "too large for the database");
	default:
		return err_set(e, ERR_STORE, object, "%s", sqlite3_errmsg(db));
	}
}

void object_hex(const uint8_t *id, char out[17])
{
	hex_encode(id, 8, out);
}

struct query query_start(struct store *s, enum query_id id, const char *sql)
{
	struct query q = {.s = s, .id = id, .next = 1};
	if (!s->taken[id] && s->kept[id] == NULL)
		q.rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->kept[id],
			NULL);
	if (!s->taken[id]) {
		q.st = s->kept[id];
		q.kept = true;
		s->taken[id] = q.st != NULL;
	} else {
		q.rc = sqlite3_prepare_v3(s->db, sql, -1, 0, &q.st, NULL);
	}
	return q;
}

static void bound(struct query *q, int rc)
{
	if (q->rc == SQLITE_OK)
		q->rc = rc;
	q->next++;
}

void bind_num(struct query *q, int64_t v)
{
	bound(q, sqlite3_bind_int64(q->st, q->next, v));
}

void bind_text(struct query *q, const char *v)
{
	bound(q, v == NULL ? sqlite3_bind_null(q->st, q->next)
			   : sqlite3_bind_text(q->st, q->next, v, -1, SQLITE_STATIC));
}

void bind_bytes(struct query *q, struct bytes v)
{
	bound(q, sqlite3_bind_blob64(q->st, q->next, v.len > 0 ? v.p : (const uint8_t *)"", v.len,
			 SQLITE_STATIC));
}

void bind_fixed(struct query *q, const void *p, int len)
{
	bound(q, sqlite3_bind_blob(q->st, q->next, p, len, SQLITE_STATIC));
}

bool query_next(struct query *q)
{
	if (q->rc != SQLITE_OK || q->damaged)
		return false;
	int rc = sqlite3_step(q->st);
	q->column = 0;
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		q->rc = rc;
	return false;
}

int64_t column_num(struct query *q)
{
	return sqlite3_column_int64(q->st, q->column++);
}

void column_text(struct query *q, char *out, size_t size)
{
	const unsigned char *v = sqlite3_column_text(q->st, q->column);
	size_t len = (size_t)sqlite3_column_bytes(q->st, q->column++);
	out[0] = '\0';
	if (v == NULL) /* NULL is "" everywhere in this schema */
		return;
	if (len >= size || memchr(v, 0, len) != NULL) {
		q->damaged = true;
		return;
	}
	memcpy(out, v, len);
	out[len] = '\0';
}

struct bytes column_bytes(struct query *q)
{
	const void *p = sqlite3_column_blob(q->st, q->column);
	return bytes_of(p, (size_t)sqlite3_column_bytes(q->st, q->column++));
}

void column_fixed(struct query *q, void *out, size_t len)
{
	struct bytes v = column_bytes(q);
	if (v.len == len)
		memcpy(out, v.p, len);
	else
		q->damaged = true;
}

enum err_code query_end(struct query *q, const char *object, struct err *e)
{
	enum err_code rc = ERR_OK;
	if (q->rc != SQLITE_OK)
		rc = sqlite_err(q->s->db, q->rc, object, e);
	else if (q->damaged)
		rc = err_set(e, ERR_STORE_DAMAGED, object, "a value in the database is malformed");
	if (q->st == NULL)
		return rc;
	(void)sqlite3_reset(q->st); /* repeats the error that was told above */
	if (q->kept)
		q->s->taken[q->id] = false;
	else
		(void)sqlite3_finalize(q->st);
	q->st = NULL;
	return rc;
}

enum err_code query_change(struct query *q, const char *object, int64_t *changed, struct err *e)
{
	/* SQLite rolls back by itself after some failures; what came then would stand alone. */
	if (!q->s->begun || sqlite3_get_autocommit(q->s->db) != 0) {
		enum err_code rc = query_end(q, object, e);
		return rc != ERR_OK ? rc
				    : err_set(e, ERR_STORE, object, "there is no transaction");
	}
	while (query_next(q)) {
	}
	if (changed != NULL)
		*changed = sqlite3_changes64(q->s->db);
	return query_end(q, object, e);
}

enum err_code query_end_one(struct query *q, bool found, const char *object, struct err *e)
{
	enum err_code rc = query_end(q, object, e);
	return rc != ERR_OK || found ? rc : err_set(e, ERR_NOT_FOUND, object, "in the database");
}

enum err_code query_end_each(struct query *q, enum err_code each, const char *object,
	struct err *e)
{
	enum err_code rc = query_end(q, object, e);
	return rc != ERR_OK ? rc : each;
}
