#include "x509/name.h"

#include <string.h>

#include "base/utf8.h"
#include "x509/oid.h"

static bool is_printable(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != 0 && strchr(" '()+,-./:=?", c) != NULL);
}

bool text_is_printable_string(struct bytes v)
{
	for (size_t i = 0; i < v.len; i++)
		if (!is_printable(v.p[i]))
			return false;
	return v.len > 0;
}

static bool all_ascii(struct bytes v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] >= 0x80)
			return false;
	return true;
}

/* The text of a DirectoryString or IA5String; false when it is not clean text that fits. */
static bool copy_text(unsigned tag, struct bytes v, char *out, size_t size)
{
	bool known = tag == DER_UTF8 || tag == DER_PRINTABLE || tag == DER_IA5 || tag == DER_T61;
	if (!known || v.len == 0 || v.len >= size || !utf8_is_text(v) ||
		(tag != DER_UTF8 && !all_ascii(v)))
		return false;
	memcpy(out, v.p, v.len);
	out[v.len] = '\0';
	return true;
}

static void take(struct name *n, struct bytes type, unsigned tag, struct bytes value)
{
	if (bytes_equal(type, OID_COMMON_NAME)) {
		n->common_names++;
		if (!copy_text(tag, value, n->common_name, sizeof(n->common_name)))
			n->unreadable = true;
	} else if (bytes_equal(type, OID_SERIAL_NUMBER)) {
		n->device_serials++;
		if (!copy_text(tag, value, n->device_serial, sizeof(n->device_serial)))
			n->unreadable = true;
	}
}

bool name_read(struct bytes der, struct name *out)
{
	struct name n = {0};
	struct reader r = reader_of(der);
	struct reader rdns = der_enter(&r, DER_SEQUENCE);
	while (!rdns.bad && reader_left(&rdns) > 0) {
		struct reader rdn = der_enter(&rdns, DER_SET);
		do {
			struct reader pair = der_enter(&rdn, DER_SEQUENCE);
			struct bytes type = der_read(&pair, DER_OID);
			unsigned tag = der_peek(&pair);
			struct bytes value = der_read(&pair, tag);
			if (pair.bad || reader_left(&pair) != 0)
				return false;
			take(&n, type, tag, value);
		} while (reader_left(&rdn) > 0);
	}
	if (rdns.bad || r.bad || reader_left(&r) != 0)
		return false;
	/* Several are as good as none: nobody can say which one is meant. */
	if (n.common_names != 1 || n.unreadable)
		n.common_name[0] = '\0';
	if (n.device_serials != 1 || n.unreadable)
		n.device_serial[0] = '\0';
	*out = n;
	return true;
}

static bool value_equal(unsigned tag_a, struct bytes a, unsigned tag_b, struct bytes b)
{
	bool text_a = tag_a == DER_UTF8 || tag_a == DER_PRINTABLE || tag_a == DER_IA5;
	bool text_b = tag_b == DER_UTF8 || tag_b == DER_PRINTABLE || tag_b == DER_IA5;
	return bytes_equal(a, b) && (tag_a == tag_b || (text_a && text_b && all_ascii(a)));
}

/* One AttributeTypeAndValue of each; false when they differ or one is not well formed. */
static bool pair_equal(struct reader *rdn_a, struct reader *rdn_b)
{
	struct reader a = der_enter(rdn_a, DER_SEQUENCE);
	struct reader b = der_enter(rdn_b, DER_SEQUENCE);
	struct bytes type_a = der_read(&a, DER_OID);
	struct bytes type_b = der_read(&b, DER_OID);
	unsigned tag_a = der_peek(&a);
	unsigned tag_b = der_peek(&b);
	struct bytes value_a = der_read(&a, tag_a);
	struct bytes value_b = der_read(&b, tag_b);
	return !a.bad && !b.bad && reader_left(&a) == 0 && reader_left(&b) == 0 &&
		bytes_equal(type_a, type_b) && value_equal(tag_a, value_a, tag_b, value_b);
}

bool name_equal(struct bytes a, struct bytes b)
{
	struct reader ra = reader_of(a), rb = reader_of(b);
	struct reader rdns_a = der_enter(&ra, DER_SEQUENCE);
	struct reader rdns_b = der_enter(&rb, DER_SEQUENCE);
	while (!rdns_a.bad && !rdns_b.bad && reader_left(&rdns_a) > 0 && reader_left(&rdns_b) > 0) {
		struct reader rdn_a = der_enter(&rdns_a, DER_SET);
		struct reader rdn_b = der_enter(&rdns_b, DER_SET);
		do {
			if (!pair_equal(&rdn_a, &rdn_b))
				return false;
		} while (reader_left(&rdn_a) > 0 && reader_left(&rdn_b) > 0);
		if (reader_left(&rdn_a) != 0 || reader_left(&rdn_b) != 0)
			return false;
	}
	return !rdns_a.bad && !rdns_b.bad && reader_left(&rdns_a) == 0 && reader_left(&rdns_b) == 0 &&
		reader_left(&ra) == 0 && reader_left(&rb) == 0;
}

static void write_attribute(struct buf *b, struct bytes type, struct bytes value, bool printable)
{
	if (value.len == 0 || value.len > CERT_NAME_MAX || !utf8_is_text(value)) {
		b->bad = true;
		return;
	}
	size_t rdn = der_open(b, DER_SET);
	size_t pair = der_open(b, DER_SEQUENCE);
	der_write_oid(b, type);
	der_write(b, printable ? DER_PRINTABLE : DER_UTF8, value);
	der_close(b, pair);
	der_close(b, rdn);
}

void name_write(struct buf *b, const char *organization, const char *device_serial,
	const char *common_name)
{
	size_t name = der_open(b, DER_SEQUENCE);
	struct bytes o = bytes_str(organization);
	struct bytes serial = bytes_str(device_serial);
	struct bytes cn = bytes_str(common_name);
	if (organization != NULL)
		write_attribute(b, OID_ORGANIZATION, o, text_is_printable_string(o));
	if (device_serial != NULL) {
		/* X.520 §6.2.9: serialNumber is a PrintableString and nothing else. */
		if (!text_is_printable_string(serial))
			b->bad = true;
		write_attribute(b, OID_SERIAL_NUMBER, serial, true);
	}
	if (common_name != NULL)
		write_attribute(b, OID_COMMON_NAME, cn, text_is_printable_string(cn));
	der_close(b, name);
}
