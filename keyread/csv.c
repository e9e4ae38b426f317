/*
 * Moduli as hexadecimal text: one a line, or a column of a table.  The column is the one that the
 * first line calls "modulus" or "n"; without such a line it is in each line the longest that is
 * hexadecimal, since numbers, dates and digests before it are shorter.
 */
#include "keyread/readers.h"

#include <string.h>
#include <strings.h>

#define DIGITS_MAX (PUBKEY_BITS_MAX / 4)
/* Columns beyond these are no table of keys. */
#define COLUMNS_MAX 256
/* A field of a table shorter than 128 bits is a serial number, not a modulus. */
#define FIELD_DIGITS_MIN 32
/* A lone line shorter than this tells nothing of its format without being told. */
#define LINE_DIGITS_MIN 32
#define NO_COLUMN COLUMNS_MAX

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '"' || c == '\'';
}

static struct bytes trimmed(struct bytes b)
{
	while (b.len > 0 && is_space(b.p[0]))
		b = bytes_of(b.p + 1, b.len - 1);
	while (b.len > 0 && is_space(b.p[b.len - 1]))
		b.len--;
	return b;
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What stands before the digits: "0x", and "Modulus=" as `openssl x509 -modulus` prints it. */
static struct bytes without_prefix(struct bytes b)
{
	if (b.len > 8 && strncasecmp((const char *)b.p, "modulus=", 8) == 0)
		b = bytes_of(b.p + 8, b.len - 8);
	if (b.len > 2 && b.p[0] == '0' && (b.p[1] | 0x20) == 'x')
		b = bytes_of(b.p + 2, b.len - 2);
	return b;
}

static bool is_hex(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++) {
		if (digit(b.p[i]) < 0)
			return false;
	}
	return b.len > 0;
}

static bool is_separator(uint8_t c)
{
	return c == ',' || c == ';' || c == '\t';
}

/* The next field of *rest, trimmed; false at the end. */
static bool next_field(struct bytes *rest, struct bytes *field)
{
	if (rest->p == NULL)
		return false;
	size_t n = 0;
	while (n < rest->len && !is_separator(rest->p[n]))
		n++;
	*field = trimmed(bytes_of(rest->p, n));
	*rest = n < rest->len ? bytes_of(rest->p + n + 1, rest->len - n - 1) : BYTES_NONE;
	return true;
}

static bool is_comment(struct bytes line)
{
	return line.len == 0 || line.p[0] == '#' ||
	       (line.len > 1 && line.p[0] == '/' && line.p[1] == '/');
}

/* The digits on this line; empty when it has none. */
static struct bytes digits_of(struct bytes line, unsigned column)
{
	struct bytes field;
	struct bytes best = BYTES_NONE;
	struct bytes rest = line;
	unsigned fields = 0;
	for (; fields < COLUMNS_MAX && next_field(&rest, &field); fields++) {
		struct bytes hex = without_prefix(field);
		if (column == fields)
			return is_hex(hex) ? hex : BYTES_NONE;
		if (column == NO_COLUMN && hex.len > best.len && is_hex(hex))
			best = hex;
	}
	return fields > 1 && best.len < FIELD_DIGITS_MIN ? BYTES_NONE : best;
}

bool csv_is_line(struct bytes line)
{
	return !is_comment(trimmed(line)) &&
	       digits_of(trimmed(line), NO_COLUMN).len >= LINE_DIGITS_MIN;
}

/* The column that a line of names calls the modulus. */
static unsigned named_column(struct bytes line)
{
	static const char *const names[] = {"modulus", "n", "rsa_modulus", "modulus_hex", "moduli"};
	struct bytes field;
	for (unsigned column = 0; column < COLUMNS_MAX && next_field(&line, &field); column++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (field.len == strlen(names[i]) &&
				strncasecmp((const char *)field.p, names[i], field.len) == 0)
				return column;
		}
	}
	return NO_COLUMN;
}

/* Append the number; an odd first digit is an octet of its own. */
static void decode(struct bytes hex, struct buf *out)
{
	uint8_t piece[256] = {0};
	size_t n = 0;
	size_t i = hex.len % 2;
	if (i > 0)
		piece[n++] = (uint8_t)digit(hex.p[0]);
	for (; i < hex.len; i += 2) {
		if (n == sizeof(piece)) {
			buf_bytes(out, bytes_of(piece, n));
			n = 0;
		}
		piece[n++] = (uint8_t)(digit(hex.p[i]) << 4 | digit(hex.p[i + 1]));
	}
	buf_bytes(out, bytes_of(piece, n));
}

static enum err_code read_line(struct found *f, struct bytes line, unsigned column, struct err *e)
{
	struct bytes hex = digits_of(line, column);
	struct pubkey k;
	if (hex.len == 0)
		return err_set(e, ERR_MALFORMED, "csv-hex", "no hexadecimal modulus on this line");
	while (hex.len > 1 && hex.p[0] == '0')
		hex = bytes_of(hex.p + 1, hex.len - 1);
	if (hex.len > DIGITS_MAX)
		return err_set(e, ERR_LIMIT, "csv-hex", "%zu digits; at most %u are read", hex.len,
			DIGITS_MAX);
	struct buf *work = &f->work;
	work->len = 0;
	work->bad = false;
	decode(hex, work);
	enum err_code rc = buf_end(work, e, "csv-hex");
	if (rc == ERR_OK)
		rc = pubkey_from_rsa(buf_view(work), BYTES_NONE, &f->spki, &k, e);
	if (rc == ERR_OK)
		found_key(f, "hexadecimal modulus", &k, BYTES_NONE, BYTES_NONE);
	return rc;
}

void csv_read(struct found *f, struct stream *s)
{
	struct bytes line;
	size_t taken;
	unsigned column = NO_COLUMN;
	bool first = true;
	while (f->stopped == ERR_OK && stream_line(s, &line, &taken)) {
		struct err why;
		struct bytes text = trimmed(line);
		bool names = first && digits_of(text, NO_COLUMN).len == 0 &&
			     named_column(text) != NO_COLUMN;
		if (names)
			column = named_column(text);
		if (is_comment(text) || names) {
			first = first && !names;
			stream_skip(s, taken);
			continue;
		}
		first = false;
		found_record(f, s, 0);
		bool cut = line.len >= STREAM_RECORD_MAX;
		enum err_code rc = ERR_OK;
		if (cut)
			rc = err_set(&why, ERR_LIMIT, "csv-hex", "a line of more than %zu bytes",
				STREAM_RECORD_MAX);
		else if (!found_earlier(f))
			rc = read_line(f, text, column, &why);
		if (rc != ERR_OK)
			found_flaw(f, "csv-hex", &why);
		if (cut)
			stream_skip_line(s);
		else
			stream_skip(s, taken);
	}
}
