/*
 * RSA keys that a flaw made few enough to number: the file of their moduli, a line "NUMBER HEX" each,
 * and the key list (keycheck/lists.h) that is made from it.
 */
#ifndef TOOLS_DEBIAN_WEAK_NUMBERED_H
#define TOOLS_DEBIAN_WEAK_NUMBERED_H

#include "keycheck/lists.h"

#define NUMBERED_BITS_MAX 8192 /* far more than the keys of any such list */

struct numbered {
	enum check check;
	unsigned bits;        /* a multiple of 8 */
	uint32_t first, last; /* numbers */
	/* The modulus of one, big-endian, bits / 8 octets. */
	enum err_code (*make)(void *arg, uint32_t number, uint8_t *modulus, struct err *e);
	void *arg;
};

/* Write all moduli to the file, or go on with it behind its last whole line. */
MUST_USE enum err_code numbered_moduli(const struct numbered *n, const char *path, struct err *e);
/*
 * The bytes of the key list of a whole file; `source` says what they are, `date` when they were made.
 * ERR_MALFORMED names the line that is not what it should be; some keys are made again and compared.
 */
MUST_USE enum err_code numbered_list(const struct numbered *n, const char *path, const char *source,
	const char *date, struct buf *out, struct err *e);

#endif
