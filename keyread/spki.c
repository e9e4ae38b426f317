/* SubjectPublicKeyInfo as it is met, and keys that come as bare numbers. */
#include "keyread/object.h"

/* An INTEGER's octets, whatever their form. */
static struct bytes number(struct reader *r)
{
	return ber_take(r, DER_INTEGER).content;
}

enum err_code rsa_read(struct found *f, struct reader *in, struct pubkey *k, struct err *e)
{
	struct bytes modulus = number(in);
	struct bytes exponent = number(in);
	if (in->bad)
		return err_set(e, ERR_MALFORMED, "key", "no RSAPublicKey of two INTEGERs");
	if (modulus.len > PUBKEY_BITS_MAX / 8 + 1 || exponent.len > PUBKEY_BITS_MAX / 8 + 1)
		return err_set(e, ERR_LIMIT, "key", "a modulus of %zu and an exponent of %zu bytes",
			modulus.len, exponent.len);
	enum err_code rc = pubkey_from_rsa(modulus, exponent, &f->spki, k, e);
	if (rc == ERR_OK) {
		k->modulus_negative = modulus.len > 0 && modulus.p[0] >= 0x80;
		k->exponent_negative = exponent.len > 0 && exponent.p[0] >= 0x80;
	}
	return rc;
}

/* Write the SubjectPublicKeyInfo again, as DER wants it. */
static enum err_code rewrite(struct found *f, struct bytes der, struct pubkey *k, struct err *e)
{
	struct reader r = reader_of(der);
	struct reader info = ber_enter(&r, DER_SEQUENCE);
	struct reader algorithm = ber_enter(&info, DER_SEQUENCE);
	struct bytes oid = ber_take(&algorithm, DER_OID).content;
	struct ber parameters = {0};
	if (!algorithm.bad && reader_left(&algorithm) > 0)
		parameters = ber_next(&algorithm);
	struct bytes bits = ber_bits(&info);
	if (r.bad || info.bad || algorithm.bad || reader_left(&info) > 0)
		return err_set(
			e, ERR_MALFORMED, "key", "no SubjectPublicKeyInfo (RFC 5280 4.1.2.7)");
	struct buf *b = &f->spki;
	buf_reset(b);
	size_t mark = der_open(b, DER_SEQUENCE);
	size_t inner = der_open(b, DER_SEQUENCE);
	der_write_oid(b, oid);
	if (parameters.tag != 0)
		der_write(b, parameters.tag, parameters.content);
	der_close(b, inner);
	der_write_bits(b, bits);
	der_close(b, mark);
	enum err_code rc = buf_end(b, e, "key");
	return rc == ERR_OK ? pubkey_parse(buf_view(b), k, e) : rc;
}

/* Is it RSA with numbers that DER would not have so?  Then from its numbers. */
static enum err_code rewrite_rsa(struct found *f, struct bytes der, struct pubkey *k, struct err *e)
{
	struct reader r = reader_of(der);
	struct reader info = ber_enter(&r, DER_SEQUENCE);
	struct reader algorithm = ber_enter(&info, DER_SEQUENCE);
	struct reader bits = reader_of(ber_bits(&info));
	struct reader numbers = ber_enter(&bits, DER_SEQUENCE);
	static const uint8_t rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
	if (!bytes_equal(ber_take(&algorithm, DER_OID).content, bytes_of(rsa, sizeof(rsa))) ||
		numbers.bad)
		return err_set(e, ERR_MALFORMED, "key", "no RSAPublicKey of two INTEGERs");
	return rsa_read(f, &numbers, k, e);
}

enum err_code spki_read(struct found *f, struct bytes der, struct pubkey *k, struct err *e)
{
	struct err again;
	enum err_code rc = pubkey_parse(der, k, e);
	if (rc != ERR_MALFORMED && rc != ERR_TRUNCATED)
		return rc;
	if (rewrite(f, der, k, &again) == ERR_OK || rewrite_rsa(f, der, k, &again) == ERR_OK)
		return ERR_OK;
	return rc;
}

enum err_code numbers_read(struct buf *b, struct bytes oid, const struct bytes *parameters,
	size_t n, struct bytes key, struct pubkey *k, struct err *e)
{
	buf_reset(b);
	size_t mark = der_open(b, DER_SEQUENCE);
	size_t algorithm = der_open(b, DER_SEQUENCE);
	der_write_oid(b, oid);
	size_t list = der_open(b, DER_SEQUENCE);
	for (size_t i = 0; i < n; i++)
		der_write_unsigned(b, parameters[i]);
	der_close(b, list);
	der_close(b, algorithm);
	size_t bits = der_open(b, DER_BIT_STRING);
	buf_u8(b, 0);
	der_write_unsigned(b, key);
	der_close(b, bits);
	der_close(b, mark);
	enum err_code rc = buf_end(b, e, "key");
	return rc == ERR_OK ? pubkey_parse(buf_view(b), k, e) : rc;
}
