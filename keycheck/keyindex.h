/*
 * Finds numbers by a hash: 8 bytes a slot, at most three quarters of the slots taken.  Only the
 * first four octets of the hash are kept, so that whoever looks up compares what is behind a
 * number.
 */
#ifndef KEYCHECK_KEYINDEX_H
#define KEYCHECK_KEYINDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct keyindex_slot {
	uint32_t tag;
	uint32_t value; /* the number and 1; 0: free */
};

struct keyindex {
	struct keyindex_slot *slot;
	size_t size; /* a power of two, or 0 */
	size_t used;
};

#define KEYINDEX_NONE UINT32_MAX

/* A walk over the numbers that may belong to a hash: begin with *cursor = 0; KEYINDEX_NONE ends. */
uint32_t keyindex_next(const struct keyindex *x, const uint8_t hash[4], size_t *cursor);
MUST_USE enum err_code keyindex_add(
	struct keyindex *x, const uint8_t hash[4], uint32_t number, struct err *e);
void keyindex_free(struct keyindex *x);

#endif
