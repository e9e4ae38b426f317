/*
 * Certificates and requests: the key, the names, the signature.  Versions, dates, serial numbers
 * and the contents of other extensions are passed over unread, because surveys find all of them
 * broken in certificates whose key is in use.
 */
#include "keyread/object.h"

#define OID_ECDSA DER_LITERAL("\x2a\x86\x48\xce\x3d\x04") /* RFC 3279 §2.2.3, RFC 5758 §3.2 */
#define OID_SUBJECT_KEY_ID DER_LITERAL("\x55\x1d\x0e")
#define OID_AUTHORITY_KEY_ID DER_LITERAL("\x55\x1d\x23")

/* What of a TBSCertificate matters here. */
struct tbs {
	struct bytes issuer; /* whole Names */
	struct bytes subject;
	struct bytes spki;
	struct bytes subject_key_id;
	struct bytes authority_key_id;
};

/* RFC 5280 §4.2.1.1: the [0] of the SEQUENCE in the extension. */
static struct bytes authority_id(struct bytes value)
{
	struct reader r = reader_of(value);
	struct reader in = ber_enter(&r, DER_SEQUENCE);
	if (der_peek(&in) != DER_CONTEXT_PRIMITIVE(0))
		return BYTES_NONE;
	return ber_next(&in).content;
}

/* A damaged list of extensions costs the identifiers behind the damage, and not the key. */
static void read_extensions(struct bytes explicit_list, struct tbs *t)
{
	struct reader r = reader_of(explicit_list);
	struct reader list = ber_enter(&r, DER_SEQUENCE);
	while (!list.bad && reader_left(&list) > 0) {
		struct reader x = ber_enter(&list, DER_SEQUENCE);
		struct bytes oid = ber_take(&x, DER_OID).content;
		if (der_peek(&x) == DER_BOOLEAN)
			(void)ber_next(&x);
		struct bytes value = ber_take(&x, DER_OCTET_STRING).content;
		struct reader in = reader_of(value);
		if (x.bad)
			continue;
		if (bytes_equal(oid, OID_SUBJECT_KEY_ID))
			t->subject_key_id = ber_take(&in, DER_OCTET_STRING).content;
		else if (bytes_equal(oid, OID_AUTHORITY_KEY_ID))
			t->authority_key_id = authority_id(value);
	}
}

/* `r`: over the content of the TBSCertificate. */
static bool walk_tbs(struct reader *r, struct tbs *t)
{
	*t = (struct tbs){0};
	if (der_peek(r) == DER_CONTEXT(0))
		(void)ber_next(r); /* version */
	(void)ber_take(r, DER_INTEGER);
	(void)ber_take(r, DER_SEQUENCE); /* signature */
	t->issuer = ber_take(r, DER_SEQUENCE).whole;
	(void)ber_take(r, DER_SEQUENCE); /* validity */
	t->subject = ber_take(r, DER_SEQUENCE).whole;
	t->spki = ber_take(r, DER_SEQUENCE).whole;
	if (r->bad)
		return false;
	while (!r->bad && reader_left(r) > 0) {
		struct ber b = ber_next(r);
		if (b.tag == DER_CONTEXT(3))
			read_extensions(b.content, t);
	}
	return true;
}

/* RFC 5280 §4.2.1.1: own and authority's identifier differ in a key change, with one name. */
static bool is_self_signed(const struct tbs *t)
{
	if (!bytes_equal(t->issuer, t->subject))
		return false;
	return t->authority_key_id.len == 0 || t->subject_key_id.len == 0 ||
	       bytes_equal(t->authority_key_id, t->subject_key_id);
}

/* The content of the AlgorithmIdentifier's OID when it is one of ECDSA's. */
static struct bytes ecdsa_algorithm(struct bytes algorithm)
{
	struct reader r = reader_of(algorithm);
	struct bytes oid = ber_take(&r, DER_OID).content;
	struct bytes arc = OID_ECDSA;
	if (r.bad || oid.len <= arc.len || !bytes_equal(bytes_of(oid.p, arc.len), arc))
		return BYTES_NONE;
	return oid;
}

static enum err_code hand_on(struct found *f, const struct tbs *t, const char *form, struct err *e)
{
	struct pubkey k;
	name_text(f, t->subject);
	enum err_code rc = spki_read(f, t->spki, &k, e);
	if (rc == ERR_OK)
		found_key(f, form, &k, t->subject, t->subject_key_id);
	return rc;
}

enum err_code tbs_read(struct found *f, struct bytes der, const char *form, struct err *e)
{
	struct tbs t;
	struct reader r = reader_of(der);
	struct reader in = ber_enter(&r, DER_SEQUENCE);
	if (!walk_tbs(&in, &t))
		return err_set(e, ERR_MALFORMED, form, "no TBSCertificate (RFC 5280 4.1)");
	return hand_on(f, &t, form, e);
}

enum err_code certificate_read(struct found *f, struct bytes der, const char *form, struct err *e)
{
	struct tbs t;
	struct reader r = reader_of(der);
	struct reader in = ber_enter(&r, DER_SEQUENCE);
	struct ber tbs = ber_take(&in, DER_SEQUENCE);
	struct reader fields = reader_of(tbs.content);
	if (in.bad || !walk_tbs(&fields, &t))
		return err_set(e, ERR_MALFORMED, form, "no certificate (RFC 5280 4.1)");
	enum err_code rc = hand_on(f, &t, form, e);
	struct bytes algorithm = ecdsa_algorithm(ber_take(&in, DER_SEQUENCE).content);
	struct bytes sig = ber_bits(&in);
	if (rc == ERR_OK && (in.bad || reader_left(&in) > 0))
		return err_set(e, ERR_MALFORMED, form, "what follows the key is damaged");
	if (rc != ERR_OK || algorithm.len == 0)
		return rc;
	struct signature_seen s = {
		.self = is_self_signed(&t), .sig_alg = algorithm, .tbs = tbs.whole, .sig = sig};
	if (!s.self) {
		s.issuer = t.issuer;
		s.authority_key_id = t.authority_key_id;
	}
	found_signature(f, &s);
	return ERR_OK;
}

enum err_code request_read(struct found *f, struct bytes der, const char *form, struct err *e)
{
	struct reader r = reader_of(der);
	struct reader in = ber_enter(&r, DER_SEQUENCE);
	struct ber info = ber_take(&in, DER_SEQUENCE);
	struct reader fields = reader_of(info.content);
	struct tbs t = {0};
	(void)ber_take(&fields, DER_INTEGER);
	t.subject = ber_take(&fields, DER_SEQUENCE).whole;
	t.spki = ber_take(&fields, DER_SEQUENCE).whole;
	if (in.bad || fields.bad)
		return err_set(e, ERR_MALFORMED, form, "no request (RFC 2986 4)");
	enum err_code rc = hand_on(f, &t, form, e);
	struct bytes algorithm = ecdsa_algorithm(ber_take(&in, DER_SEQUENCE).content);
	struct bytes sig = ber_bits(&in);
	if (rc == ERR_OK && (in.bad || reader_left(&in) > 0))
		return err_set(e, ERR_MALFORMED, form, "what follows the key is damaged");
	if (rc != ERR_OK || algorithm.len == 0)
		return rc;
	struct signature_seen s = {
		.self = true, .sig_alg = algorithm, .tbs = info.whole, .sig = sig};
	found_signature(f, &s);
	return ERR_OK;
}
