#include "x509/crl.h"

#include <string.h>

#include "crypto/sign.h"
#include "x509/view.h"

/* A list of a hundred thousand revoked devices is 4 MB. */
#define CRL_DER_MAX BUF_MAX_DEFAULT
#define SERIAL_OCTETS_MAX 20
/* RFC 5280 §5.3.1: 7 is not used, 8 belongs to delta lists. */
#define REASON_MAX 10

/* ---- build (RFC 5280 §5.1) ---- */

static void write_reason(struct buf *b, int reason)
{
	uint8_t value[] = {DER_ENUMERATED, 1, (uint8_t)reason};
	size_t list = der_open(b, DER_SEQUENCE);
	ext_write(b, OID_REASON_CODE, false, bytes_of(value, sizeof(value)));
	der_close(b, list);
}

static enum err_code write_entry(struct buf *b, const struct crl_entry *x, struct err *e)
{
	uint8_t serial[SERIAL_OCTETS_MAX];
	size_t n = strlen(x->serial) / 2;
	if (n == 0 || n > sizeof(serial) || !hex_decode(x->serial, serial, n))
		return err_set(e, ERR_MALFORMED, x->serial, "not a serial number in hex");
	if (x->reason < 0 || x->reason > REASON_MAX || x->reason == 7 || x->reason == 8)
		return err_set(e, ERR_MALFORMED, x->serial, "%d is no reason", x->reason);
	size_t entry = der_open(b, DER_SEQUENCE);
	der_write_unsigned(b, bytes_of(serial, n));
	der_write_time(b, x->revoked_at);
	/* RFC 5280 §5.3.1: "unspecified" is said by saying nothing. */
	if (x->reason != 0)
		write_reason(b, x->reason);
	der_close(b, entry);
	return ERR_OK;
}

static void write_extensions(struct buf *b, uint64_t number, struct bytes key_identifier)
{
	struct buf value = buf_new(16);
	der_write_u64(&value, number);
	size_t explicit = der_open(b, DER_CONTEXT(0));
	size_t list = der_open(b, DER_SEQUENCE);
	ext_write_authority(b, key_identifier);
	ext_write(b, OID_CRL_NUMBER, false, buf_view(&value));
	der_close(b, list);
	der_close(b, explicit);
	buf_free(&value);
}

static enum err_code write_tbs(struct buf *b, const struct crl_fields *f,
	const struct cert_view *issuer, const struct sign_alg *alg, struct err *e)
{
	struct buf identifier = buf_new(64);
	enum err_code rc = ERR_OK;
	size_t tbs = der_open(b, DER_SEQUENCE);
	der_write_u64(b, 1);
	buf_bytes(b, sign_alg_der(alg));
	buf_bytes(b, issuer->subject);
	der_write_time(b, f->this_update);
	der_write_time(b, f->next_update);
	/* RFC 5280 §5.1.2.6: the list is absent when it is empty. */
	if (f->entries_n > 0) {
		size_t list = der_open(b, DER_SEQUENCE);
		for (size_t i = 0; rc == ERR_OK && i < f->entries_n; i++)
			rc = write_entry(b, &f->entries[i], e);
		der_close(b, list);
	}
	if (issuer_key_identifier(issuer, &identifier))
		write_extensions(b, f->number, buf_view(&identifier));
	else
		b->bad = true;
	der_close(b, tbs);
	buf_free(&identifier);
	return rc != ERR_OK ? rc : buf_end(b, e, "revocation list");
}

static enum err_code check_issuer(const struct cert_view *v, const struct key *key, struct err *e)
{
	struct buf spki = buf_new(KEY_SPKI_MAX);
	enum err_code rc = key_spki(key, &spki, e);
	if (rc == ERR_OK && !bytes_equal(buf_view(&spki), v->spki))
		rc = err_set(e, ERR_SIGNER_REFUSED, "revocation list",
			"the key is not that of the issuing certificate");
	buf_free(&spki);
	return rc;
}

enum err_code crl_build(const struct crl_fields *f, const struct key *issuer_key,
	struct bytes issuer_cert_der, struct buf *der, struct err *e)
{
	struct cert_view issuer;
	struct buf out = buf_new(CRL_DER_MAX);
	struct buf sig = buf_new(1024);
	const struct sign_alg *alg = sign_alg_of(issuer_key);
	size_t crl = der_open(&out, DER_SEQUENCE);
	size_t start = out.len;
	enum err_code rc = cert_view_parse(issuer_cert_der, &issuer, e);
	if (rc == ERR_OK && alg == NULL)
		rc = err_set(
			e, ERR_KEY_ALGORITHM, "revocation list", "Medseal does not sign with RSA");
	if (rc == ERR_OK && f->next_update <= f->this_update)
		rc = err_set(e, ERR_SIGNER_REFUSED, "revocation list", "it would never be valid");
	if (rc == ERR_OK)
		rc = check_issuer(&issuer, issuer_key, e);
	if (rc == ERR_OK)
		rc = write_tbs(&out, f, &issuer, alg, e);
	if (rc == ERR_OK)
		rc = key_sign(issuer_key, bytes_of(out.p + start, out.len - start), &sig, e);
	if (rc != ERR_OK)
		goto out;
	buf_bytes(&out, sign_alg_der(alg));
	der_write_bits(&out, buf_view(&sig));
	der_close(&out, crl);
	rc = buf_end(&out, e, "revocation list");
	if (rc == ERR_OK) {
		buf_bytes(der, buf_view(&out));
		rc = buf_end(der, e, "revocation list");
	}
out:
	buf_free(&sig);
	buf_free(&out);
	return rc;
}

/* ---- check ---- */

struct crl_view {
	struct bytes tbs;
	struct bytes issuer;
	struct bytes sig_alg;
	struct bytes sig;
	struct bytes entries; /* content of revokedCertificates */
	int64_t this_update;
	int64_t next_update;
	bool unknown_critical;
};

/* Entry and list extensions alike: what is critical and not understood spoils the list. */
static void scan_extensions(struct reader *r, struct crl_view *v)
{
	struct reader list = der_enter(r, DER_SEQUENCE);
	while (!list.bad && reader_left(&list) > 0) {
		struct extension x = ext_read(&list);
		if (x.critical && !bytes_equal(x.oid, OID_REASON_CODE) &&
			!bytes_equal(x.oid, OID_CRL_NUMBER))
			v->unknown_critical = true;
	}
	if (list.bad)
		r->bad = true;
}

static void read_tbs(struct reader *outer, struct crl_view *v)
{
	size_t start = outer->pos;
	struct reader tbs = der_enter(outer, DER_SEQUENCE);
	if (outer->bad)
		return;
	v->tbs = bytes_of(outer->p + start, outer->pos - start);
	uint64_t version = der_peek(&tbs) == DER_INTEGER ? der_read_u64(&tbs) : 0;
	v->sig_alg = der_read_whole(&tbs, DER_SEQUENCE);
	v->issuer = der_read_whole(&tbs, DER_SEQUENCE);
	v->this_update = der_read_time(&tbs);
	/* RFC 5280 §5.1.2.5: nextUpdate is always there. */
	v->next_update = der_read_time(&tbs);
	if (der_peek(&tbs) == DER_SEQUENCE)
		v->entries = der_read(&tbs, DER_SEQUENCE);
	if (der_peek(&tbs) == DER_CONTEXT(0)) {
		struct reader explicit = der_enter(&tbs, DER_CONTEXT(0));
		scan_extensions(&explicit, v);
		tbs.bad = tbs.bad || explicit.bad || reader_left(&explicit) != 0;
	}
	if (tbs.bad || version > 1 || reader_left(&tbs) != 0)
		outer->bad = true;
}

static enum err_code parse(struct bytes der, struct crl_view *v, struct err *e)
{
	struct reader r = reader_of(der);
	struct reader crl = der_enter(&r, DER_SEQUENCE);
	*v = (struct crl_view){0};
	read_tbs(&crl, v);
	struct bytes outer_alg = der_read_whole(&crl, DER_SEQUENCE);
	v->sig = der_read_bits(&crl);
	if (r.bad || crl.bad || reader_left(&crl) != 0 || !bytes_equal(outer_alg, v->sig_alg))
		return err_set(
			e, ERR_MALFORMED, "revocation list", "not a CRL in DER (RFC 5280 5.1)");
	return reader_end(&r, e, "revocation list");
}

static enum err_code check_signature(const struct crl_view *v, const struct cert *issuer,
	struct err *e)
{
	struct cert_view ca;
	struct key *k = NULL;
	const struct sign_alg *alg = NULL;
	enum err_code rc = cert_view_parse(issuer->der, &ca, e);
	if (rc == ERR_OK && !bytes_equal(ca.subject, v->issuer))
		rc = err_set(e, ERR_CRL, "revocation list", "another authority made it");
	if (rc == ERR_OK)
		rc = sign_alg_parse(v->sig_alg, &alg, e);
	if (rc == ERR_OK)
		rc = cert_key(issuer, &k, e);
	if (rc == ERR_OK)
		rc = sign_alg_verify(alg, k, v->tbs, v->sig, ERR_CRL, e);
	key_free(k);
	return rc;
}

/* Is the serial among the entries?  False when they are malformed. */
static bool search(struct crl_view *v, struct bytes wanted, bool *found)
{
	struct reader r = reader_of(v->entries);
	*found = false;
	while (!r.bad && reader_left(&r) > 0) {
		struct reader entry = der_enter(&r, DER_SEQUENCE);
		struct bytes serial = der_read_integer(&entry);
		(void)der_read_time(&entry);
		if (reader_left(&entry) > 0)
			scan_extensions(&entry, v);
		if (entry.bad || reader_left(&entry) != 0)
			return false;
		if (serial.len > 1 && serial.p[0] == 0)
			serial = bytes_of(serial.p + 1, serial.len - 1);
		if (bytes_equal(serial, wanted))
			*found = true;
	}
	return !r.bad;
}

enum err_code crl_check(struct bytes crl_der, const struct cert *issuer, const char *serial_hex,
	int64_t at, bool *revoked, struct err *e)
{
	struct crl_view v;
	bool found = false;
	uint8_t serial[SERIAL_OCTETS_MAX];
	size_t n = strlen(serial_hex) / 2;
	if (n == 0 || n > sizeof(serial) || !hex_decode(serial_hex, serial, n))
		return err_set(e, ERR_MALFORMED, serial_hex, "not a serial number in hex");
	enum err_code rc = parse(crl_der, &v, e);
	if (rc == ERR_OK)
		rc = check_signature(&v, issuer, e);
	if (rc != ERR_OK)
		return rc;
	if (!search(&v, bytes_of(serial, n), &found))
		return err_set(e, ERR_MALFORMED, "revocation list", "its entries are malformed");
	if (v.unknown_critical)
		return err_set(e, ERR_CRL, "revocation list",
			"a critical extension is not understood: it may be a part of a list only");
	if (at != CRL_ANY_TIME && (at < v.this_update || at > v.next_update))
		return err_set(e, ERR_CRL_EXPIRED, "revocation list", "%s",
			at < v.this_update ? "it is from the future" : "a newer one is due");
	*revoked = found;
	return ERR_OK;
}
