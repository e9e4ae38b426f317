#include "crypto/der.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Lengths of more octets than this (16 MiB) exceed every object we take. */
#define LENGTH_OCTETS_MAX 3

unsigned der_peek(const struct reader *r)
{
	return r->bad || r->pos >= r->len ? 0 : r->p[r->pos];
}

static size_t read_length(struct reader *r)
{
	uint8_t first = read_u8(r);
	if (first < 0x80)
		return first;
	unsigned octets = first & 0x7fu;
	if (octets == 0 || octets > LENGTH_OCTETS_MAX) {
		r->bad = true;
		return 0;
	}
	size_t len = 0;
	for (unsigned i = 0; i < octets; i++)
		len = len << 8 | read_u8(r);
	/* X.690 §10.1: the shortest form. */
	if (len < 0x80 || len >> (8 * (octets - 1)) == 0)
		r->bad = true;
	return len;
}

static struct bytes read_element(struct reader *r, unsigned tag, bool whole)
{
	size_t start = r->pos;
	uint8_t got = read_u8(r);
	if ((tag != 0 && got != tag) || (got & 0x1f) == 0x1f || got == 0)
		r->bad = true;
	size_t len = read_length(r);
	struct bytes content = read_bytes(r, len);
	if (r->bad)
		return BYTES_NONE;
	return whole ? bytes_of(r->p + start, r->pos - start) : content;
}

struct bytes der_read(struct reader *r, unsigned tag)
{
	return read_element(r, tag, false);
}

struct bytes der_read_whole(struct reader *r, unsigned tag)
{
	return read_element(r, tag, true);
}

struct reader der_enter(struct reader *r, unsigned tag)
{
	struct reader in = reader_of(der_read(r, tag));
	in.bad = r->bad;
	return in;
}

struct bytes der_read_integer(struct reader *r)
{
	struct bytes v = der_read(r, DER_INTEGER);
	if (v.len == 0 || (v.len > 1 && ((v.p[0] == 0 && v.p[1] < 0x80) ||
						(v.p[0] == 0xff && v.p[1] >= 0x80)))) {
		r->bad = true;
		return BYTES_NONE;
	}
	return v;
}

uint64_t der_read_u64(struct reader *r)
{
	struct bytes v = der_read_integer(r);
	if (v.len == 0)
		return 0;
	if (v.p[0] >= 0x80 || v.len > 9 || (v.len == 9 && v.p[0] != 0)) {
		r->bad = true;
		return 0;
	}
	uint64_t n = 0;
	for (size_t i = 0; i < v.len; i++)
		n = n << 8 | v.p[i];
	return n;
}

struct bytes der_read_bits(struct reader *r)
{
	struct reader in = der_enter(r, DER_BIT_STRING);
	uint8_t unused = read_u8(&in);
	if (in.bad || unused != 0) {
		r->bad = true;
		return BYTES_NONE;
	}
	return read_bytes(&in, reader_left(&in));
}

bool der_read_bool(struct reader *r)
{
	struct bytes v = der_read(r, DER_BOOLEAN);
	if (v.len != 1 || (v.p[0] != 0 && v.p[0] != 0xff)) {
		r->bad = true;
		return false;
	}
	return v.p[0] != 0;
}

static int two_digits(struct reader *r)
{
	uint8_t a = read_u8(r);
	uint8_t b = read_u8(r);
	if (a < '0' || a > '9' || b < '0' || b > '9') {
		r->bad = true;
		return 0;
	}
	return (a - '0') * 10 + (b - '0');
}

int64_t der_read_time(struct reader *r)
{
	bool utc = der_peek(r) == DER_UTC_TIME;
	struct reader in = der_enter(r, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
	int year = two_digits(&in);
	if (utc)
		year += year < 50 ? 2000 : 1900;
	else
		year = year * 100 + two_digits(&in);
	struct tm tm = {.tm_year = year - 1900};
	tm.tm_mon = two_digits(&in) - 1;
	tm.tm_mday = two_digits(&in);
	tm.tm_hour = two_digits(&in);
	tm.tm_min = two_digits(&in);
	tm.tm_sec = two_digits(&in);
	struct tm given = tm;
	time_t t = timegm(&tm);
	if (read_u8(&in) != 'Z' || reader_left(&in) != 0 || in.bad || tm.tm_mon != given.tm_mon ||
		tm.tm_mday != given.tm_mday || tm.tm_hour != given.tm_hour ||
		tm.tm_min != given.tm_min || tm.tm_sec != given.tm_sec) {
		r->bad = true;
		return 0;
	}
	return (int64_t)t;
}

size_t der_open(struct buf *b, unsigned tag)
{
	buf_u8(b, (uint8_t)tag);
	buf_u8(b, 0);
	return b->len;
}

void der_close(struct buf *b, size_t mark)
{
	if (b->bad)
		return;
	size_t len = b->len - mark;
	if (len < 0x80) {
		b->p[mark - 1] = (uint8_t)len;
		return;
	}
	size_t octets = 1;
	while (len >> (8 * octets) != 0)
		octets++;
	static const uint8_t room[sizeof(size_t)];
	buf_bytes(b, bytes_of(room, octets));
	if (b->bad)
		return;
	memmove(b->p + mark + octets, b->p + mark, len);
	b->p[mark - 1] = (uint8_t)(0x80 | octets);
	for (size_t i = 0; i < octets; i++)
		b->p[mark + i] = (uint8_t)(len >> (8 * (octets - 1 - i)));
}

void der_write(struct buf *b, unsigned tag, struct bytes content)
{
	size_t mark = der_open(b, tag);
	buf_bytes(b, content);
	der_close(b, mark);
}

void der_write_oid(struct buf *b, struct bytes oid)
{
	der_write(b, DER_OID, oid);
}

void der_write_unsigned(struct buf *b, struct bytes v)
{
	while (v.len > 1 && v.p[0] == 0) {
		v.p++;
		v.len--;
	}
	size_t mark = der_open(b, DER_INTEGER);
	if (v.len == 0 || v.p[0] >= 0x80)
		buf_u8(b, 0);
	buf_bytes(b, v);
	der_close(b, mark);
}

void der_write_u64(struct buf *b, uint64_t v)
{
	uint8_t be[8];
	for (size_t i = 0; i < sizeof(be); i++)
		be[i] = (uint8_t)(v >> (8 * (sizeof(be) - 1 - i)));
	der_write_unsigned(b, bytes_of(be, sizeof(be)));
}

void der_write_bool(struct buf *b, bool v)
{
	der_write(b, DER_BOOLEAN, v ? DER_LITERAL("\xff") : DER_LITERAL("\x00"));
}

void der_write_bits(struct buf *b, struct bytes v)
{
	size_t mark = der_open(b, DER_BIT_STRING);
	buf_u8(b, 0);
	buf_bytes(b, v);
	der_close(b, mark);
}

void der_write_time(struct buf *b, int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	char text[32];
	if (gmtime_r(&t, &tm) == NULL || tm.tm_year < 50 || tm.tm_year > 8099) {
		b->bad = true;
		return;
	}
	bool utc = tm.tm_year < 150;
	size_t n = strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &tm);
	/* A UTCTime leaves the century out. */
	der_write(b, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME,
		utc ? bytes_of(text + 2, n - 2) : bytes_of(text, n));
}
