/* The audit log: entries, tiles of its tree, checkpoints. */
#include "store/sqlite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OBJECT_SIZE 32

static void entry_name(uint64_t seq, char out[OBJECT_SIZE])
{
	(void)snprintf(out, OBJECT_SIZE, "log entry %" PRIu64, seq);
}

enum err_code store_log_size(struct store *s, uint64_t *size, struct err *e)
{
	struct query q = query_start(s, Q_LOG_SIZE, "SELECT coalesce(max(seq) + 1, 0) FROM log");
	bool found = query_next(&q);
	uint64_t n = found ? (uint64_t)column_num(&q) : 0;
	enum err_code rc = query_end_one(&q, found, "log", e);
	if (rc == ERR_OK)
		*size = n;
	return rc;
}

enum err_code store_log_add(struct store *s, uint64_t seq, struct bytes entry,
	const struct merkle_hash *leaf, const char *act, const char *object, struct err *e)
{
	struct query q = query_start(s, Q_LOG_ADD,
		"INSERT INTO log (seq, leaf, act, object, entry) VALUES (?, ?, ?, ?, ?)");
	bind_num(&q, (int64_t)seq);
	bind_fixed(&q, leaf->b, sizeof(leaf->b));
	bind_text(&q, act);
	bind_text(&q, object);
	bind_bytes(&q, entry);
	return query_change(&q, "log", NULL, e);
}

enum err_code store_log_get(struct store *s, uint64_t seq, struct buf *entry,
	struct merkle_hash *leaf, struct err *e)
{
	struct merkle_hash hash = {{0}};
	char name[OBJECT_SIZE];
	entry_name(seq, name);
	struct query q = query_start(s, Q_LOG_GET, "SELECT leaf, entry FROM log WHERE seq = ?");
	bind_num(&q, (int64_t)seq);
	bool found = query_next(&q);
	if (found)
		column_fixed(&q, hash.b, sizeof(hash.b));
	if (found && entry != NULL)
		buf_bytes(entry, column_bytes(&q));
	enum err_code rc = query_end_one(&q, found, name, e);
	if (rc == ERR_OK && entry != NULL)
		rc = buf_end(entry, e, name);
	if (rc == ERR_OK && leaf != NULL)
		*leaf = hash;
	return rc;
}

enum err_code store_log_list(struct store *s, uint64_t from, uint64_t to,
	enum err_code (*each)(void *arg, uint64_t seq, struct bytes entry,
		const struct merkle_hash *leaf),
	void *arg, struct err *e)
{
	struct query q = query_start(s, Q_LOG_LIST,
		"SELECT seq, leaf, entry FROM log WHERE seq >= ? AND seq < ? ORDER BY seq");
	bind_num(&q, (int64_t)from);
	bind_num(&q, to > INT64_MAX ? INT64_MAX : (int64_t)to);
	enum err_code stopped = ERR_OK;
	while (stopped == ERR_OK && query_next(&q)) {
		struct merkle_hash leaf;
		uint64_t seq = (uint64_t)column_num(&q);
		column_fixed(&q, leaf.b, sizeof(leaf.b));
		struct bytes entry = column_bytes(&q);
		if (!q.damaged)
			stopped = each(arg, seq, entry, &leaf);
	}
	return query_end_each(&q, stopped, "log", e);
}

enum err_code store_log_find(struct store *s, const char *act, const char *object, uint64_t *seq,
	struct err *e)
{
	/* The index leaves out the acts of devices (migration 1): those are searched for. */
	bool device = strncmp(act, "device.", 7) == 0;
	struct query q = device
		? query_start(s, Q_LOG_FIND_DEVICE,
			  "SELECT seq FROM log NOT INDEXED WHERE object = ? AND act = ? "
			  "ORDER BY seq DESC LIMIT 1")
		: query_start(s, Q_LOG_FIND,
			  "SELECT seq FROM log INDEXED BY log_of_object WHERE object = ? "
			  "AND act = ? AND act NOT GLOB 'device.*' ORDER BY seq DESC LIMIT 1");
	bind_text(&q, object);
	bind_text(&q, act);
	bool found = query_next(&q);
	uint64_t n = found ? (uint64_t)column_num(&q) : 0;
	enum err_code rc = query_end_one(&q, found, object, e);
	if (rc == ERR_OK)
		*seq = n;
	return rc;
}

enum err_code store_tile_add(struct store *s, unsigned level, uint64_t n, struct bytes hashes,
	struct err *e)
{
	struct query q = query_start(s, Q_TILE_ADD,
		"INSERT INTO tile (level, n, hashes) VALUES (?, ?, ?) "
		"ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes");
	bind_num(&q, level);
	bind_num(&q, (int64_t)n);
	bind_bytes(&q, hashes);
	return query_change(&q, "tile", NULL, e);
}

enum err_code store_tile_get(struct store *s, unsigned level, uint64_t n, struct buf *hashes,
	struct err *e)
{
	struct query q = query_start(s, Q_TILE_GET,
		"SELECT hashes FROM tile WHERE level = ? AND n = ?");
	bind_num(&q, level);
	bind_num(&q, (int64_t)n);
	bool found = query_next(&q);
	if (found)
		buf_bytes(hashes, column_bytes(&q));
	enum err_code rc = query_end_one(&q, found, "tile", e);
	return rc != ERR_OK ? rc : buf_end(hashes, e, "tile");
}

/* The same note again is no change; another one of the same size is refused. */
static bool checkpoint_is_there(struct store *s, uint64_t size, struct bytes note)
{
	struct query q = query_start(s, Q_CHECKPOINT_SAME,
		"SELECT 1 FROM checkpoint WHERE size = ? AND note = ?");
	bind_num(&q, (int64_t)size);
	bind_bytes(&q, note);
	bool found = query_next(&q);
	return query_end(&q, "checkpoint", NULL) == ERR_OK && found;
}

enum err_code store_checkpoint_add(struct store *s, uint64_t size, struct bytes note,
	struct err *e)
{
	if (checkpoint_is_there(s, size, note))
		return ERR_OK;
	struct query q = query_start(s, Q_CHECKPOINT_ADD,
		"INSERT INTO checkpoint (size, note) VALUES (?, ?)");
	bind_num(&q, (int64_t)size);
	bind_bytes(&q, note);
	return query_change(&q, "checkpoint", NULL, e);
}

enum err_code store_checkpoint_newest(struct store *s, uint64_t *size, struct buf *note,
	struct err *e)
{
	uint64_t n = 0;
	struct query q = query_start(s, Q_CHECKPOINT_NEWEST,
		"SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1");
	bool found = query_next(&q);
	if (found) {
		n = (uint64_t)column_num(&q);
		buf_bytes(note, column_bytes(&q));
	}
	enum err_code rc = query_end_one(&q, found, "checkpoint", e);
	if (rc == ERR_OK)
		rc = buf_end(note, e, "checkpoint");
	if (rc == ERR_OK)
		*size = n;
	return rc;
}

enum err_code store_checkpoint_list(struct store *s,
	enum err_code (*each)(void *arg, uint64_t size, struct bytes note), void *arg,
	struct err *e)
{
	struct query q = query_start(s, Q_CHECKPOINT_LIST,
		"SELECT size, note FROM checkpoint ORDER BY size");
	enum err_code stopped = ERR_OK;
	while (stopped == ERR_OK && query_next(&q)) {
		uint64_t size = (uint64_t)column_num(&q);
		struct bytes note = column_bytes(&q);
		stopped = each(arg, size, note);
	}
	return query_end_each(&q, stopped, "checkpoints", e);
}
