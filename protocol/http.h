/*
 * The head of an HTTP/1.x request (RFC 9112), read strictly: one way to write each thing, so that no
 * proxy and no library before us can have seen another request than we do.  What is refused here is
 * refused with the connection closed behind the answer.
 *
 * Not accepted on purpose: Transfer-Encoding (a request states its length), more than one
 * Content-Length or Host, folded lines, bare CR or LF, white space before the colon, empty lines in
 * front, any byte of a name or target that is not allowed by the grammar.
 */
#ifndef PROTOCOL_HTTP_H
#define PROTOCOL_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define HTTP_HEAD_MAX 8192 /* an estclient's is 400 bytes, a browser's 2000 */
#define HTTP_FIELDS_MAX 64
#define HTTP_METHOD_MAX 16
#define HTTP_TARGET_MAX 2048

struct http_head {
	char method[HTTP_METHOD_MAX + 1];
	char target[HTTP_TARGET_MAX + 1]; /* origin form: "/path?query" */
	unsigned minor;                   /* of HTTP/1.x: 0 or 1 */
	bool keep_alive;                  /* what the client wants */
	bool expects_continue;
	bool has_length;
	uint64_t length; /* of the body; 0 without Content-Length */
	char content_type[257];
	char authorization[513];
};

/*
 * Look for the end of a head in what came so far.  *scanned (0 at first) remembers how far it was
 * looked at; *end is the length of the head, with its empty line, or 0 while it has not come.
 * ERR_HTTP_FRAMING at a bare LF or a NUL, ERR_HTTP_HEADER_SIZE over HTTP_HEAD_MAX.
 */
MUST_USE enum err_code http_head_find(struct bytes so_far, size_t *scanned, size_t *end,
	struct err *e);
/* ERR_HTTP_FRAMING, ERR_HTTP_HEADER_SIZE. */
MUST_USE enum err_code http_head_parse(struct bytes head, struct http_head *out, struct err *e);

struct http_answer {
	int status;
	const char *content_type; /* NULL: no body */
	uint64_t length;
	const char *fields;       /* more of them, each with CRLF; NULL: none */
	bool close;
};

/* The head of an answer in the request's version, in canonical letter case; `now` for Date. */
void http_answer_encode(const struct http_answer *a, unsigned minor, int64_t now, struct buf *out);
const char *http_reason(int status);

#endif
