/*
 * ASCII armour (RFC 9580 §6), as a stream within the stream: of any length, a line at a time.  A
 * line that is no base64 is counted as if it were, so that the packets behind it keep their
 * places; the key packet it belongs to is not handed on.  The checksum is not looked at (§6.1).
 */
#include "keyread/openpgp.h"

#include <stdlib.h>
#include <string.h>

#include "keyread/readers.h"
#include "keyread/text64.h"

/* Lines have 76 characters at most (§6.2.2.3), and come from mail programs that do not know it. */
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define MARKS_MIN 1024

/* A line: where its first decoded byte is, and where it stands. */
struct mark {
	uint64_t decoded;
	uint64_t offset;
	uint64_t line;
};

struct armour {
	struct found *f;
	struct stream *outer;
	const struct stream *inner; /* whose place tells which marks are still needed */
	struct buf line;            /* decoded, not yet pulled */
	size_t pulled;              /* of it */
	uint64_t decoded;           /* in all */
	bool ended;
	uint64_t bad_from; /* decoded bytes of the last line that was damaged */
	uint64_t bad_to;
	struct mark *marks;
	size_t marks_n;
	size_t marks_cap;
};

/* The last mark at or before decoded byte `offset`; 0 when all are behind it. */
static size_t find_mark(const struct armour *a, uint64_t offset)
{
	size_t low = 0;
	size_t high = a->marks_n;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (a->marks[middle].decoded <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

bool armour_place(const struct armour *a, uint64_t offset, uint64_t len, struct key_place *at)
{
	if (a->marks_n > 0) {
		const struct mark *m = &a->marks[find_mark(a, offset)];
		at->offset = m->offset;
		at->line = m->line;
	}
	return a->bad_to > offset && a->bad_from < offset + len;
}

static enum err_code add_mark(struct armour *a, struct err *e)
{
	if (a->marks_n == a->marks_cap && a->marks_n > 0) {
		size_t gone = find_mark(a, a->inner->offset);
		memmove(a->marks, a->marks + gone, (a->marks_n - gone) * sizeof(a->marks[0]));
		a->marks_n -= gone;
	}
	if (a->marks_n > a->marks_cap / 2 || a->marks_cap == 0) {
		size_t cap = a->marks_cap > 0 ? 2 * a->marks_cap : MARKS_MIN;
		struct mark *marks = realloc(a->marks, cap * sizeof(marks[0]));
		if (marks == NULL)
			return err_set(e, ERR_NO_MEMORY, NULL, "%zu lines of armour", cap);
		a->marks = marks;
		a->marks_cap = cap;
	}
	a->marks[a->marks_n++] = (struct mark){a->decoded, a->outer->offset, a->outer->line};
	return ERR_OK;
}

static bool starts_with(struct bytes b, const char *text)
{
	size_t n = strlen(text);
	return b.len >= n && memcmp(b.p, text, n) == 0;
}

/* Say that the line at hand is damaged, without losing the record that is being read. */
static void flaw(struct armour *a, enum err_code code, const char *how)
{
	struct err why;
	struct key_place saved = a->f->at;
	saved.record++; /* the flaw is one of its own */
	a->f->at.record = saved.record;
	(void)err_set(&why, code, "OpenPGP", "%s", how);
	a->f->at.offset = a->outer->offset;
	a->f->at.line = a->outer->line;
	found_flaw(a->f, "OpenPGP armour", &why);
	a->f->at = saved;
}

static void decode_line(struct armour *a, struct bytes text)
{
	struct err why;
	size_t bad_at = 0;
	size_t length = text.len / 4 * 3;
	enum err_code rc = text64_decode(text, &a->line, &bad_at, &why);
	if (rc != ERR_OK) {
		flaw(a, rc, why.reason);
		a->bad_from = a->decoded;
		a->bad_to = a->decoded + length;
		while (!a->line.bad && a->line.len < length)
			buf_u8(&a->line, 0);
	}
	a->decoded += a->line.len;
}

/* Decode the next line; nothing when the block has ended. */
static enum err_code next_line(struct armour *a, struct err *e)
{
	struct bytes text;
	size_t taken;
	buf_reset(&a->line);
	a->pulled = 0;
	if (!stream_line(a->outer, &text, &taken)) {
		a->ended = true;
		flaw(a, ERR_TRUNCATED, "the input ends before the block's END line");
		return a->outer->failed;
	}
	if (starts_with(text, "-----BEGIN ")) {
		a->ended = true;
		flaw(a, ERR_TRUNCATED, "the next BEGIN comes before the block's END line");
		return ERR_OK;
	}
	if (starts_with(text, "-----END ")) {
		a->ended = true;
	} else if (text.len > LINE_MAX_BYTES) {
		flaw(a, ERR_LIMIT, "a line that is too long");
	} else if (text.len > 0 && text.p[0] != '=') { /* '=': the checksum */
		enum err_code rc = add_mark(a, e);
		if (rc != ERR_OK)
			return rc;
		decode_line(a, text);
	}
	stream_skip(a->outer, taken);
	return ERR_OK;
}

static enum err_code armour_pull(void *ctx, uint8_t *to, size_t room, size_t *got, struct err *e)
{
	struct armour *a = ctx;
	*got = 0;
	while (*got < room) {
		size_t left = a->line.len - a->pulled;
		if (left == 0) {
			/* What is there is enough: marks are kept for what is ahead of the reader.
			 */
			if (a->ended || *got > 0)
				break;
			enum err_code rc = next_line(a, e);
			if (rc != ERR_OK)
				return rc;
			continue;
		}
		size_t n = left < room - *got ? left : room - *got;
		memcpy(to + *got, a->line.p + a->pulled, n);
		a->pulled += n;
		*got += n;
	}
	return ERR_OK;
}

/* Pass over the BEGIN line and the headers behind it, which an empty line ends (§6.2). */
static void skip_headers(struct stream *s)
{
	struct bytes line;
	size_t taken;
	stream_skip_line(s);
	while (stream_line(s, &line, &taken)) {
		bool empty = true;
		for (size_t i = 0; i < line.len; i++)
			empty = empty && (line.p[i] == ' ' || line.p[i] == '\t');
		/* Some mail programs lose the empty line. */
		if (!empty && memchr(line.p, ':', line.len) == NULL)
			return;
		stream_skip(s, taken);
		if (empty)
			return;
	}
}

void openpgp_read_armoured(struct found *f, struct stream *s)
{
	struct stream inner = {0};
	struct err why;
	struct armour a = {
		.f = f, .outer = s, .inner = &inner, .line = buf_new_secret(LINE_MAX_BYTES)};
	skip_headers(s);
	enum err_code rc = stream_open(&inner, armour_pull, &a, &why);
	if (rc == ERR_OK) {
		openpgp_read_packets(f, &inner, &a);
		/* The sink may have ended the reading; else the block is behind us. */
		if (inner.failed != ERR_OK)
			rc = err_set(&why, inner.failed, "OpenPGP", "%s", inner.why.reason);
	}
	if (rc != ERR_OK && s->failed == ERR_OK) {
		s->failed = rc;
		s->why = why;
		s->ended = true;
	}
	stream_close(&inner);
	buf_free(&a.line);
	free(a.marks);
}
