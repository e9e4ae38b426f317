/* A SubjectPublicKeyInfo; what is accepted has numbers that make a key again. */
#include <stdlib.h>

#include "keycheck/pubkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pubkey k;
	struct pubkey again;
	struct err e;
	struct bytes der = bytes_of(data, size);
	struct buf b = buf_new(PUBKEY_SPKI_MAX);
	if (pubkey_parse(der, &k, &e) != ERR_OK)
		return 0;
	if (!bytes_equal(k.spki, der) || pubkey_bits(&k) > PUBKEY_BITS_MAX)
		abort();
	if (k.modulus.len > 0 && k.modulus.p[0] == 0)
		abort();
	if (k.kind == PUBKEY_RSA) {
		if (pubkey_from_rsa(k.modulus, k.exponent, &b, &again, &e) != ERR_OK ||
			!bytes_equal(again.modulus, k.modulus) ||
			!bytes_equal(again.exponent, k.exponent) || again.modulus_negative)
			abort();
	}
	buf_free(&b);
	return 0;
}
