/* Writing an export: docs/spec/log-export.md. */
#include "audit/export.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "audit/log.h"

/* Written in pieces of this size. */
#define PIECE ((size_t)1 << 16)

struct writer {
	struct store *s;
	int fd;
	struct buf out;
	uint64_t size; /* entries that are written so far */
	uint64_t end;
	struct merkle_hash last;
	struct err *e;
};

static enum err_code flush(struct writer *w)
{
	size_t done = 0;
	enum err_code rc = buf_end(&w->out, w->e, "export");
	while (rc == ERR_OK && done < w->out.len) {
		ssize_t n = write(w->fd, w->out.p + done, w->out.len - done);
		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			rc = err_sys(w->e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, "export",
				errno, "writing");
	}
	buf_reset(&w->out);
	return rc;
}

static enum err_code one_entry(void *arg, uint64_t seq, struct bytes entry,
	const struct merkle_hash *leaf)
{
	struct writer *w = arg;
	if (seq != w->size)
		return err_set(w->e, ERR_LOG_REMOVED, "log", "entry %" PRIu64 " is not there",
			w->size);
	buf_bytes(&w->out, entry);
	buf_u8(&w->out, '\n');
	w->size++;
	w->last = *leaf;
	return w->out.len >= PIECE ? flush(w) : ERR_OK;
}

static void put_note(struct writer *w, const char *word, struct bytes note)
{
	buf_printf(&w->out, "%s\n", word);
	buf_bytes(&w->out, note);
	buf_u8(&w->out, '\n');
}

/* A checkpoint stands behind the last entry that it covers. */
static enum err_code one_checkpoint(void *arg, uint64_t size, struct bytes note)
{
	struct writer *w = arg;
	enum err_code rc = store_log_list(w->s, w->size, size, one_entry, w, w->e);
	if (rc != ERR_OK)
		return rc;
	put_note(w, EXPORT_CHECKPOINT, note);
	return w->out.len >= PIECE ? flush(w) : ERR_OK;
}

static enum err_code write_header(struct writer *w, const char *origin)
{
	struct buf note = buf_new(NOTE_MAX);
	uint64_t size = 0;
	enum err_code rc = store_checkpoint_newest(w->s, &size, &note, w->e);
	if (rc == ERR_NOT_FOUND)
		rc = err_set(w->e, ERR_LOG_CHECKPOINT, origin,
			"nothing was signed yet; an export would show nothing");
	w->end = size; /* what is behind it nobody has signed: it would show nothing */
	if (rc == ERR_OK) {
		buf_printf(&w->out, "%s\n%s%s\n", EXPORT_HEADER, EXPORT_ORIGIN, origin);
		put_note(w, EXPORT_NEWEST, buf_view(&note));
	}
	buf_free(&note);
	return rc;
}

static enum err_code write_all(struct writer *w, const char *origin)
{
	enum err_code rc = write_header(w, origin);
	if (rc == ERR_OK)
		rc = store_checkpoint_list(w->s, one_checkpoint, w, w->e);
	if (rc == ERR_OK)
		rc = store_log_list(w->s, w->size, w->end, one_entry, w, w->e);
	if (rc != ERR_OK)
		return rc;
	char last[2 * MERKLE_HASH_SIZE + 1];
	hex_encode(w->last.b, sizeof(w->last.b), last);
	buf_printf(&w->out, "%s%" PRIu64 " %s\n", EXPORT_END, w->size, last);
	return flush(w);
}

enum err_code audit_export(struct store *s, const struct audit_state *l, int fd, struct err *e)
{
	struct writer w = {.s = s, .fd = fd, .out = buf_new(2 * PIECE), .e = e};
	/* One view of the database, whatever a server does to it meanwhile. */
	enum err_code rc = store_step_begin(s, e);
	if (rc != ERR_OK)
		return rc;
	rc = write_all(&w, l->origin);
	store_step_undo(s);
	buf_free(&w.out);
	return rc;
}
