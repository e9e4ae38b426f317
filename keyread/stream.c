#include "keyread/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The window to begin with: most files are one key.  It grows to what is asked for. */
#define WINDOW_MIN ((size_t)1 << 14)

enum err_code stream_open(struct stream *s, stream_pull pull, void *ctx, struct err *e)
{
	*s = (struct stream){.pull = pull, .ctx = ctx, .cap = WINDOW_MIN, .line = 1};
	s->p = malloc(s->cap);
	if (s->p == NULL)
		return err_set(e, ERR_NO_MEMORY, NULL, "%zu bytes to read into", s->cap);
	return ERR_OK;
}

static void fail(struct stream *s, enum err_code rc)
{
	s->failed = rc;
	s->ended = true;
}

/*
 * Room for more bytes behind the window: what is free, or what letting go of has freed, or twice
 * as much.  Moved when half of it is free, so that no byte is moved more often than it is read.
 */
static bool make_room(struct stream *s)
{
	size_t held = s->end - s->at;
	if (s->end < s->cap)
		return true;
	if (s->at >= s->cap / 2) {
		memmove(s->p, s->p + s->at, held);
	} else {
		/* Not realloc: what it leaves behind may have been a private key. */
		uint8_t *p = malloc(2 * s->cap);
		if (p == NULL) {
			fail(s, err_set(&s->why, ERR_NO_MEMORY, NULL, "%zu bytes to read into",
					2 * s->cap));
			return false;
		}
		memcpy(p, s->p + s->at, held);
		mem_wipe(s->p, s->used);
		free(s->p);
		s->p = p;
		s->cap *= 2;
		s->used = held;
	}
	s->at = 0;
	s->end = held;
	return true;
}

size_t stream_need(struct stream *s, size_t n)
{
	if (n > STREAM_RECORD_MAX)
		n = STREAM_RECORD_MAX;
	while (s->end - s->at < n && !s->ended) {
		size_t got = 0;
		if (!make_room(s))
			break;
		enum err_code rc = s->pull(s->ctx, s->p + s->end, s->cap - s->end, &got, &s->why);
		s->end += got;
		if (s->end > s->used)
			s->used = s->end;
		if (rc != ERR_OK)
			fail(s, rc);
		else if (got == 0)
			s->ended = true;
	}
	return s->end - s->at;
}

struct bytes stream_window(const struct stream *s)
{
	return bytes_of(s->p + s->at, s->end - s->at);
}

uint64_t count_lines(struct bytes b)
{
	/* A plain sum over the bytes: the compiler makes it wide, and a search would not be. */
	uint64_t n = 0;
	for (size_t i = 0; i < b.len; i++)
		n += b.p[i] == '\n';
	return n;
}

void stream_skip(struct stream *s, size_t n)
{
	if (s->text)
		s->line += count_lines(bytes_of(s->p + s->at, n));
	s->at += n;
	s->offset += n;
	s->searched = s->searched > n ? s->searched - n : 0;
}

void stream_wipe(struct stream *s, size_t n)
{
	uint8_t *p = s->p + s->at;
	stream_skip(s, n);
	mem_wipe(p, n);
}

/* How far the next newline is, counted with it; 0 when there is none in the window at its largest.
 */
static size_t find_newline(struct stream *s)
{
	for (size_t want = WINDOW_MIN / 2;; want *= 2) {
		struct bytes w = stream_window(s);
		const uint8_t *nl = w.len > s->searched
					    ? memchr(w.p + s->searched, '\n', w.len - s->searched)
					    : NULL;
		if (nl != NULL)
			return (size_t)(nl - w.p) + 1;
		s->searched = w.len;
		if (w.len >= STREAM_RECORD_MAX)
			return 0;
		while (want <= w.len)
			want *= 2;
		if (stream_need(s, want) == w.len)
			return 0;
	}
}

bool stream_line(struct stream *s, struct bytes *line, size_t *taken)
{
	size_t n = find_newline(s);
	struct bytes w = stream_window(s);
	if (w.len == 0)
		return false;
	*taken = n > 0 ? n : w.len;
	*line = bytes_of(w.p, n > 0 ? n - 1 : w.len);
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	return true;
}

void stream_skip_line(struct stream *s)
{
	struct bytes line;
	for (size_t n = 0;;) {
		n = find_newline(s);
		if (n > 0) {
			stream_skip(s, n);
			return;
		}
		line = stream_window(s);
		stream_skip(s, line.len);
		if (stream_need(s, 1) == 0)
			return;
	}
}

void stream_close(struct stream *s)
{
	if (s == NULL || s->p == NULL)
		return;
	mem_wipe(s->p, s->used);
	free(s->p);
	s->p = NULL;
}
