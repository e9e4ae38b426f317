#include "x509/view.h"

#include <string.h>

#include "crypto/hash.h"

static void read_tbs(struct reader *outer, struct cert_view *v)
{
	size_t start = outer->pos;
	struct reader tbs = der_enter(outer, DER_SEQUENCE);
	if (outer->bad)
		return;
	v->tbs = bytes_of(outer->p + start, outer->pos - start);
	uint64_t version = 0;
	if (der_peek(&tbs) == DER_CONTEXT(0)) {
		struct reader explicit = der_enter(&tbs, DER_CONTEXT(0));
		version = der_read_u64(&explicit);
		tbs.bad = tbs.bad || explicit.bad || reader_left(&explicit) != 0;
	}
	v->serial = der_read_integer(&tbs);
	if (v->serial.len > 1 && v->serial.p[0] == 0)
		v->serial = bytes_of(v->serial.p + 1, v->serial.len - 1);
	v->sig_alg = der_read_whole(&tbs, DER_SEQUENCE);
	v->issuer = der_read_whole(&tbs, DER_SEQUENCE);
	struct reader validity = der_enter(&tbs, DER_SEQUENCE);
	v->not_before = der_read_time(&validity);
	v->not_after = der_read_time(&validity);
	v->subject = der_read_whole(&tbs, DER_SEQUENCE);
	v->spki = der_read_whole(&tbs, DER_SEQUENCE);
	/* issuerUniqueID and subjectUniqueID of version 2: skipped */
	for (unsigned n = 1; n <= 2; n++)
		if (der_peek(&tbs) == DER_CONTEXT_PRIMITIVE(n))
			(void)der_read(&tbs, DER_CONTEXT_PRIMITIVE(n));
	if (der_peek(&tbs) == DER_CONTEXT(3)) {
		struct reader explicit = der_enter(&tbs, DER_CONTEXT(3));
		v->extensions = der_read(&explicit, DER_SEQUENCE);
		tbs.bad = tbs.bad || explicit.bad || reader_left(&explicit) != 0;
	}
	if (tbs.bad || validity.bad || reader_left(&validity) != 0 || reader_left(&tbs) != 0 ||
		version > 2)
		outer->bad = true;
}

enum err_code cert_view_parse(struct bytes der, struct cert_view *out, struct err *e)
{
	struct cert_view v = {0};
	struct reader r = reader_of(der);
	struct reader cert = der_enter(&r, DER_SEQUENCE);
	read_tbs(&cert, &v);
	struct bytes outer_alg = der_read_whole(&cert, DER_SEQUENCE);
	v.sig = der_read_bits(&cert);
	struct reader extensions = reader_of(v.extensions);
	while (!extensions.bad && reader_left(&extensions) > 0)
		(void)ext_read(&extensions);
	/* RFC 5280 §4.1.1.2: both name the same algorithm. */
	if (r.bad || cert.bad || extensions.bad || reader_left(&cert) != 0 ||
		!bytes_equal(outer_alg, v.sig_alg))
		return err_set(
			e, ERR_MALFORMED, "certificate", "not an X.509 certificate (RFC 5280 4.1)");
	enum err_code rc = reader_end(&r, e, "certificate");
	if (rc == ERR_OK)
		*out = v;
	return rc;
}

struct extension ext_read(struct reader *r)
{
	struct extension x = {0};
	struct reader in = der_enter(r, DER_SEQUENCE);
	x.oid = der_read(&in, DER_OID);
	if (der_peek(&in) == DER_BOOLEAN)
		x.critical = der_read_bool(&in);
	x.value = der_read(&in, DER_OCTET_STRING);
	if (in.bad || reader_left(&in) != 0)
		r->bad = true;
	return x;
}

struct bytes ext_find(struct bytes extensions, struct bytes oid)
{
	struct reader r = reader_of(extensions);
	while (!r.bad && reader_left(&r) > 0) {
		struct extension x = ext_read(&r);
		if (!r.bad && bytes_equal(x.oid, oid))
			return x.value;
	}
	return BYTES_NONE;
}

void ext_write(struct buf *b, struct bytes oid, bool critical, struct bytes value)
{
	size_t ext = der_open(b, DER_SEQUENCE);
	der_write_oid(b, oid);
	if (critical)
		der_write_bool(b, true);
	der_write(b, DER_OCTET_STRING, value);
	der_close(b, ext);
}

bool ext_is_ca(struct bytes extensions, int *path_len)
{
	struct reader r = reader_of(ext_find(extensions, OID_BASIC_CONSTRAINTS));
	struct reader in = der_enter(&r, DER_SEQUENCE);
	bool ca = der_peek(&in) == DER_BOOLEAN && der_read_bool(&in);
	uint64_t len = 0;
	bool has_len = der_peek(&in) == DER_INTEGER;
	if (has_len)
		len = der_read_u64(&in);
	if (path_len != NULL)
		*path_len = has_len && !in.bad && len < 100 ? (int)len : -1;
	return ca && !in.bad;
}

bool ext_has_purpose(struct bytes extensions, struct bytes oid)
{
	struct reader r = reader_of(ext_find(extensions, OID_EXT_KEY_USAGE));
	struct reader in = der_enter(&r, DER_SEQUENCE);
	while (!in.bad && reader_left(&in) > 0) {
		struct bytes purpose = der_read(&in, DER_OID);
		if (!in.bad && bytes_equal(purpose, oid))
			return true;
	}
	return false;
}

unsigned ext_key_usage(struct bytes extensions)
{
	struct reader r = reader_of(ext_find(extensions, OID_KEY_USAGE));
	struct bytes bits = der_read(&r, DER_BIT_STRING);
	return bits.len >= 2 ? bits.p[1] : 0;
}

bool spki_key_identifier(struct bytes spki, uint8_t out[KEY_IDENTIFIER_SIZE])
{
	struct reader r = reader_of(spki);
	struct reader in = der_enter(&r, DER_SEQUENCE);
	(void)der_read(&in, DER_SEQUENCE);
	struct bytes key = der_read_bits(&in);
	if (r.bad || in.bad)
		return false;
	uint8_t digest[SHA256_SIZE];
	sha256_of(key, digest);
	memcpy(out, digest, KEY_IDENTIFIER_SIZE);
	return true;
}

bool issuer_key_identifier(const struct cert_view *issuer, struct buf *out)
{
	struct reader r = reader_of(ext_find(issuer->extensions, OID_SUBJECT_KEY_ID));
	struct bytes own = der_read(&r, DER_OCTET_STRING);
	uint8_t made[KEY_IDENTIFIER_SIZE];
	if (own.len == 0) {
		if (!spki_key_identifier(issuer->spki, made))
			return false;
		own = bytes_of(made, sizeof(made));
	}
	buf_bytes(out, own);
	return !out->bad;
}

void ext_write_authority(struct buf *b, struct bytes identifier)
{
	struct buf value = buf_new(256);
	size_t seq = der_open(&value, DER_SEQUENCE);
	der_write(&value, DER_CONTEXT_PRIMITIVE(0), identifier);
	der_close(&value, seq);
	if (value.bad)
		b->bad = true;
	ext_write(b, OID_AUTHORITY_KEY_ID, false, buf_view(&value));
	buf_free(&value);
}
