#include "keyread/openpgp.h"

#include <string.h>

#include "keyread/object.h"

/* Public-key algorithms (RFC 9580 §9.1). */
enum {
	RSA = 1,
	RSA_ENCRYPT = 2,
	RSA_SIGN = 3,
	ELGAMAL = 16,
	DSA = 17,
	ECDH = 18,
	ECDSA = 19,
	ELGAMAL_BOTH = 20, /* of PGP 5; its signatures were forgeable */
	EDDSA_LEGACY = 22,
	X25519 = 25,
	X448 = 26,
	ED25519 = 27,
	ED448 = 28,
};

#define OID_DSA DER_LITERAL("\x2a\x86\x48\xce\x38\x04\x01")
#define OID_ELGAMAL DER_LITERAL("\x2b\x0e\x07\x02\x01\x01") /* 1.3.14.7.2.1.1, of OIW */
/* Curves that OpenPGP names by OIDs of its own (RFC 9580 §9.2). */
#define OID_ED25519_LEGACY DER_LITERAL("\x2b\x06\x01\x04\x01\xda\x47\x0f\x01")
#define OID_CURVE25519_LEGACY DER_LITERAL("\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01")
#define OID_X448 DER_LITERAL("\x2b\x65\x6f")
#define OID_ED448 DER_LITERAL("\x2b\x65\x71")
/* RFC 9580 §11.2: a point in its native form begins with this octet. */
#define NATIVE_PREFIX 0x40

/* MPI (RFC 9580 §3.2): its length in bits, then its octets. */
static struct bytes mpi(struct reader *r)
{
	size_t bits = read_u16be(r);
	return read_bytes(r, (bits + 7) / 8);
}

/* A native point of `size` octets; an MPI has lost its leading zeros where no prefix holds them. */
static enum err_code from_native(enum pubkey_kind kind, size_t size, struct bytes point,
	struct buf *b, struct pubkey *k, struct err *e)
{
	uint8_t raw[64] = {0};
	if (point.len == size + 1 && point.p[0] == NATIVE_PREFIX)
		point = bytes_of(point.p + 1, size);
	if (point.len > size)
		return err_set(e, ERR_MALFORMED, "OpenPGP", "a point of %zu octets, not %zu",
			point.len, size);
	if (point.len > 0)
		memcpy(raw + size - point.len, point.p, point.len);
	return pubkey_from_raw(kind, bytes_of(raw, size), b, k, e);
}

static enum err_code from_curve(
	struct reader *r, bool ecdh, struct buf *b, struct pubkey *k, struct err *e)
{
	struct bytes oid = read_bytes(r, read_u8(r));
	struct bytes point = mpi(r);
	if (ecdh)
		(void)read_bytes(r, read_u8(r)); /* the derivation's hash and cipher */
	if (r->bad)
		return err_set(e, ERR_TRUNCATED, "OpenPGP", "in the point of an elliptic curve");
	if (bytes_equal(oid, OID_ED25519_LEGACY))
		return from_native(PUBKEY_ED25519, 32, point, b, k, e);
	if (bytes_equal(oid, OID_CURVE25519_LEGACY))
		return from_native(PUBKEY_X25519, 32, point, b, k, e);
	if (bytes_equal(oid, OID_ED448))
		return from_native(PUBKEY_ED448, 57, point, b, k, e);
	if (bytes_equal(oid, OID_X448))
		return from_native(PUBKEY_X448, 56, point, b, k, e);
	return pubkey_from_ec(oid, point, b, k, e);
}

static enum err_code from_raw(struct reader *r, enum pubkey_kind kind, size_t size, struct buf *b,
	struct pubkey *k, struct err *e)
{
	struct bytes raw = read_bytes(r, size);
	if (r->bad)
		return err_set(e, ERR_TRUNCATED, "OpenPGP", "in a key of %zu octets", size);
	return pubkey_from_raw(kind, raw, b, k, e);
}

static enum err_code parse_material(
	struct reader *r, unsigned algorithm, struct buf *b, struct pubkey *k, struct err *e)
{
	struct bytes n[4];
	size_t numbers = 0;
	switch (algorithm) {
	case RSA:
	case RSA_ENCRYPT:
	case RSA_SIGN:
		numbers = 2;
		break;
	case ELGAMAL:
	case ELGAMAL_BOTH:
		numbers = 3;
		break;
	case DSA:
		numbers = 4;
		break;
	case ECDH:
	case ECDSA:
	case EDDSA_LEGACY:
		return from_curve(r, algorithm == ECDH, b, k, e);
	case X25519:
		return from_raw(r, PUBKEY_X25519, 32, b, k, e);
	case X448:
		return from_raw(r, PUBKEY_X448, 56, b, k, e);
	case ED25519:
		return from_raw(r, PUBKEY_ED25519, 32, b, k, e);
	case ED448:
		return from_raw(r, PUBKEY_ED448, 57, b, k, e);
	default:
		return err_set(e, ERR_KEY_ALGORITHM, "OpenPGP", "a key of algorithm %u", algorithm);
	}
	for (size_t i = 0; i < numbers; i++)
		n[i] = mpi(r);
	if (r->bad)
		return err_set(e, ERR_TRUNCATED, "OpenPGP", "in the numbers of the key");
	if (numbers == 2)
		return pubkey_from_rsa(n[0], n[1], b, k, e);
	return numbers == 3 ? numbers_read(b, OID_ELGAMAL, n, 2, n[2], k, e)
			    : numbers_read(b, OID_DSA, n, 3, n[3], k, e);
}

enum err_code openpgp_key_parse(
	struct bytes body, bool secret, struct buf *spki, struct pubkey *k, struct err *e)
{
	struct reader r = reader_of(body);
	unsigned version = read_u8(&r);
	(void)read_u32be(&r); /* creation time */
	if (version < 2 || version > 6)
		return err_set(e, ERR_MALFORMED, "OpenPGP", "a key packet of version %u", version);
	if (version <= 3)
		(void)read_u16be(&r); /* days it is valid */
	unsigned algorithm = read_u8(&r);
	struct reader material = r;
	if (version >= 5) {
		/* RFC 9580 §5.5.2.3; version 5 is LibrePGP's, of the same form. */
		material = reader_of(read_field(&r, body.len));
		if (r.bad)
			return err_set(
				e, ERR_TRUNCATED, "OpenPGP", "in a key of version %u", version);
	}
	enum err_code rc = parse_material(&material, algorithm, spki, k, e);
	if (rc != ERR_OK)
		return rc;
	if (version >= 5 && reader_left(&material) > 0)
		return reader_end(&material, e, "OpenPGP");
	if (!secret && reader_left(version >= 5 ? &r : &material) > 0)
		return reader_end(version >= 5 ? &r : &material, e, "OpenPGP");
	return ERR_OK;
}

bool openpgp_key_adds_up(struct bytes body)
{
	struct reader r = reader_of(body);
	unsigned version = read_u8(&r);
	(void)read_u32be(&r);
	if (version == 2 || version == 3)
		(void)read_u16be(&r);
	unsigned algorithm = read_u8(&r);
	if (version >= 5)
		return version <= 6 && read_u32be(&r) == reader_left(&r) && reader_left(&r) > 0;
	size_t numbers = 0;
	switch (algorithm) {
	case RSA:
	case RSA_ENCRYPT:
	case RSA_SIGN:
		numbers = 2;
		break;
	case ELGAMAL:
	case ELGAMAL_BOTH:
		numbers = 3;
		break;
	case DSA:
		numbers = 4;
		break;
	case ECDH:
	case ECDSA:
	case EDDSA_LEGACY:
		(void)read_bytes(&r, read_u8(&r));
		(void)mpi(&r);
		if (algorithm == ECDH)
			(void)read_bytes(&r, read_u8(&r));
		break;
	case X25519:
	case ED25519:
		(void)read_bytes(&r, 32);
		break;
	case X448:
		(void)read_bytes(&r, 56);
		break;
	case ED448:
		(void)read_bytes(&r, 57);
		break;
	default:
		return false;
	}
	for (size_t i = 0; i < numbers; i++)
		(void)mpi(&r);
	return version >= 2 && !r.bad && reader_left(&r) == 0;
}
