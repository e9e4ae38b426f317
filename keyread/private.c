/*
 * Private keys met in passing.  The public half is taken where it stands in clear; the rest is not
 * looked at, copied or kept: the caller wipes the record.
 */
#include "keyread/object.h"

#define OID_EC DER_LITERAL("\x2a\x86\x48\xce\x3d\x02\x01")
#define OID_DSA DER_LITERAL("\x2a\x86\x48\xce\x38\x04\x01")
#define OID_RSA DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")
#define FORM "public half of a private key"

static enum err_code not_read(struct err *e, const char *why)
{
	return err_set(e, ERR_KEY_FORMAT, "private key", "private key, not read: %s", why);
}

static void hand_on(struct found *f, enum err_code rc, const struct pubkey *k)
{
	if (rc == ERR_OK)
		found_key(f, FORM, k, BYTES_NONE, BYTES_NONE);
}

/* RSAPrivateKey (RFC 8017 §A.1.2): the modulus and the exponent follow the version. */
static enum err_code read_rsa(struct found *f, struct reader *in, struct err *e)
{
	struct pubkey k;
	enum err_code rc = rsa_read(f, in, &k, e);
	hand_on(f, rc, &k);
	return rc;
}

/* DSA as OpenSSL writes it: version, p, q, g, y, x. */
static enum err_code read_dsa(struct found *f, struct reader *in, struct err *e)
{
	struct pubkey k;
	struct bytes n[4];
	for (size_t i = 0; i < 4; i++)
		n[i] = ber_take(in, DER_INTEGER).content;
	if (in->bad)
		return not_read(e, "damaged");
	enum err_code rc = numbers_read(&f->spki, OID_DSA, n, 3, n[3], &k, e);
	hand_on(f, rc, &k);
	return rc;
}

/* ECPrivateKey (RFC 5915 §3); `curve` from around it when it names none itself. */
static enum err_code read_ec(struct found *f, struct reader *in, struct bytes curve, struct err *e)
{
	struct pubkey k;
	struct bytes point = BYTES_NONE;
	(void)ber_take(in, DER_OCTET_STRING);
	while (!in->bad && reader_left(in) > 0) {
		struct ber b = ber_next(in);
		struct reader r = reader_of(b.content);
		if (b.tag == DER_CONTEXT(0) && der_peek(&r) == DER_OID)
			curve = ber_next(&r).content;
		else if (b.tag == DER_CONTEXT(1))
			point = ber_bits(&r);
	}
	if (curve.len == 0 || point.len == 0)
		return not_read(e, "its public half is not in it");
	enum err_code rc = pubkey_from_ec(curve, point, &f->spki, &k, e);
	hand_on(f, rc, &k);
	return rc;
}

/* OneAsymmetricKey (RFC 5958 §2) of any algorithm: the public key is an optional [1]. */
static enum err_code read_public_field(
	struct found *f, struct reader *in, struct ber algorithm, struct err *e)
{
	struct pubkey k;
	struct bytes bits = BYTES_NONE;
	while (!in->bad && reader_left(in) > 0) {
		struct ber b = ber_next(in);
		/* IMPLICIT BIT STRING: the octet of unused bits is the first */
		if (b.tag == DER_CONTEXT_PRIMITIVE(1) && b.content.len > 1)
			bits = bytes_of(b.content.p + 1, b.content.len - 1);
	}
	if (bits.len == 0)
		return not_read(e, "its public half is not in it");
	struct buf spki = buf_new(PUBKEY_SPKI_MAX);
	size_t mark = der_open(&spki, DER_SEQUENCE);
	buf_bytes(&spki, algorithm.whole);
	der_write_bits(&spki, bits);
	der_close(&spki, mark);
	enum err_code rc = buf_end(&spki, e, "key");
	if (rc == ERR_OK)
		rc = spki_read(f, buf_view(&spki), &k, e);
	hand_on(f, rc, &k);
	buf_free(&spki);
	return rc;
}

static enum err_code read_pkcs8(struct found *f, struct reader *in, struct err *e)
{
	struct ber algorithm = ber_take(in, DER_SEQUENCE);
	struct reader parameters = reader_of(algorithm.content);
	struct bytes oid = ber_take(&parameters, DER_OID).content;
	struct reader inner = reader_of(ber_take(in, DER_OCTET_STRING).content);
	if (in->bad || parameters.bad)
		return not_read(e, "damaged");
	if (!bytes_equal(oid, OID_RSA) && !bytes_equal(oid, OID_EC))
		return read_public_field(f, in, algorithm, e);
	struct reader key = ber_enter(&inner, DER_SEQUENCE);
	(void)ber_take(&key, DER_INTEGER);
	if (bytes_equal(oid, OID_RSA))
		return read_rsa(f, &key, e);
	struct bytes curve = BYTES_NONE;
	if (der_peek(&parameters) == DER_OID)
		curve = ber_next(&parameters).content;
	return read_ec(f, &key, curve, e);
}

enum err_code private_read(struct found *f, struct bytes der, struct err *e)
{
	struct reader r = reader_of(der);
	struct reader in = ber_enter(&r, DER_SEQUENCE);
	if (der_peek(&in) == DER_SEQUENCE)
		return not_read(e, "encrypted");
	(void)ber_take(&in, DER_INTEGER);
	switch (der_peek(&in)) {
	case DER_OCTET_STRING:
		return read_ec(f, &in, BYTES_NONE, e);
	case DER_SEQUENCE:
		return read_pkcs8(f, &in, e);
	default:
		break;
	}
	/* RSA has nine INTEGERs, DSA six. */
	struct reader count = in;
	unsigned n = 0;
	while (!count.bad && reader_left(&count) > 0 && der_peek(&count) == DER_INTEGER) {
		(void)ber_next(&count);
		n++;
	}
	return n == 5 ? read_dsa(f, &in, e) : read_rsa(f, &in, e);
}
