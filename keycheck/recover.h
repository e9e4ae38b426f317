/*
 * The private half of a key that was broken, for its owner: as PEM PKCS#8 (RFC 5958), unencrypted,
 * into a secret buffer.  Nothing of it goes into a report.
 */
#ifndef KEYCHECK_RECOVER_H
#define KEYCHECK_RECOVER_H

#include "keycheck/pubkey.h"

/* Longest modulus for which the numbers are computed: the primality tests of longer ones take
 * minutes, and no library loads such a key. */
#define RECOVER_BITS_MAX 16384

/*
 * Append the key; `factor` (big-endian) is a factor of the modulus.  Where the input had no
 * exponent it is made with 65537, which nearly all keys have: the factors are right in any case.
 * ERR_NOT_FOUND when it leads to no key of two primes: it is 1 or the modulus, a cofactor is
 * composite, or the exponent has no inverse.
 */
MUST_USE enum err_code recover_rsa(
	const struct pubkey *k, struct bytes factor, struct buf *pem, struct err *e);
/*
 * Likewise of a DER SubjectPublicKeyInfo on a named curve and the private number; ERR_NOT_FOUND
 * when the number is not that key's.
 */
MUST_USE enum err_code recover_ec(
	struct bytes spki, struct bytes number, struct buf *pem, struct err *e);

#endif
