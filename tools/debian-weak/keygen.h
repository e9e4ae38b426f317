/*
 * RSA keys as OpenSSL 0.9.8 makes them out of a pool: the same draws in the same order, so the same
 * key.  Only keys that everybody can make come out of it.
 */
#ifndef TOOLS_DEBIAN_WEAK_KEYGEN_H
#define TOOLS_DEBIAN_WEAK_KEYGEN_H

#include "tools/debian-weak/pool.h"

/* Below it 0.9.8 made keys too, which nobody uses; above it one key takes minutes. */
#define KEYGEN_BITS_MIN 512
#define KEYGEN_BITS_MAX 8192

struct keygen; /* one thread */

MUST_USE enum err_code keygen_new(struct keygen **out, struct err *e);
/*
 * The modulus of the key that process `pid` made: `bits` / 8 octets, big-endian, into `modulus`.
 * ERR_USAGE when bits is out of range or no multiple of 8.
 */
MUST_USE enum err_code keygen_modulus(struct keygen *k, enum weak_arch arch,
	enum weak_program program, unsigned bits, uint32_t pid, uint8_t *modulus, struct err *e);
void keygen_free(struct keygen *k);

#endif
