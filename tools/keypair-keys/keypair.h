/*
 * The keys that keypair, a JavaScript library, made most often until version 1.0.3
 * (CVE-2021-41117), rebuilt from its behaviour.  Outside a browser the 32 octets of its seed are
 * the lowest octet of the time in milliseconds, and 31 octets that went through String.fromCharCode
 * twice: the second time the character is taken for a number, so that what is left is 1 to 9 for
 * the characters '1' to '9', and 0 for all others, which are 247 of 256.
 *
 * So a third of all keys of a fresh process are the 256 whose 31 octets are all 0, and another 37
 * of a hundred have one digit among them: 70 of a hundred keys are the KEYPAIR_KEYS that this
 * makes.
 *
 * Not for making keys: all of them are known to everybody.
 */
#ifndef TOOLS_KEYPAIR_KEYS_KEYPAIR_H
#define TOOLS_KEYPAIR_KEYS_KEYPAIR_H

#include "base/bytes.h"

#define KEYPAIR_SEED 32
#define KEYPAIR_TIMES 256 /* lowest octets of the time */
#define KEYPAIR_DIGITS 9
/* No digit; then one of nine at one of 31 places. */
#define KEYPAIR_KEYS (KEYPAIR_TIMES * (1 + (KEYPAIR_SEED - 1) * KEYPAIR_DIGITS))

#define KEYPAIR_BITS_MIN 512
#define KEYPAIR_BITS_MAX 4096

struct keypair;

MUST_USE enum err_code keypair_new(struct keypair **out, struct err *e);
/* Seed number `index`, below KEYPAIR_KEYS: those without a digit come first. */
void keypair_seed(unsigned index, uint8_t seed[KEYPAIR_SEED]);
/*
 * The modulus of the first key that a process with that seed makes, big-endian, `bits` / 8 octets.
 * `bits`: KEYPAIR_BITS_MIN to KEYPAIR_BITS_MAX in steps of 16.
 */
MUST_USE enum err_code keypair_modulus(struct keypair *k, const uint8_t seed[KEYPAIR_SEED],
	unsigned bits, uint8_t *modulus, struct err *e);
void keypair_free(struct keypair *k);

#endif
