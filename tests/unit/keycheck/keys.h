/* Keys made for tests, and what a checker says of them.  The numbers are drawn from a fixed seed.
 */
#ifndef TESTS_UNIT_KEYCHECK_KEYS_H
#define TESTS_UNIT_KEYCHECK_KEYS_H

#include <gmp.h>

#include "keycheck/check.h"

/* Findings of one key. */
struct said {
	uint64_t checks; /* bit CHECK_x */
	unsigned n;
	struct finding last[CHECK_COUNT];
};

#define SAID(c) ((uint64_t)1 << CHECK_##c)

/* What the checker says of an RSA key of these numbers. */
struct said said_of_rsa(const struct checker *c, const mpz_t n, const mpz_t e, unsigned bits_min);
struct said said_of(const struct checker *c, const struct pubkey *k, unsigned bits_min);
/* The why of a check that was found; fails the test when it was not. */
const char *why_of(const struct said *s, enum check check);

/* The next prime of that many bits; the same ones in every run. */
void next_prime(mpz_t p, unsigned bits);
void next_number(mpz_t n, unsigned bits); /* odd, the highest bit set */

#endif
