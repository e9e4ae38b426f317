#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct bytes bytes_of(const void *p, size_t len)
{
	return (struct bytes){p, len};
}

struct bytes bytes_str(const char *s)
{
	return (struct bytes){(const uint8_t *)s, s != NULL ? strlen(s) : 0};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

struct reader reader_of(struct bytes b)
{
	return (struct reader){.p = b.p, .len = b.len};
}

struct bytes read_bytes(struct reader *r, size_t len)
{
	if (r->bad || len > r->len - r->pos) {
		r->bad = true;
		return BYTES_NONE;
	}
	struct bytes v = {r->p + r->pos, len};
	r->pos += len;
	return v;
}

static uint64_t read_be(struct reader *r, size_t n)
{
	struct bytes b = read_bytes(r, n);
	uint64_t v = 0;
	for (size_t i = 0; i < b.len; i++)
		v = v << 8 | b.p[i];
	return v;
}

static uint64_t read_le(struct reader *r, size_t n)
{
	struct bytes b = read_bytes(r, n);
	uint64_t v = 0;
	for (size_t i = b.len; i > 0; i--)
		v = v << 8 | b.p[i - 1];
	return v;
}

uint8_t read_u8(struct reader *r)
{
	return (uint8_t)read_be(r, 1);
}

uint16_t read_u16be(struct reader *r)
{
	return (uint16_t)read_be(r, 2);
}

uint16_t read_u16le(struct reader *r)
{
	return (uint16_t)read_le(r, 2);
}

uint32_t read_u32be(struct reader *r)
{
	return (uint32_t)read_be(r, 4);
}

uint32_t read_u32le(struct reader *r)
{
	return (uint32_t)read_le(r, 4);
}

uint64_t read_u64be(struct reader *r)
{
	return read_be(r, 8);
}

struct bytes read_field(struct reader *r, size_t max)
{
	uint32_t len = read_u32be(r);
	if (len > max)
		r->bad = true;
	return read_bytes(r, len);
}

size_t reader_left(const struct reader *r)
{
	return r->bad ? 0 : r->len - r->pos;
}

enum err_code reader_end(const struct reader *r, struct err *e, const char *object)
{
	if (r->bad)
		return err_set(e, ERR_TRUNCATED, object, "at byte %zu of %zu", r->pos, r->len);
	if (r->pos != r->len)
		return err_set(e, ERR_TRAILING, object, "%zu bytes after byte %zu", r->len - r->pos,
			r->pos);
	return ERR_OK;
}

struct buf buf_new(size_t max)
{
	return (struct buf){.max = max};
}

struct buf buf_new_secret(size_t max)
{
	return (struct buf){.max = max, .secret = true};
}

/* Room for `n` more bytes and a terminator; a secret never stays behind in the old block. */
static uint8_t *buf_grow(struct buf *b, size_t n)
{
	if (b->bad || n > b->max - b->len) {
		b->bad = true;
		return NULL;
	}
	if (b->cap - b->len < n + 1) {
		size_t cap = b->cap * 2 > b->len + n + 1 ? b->cap * 2 : b->len + n + 64;
		uint8_t *p = malloc(cap);
		if (p == NULL) {
			b->bad = true;
			return NULL;
		}
		if (b->len > 0)
			memcpy(p, b->p, b->len);
		if (b->secret && b->p != NULL)
			mem_wipe(b->p, b->cap);
		free(b->p);
		b->p = p;
		b->cap = cap;
	}
	uint8_t *at = b->p + b->len;
	b->len += n;
	b->p[b->len] = 0;
	return at;
}

static void buf_be(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *at = buf_grow(b, n);
	for (size_t i = 0; at != NULL && i < n; i++)
		at[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static void buf_le(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *at = buf_grow(b, n);
	for (size_t i = 0; at != NULL && i < n; i++)
		at[i] = (uint8_t)(v >> (8 * i));
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_be(b, v, 1);
}

void buf_u16be(struct buf *b, uint16_t v)
{
	buf_be(b, v, 2);
}

void buf_u16le(struct buf *b, uint16_t v)
{
	buf_le(b, v, 2);
}

void buf_u32be(struct buf *b, uint32_t v)
{
	buf_be(b, v, 4);
}

void buf_u32le(struct buf *b, uint32_t v)
{
	buf_le(b, v, 4);
}

void buf_u64be(struct buf *b, uint64_t v)
{
	buf_be(b, v, 8);
}

void buf_bytes(struct buf *b, struct bytes v)
{
	if (v.len == 0)
		return;
	uint8_t *at = buf_grow(b, v.len);
	if (at != NULL)
		memcpy(at, v.p, v.len);
}

void buf_str(struct buf *b, const char *s)
{
	buf_bytes(b, bytes_str(s));
}

void buf_field(struct buf *b, struct bytes v)
{
	if (v.len > UINT32_MAX) {
		b->bad = true;
		return;
	}
	buf_u32be(b, (uint32_t)v.len);
	buf_bytes(b, v);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	uint8_t *at = n >= 0 ? buf_grow(b, (size_t)n) : NULL;
	if (at != NULL)
		(void)vsnprintf((char *)at, (size_t)n + 1, fmt, again);
	else
		b->bad = true;
	va_end(again);
}

struct bytes buf_view(const struct buf *b)
{
	return b->bad ? BYTES_NONE : (struct bytes){b->p, b->len};
}

const char *buf_cstr(struct buf *b)
{
	return b->bad || b->p == NULL ? "" : (const char *)b->p;
}

enum err_code buf_end(const struct buf *b, struct err *e, const char *object)
{
	if (!b->bad)
		return ERR_OK;
	return err_set(e, ERR_LIMIT, object, "it would be larger than %zu bytes", b->max);
}

void buf_reset(struct buf *b)
{
	if (b->secret && b->p != NULL)
		mem_wipe(b->p, b->cap);
	b->len = 0;
	b->bad = false;
	if (b->p != NULL)
		b->p[0] = 0;
}

void buf_free(struct buf *b)
{
	if (b == NULL)
		return;
	if (b->secret && b->p != NULL)
		mem_wipe(b->p, b->cap);
	free(b->p);
	*b = (struct buf){.max = b->max, .secret = b->secret};
}

void hex_encode(const uint8_t *p, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode(const char *s, uint8_t *out, size_t len)
{
	if (strlen(s) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		int hi = hex_digit(s[2 * i]);
		int lo = hex_digit(s[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}
