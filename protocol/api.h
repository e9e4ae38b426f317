/*
 * The operators' API (docs/spec/api.md): JSON over HTTPS with an operator's certificate.  A worker
 * parses (api_parse: hostile bytes, no decisions), the keeper performs (api_perform: decisions, no
 * hostile bytes).  No sockets.
 */
#ifndef PROTOCOL_API_H
#define PROTOCOL_API_H

#include "authority/authority.h"

#define API_BODY_MAX 49152 /* JSON; fits a message */
#define API_TEXT_MAX 256

enum api_op {
	API_STATUS,
	API_DEVICE_LIST,   /* a: after, n: limit */
	API_DEVICE_ADD,    /* a: serial, b: product, c: manufacturer */
	API_DEVICE_SHOW,   /* a: serial */
	API_DEVICE_TICKET, /* a: serial, n: lifetime in seconds, 0 default */
	API_DEVICE_REVOKE, /* a: serial, b: reason */
	API_DEVICE_RELEASE, /* a: serial */
	API_MANUFACTURER_LIST,
	API_MANUFACTURER_ADD, /* a: name, body: certificate DER */
	API_OPERATOR_LIST,
	API_IMAGE_ADD,    /* fd: the bytes */
	API_RELEASE_LIST,
	API_RELEASE_PROPOSE, /* body: DSSE envelope */
	API_RELEASE_SHOW,    /* a: id */
	API_RELEASE_APPROVE, /* a: id, body: DSSE envelope */
	API_RELEASE_PUBLISH, /* a: id */
	API_RELEASE_IMAGE,   /* a: id */
	API_RELEASE_BUNDLE,  /* a: id */
	API_LOG_CHECKPOINT,
	API_LOG_ENTRIES, /* n: from, m: to */
	API_LOG_PROOF,   /* n: seq */
	API_LOG_EXPORT,
	API_OP_COUNT
};

struct api_call {
	enum api_op op;
	uint8_t operator_fingerprint[SHA256_SIZE]; /* of the TLS peer's certificate */
	char a[API_TEXT_MAX + 1];
	char b[API_TEXT_MAX + 1];
	char c[API_TEXT_MAX + 1];
	uint64_t n;
	uint64_t m;
	struct bytes body; /* view, or owned by `body_mem` when api_parse had to make it */
	struct buf body_mem;
};

/*
 * Method, path with query, content type and body (empty for API_IMAGE_ADD, whose bytes travel as a
 * descriptor) to a call.  ERR_HTTP_PATH, ERR_HTTP_METHOD, ERR_HTTP_TYPE, ERR_JSON, ERR_LIMIT...
 */
MUST_USE enum err_code api_parse(const char *method, const char *path_query,
	const char *content_type, struct bytes body, struct api_call *out, struct err *e);
/* Is this path API_IMAGE_ADD, which takes octets up to the image limit? */
bool api_takes_image(const char *method, const char *path);
void api_call_free(struct api_call *c);

struct api_result {
	int status;               /* HTTP */
	const char *content_type; /* static text */
	struct buf body;
	int fd; /* -1, or a large body, owned */
};

/* Inside the caller's transaction.  `fd`: the image of API_IMAGE_ADD, else -1. */
MUST_USE enum err_code api_perform(struct authority *a, const struct api_call *c, int fd,
	struct api_result *out, struct err *e);
/* {"error":name,"message":sentence,"object":...,"reason":...} */
void api_error_body(const struct err *e, struct buf *out);
void api_result_free(struct api_result *r);

#endif
