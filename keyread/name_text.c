/* Distinguished names as a line of text, for people. */
#include "keyread/object.h"

#define BMP_STRING 0x1e

static const struct attribute {
	struct bytes oid;
	const char *label;
} attributes[] = {
	{{(const uint8_t *)"\x55\x04\x03", 3}, "CN"},
	{{(const uint8_t *)"\x55\x04\x0a", 3}, "O"},
	{{(const uint8_t *)"\x55\x04\x0b", 3}, "OU"},
	{{(const uint8_t *)"\x55\x04\x06", 3}, "C"},
	{{(const uint8_t *)"\x55\x04\x07", 3}, "L"},
	{{(const uint8_t *)"\x55\x04\x08", 3}, "ST"},
	{{(const uint8_t *)"\x55\x04\x05", 3}, "serialNumber"},
	{{(const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9}, "emailAddress"},
	{{(const uint8_t *)"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10}, "DC"},
	{{(const uint8_t *)"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", 10}, "UID"},
};

static const char *label_of(struct bytes oid)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (bytes_equal(attributes[i].oid, oid))
			return attributes[i].label;
	}
	return "?";
}

static void write_value(struct buf *b, const struct ber *v)
{
	if (v->tag != BMP_STRING) {
		buf_bytes(b, v->content);
		return;
	}
	/* UCS-2: what is beyond ASCII is not worth a table here. */
	for (size_t i = 0; i + 1 < v->content.len; i += 2) {
		uint8_t c = v->content.p[i + 1];
		buf_u8(b, v->content.p[i] == 0 && c < 0x80 ? c : '?');
	}
}

void name_text(struct found *f, struct bytes name)
{
	struct buf b = {.max = FOUND_NAME_MAX, .p = f->name.p, .cap = f->name.cap};
	struct reader r = reader_of(name);
	struct reader sets = ber_enter(&r, DER_SEQUENCE);
	while (!sets.bad && reader_left(&sets) > 0) {
		struct reader set = ber_enter(&sets, DER_SET);
		struct reader pair = ber_enter(&set, DER_SEQUENCE);
		struct bytes oid = ber_take(&pair, DER_OID).content;
		struct ber value = ber_next(&pair);
		if (pair.bad)
			break;
		size_t before = b.len;
		if (b.len > 0)
			buf_str(&b, ", ");
		buf_str(&b, label_of(oid));
		buf_str(&b, "=");
		write_value(&b, &value);
		if (b.bad) { /* too long: the attributes that fit */
			b.bad = false;
			b.len = before;
			break;
		}
	}
	f->name = b;
	f->at.name = buf_view(&f->name);
}
