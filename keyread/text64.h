/*
 * Base64 as it is met in keys: RFC 4648 §4 and §5 (JWK) alike, white space anywhere, padding or
 * none.  crypto/base64.h is strict, which what we are sent must stand; this one looks for keys in
 * what others keep, and at the speed of reading.
 */
#ifndef KEYREAD_TEXT64_H
#define KEYREAD_TEXT64_H

#include "base/bytes.h"

/*
 * Append the bytes that `text` stands for.  ERR_BASE64 with the place of the character that is
 * none in *bad_at (which may be NULL); what stood before it has been appended.
 */
MUST_USE enum err_code text64_decode(struct bytes text, struct buf *out, size_t *bad_at,
	struct err *e);

#endif
