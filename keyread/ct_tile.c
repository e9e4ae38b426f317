/*
 * Data tiles of static CT logs (C2SP static-ct-api, "Log entries"): TileLeafs, one after the other.
 * Chains are fingerprints there; the issuers themselves are other files of the log.  Behind damage
 * the next entry is known by a timestamp, a type and a certificate whose two lengths agree.
 */
#include "keyread/readers.h"

#include <string.h>

#include "keyread/ct.h"
#include "keyread/object.h"

/* Milliseconds: no log is older than 2013, and none is of the next century. */
#define TIME_MIN UINT64_C(1356998400000)
#define TIME_MAX UINT64_C(4102444800000)
/* Timestamp, type, issuer_key_hash, length, and the headers of the certificate. */
#define START_SIZE (8 + 2 + SHA256_SIZE + 3 + 8)
/* A certificate is not shorter. */
#define CERT_MIN 64

struct leaf {
	unsigned type;
	struct bytes cert; /* of a precertificate entry, its TBSCertificate */
	struct bytes precert;
	size_t size;
};

bool ct_tile_is_start(struct bytes b)
{
	bool bad;
	struct reader r = reader_of(b);
	uint64_t time = read_u64be(&r);
	unsigned type = read_u16be(&r);
	if (time < TIME_MIN || time > TIME_MAX || type > CT_PRECERT_ENTRY)
		return false;
	if (type == CT_PRECERT_ENTRY)
		(void)read_bytes(&r, SHA256_SIZE);
	size_t len = read_u8(&r);
	len = len << 16 | read_u16be(&r);
	if (r.bad || len < CERT_MIN || der_peek(&r) != DER_SEQUENCE)
		return false;
	return ber_size(read_bytes(&r, reader_left(&r) < 8 ? reader_left(&r) : 8), &bad) == len;
}

/* False when the entry is not whole in `b`. */
static bool parse_leaf(struct bytes b, struct leaf *l)
{
	struct reader r = reader_of(b);
	*l = (struct leaf){0};
	(void)read_u64be(&r);
	l->type = read_u16be(&r);
	if (l->type == CT_PRECERT_ENTRY)
		(void)read_bytes(&r, SHA256_SIZE);
	l->cert = ct_read_cert(&r);
	(void)read_bytes(&r, read_u16be(&r)); /* extensions */
	if (l->type == CT_PRECERT_ENTRY)
		l->precert = ct_read_cert(&r);
	(void)read_bytes(&r, read_u16be(&r)); /* certificate_chain */
	l->size = r.pos;
	return !r.bad;
}

static enum err_code have_leaf(struct stream *s, struct leaf *l, struct err *e)
{
	size_t have = stream_need(s, START_SIZE);
	if (!ct_tile_is_start(stream_window(s)))
		return err_set(e, have < START_SIZE ? ERR_TRUNCATED : ERR_MALFORMED, "CT tile",
			"no TileLeaf begins here");
	while (!parse_leaf(stream_window(s), l)) {
		if (s->ended)
			return err_set(
				e, ERR_TRUNCATED, "CT tile", "the input ends inside an entry");
		if (have == STREAM_RECORD_MAX)
			return err_set(e, ERR_LIMIT, "CT tile", "an entry of more than %zu bytes",
				STREAM_RECORD_MAX);
		have = stream_need(s, 2 * have);
	}
	return ERR_OK;
}

static enum err_code read_leaf(struct found *f, const struct leaf *l, struct err *e)
{
	if (l->type == CT_X509_ENTRY)
		return certificate_read(f, l->cert, "certificate in a CT log", e);
	enum err_code rc = certificate_read(f, l->precert, "precertificate", e);
	if (rc == ERR_OK || f->keys > 0)
		return rc;
	return tbs_read(f, l->cert, "precertificate", e);
}

static void resynchronise(struct stream *s)
{
	stream_skip(s, 1);
	while (stream_need(s, START_SIZE) > 0) {
		struct bytes w = stream_window(s);
		/* A timestamp of these years begins with two zeros and a one. */
		const uint8_t *p = memmem(w.p, w.len, "\0\0\1", 3);
		size_t n = p != NULL ? (size_t)(p - w.p) : w.len > 2 ? w.len - 2 : w.len;
		if (n == 0 && ct_tile_is_start(w))
			return;
		stream_skip(s, n > 0 ? n : 1);
	}
}

void ct_tile_read(struct found *f, struct stream *s)
{
	while (f->stopped == ERR_OK && stream_need(s, 1) > 0) {
		struct leaf l = {0};
		struct err why;
		found_record(f, s, 0);
		enum err_code framing = have_leaf(s, &l, &why);
		enum err_code rc = framing;
		if (rc == ERR_OK && !found_earlier(f))
			rc = read_leaf(f, &l, &why);
		if (rc != ERR_OK)
			found_flaw(f, f->at.form, &why);
		/* Damage inside the certificate leaves the lengths around it as they are. */
		if (framing == ERR_OK)
			stream_skip(s, l.size);
		else
			resynchronise(s);
	}
}
