/* Base64 (RFC 4648 §4): one strict decoder for all who need it. */
#ifndef CRYPTO_BASE64_H
#define CRYPTO_BASE64_H

#include "base/bytes.h"

/* Append the padded base64 of `data`; with `line` > 0 a '\n' after each `line` characters and at
 * the end (`line` is a multiple of 4). */
void base64_encode(struct bytes data, size_t line, struct buf *out);

/*
 * Append the bytes of base64 text.  `white_space`: space, tab, CR and LF may stand anywhere
 * (RFC 8951 §3.1); else nothing but the alphabet.  Padding is required and nothing may follow it;
 * bits that are left over must be zero, so that only one text decodes to these bytes.
 * Refuses with ERR_BASE64.
 */
MUST_USE enum err_code base64_decode(struct bytes text, bool white_space, struct buf *out,
	struct err *e);

#endif
