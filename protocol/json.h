/* What the API says of each object, as JSON; and a result out of it. */
#ifndef PROTOCOL_JSON_H
#define PROTOCOL_JSON_H

#include <yyjson.h>

#include "protocol/api.h"

/* A document with an object as its root; NULL without memory. */
struct json {
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;
};

MUST_USE enum err_code json_start(struct json *j, struct err *e);
/* Write it into `out` (a large one as a sealed memfd) and free it. */
MUST_USE enum err_code json_end(struct json *j, int status, struct api_result *out, struct err *e);
void json_drop(struct json *j);

/* Text and numbers are copied. */
void json_text(struct json *j, yyjson_mut_val *obj, const char *key, const char *value);
void json_bytes(struct json *j, yyjson_mut_val *obj, const char *key, struct bytes text);
void json_num(struct json *j, yyjson_mut_val *obj, const char *key, uint64_t value);
void json_time(struct json *j, yyjson_mut_val *obj, const char *key, int64_t seconds);
void json_hex(struct json *j, yyjson_mut_val *obj, const char *key, struct bytes value);

void json_device(struct json *j, yyjson_mut_val *obj, const struct device *d);
void json_cert(struct json *j, yyjson_mut_val *obj, const struct cert_row *c);
void json_release(struct json *j, yyjson_mut_val *obj, const struct release_row *r);

/* A result of plain bytes; a large one becomes a sealed memfd. */
MUST_USE enum err_code result_bytes(struct api_result *out, int status, const char *type,
	struct bytes data, struct err *e);
/* A result that is a descriptor, which is taken over. */
void result_fd(struct api_result *out, int status, const char *type, int fd);

#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_OCTETS "application/octet-stream"

#endif
