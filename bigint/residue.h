/*
 * One modulus against many large numbers: which of them share a factor with it?  This is the inner
 * loop of keycheck/door.h, where the numbers are products of thousands of moduli.
 *
 * The remainder is not found by division but by Montgomery's reduction, from the low end of the
 * number: each step adds the multiple of N that makes the lowest digit zero, and drops that digit.
 * What is left at the end is the number times a power of 2, modulo N, and N is odd: every common
 * factor is still there.  docs/design/keycheck-door.md has the arithmetic.
 *
 * Three kernels do the same: 8 lanes of AVX-512 IFMA (digits of 52 bits), 4 lanes of AVX2 (27
 * bits), and one of 59 or 61 bits in C.  tests/unit/bigint/test_residue.c holds each to GMP's division.
 */
#ifndef BIGINT_RESIDUE_H
#define BIGINT_RESIDUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Twice the largest RSA modulus that anybody deploys; the AVX2 kernel's sums fit up to 27,000. */
#define RESIDUE_BITS_MAX 16384

enum residue_kernel {
	RESIDUE_BEST, /* the fastest that this processor has */
	RESIDUE_PORTABLE,
	RESIDUE_AVX2,
	RESIDUE_IFMA, /* AVX-512 F, IFMA and VBMI */
	RESIDUE_KERNELS
};

bool residue_has(enum residue_kernel k);
const char *residue_name(enum residue_kernel k); /* "portable", "avx2", "ifma" */

/* A number: little-endian limbs, high ones may be zero.  A view. */
struct limbs {
	const uint64_t *p;
	size_t n;
};

struct residue; /* a modulus, prepared; one thread at a time */

/*
 * `modulus` is big-endian, odd, above 1 and at most RESIDUE_BITS_MAX bits (ERR_MALFORMED,
 * ERR_LIMIT).  RESIDUE_BEST for `k` outside tests; ERR_UNAVAILABLE when this processor lacks it.
 */
MUST_USE enum err_code residue_new(struct bytes modulus, enum residue_kernel k,
	struct residue **out, struct err *e);
void residue_free(struct residue *r);

/* Forget what was taken. */
void residue_start(struct residue *r);
/* Take these numbers in.  Those of about one length, next to each other, are cheapest. */
void residue_take(struct residue *r, const struct limbs *numbers, size_t n);
/*
 * Does the modulus share a factor with anything that was taken in?  Then the factor, big-endian,
 * is in `factor` (emptied first; NULL: not wanted): the greatest common divisor of the modulus and
 * the product of all numbers, so the modulus itself when all its primes are there.
 */
MUST_USE enum err_code residue_shares(struct residue *r, bool *shares, struct buf *factor,
	struct err *e);

/* The remainder itself: `number` mod N, big-endian without leading zeros, into `out` (emptied
 * first).  Dearer than a division for short numbers: for tests and measurements. */
MUST_USE enum err_code residue_exact(struct residue *r, struct limbs number, struct buf *out,
	struct err *e);

#endif
