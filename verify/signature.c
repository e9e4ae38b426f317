#include "verify/image.h"

#include <string.h>

#define DER_INTEGER 0x02U
#define DER_SEQUENCE 0x30U
#define SCALAR_SIZE (VERIFY_SCALARS_SIZE / 2)

/* One INTEGER at `*pos`, right-aligned into 32 bytes. */
static enum verify_code scalar_parse(const uint8_t *der, size_t len, size_t *pos,
	uint8_t out[SCALAR_SIZE])
{
	if (len - *pos < 3 || der[*pos] != DER_INTEGER)
		return VERIFY_SIGNATURE;
	size_t n = der[*pos + 1];
	const uint8_t *v = der + *pos + 2;
	if (n == 0 || n > SCALAR_SIZE + 1 || n > len - *pos - 2)
		return VERIFY_SIGNATURE;
	*pos += 2 + n;

	if ((v[0] & 0x80U) != 0) /* negative */
		return VERIFY_SIGNATURE;
	if (v[0] == 0) {
		/* a leading zero is there for a set top bit behind it, and for nothing else */
		if (n == 1 || (v[1] & 0x80U) == 0)
			return VERIFY_SIGNATURE;
		v++;
		n--;
	}
	if (n > SCALAR_SIZE)
		return VERIFY_SIGNATURE;
	memset(out, 0, SCALAR_SIZE - n);
	memcpy(out + SCALAR_SIZE - n, v, n);
	return VERIFY_OK;
}

enum verify_code signature_parse(const uint8_t *der, size_t len, struct verify_signature *sig)
{
	/* 72 bytes at most, so the length is always of the one-byte form */
	if (len < IMAGE_ECDSA_MIN || len > IMAGE_ECDSA_MAX)
		return VERIFY_SIGNATURE;
	if (der[0] != DER_SEQUENCE || der[1] != len - 2)
		return VERIFY_SIGNATURE;
	size_t pos = 2;
	if (scalar_parse(der, len, &pos, sig->scalars) != VERIFY_OK)
		return VERIFY_SIGNATURE;
	if (scalar_parse(der, len, &pos, sig->scalars + SCALAR_SIZE) != VERIFY_OK)
		return VERIFY_SIGNATURE;
	if (pos != len)
		return VERIFY_SIGNATURE;
	sig->der = der;
	sig->der_len = len;
	return VERIFY_OK;
}
