#include "keycheck/pubkey.h"

#include "crypto/der.h"

/* ---- which algorithm is which kind ---- */

#define OID_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" /* rsaEncryption (RFC 3279 §2.3.1) */
#define OID_EC "\x2a\x86\x48\xce\x3d\x02\x01"          /* id-ecPublicKey (RFC 5480 §2.1.1) */
#define OID_ML_DSA "\x60\x86\x48\x01\x65\x03\x04\x03"  /* and one octet (RFC 9881 §2) */

#define KIND(kind, oid)                                                                            \
	{                                                                                          \
		PUBKEY_##kind,                                                                     \
		{                                                                                  \
			(const uint8_t *)(oid), sizeof(oid) - 1                                    \
		}                                                                                  \
	}

/* The first row of a kind is the one that is written. */
static const struct algorithm {
	enum pubkey_kind kind;
	struct bytes oid;
} algorithms[] = {
	KIND(RSA, OID_RSA),
	KIND(RSA, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), /* RSASSA-PSS (RFC 4055 §1.2) */
	KIND(RSA, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07"), /* RSAES-OAEP (RFC 4055 §1.2) */
	KIND(RSA, "\x55\x08\x01\x01"),                     /* rsa of X.509 (1988), in old roots */
	KIND(EC, OID_EC),
	KIND(EC, "\x2b\x81\x04\x01\x0c"), /* id-ecDH (RFC 5480 §2.1.2) */
	KIND(EC, "\x2b\x81\x04\x01\x0d"), /* id-ecMQV */
	KIND(X25519, "\x2b\x65\x6e"),     /* RFC 8410 §3, this and the next three */
	KIND(X448, "\x2b\x65\x6f"),
	KIND(ED25519, "\x2b\x65\x70"),
	KIND(ED448, "\x2b\x65\x71"),
	KIND(DSA, "\x2a\x86\x48\xce\x38\x04\x01"), /* id-dsa (RFC 3279 §2.3.2) */
	KIND(ML_DSA_44, OID_ML_DSA "\x11"),
	KIND(ML_DSA_65, OID_ML_DSA "\x12"),
	KIND(ML_DSA_87, OID_ML_DSA "\x13"),
};

#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

static enum pubkey_kind kind_of(struct bytes oid)
{
	for (size_t i = 0; i < ALGORITHMS; i++) {
		if (bytes_equal(algorithms[i].oid, oid))
			return algorithms[i].kind;
	}
	return PUBKEY_OTHER;
}

static struct bytes oid_of(enum pubkey_kind kind)
{
	for (size_t i = 0; i < ALGORITHMS; i++) {
		if (algorithms[i].kind == kind)
			return algorithms[i].oid;
	}
	return BYTES_NONE;
}

const char *pubkey_kind_name(enum pubkey_kind kind)
{
	static const char *const names[] = {
		[PUBKEY_RSA] = "RSA",
		[PUBKEY_EC] = "EC",
		[PUBKEY_ED25519] = "Ed25519",
		[PUBKEY_ED448] = "Ed448",
		[PUBKEY_X25519] = "X25519",
		[PUBKEY_X448] = "X448",
		[PUBKEY_DSA] = "DSA",
		[PUBKEY_ML_DSA_44] = "ML-DSA-44",
		[PUBKEY_ML_DSA_65] = "ML-DSA-65",
		[PUBKEY_ML_DSA_87] = "ML-DSA-87",
		[PUBKEY_OTHER] = "other",
	};
	return names[kind];
}

/* ---- parse ---- */

static struct bytes without_leading_zeros(struct bytes v)
{
	while (v.len > 0 && v.p[0] == 0) {
		v.p++;
		v.len--;
	}
	return v;
}

/*
 * An INTEGER as its octets say, read as unsigned.  Not der_read_integer: leading zeros too many, or
 * no octet at all, are faults of an encoder and no reason to lose the key.
 */
static struct bytes read_magnitude(struct reader *r, bool *negative)
{
	struct bytes v = der_read(r, DER_INTEGER);
	*negative = v.len > 0 && v.p[0] >= 0x80;
	return without_leading_zeros(v);
}

/* RSAPublicKey (RFC 8017 §A.1.1) */
static enum err_code parse_rsa(struct bytes bits, struct pubkey *k, struct err *e)
{
	struct reader r = reader_of(bits);
	struct reader in = der_enter(&r, DER_SEQUENCE);
	k->modulus = read_magnitude(&in, &k->modulus_negative);
	k->exponent = read_magnitude(&in, &k->exponent_negative);
	if (r.bad || in.bad)
		return err_set(e, ERR_MALFORMED, "key", "no RSAPublicKey of two INTEGERs");
	if (k->modulus.len > PUBKEY_BITS_MAX / 8 || k->exponent.len > PUBKEY_BITS_MAX / 8)
		return err_set(e, ERR_LIMIT, "key", "a modulus of %zu and an exponent of %zu bytes",
			k->modulus.len, k->exponent.len);
	if (reader_left(&in) > 0)
		return reader_end(&in, e, "key");
	return reader_end(&r, e, "key");
}

static enum err_code parse_info(struct reader *info, struct pubkey *k, struct err *e)
{
	struct reader algorithm = der_enter(info, DER_SEQUENCE);
	k->algorithm = der_read(&algorithm, DER_OID);
	struct bytes bits = der_read_bits(info);
	if (algorithm.bad || info->bad)
		return err_set(
			e, ERR_MALFORMED, "key", "no SubjectPublicKeyInfo (RFC 5280 4.1.2.7)");
	if (reader_left(info) > 0)
		return reader_end(info, e, "key");
	k->kind = kind_of(k->algorithm);
	if (k->kind == PUBKEY_RSA)
		return parse_rsa(bits, k, e);
	k->point = bits;
	/* Explicit parameters are a SEQUENCE, those of the issuer a NULL: no name for the curve. */
	if (k->kind == PUBKEY_EC && der_peek(&algorithm) == DER_OID)
		k->curve = der_read(&algorithm, DER_OID);
	return ERR_OK;
}

enum err_code pubkey_parse(struct bytes der, struct pubkey *out, struct err *e)
{
	struct pubkey k = {.spki = der};
	if (der.len > PUBKEY_SPKI_MAX)
		return err_set(e, ERR_LIMIT, "key", "%zu bytes; at most %u are read", der.len,
			PUBKEY_SPKI_MAX);
	struct reader r = reader_of(der);
	if (der.len > 0 && der_peek(&r) != DER_SEQUENCE)
		return err_set(e, ERR_MALFORMED, "key", "it does not begin with a SEQUENCE");
	struct reader info = der_enter(&r, DER_SEQUENCE);
	enum err_code rc = reader_end(&r, e, "key");
	if (rc == ERR_OK)
		rc = parse_info(&info, &k, e);
	if (rc != ERR_OK)
		return rc;
	sha256_of(der, k.id);
	*out = k;
	return ERR_OK;
}

/* ---- encode ---- */

/* Begin the SubjectPublicKeyInfo in `b` and its AlgorithmIdentifier; the mark of the former. */
static size_t open_info(struct buf *b, enum pubkey_kind kind, size_t *algorithm)
{
	buf_reset(b);
	size_t mark = der_open(b, DER_SEQUENCE);
	*algorithm = der_open(b, DER_SEQUENCE);
	der_write_oid(b, oid_of(kind));
	return mark;
}

static enum err_code close_info(struct buf *b, size_t mark, struct pubkey *out, struct err *e)
{
	der_close(b, mark);
	enum err_code rc = buf_end(b, e, "key");
	if (rc == ERR_OK)
		rc = pubkey_parse(buf_view(b), out, e);
	return rc;
}

enum err_code pubkey_from_rsa(struct bytes modulus, struct bytes exponent, struct buf *spki,
	struct pubkey *out, struct err *e)
{
	size_t algorithm;
	size_t mark = open_info(spki, PUBKEY_RSA, &algorithm);
	der_write(spki, DER_NULL, BYTES_NONE); /* RFC 3279 §2.3.1: NULL, not absent */
	der_close(spki, algorithm);
	size_t bits = der_open(spki, DER_BIT_STRING);
	buf_u8(spki, 0);
	size_t numbers = der_open(spki, DER_SEQUENCE);
	der_write_unsigned(spki, modulus);
	der_write_unsigned(spki, exponent);
	der_close(spki, numbers);
	der_close(spki, bits);
	return close_info(spki, mark, out, e);
}

enum err_code pubkey_from_ec(
	struct bytes curve, struct bytes point, struct buf *spki, struct pubkey *out, struct err *e)
{
	size_t algorithm;
	size_t mark = open_info(spki, PUBKEY_EC, &algorithm);
	der_write_oid(spki, curve);
	der_close(spki, algorithm);
	der_write_bits(spki, point);
	return close_info(spki, mark, out, e);
}

enum err_code pubkey_from_raw(enum pubkey_kind kind, struct bytes raw, struct buf *spki,
	struct pubkey *out, struct err *e)
{
	if (kind == PUBKEY_RSA || kind == PUBKEY_EC || kind == PUBKEY_DSA || kind >= PUBKEY_OTHER)
		return err_set(e, ERR_INTERNAL, "key", "a key of kind %d is not one octet string",
			(int)kind);
	size_t algorithm;
	size_t mark = open_info(spki, kind, &algorithm);
	der_close(spki, algorithm); /* parameters absent: RFC 8410 §3, RFC 9881 §2 */
	der_write_bits(spki, raw);
	return close_info(spki, mark, out, e);
}
