/*
 * DER (X.690 §10): tags and lengths on top of the byte cursor.  Strict: definite and shortest
 * lengths, one-byte tags; anything else makes the reader bad.  Certificates and requests are read
 * and written with it because the library's own decoder costs as much as a signature each time
 * (docs/design/crypto.md has the figures); it touches no key and no secret.
 */
#ifndef CRYPTO_DER_H
#define CRYPTO_DER_H

#include "base/bytes.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8 = 0x0c,
	DER_PRINTABLE = 0x13,
	DER_T61 = 0x14,
	DER_IA5 = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};

/* Context-specific tags: [n] constructed, and [n] IMPLICIT of a primitive. */
#define DER_CONTEXT(n) (0xa0u | (unsigned)(n))
#define DER_CONTEXT_PRIMITIVE(n) (0x80u | (unsigned)(n))

/* A constant object identifier's content octets, written as a string literal. */
#define DER_LITERAL(s) ((struct bytes){(const uint8_t *)(s), sizeof(s) - 1})

/* The next element's tag, 0 at the end or when bad. */
unsigned der_peek(const struct reader *r);
/* The content of the next element, which must have this tag. */
struct bytes der_read(struct reader *r, unsigned tag);
/* The whole next element, header included; any tag, which must be `tag` unless that is 0. */
struct bytes der_read_whole(struct reader *r, unsigned tag);
/* A reader over the content of the next element; bad when `r` became bad. */
struct reader der_enter(struct reader *r, unsigned tag);
/* An INTEGER's content octets: not empty, shortest form (X.690 §8.3.2). */
struct bytes der_read_integer(struct reader *r);
/* A non-negative INTEGER that fits. */
uint64_t der_read_u64(struct reader *r);
/* A BIT STRING of whole octets: its value. */
struct bytes der_read_bits(struct reader *r);
bool der_read_bool(struct reader *r);
/* UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 wants them, in seconds since 1970. */
int64_t der_read_time(struct reader *r);

/*
 * Writing.  der_open starts an element and gives a mark; der_close, with that mark, fills in its
 * length.  Elements nest; close the inner one first.
 */
size_t der_open(struct buf *b, unsigned tag);
void der_close(struct buf *b, size_t mark);
void der_write(struct buf *b, unsigned tag, struct bytes content);
void der_write_oid(struct buf *b, struct bytes oid);
void der_write_u64(struct buf *b, uint64_t v);
/* A non-negative INTEGER from big-endian octets. */
void der_write_unsigned(struct buf *b, struct bytes v);
void der_write_bool(struct buf *b, bool v);
/* A BIT STRING of whole octets. */
void der_write_bits(struct buf *b, struct bytes v);
/* UTCTime through 2049, then GeneralizedTime (RFC 5280 §4.1.2.5); years 1950 to 9999, else bad. */
void der_write_time(struct buf *b, int64_t seconds);

#endif
