/*
 * The one byte cursor: every parser reads and every encoder writes through it, so that bounds are
 * checked in one place.  A reader that runs past its end, or a writer that does, becomes `bad` and
 * stays so; later calls return zeros and move nothing.  Check once, at the end.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A view of `len` bytes that someone else owns. */
struct bytes {
	const uint8_t *p;
	size_t len;
};

#define BYTES_NONE ((struct bytes){NULL, 0})

struct bytes bytes_of(const void *p, size_t len);
struct bytes bytes_str(const char *s); /* without the terminator; NULL gives none */
bool bytes_equal(struct bytes a, struct bytes b); /* not for secrets: mem_equal_ct */

/* Reading. */
struct reader {
	const uint8_t *p;
	size_t len;
	size_t pos;
	bool bad;
};

struct reader reader_of(struct bytes b);
uint8_t read_u8(struct reader *r);
uint16_t read_u16be(struct reader *r);
uint16_t read_u16le(struct reader *r);
uint32_t read_u32be(struct reader *r);
uint32_t read_u32le(struct reader *r);
uint64_t read_u64be(struct reader *r);
struct bytes read_bytes(struct reader *r, size_t len); /* a view into the input */
/* A field of a u32be length and that many bytes; bad when longer than `max`. */
struct bytes read_field(struct reader *r, size_t max);
size_t reader_left(const struct reader *r);
/* ERR_OK when all was read and nothing ran over; else ERR_TRUNCATED or ERR_TRAILING on `object`. */
MUST_USE enum err_code reader_end(const struct reader *r, struct err *e, const char *object);

/*
 * Writing into memory that grows to at most `max` bytes (BUF_MAX_DEFAULT where the caller has no
 * tighter limit).  The buffer owns its memory: buf_free, or buf_take to hand it on.
 */
#define BUF_MAX_DEFAULT ((size_t)1 << 24) /* 16 MiB: above every message; images are streamed */

struct buf {
	uint8_t *p;
	size_t len;
	size_t cap;
	size_t max;
	bool bad;    /* over max, or no memory */
	bool secret; /* wiped when moved and when freed */
};

struct buf buf_new(size_t max);
struct buf buf_new_secret(size_t max);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16be(struct buf *b, uint16_t v);
void buf_u16le(struct buf *b, uint16_t v);
void buf_u32be(struct buf *b, uint32_t v);
void buf_u32le(struct buf *b, uint32_t v);
void buf_u64be(struct buf *b, uint64_t v);
void buf_bytes(struct buf *b, struct bytes v);
void buf_str(struct buf *b, const char *s);
void buf_field(struct buf *b, struct bytes v); /* u32be length, then the bytes */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct bytes buf_view(const struct buf *b);
/* The bytes as a C string (a terminator is kept behind them); "" when bad. */
const char *buf_cstr(struct buf *b);
/* ERR_OK, or ERR_LIMIT / ERR_NO_MEMORY on `object` when a write did not fit. */
MUST_USE enum err_code buf_end(const struct buf *b, struct err *e, const char *object);
void buf_reset(struct buf *b); /* empty again, memory kept */
void buf_free(struct buf *b);

/* Hex, lower case.  `out` holds 2 * len + 1 bytes. */
void hex_encode(const uint8_t *p, size_t len, char *out);
/* Exactly `len` bytes from 2 * len hex digits; false when `s` is anything else. */
MUST_USE bool hex_decode(const char *s, uint8_t *out, size_t len);

#endif
