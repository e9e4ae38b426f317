/*
 * Numbers modulo the prime 2^61 - 1: what a product and a sum of millions of limbs must be there is
 * known from the moduli in one pass, so that one computed wrongly is found but for one time in 2^61.
 */
#ifndef BIGINT_WITNESS_H
#define BIGINT_WITNESS_H

#include <stddef.h>
#include <stdint.h>

/* Of n little-endian limbs. */
uint64_t witness_of(const uint64_t *p, size_t n);

/* Of a product P and of S, the sum of P / N; begins as {1, 0}. */
struct witness {
	uint64_t product, sum;
};

void witness_add(struct witness *w, const uint64_t *modulus, size_t n);

#endif
