/* Verifying an export or a database: reads, and hands each piece to the check. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/check.h"
#include "audit/export.h"
#include "audit/tree.h"
#include "merkle/lines.h"

/* ---- lines of a file of any size */

#define READ_SIZE ((size_t)1 << 16)
_Static_assert(READ_SIZE > NOTE_MAX && READ_SIZE > ENTRY_MAX, "a line fits");

struct lines {
	int fd;
	bool eof;
	size_t at;
	size_t len;
	uint8_t p[READ_SIZE];
};

static enum err_code fill(struct lines *l, struct err *e)
{
	memmove(l->p, l->p + l->at, l->len - l->at);
	l->len -= l->at;
	l->at = 0;
	while (!l->eof && l->len < READ_SIZE) {
		ssize_t n = read(l->fd, l->p + l->len, READ_SIZE - l->len);
		if (n < 0 && errno != EINTR)
			return err_sys(e, ERR_IO, "export", errno, "reading");
		if (n > 0)
			l->len += (size_t)n;
		l->eof = n == 0;
	}
	return ERR_OK;
}

/* The next line; `line.p` is NULL when none is left, or only one without its end. */
static enum err_code next_line(struct lines *l, struct bytes *line, struct err *e)
{
	for (int tries = 0; tries < 2; tries++) {
		struct reader r = reader_of(bytes_of(l->p + l->at, l->len - l->at));
		if (line_next(&r, line)) {
			l->at += r.pos;
			return ERR_OK;
		}
		enum err_code rc = fill(l, e);
		if (rc != ERR_OK)
			return rc;
	}
	*line = BYTES_NONE;
	if (l->len == READ_SIZE) /* no line is this long: hand over what is there */
		*line = bytes_of(l->p, l->len);
	return ERR_OK;
}

static bool is(struct bytes line, const char *word)
{
	return line.p != NULL && bytes_equal(line, bytes_str(word));
}

/* A note up to the empty line behind its signatures; `note` is empty when it is cut off. */
static enum err_code next_note(struct lines *l, struct buf *note, struct err *e)
{
	int empty = 0;
	buf_reset(note);
	for (;;) {
		struct bytes line;
		enum err_code rc = next_line(l, &line, e);
		if (rc != ERR_OK)
			return rc;
		if (line.p == NULL || note->bad) {
			buf_reset(note);
			return ERR_OK;
		}
		if (line.len == 0 && ++empty == 2)
			return ERR_OK;
		buf_bytes(note, line);
		buf_u8(note, '\n');
	}
}

/* ---- an export */

static enum err_code read_header(struct lines *l, struct check *c, struct buf *note, struct err *e)
{
	struct bytes line;
	enum err_code rc = next_line(l, &line, e);
	if (rc == ERR_OK && !is(line, EXPORT_HEADER))
		rc = err_set(e, ERR_MALFORMED, "export", "it does not begin with " EXPORT_HEADER);
	if (rc == ERR_OK)
		rc = next_line(l, &line, e);
	if (rc == ERR_OK && (line.p == NULL || !line_prefix(&line, EXPORT_ORIGIN)))
		rc = err_set(e, ERR_MALFORMED, "export", "its second line does not name the origin");
	if (rc == ERR_OK && !is(line, c->key->name))
		rc = err_set(e, ERR_LOG_CHECKPOINT, c->key->name, "the export is of another log");
	if (rc == ERR_OK)
		rc = next_line(l, &line, e);
	if (rc == ERR_OK && !is(line, EXPORT_NEWEST))
		rc = err_set(e, ERR_MALFORMED, "export", "its newest checkpoint is not there");
	if (rc == ERR_OK)
		rc = next_note(l, note, e);
	return rc != ERR_OK ? rc : check_newest(c, buf_view(note), e);
}

/* "end", the number of entries and the leaf hash of the last. */
static bool read_end(struct bytes line, uint64_t *n, struct merkle_hash *last)
{
	char hex[2 * MERKLE_HASH_SIZE + 1];
	char again[sizeof(hex)];
	if (!line_prefix(&line, EXPORT_END) || line.len < sizeof(hex))
		return false;
	struct bytes number = bytes_of(line.p, line.len - sizeof(hex));
	memcpy(hex, line.p + number.len + 1, sizeof(hex) - 1);
	hex[sizeof(hex) - 1] = '\0';
	if (line.p[number.len] != ' ' || !line_number(number, n) ||
		!hex_decode(hex, last->b, sizeof(last->b)))
		return false;
	hex_encode(last->b, sizeof(last->b), again); /* lower case only */
	return strcmp(hex, again) == 0;
}

static enum err_code finish(struct lines *l, struct check *c, struct bytes end, struct err *e)
{
	struct merkle_hash last;
	uint64_t n = 0;
	struct bytes more;
	bool ended = read_end(end, &n, &last);
	enum err_code rc = check_end(c, n, ended ? &last : NULL, e);
	if (rc != ERR_OK)
		return rc;
	if (!ended || n > c->edge.size)
		return check_fault(c, ERR_LOG_CUT, c->edge.size, "the export ends before it", e);
	if (n < c->edge.size)
		return check_fault(c, ERR_LOG_EDITED, n, "it was put in behind the end", e);
	if (n > c->newest.size)
		return check_fault(c, ERR_LOG_EDITED, c->newest.size,
			"it was put in behind the newest checkpoint: nobody has signed it", e);
	rc = next_line(l, &more, e);
	if (rc == ERR_OK && (more.p != NULL || l->at != l->len))
		rc = err_set(e, ERR_TRAILING, "export", "something follows its last line");
	return rc;
}

static enum err_code read_body(struct lines *l, struct check *c, struct buf *note, struct err *e)
{
	for (;;) {
		struct bytes line;
		enum err_code rc = next_line(l, &line, e);
		if (rc != ERR_OK)
			return rc;
		struct bytes word = line;
		if (line.p == NULL || line_prefix(&word, EXPORT_END))
			return finish(l, c, line, e);
		if (is(line, EXPORT_CHECKPOINT)) {
			rc = next_note(l, note, e);
			if (rc == ERR_OK && note->len == 0)
				return finish(l, c, BYTES_NONE, e);
			if (rc == ERR_OK)
				rc = check_checkpoint(c, buf_view(note), e);
		} else {
			rc = check_entry(c, line, e);
		}
		if (rc != ERR_OK)
			return rc;
	}
}

enum err_code audit_verify_export(int fd, const struct note_key *k, struct audit_verdict *out,
	struct err *e)
{
	struct buf note = buf_new(NOTE_MAX + 1);
	struct lines *l = calloc(1, sizeof(*l));
	struct check *c = calloc(1, sizeof(*c));
	enum err_code rc = ERR_OK;
	memset(out, 0, sizeof(*out));
	if (l == NULL || c == NULL) {
		rc = err_set(e, ERR_NO_MEMORY, "export", "%zu bytes", sizeof(*l));
		goto out;
	}
	l->fd = fd;
	check_start(c, k);
	rc = read_header(l, c, &note, e);
	if (rc == ERR_OK)
		rc = read_body(l, c, &note, e);
	check_verdict(c, rc, out);
out:
	free(l);
	free(c);
	buf_free(&note);
	return rc;
}

/* ---- a database */

struct walk {
	struct store *s;
	struct check c;
	uint64_t size; /* rows handed over */
	struct merkle_hash last;
	struct err *e;
};

static enum err_code row_entry(void *arg, uint64_t seq, struct bytes entry,
	const struct merkle_hash *leaf)
{
	struct walk *w = arg;
	struct merkle_hash h = merkle_leaf(entry);
	w->size = seq + 1;
	/* Without a doubt open, the stored hash is one more witness of what was written. */
	if (w->c.doubt == CHECK_SURE && memcmp(h.b, leaf->b, sizeof(h.b)) != 0)
		return check_fault(&w->c, ERR_LOG_EDITED, seq,
			"the hash beside it is of another text", w->e);
	w->last = *leaf;
	return check_entry(&w->c, entry, w->e);
}

static enum err_code row_checkpoint(void *arg, uint64_t size, struct bytes note)
{
	struct walk *w = arg;
	enum err_code rc = store_log_list(w->s, w->size, size, row_entry, w, w->e);
	return rc != ERR_OK ? rc : check_checkpoint(&w->c, note, w->e);
}

/* The entries are whole; are the tiles theirs?  Proofs are made from them. */
static enum err_code check_tiles(struct walk *w)
{
	struct merkle_hash root;
	struct merkle_hash want = merkle_edge_root(&w->c.edge);
	if (w->c.edge.size == 0)
		return ERR_OK;
	enum err_code rc = merkle_root(tree_source(w->s), w->c.edge.size, &root, w->e);
	if (rc == ERR_OK && memcmp(root.b, want.b, sizeof(root.b)) != 0)
		rc = err_set(w->e, ERR_STORE_DAMAGED, "log",
			"the entries are whole, but the tree's hashes beside them are not theirs");
	return rc;
}

static enum err_code walk_store(struct walk *w)
{
	struct buf note = buf_new(NOTE_MAX);
	uint64_t size;
	enum err_code rc = store_checkpoint_newest(w->s, &size, &note, w->e);
	if (rc == ERR_OK)
		rc = check_newest(&w->c, buf_view(&note), w->e);
	else if (rc == ERR_NOT_FOUND)
		rc = ERR_OK;
	if (rc == ERR_OK)
		rc = store_checkpoint_list(w->s, row_checkpoint, w, w->e);
	if (rc == ERR_OK)
		rc = store_log_list(w->s, w->size, UINT64_MAX, row_entry, w, w->e);
	if (rc == ERR_OK)
		rc = check_end(&w->c, w->size, w->size > 0 ? &w->last : NULL, w->e);
	if (rc == ERR_OK)
		rc = check_tiles(w);
	buf_free(&note);
	return rc;
}

enum err_code audit_verify_store(struct store *s, const struct note_key *k,
	struct audit_verdict *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	struct walk *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return err_set(e, ERR_NO_MEMORY, "log", "%zu bytes", sizeof(*w));
	w->s = s;
	w->e = e;
	check_start(&w->c, k);
	enum err_code rc = store_step_begin(s, e);
	if (rc == ERR_OK) {
		rc = walk_store(w);
		store_step_undo(s);
		check_verdict(&w->c, rc, out);
	}
	free(w);
	return rc;
}
