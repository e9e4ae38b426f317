/*
 * The operators' API (docs/spec/api.md) over libcurl: TLS 1.3, the operator's certificate on our
 * side, the realm's root and nothing else for theirs, no proxy.  A refusal comes back as the code
 * that the server named.
 */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <yyjson.h>

#include "cli/identity.h"

#define CLIENT_BODY_MAX BUF_MAX_DEFAULT /* of what is held in memory; images and bundles are not */

struct client; /* opaque */

MUST_USE enum err_code client_open(const struct cli *c, const struct identity *id,
	struct client **out, struct err *e);
void client_close(struct client *cl);

/* Identity and client in one: what most commands need.  `id` is freed by session_close. */
struct session {
	struct identity id;
	struct client *client;
};
MUST_USE enum err_code session_open(const struct cli *c, struct session *out, struct err *e);
void session_close(struct session *s);

/* GET into `body`. */
MUST_USE enum err_code client_get(struct client *cl, const char *path, struct buf *body,
	struct err *e);
/* GET into a file, with progress called `what`. */
MUST_USE enum err_code client_download(struct client *cl, const char *path, int fd,
	const char *what, struct err *e);
/* GET (`body` empty) or POST JSON; the reply must be JSON: yyjson_doc_free. */
MUST_USE enum err_code client_json(struct client *cl, const char *path, struct bytes body,
	yyjson_doc **out, struct err *e);
/* POST the file `fd` as octets. */
MUST_USE enum err_code client_upload(struct client *cl, const char *path, int fd, uint64_t size,
	const char *what, yyjson_doc **out, struct err *e);

/* "PREFIX" + `segment` percent-encoded (RFC 3986 §2.1) + "SUFFIX". */
MUST_USE enum err_code client_path(const char *prefix, const char *segment, const char *suffix,
	struct buf *out, struct err *e);

#endif
