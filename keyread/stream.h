/*
 * A window that slides over an input of any length.  Readers ask for so many bytes, look at them
 * in place, and let go of what they have done with; nothing else is kept.
 */
#ifndef KEYREAD_STREAM_H
#define KEYREAD_STREAM_H

#include "base/bytes.h"

/*
 * One record (a PEM block, a DER object, a packet, a line, a JSON object) must fit into the window.
 * 16 MiB: ten thousand certificates in one PKCS#7, forty times the largest key.
 */
#define STREAM_RECORD_MAX ((size_t)1 << 24)

/* Up to `room` bytes; *got is 0 at the end only.  Anything but ERR_OK ends the stream. */
typedef enum err_code (*stream_pull)(void *ctx, uint8_t *to, size_t room, size_t *got,
	struct err *e);

struct stream {
	stream_pull pull;
	void *ctx;
	uint8_t *p;
	size_t cap;
	size_t at;  /* the window is p[at..end) */
	size_t end;
	size_t used;     /* p[0..used) has been written, and is wiped */
	size_t searched; /* bytes of the window that stream_line has seen hold no newline */
	uint64_t offset; /* of p[at] in the input */
	uint64_t line;   /* of p[at], from 1; counted in text only */
	bool text;
	bool ended;
	enum err_code failed; /* of pull; kept */
	struct err why;
};

MUST_USE enum err_code stream_open(struct stream *s, stream_pull pull, void *ctx, struct err *e);
/*
 * Have `n` bytes in the window, or all there are to the end; how many there are now.  More than
 * STREAM_RECORD_MAX are never had.  A failing input ends here and is told by `failed`.
 */
size_t stream_need(struct stream *s, size_t n);
struct bytes stream_window(const struct stream *s);
/* Let go of `n` bytes of the window. */
void stream_skip(struct stream *s, size_t n);
/* As stream_skip, and wipe them: they held a secret. */
void stream_wipe(struct stream *s, size_t n);
/*
 * The line at the window's begin, without its end, and in *taken the bytes to let go of.  False at
 * the end of the input.  A line over STREAM_RECORD_MAX comes cut; *taken is then the cut part.
 */
bool stream_line(struct stream *s, struct bytes *line, size_t *taken);
/* Let go of all up to the next newline, and of that. */
void stream_skip_line(struct stream *s);
/* Wipes what it held; NULL is allowed. */
void stream_close(struct stream *s);

/* Newlines in `b`. */
uint64_t count_lines(struct bytes b);

#endif
