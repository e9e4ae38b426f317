/* Transactions and the realm's own values. */
#include "store/sqlite.h"

static enum err_code run(struct store *s, enum query_id id, const char *sql, struct err *e)
{
	struct query q = query_start(s, id, sql);
	while (query_next(&q)) {
	}
	return query_end(&q, "database", e);
}

enum err_code store_begin(struct store *s, struct err *e)
{
	/* IMMEDIATE: the write lock now or not at all, never in the middle. */
	enum err_code rc = run(s, Q_BEGIN, s->read_only ? "BEGIN" : "BEGIN IMMEDIATE", e);
	if (rc == ERR_OK)
		s->begun = true;
	return rc;
}

enum err_code store_commit(struct store *s, struct err *e)
{
	if (!s->begun || sqlite3_get_autocommit(s->db) != 0)
		return err_set(e, ERR_STORE, "database",
			"the transaction was rolled back by an earlier failure");
	enum err_code rc = run(s, Q_COMMIT, "COMMIT", e);
	if (rc == ERR_OK)
		s->begun = false;
	return rc;
}

void store_rollback(struct store *s)
{
	if (sqlite3_get_autocommit(s->db) == 0)
		(void)!run(s, Q_ROLLBACK, "ROLLBACK", NULL);
	s->begun = false;
}

enum err_code store_step_begin(struct store *s, struct err *e)
{
	if (s->begun && sqlite3_get_autocommit(s->db) != 0)
		return err_set(e, ERR_STORE, "database",
			"the transaction was rolled back by an earlier failure");
	return run(s, Q_STEP_BEGIN, "SAVEPOINT step", e);
}

enum err_code store_step_end(struct store *s, struct err *e)
{
	return run(s, Q_STEP_END, "RELEASE step", e);
}

void store_step_undo(struct store *s)
{
	if (sqlite3_get_autocommit(s->db) != 0)
		return; /* the whole transaction is gone already */
	(void)!run(s, Q_STEP_UNDO, "ROLLBACK TO step", NULL);
	(void)!run(s, Q_STEP_END, "RELEASE step", NULL);
}

enum err_code store_meta_get(struct store *s, const char *key, struct buf *value, struct err *e)
{
	struct query q = query_start(s, Q_META_GET, "SELECT value FROM meta WHERE key = ?");
	bind_text(&q, key);
	bool found = query_next(&q);
	if (found)
		buf_bytes(value, column_bytes(&q));
	enum err_code rc = query_end_one(&q, found, key, e);
	return rc != ERR_OK ? rc : buf_end(value, e, key);
}

enum err_code store_meta_set(struct store *s, const char *key, const char *value, struct err *e)
{
	struct query q = query_start(s, Q_META_SET,
		"INSERT INTO meta (key, value) VALUES (?, ?) "
		"ON CONFLICT (key) DO UPDATE SET value = excluded.value");
	bind_text(&q, key);
	bind_text(&q, value);
	return query_change(&q, key, NULL, e);
}
