/* Moduli that share, as they are found; in order when asked. */
#ifndef BIGINT_HITS_H
#define BIGINT_HITS_H

#include <stdint.h>

#include "base/bytes.h"

struct hit {
	uint64_t modulus;
	size_t n;
	uint64_t *factor; /* little-endian limbs, the highest not 0 */
};

struct hits {
	struct hit *p;
	size_t n, cap;
	bool lacked; /* memory: something was not kept */
};

/* A tree_hit(). */
void hits_add(void *hits, uint64_t modulus, const uint64_t *factor, size_t n);
/* In order of the modulus, big-endian.  `each` may be NULL: then only whether all were kept. */
MUST_USE enum err_code hits_say(struct hits *h,
	enum err_code (*each)(void *arg, uint64_t i, struct bytes factor, struct err *e), void *arg,
	struct err *e);
void hits_free(struct hits *h);

/* Limbs as big-endian bytes without leading zeros, at the end of `to` (8 n bytes). */
struct bytes limbs_to_bytes(const uint64_t *p, size_t n, uint8_t *to);

#endif
