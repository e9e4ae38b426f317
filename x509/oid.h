/* Object identifiers of RFC 5280, 2985, 2986 and 5652, as DER content octets. */
#ifndef X509_OID_H
#define X509_OID_H

#include "crypto/der.h"

/* attribute types: X.520, RFC 2985 */
#define OID_COMMON_NAME DER_LITERAL("\x55\x04\x03")
#define OID_SERIAL_NUMBER DER_LITERAL("\x55\x04\x05")
#define OID_ORGANIZATION DER_LITERAL("\x55\x04\x0a")
#define OID_CHALLENGE_PASSWORD DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07")
#define OID_EXTENSION_REQUEST DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e")

/* extensions: RFC 5280 §4.2, §5.2, §5.3 */
#define OID_SUBJECT_KEY_ID DER_LITERAL("\x55\x1d\x0e")
#define OID_KEY_USAGE DER_LITERAL("\x55\x1d\x0f")
#define OID_SUBJECT_ALT_NAME DER_LITERAL("\x55\x1d\x11")
#define OID_BASIC_CONSTRAINTS DER_LITERAL("\x55\x1d\x13")
#define OID_CRL_NUMBER DER_LITERAL("\x55\x1d\x14")
#define OID_REASON_CODE DER_LITERAL("\x55\x1d\x15")
#define OID_CRL_POINTS DER_LITERAL("\x55\x1d\x1f")
#define OID_AUTHORITY_KEY_ID DER_LITERAL("\x55\x1d\x23")
#define OID_EXT_KEY_USAGE DER_LITERAL("\x55\x1d\x25")

/* content types: RFC 5652 §4, §5.1 */
#define OID_DATA DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
#define OID_SIGNED_DATA DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")

/* Content octets of the largest identifier written in text: two small arcs and one of 128 bits. */
#define OID_MAX 32

/*
 * Dotted text of `len` characters to content octets, arcs of up to 128 bits (X.667 identifiers
 * need that); false when it is not an object identifier or too long.
 */
MUST_USE bool oid_parse(const char *text, size_t len, uint8_t out[OID_MAX], size_t *out_len);

#endif
