/* The SubjectPublicKeyInfo of an RSA key of any size, without making the key. */
#ifndef TESTS_UNIT_CRYPTO_RSA_SPKI_H
#define TESTS_UNIT_CRYPTO_RSA_SPKI_H

#include "crypto/der.h"
#include "crypto/random.h"

static inline void rsa_spki_write(size_t bits, uint64_t exponent, bool odd, struct buf *out)
{
	uint8_t n[4096];
	assert_int_equal(random_bytes(n, bits / 8, NULL), ERR_OK);
	n[0] |= 0x80;
	n[bits / 8 - 1] = (uint8_t)((n[bits / 8 - 1] & 0xfe) | (odd ? 1 : 0));
	size_t spki = der_open(out, DER_SEQUENCE);
	size_t alg = der_open(out, DER_SEQUENCE);
	der_write_oid(out, DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"));
	der_write(out, DER_NULL, BYTES_NONE);
	der_close(out, alg);
	size_t bit_string = der_open(out, DER_BIT_STRING);
	buf_u8(out, 0);
	size_t key = der_open(out, DER_SEQUENCE);
	der_write_unsigned(out, bytes_of(n, bits / 8));
	der_write_u64(out, exponent);
	der_close(out, key);
	der_close(out, bit_string);
	der_close(out, spki);
	assert_int_equal(buf_end(out, NULL, "t"), ERR_OK);
}

#endif
