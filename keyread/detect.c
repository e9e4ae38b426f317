/*
 * Which format an input has, from its first bytes.  Never from its name: people name a PEM file
 * .der, and what is piped has no name.
 */
#include "keyread/readers.h"

#include <string.h>

#include "keyread/ber.h"

/* So many lines that are of no format may stand before the first that is; a block may be further.
 */
#define LINES_MAX 64

static bool is_text(struct bytes b)
{
	size_t n = b.len < 512 ? b.len : 512;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = b.p[i];
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f') || c == 0x7f)
			return false;
	}
	return n > 0;
}

static bool contains(struct bytes b, const char *text)
{
	return b.p != NULL && memmem(b.p, b.len, text, strlen(text)) != NULL;
}

static enum keyread_format detect_line(struct bytes line)
{
	if (contains(line, "---- BEGIN SSH2 ") || ssh_is_line(line))
		return KEYREAD_SSH;
	if (contains(line, "-----BEGIN PGP P"))
		return KEYREAD_OPENPGP;
	if (contains(line, "-----BEGIN "))
		return KEYREAD_PEM;
	return csv_is_line(line) ? KEYREAD_CSV_HEX : KEYREAD_FORMATS;
}

static enum keyread_format detect_lines(struct bytes b)
{
	enum keyread_format f = KEYREAD_FORMATS;
	for (unsigned i = 0; i < LINES_MAX && b.len > 0 && f == KEYREAD_FORMATS; i++) {
		const uint8_t *nl = memchr(b.p, '\n', b.len);
		size_t len = nl != NULL ? (size_t)(nl - b.p) : b.len;
		f = detect_line(bytes_of(b.p, len));
		len = nl != NULL ? len + 1 : len;
		b = bytes_of(b.p + len, b.len - len);
	}
	return f;
}

static enum keyread_format detect_text(struct bytes b)
{
	static const char bom[] = "\xef\xbb\xbf";
	if (b.len >= 3 && memcmp(b.p, bom, 3) == 0)
		b = bytes_of(b.p + 3, b.len - 3);
	struct bytes t = b;
	while (t.len > 0 && (*t.p == ' ' || *t.p == '\t' || *t.p == '\r' || *t.p == '\n'))
		t = bytes_of(t.p + 1, t.len - 1);
	if (t.len > 0 && (*t.p == '{' || *t.p == '['))
		return contains(t, "\"leaf_input\"") || contains(t, "\"entries\"") ? KEYREAD_CT_JSON
										   : KEYREAD_JWK;
	enum keyread_format lines = detect_lines(b);
	if (lines != KEYREAD_FORMATS)
		return lines;
	return contains(b, "-----BEGIN ") || contains(b, "---- BEGIN ") ? KEYREAD_PEM
									: KEYREAD_FORMATS;
}

static bool is_der(struct bytes b)
{
	bool bad;
	uint64_t size = ber_size(b, &bad);
	if (bad || b.p[0] != DER_SEQUENCE)
		return false;
	/* A length that lies makes a flaw when it is read; here the element inside is a witness. */
	struct reader r = reader_of(b);
	(void)read_u8(&r);
	unsigned octets = read_u8(&r);
	if (octets > 0x80)
		(void)read_bytes(&r, octets & 0x7f);
	unsigned inner = der_peek(&r);
	return size > 0 || inner == DER_SEQUENCE || inner == DER_OID || inner == DER_INTEGER;
}

enum keyread_format detect_format(struct bytes b)
{
	if (b.len == 0)
		return KEYREAD_FORMATS;
	if (is_text(b)) {
		enum keyread_format f = detect_text(b);
		if (f != KEYREAD_FORMATS)
			return f;
	}
	if (is_der(b))
		return KEYREAD_DER;
	if (ct_tile_is_start(b))
		return KEYREAD_CT_TILE;
	if (openpgp_is_start(b))
		return KEYREAD_OPENPGP;
	/* Blocks in the middle of something else: a mail, a disk image, a log. */
	return contains(b, "-----BEGIN ") ? KEYREAD_PEM : KEYREAD_FORMATS;
}
