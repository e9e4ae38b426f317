#include "keyread/keyread.h"

#include <string.h>

#include "keyread/readers.h"
#include "keyread/source.h"

/* How much of an input is looked at to tell its format: text may stand before the first block. */
#define DETECT_SIZE ((size_t)1 << 20)

static const struct format {
	const char *name;
	void (*read)(struct found *f, struct stream *s);
	bool text;
} formats[KEYREAD_FORMATS] = {
	[KEYREAD_AUTO] = {"auto", NULL, false},
	[KEYREAD_PEM] = {"pem", pem_read, true},
	[KEYREAD_DER] = {"der", der_stream_read, false},
	[KEYREAD_SSH] = {"ssh", ssh_read, true},
	[KEYREAD_JWK] = {"jwk", json_read, true},
	[KEYREAD_OPENPGP] = {"openpgp", openpgp_read, false},
	[KEYREAD_CSV_HEX] = {"csv-hex", csv_read, true},
	[KEYREAD_CT_JSON] = {"ct-json", json_read, true},
	[KEYREAD_CT_TILE] = {"ct-tile", ct_tile_read, false},
};

const char *keyread_format_name(enum keyread_format f)
{
	return f < KEYREAD_FORMATS ? formats[f].name : "none";
}

enum keyread_format keyread_format_from_name(const char *name)
{
	for (unsigned i = 0; i < KEYREAD_FORMATS; i++) {
		if (strcmp(formats[i].name, name) == 0)
			return i;
	}
	return KEYREAD_FORMATS;
}

static enum err_code read_stream(
	struct found *f, struct stream *s, enum keyread_format format, struct err *e)
{
	/* Also when the format is told: a window of this size makes few system calls. */
	(void)stream_need(s, DETECT_SIZE);
	if (format == KEYREAD_AUTO)
		format = detect_format(stream_window(s));
	if (s->failed != ERR_OK)
		return s->failed;
	if (format >= KEYREAD_FORMATS)
		return err_set(e, ERR_MALFORMED, f->at.file,
			stream_need(s, 1) == 0 ? "it is empty"
					       : "none of the formats that keys are kept in");
	/* Editors put a byte order mark before text; it is none of the first line's. */
	if (formats[format].text && stream_need(s, 3) >= 3 &&
		memcmp(stream_window(s).p, "\xef\xbb\xbf", 3) == 0)
		stream_skip(s, 3);
	s->text = formats[format].text;
	formats[format].read(f, s);
	return f->stopped != ERR_OK ? f->stopped : s->failed;
}

enum err_code keyread_fd(int fd, const char *name, enum keyread_format format, uint64_t from,
	const struct key_sink *sink, struct err *e)
{
	struct source src;
	struct stream s = {0};
	struct found f;
	struct err damage = {0};
	struct err ignored;
	if (e == NULL)
		e = &ignored;
	enum err_code rc = source_open(&src, fd, sink, &damage, e);
	if (rc != ERR_OK)
		return rc;
	found_open(&f, name, from, sink, e);
	rc = stream_open(&s, source_pull, &src, e);
	if (rc != ERR_OK)
		goto out;
	rc = read_stream(&f, &s, format, e);
	if (rc != ERR_OK && rc == s.failed)
		rc = err_set(e, rc, name, "%s", s.why.reason);
	if (rc == ERR_OK && damage.code != ERR_OK) {
		found_record(&f, &s, 0);
		found_flaw(&f, "gzip", &damage);
	}
out:
	stream_close(&s);
	found_close(&f);
	source_close(&src);
	return rc;
}
