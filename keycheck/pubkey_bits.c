/* How long a key is, in the number that people know it by. */
#include "keycheck/pubkey.h"

#include "crypto/der.h"

#define CURVE(bits, oid)                                                                           \
	{                                                                                          \
		bits,                                                                              \
		{                                                                                  \
			(const uint8_t *)(oid), sizeof(oid) - 1                                    \
		}                                                                                  \
	}
#define X962 "\x2a\x86\x48\xce\x3d\x03\x01"          /* prime curves of X9.62 */
#define CERTICOM "\x2b\x81\x04\x00"                  /* SEC 2 §A */
#define BRAINPOOL "\x2b\x24\x03\x03\x02\x08\x01\x01" /* RFC 5639 §4.1 */

static const struct curve_size {
	unsigned bits;
	struct bytes oid;
} curves[] = {
	CURVE(256, X962 "\x07"), /* P-256 first: nearly all keys are on it */
	CURVE(384, CERTICOM "\x22"), CURVE(521, CERTICOM "\x23"),
	CURVE(256, CERTICOM "\x0a"), /* secp256k1 */
	CURVE(192, X962 "\x01"), CURVE(192, X962 "\x02"), CURVE(192, X962 "\x03"),
	CURVE(239, X962 "\x04"), CURVE(239, X962 "\x05"), CURVE(239, X962 "\x06"),
	CURVE(163, CERTICOM "\x01"), CURVE(163, CERTICOM "\x02"), CURVE(239, CERTICOM "\x03"),
	CURVE(113, CERTICOM "\x04"), CURVE(113, CERTICOM "\x05"), CURVE(112, CERTICOM "\x06"),
	CURVE(112, CERTICOM "\x07"), CURVE(160, CERTICOM "\x08"), CURVE(160, CERTICOM "\x09"),
	CURVE(163, CERTICOM "\x0f"), CURVE(283, CERTICOM "\x10"), CURVE(283, CERTICOM "\x11"),
	CURVE(131, CERTICOM "\x16"), CURVE(131, CERTICOM "\x17"), CURVE(193, CERTICOM "\x18"),
	CURVE(193, CERTICOM "\x19"), CURVE(233, CERTICOM "\x1a"), CURVE(233, CERTICOM "\x1b"),
	CURVE(128, CERTICOM "\x1c"), CURVE(128, CERTICOM "\x1d"), CURVE(160, CERTICOM "\x1e"),
	CURVE(192, CERTICOM "\x1f"), CURVE(224, CERTICOM "\x20"), CURVE(224, CERTICOM "\x21"),
	CURVE(409, CERTICOM "\x24"), CURVE(409, CERTICOM "\x25"), CURVE(571, CERTICOM "\x26"),
	CURVE(571, CERTICOM "\x27"), CURVE(160, BRAINPOOL "\x01"), CURVE(160, BRAINPOOL "\x02"),
	CURVE(192, BRAINPOOL "\x03"), CURVE(192, BRAINPOOL "\x04"), CURVE(224, BRAINPOOL "\x05"),
	CURVE(224, BRAINPOOL "\x06"), CURVE(256, BRAINPOOL "\x07"), CURVE(256, BRAINPOOL "\x08"),
	CURVE(320, BRAINPOOL "\x09"), CURVE(320, BRAINPOOL "\x0a"), CURVE(384, BRAINPOOL "\x0b"),
	CURVE(384, BRAINPOOL "\x0c"), CURVE(512, BRAINPOOL "\x0d"), CURVE(512, BRAINPOOL "\x0e"),
	CURVE(256, "\x2a\x81\x1c\xcf\x55\x01\x82\x2d"), /* SM2 (RFC 8998 §3.2.1) */
};

static unsigned bits_of_curve(struct bytes oid)
{
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (bytes_equal(curves[i].oid, oid))
			return curves[i].bits;
	}
	return 0;
}

static unsigned bits_of_number(struct bytes v)
{
	while (v.len > 0 && v.p[0] == 0) {
		v.p++;
		v.len--;
	}
	if (v.len == 0)
		return 0;
	unsigned top = 0;
	for (unsigned octet = v.p[0]; octet > 0; octet >>= 1)
		top++;
	return (unsigned)(8 * (v.len - 1)) + top;
}

/* The prime p of Dss-Parms (RFC 3279 §2.3.2); a key may inherit them from its issuer. */
static unsigned bits_of_dsa(const struct pubkey *k)
{
	struct reader r = reader_of(k->spki);
	struct reader info = der_enter(&r, DER_SEQUENCE);
	struct reader algorithm = der_enter(&info, DER_SEQUENCE);
	(void)der_read(&algorithm, DER_OID);
	if (der_peek(&algorithm) != DER_SEQUENCE)
		return 0;
	struct reader parameters = der_enter(&algorithm, DER_SEQUENCE);
	return bits_of_number(der_read(&parameters, DER_INTEGER));
}

unsigned pubkey_bits(const struct pubkey *k)
{
	switch (k->kind) {
	case PUBKEY_RSA:
		return bits_of_number(k->modulus);
	case PUBKEY_EC:
		return bits_of_curve(k->curve);
	case PUBKEY_ED25519:
	case PUBKEY_X25519:
		return 255;
	case PUBKEY_ED448:
	case PUBKEY_X448:
		return 448;
	case PUBKEY_DSA:
		return bits_of_dsa(k);
	case PUBKEY_ML_DSA_44:
	case PUBKEY_ML_DSA_65:
	case PUBKEY_ML_DSA_87:
	case PUBKEY_OTHER:
		return 0;
	}
	return 0;
}
