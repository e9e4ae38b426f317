/* Objects of JSON inputs that hold keys. */
#ifndef KEYREAD_JSON_H
#define KEYREAD_JSON_H

#include <yyjson.h>

#include "keyread/ct.h"
#include "keyread/found.h"

/*
 * One object (a key, an entry of a log) as text.  Far above the largest key; small, since yyjson
 * needs twelve times as much.
 */
#define JSON_OBJECT_MAX ((size_t)1 << 21)

/* One JWK (RFC 7517 §4, RFC 7518 §6, RFC 8037); an error is damage. */
MUST_USE enum err_code jwk_read(struct found *f, yyjson_val *key, struct err *e);
/* One element of "entries" (RFC 6962 §4.6). */
MUST_USE enum err_code ct_json_read(struct found *f, yyjson_val *entry, struct ct_seen *seen,
	struct err *e);

#endif
