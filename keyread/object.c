#include "keyread/object.h"

#define OID_SIGNED_DATA DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02") /* RFC 5652 §5.1 */

/* The tag of the first element inside the next one, which is passed over; 0 when it is empty. */
static unsigned pass_and_peek(struct reader *r)
{
	struct reader in = reader_of(ber_next_definite(r).content);
	return der_peek(&in);
}

/* {SEQUENCE, SEQUENCE, BIT STRING}: who was signed?  `r` is over the content of the first. */
static enum object_kind kind_of_signed(struct reader *r)
{
	if (der_peek(r) == DER_CONTEXT(0))
		return OBJECT_CERTIFICATE; /* version 2 or 3 */
	if (der_peek(r) != DER_INTEGER)
		return OBJECT_OTHER; /* a CRL of version 1 begins with its algorithm */
	(void)ber_next_definite(r);
	unsigned second = pass_and_peek(r);
	unsigned third = der_peek(r) == DER_SEQUENCE ? pass_and_peek(r) : 0;
	/* A request has Name and key; a CRL and a certificate of version 1 algorithm and Name. */
	if (third == DER_SEQUENCE && second != DER_OID)
		return OBJECT_REQUEST;
	if (der_peek(r) == DER_SEQUENCE)
		return OBJECT_CERTIFICATE; /* the validity; a CRL has a time there */
	return OBJECT_OTHER;
}

static enum object_kind kind_of_numbers(struct reader *r)
{
	struct ber first = ber_next_definite(r);
	unsigned second = der_peek(r);
	(void)ber_next_definite(r);
	if (r->bad)
		return OBJECT_UNKNOWN;
	if (second == DER_INTEGER && reader_left(r) == 0)
		return OBJECT_RSA;
	bool version = first.content.len == 1 && first.content.p[0] <= 1;
	if (version &&
		(second == DER_INTEGER || second == DER_SEQUENCE || second == DER_OCTET_STRING))
		return OBJECT_PRIVATE;
	return OBJECT_UNKNOWN;
}

/* `r` is over the content of the outer SEQUENCE, whose first element is one too. */
static enum object_kind kind_of_sequence(struct reader *r)
{
	struct reader first = reader_of(ber_next_definite(r).content);
	if (r->bad)
		return OBJECT_UNKNOWN;
	if (der_peek(&first) == DER_OID)
		return der_peek(r) == DER_BIT_STRING ? OBJECT_SPKI
		       : der_peek(r) == DER_OCTET_STRING
			       ? OBJECT_PRIVATE /* EncryptedPrivateKeyInfo (RFC 5958 §3) */
			       : OBJECT_UNKNOWN;
	if (der_peek(r) != DER_SEQUENCE)
		return OBJECT_UNKNOWN;
	return kind_of_signed(&first);
}

enum object_kind object_kind(struct bytes der)
{
	struct reader r = reader_of(der);
	struct reader in = ber_enter(&r, DER_SEQUENCE);
	switch (der_peek(&in)) {
	case DER_OID:
		return bytes_equal(ber_next(&in).content, OID_SIGNED_DATA) ? OBJECT_CMS
									   : OBJECT_UNKNOWN;
	case DER_INTEGER:
		return kind_of_numbers(&in);
	case DER_SEQUENCE:
		return kind_of_sequence(&in);
	default:
		return OBJECT_UNKNOWN;
	}
}

static enum err_code read_spki(struct found *f, struct bytes der, const char *form, struct err *e)
{
	struct pubkey k;
	enum err_code rc = spki_read(f, der, &k, e);
	if (rc == ERR_OK)
		found_key(f, form, &k, BYTES_NONE, BYTES_NONE);
	return rc;
}

static enum err_code read_rsa(struct found *f, struct bytes der, const char *form, struct err *e)
{
	struct pubkey k;
	struct reader r = reader_of(der);
	struct reader in = ber_enter(&r, DER_SEQUENCE);
	enum err_code rc = rsa_read(f, &in, &k, e);
	if (rc == ERR_OK)
		found_key(f, form, &k, BYTES_NONE, BYTES_NONE);
	return rc;
}

enum err_code object_read(
	struct found *f, struct bytes der, const char *form, size_t *used, struct err *e)
{
	struct reader r = reader_of(der);
	struct ber outer = ber_next(&r);
	*used = r.pos;
	if (r.bad || outer.tag != DER_SEQUENCE)
		return err_set(e, r.bad ? ERR_TRUNCATED : ERR_MALFORMED, "object",
			"no whole ASN.1 SEQUENCE");
	switch (object_kind(outer.whole)) {
	case OBJECT_CERTIFICATE:
		return certificate_read(f, outer.whole, form != NULL ? form : "certificate", e);
	case OBJECT_REQUEST:
		return request_read(f, outer.whole, form != NULL ? form : "request", e);
	case OBJECT_SPKI:
		return read_spki(f, outer.whole, form != NULL ? form : "public key", e);
	case OBJECT_RSA:
		return read_rsa(f, outer.whole, form != NULL ? form : "RSA public key", e);
	case OBJECT_CMS:
		return cms_read(f, outer.whole, e);
	case OBJECT_PRIVATE:
		return private_read(f, outer.whole, e);
	case OBJECT_OTHER:
		return ERR_OK;
	case OBJECT_UNKNOWN:
		break;
	}
	return err_set(e, ERR_MALFORMED, "object", "an ASN.1 object that holds no key known here");
}
