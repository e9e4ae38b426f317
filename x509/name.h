/* Distinguished names (RFC 5280 §4.1.2.4) as Medseal reads and writes them. */
#ifndef X509_NAME_H
#define X509_NAME_H

#include "x509/cert.h"

/* The two attributes that matter, with how often each is there. */
struct name {
	char common_name[CERT_NAME_MAX + 1];
	char device_serial[DEVICE_SERIAL_MAX + 1];
	unsigned common_names;
	unsigned device_serials;
	bool unreadable; /* one of them is too long, of a strange string type, or not clean text */
};

/* From a whole DER Name; false when it is not one. */
MUST_USE bool name_read(struct bytes der, struct name *out);
/*
 * Do two whole DER Names name the same (RFC 5280 §7.1)?  The same attributes in the same order with
 * the same characters; PrintableString, UTF8String and IA5String of ASCII are one.  Stricter than
 * the RFC: case and white space count.  False when either is no Name.
 */
MUST_USE bool name_equal(struct bytes a, struct bytes b);
/*
 * Append a Name of {O, serialNumber, CN}, each left out when NULL; the buffer goes bad when a
 * value is not text of 1 to 64 bytes.
 */
void name_write(struct buf *b, const char *organization, const char *device_serial,
	const char *common_name);

/* Only characters of PrintableString (X.680 §41.4), and at least one. */
MUST_USE bool text_is_printable_string(struct bytes v);

#endif
