/* Sets of moduli, what batch_gcd() must say of them by the definition, and the comparison. */
#ifndef TESTS_UNIT_BIGINT_SETS_H
#define TESTS_UNIT_BIGINT_SETS_H

#include <gmp.h>
#include <stddef.h>

#include "bigint/batch.h"

extern gmp_randstate_t rnd; /* the test begins it */

struct set {
	mpz_t *n;
	size_t count;
};

struct set set_new(size_t count);
void set_free(struct set *s);
void random_prime(mpz_t p, unsigned bits);
/* Odd and of that many bits. */
void random_odd(mpz_t n, unsigned bits);
/* As a moduli file, open; its path for unlink(). */
struct moduli *written(const struct set *s, char path[64]);

/* The gcd of each modulus with the product of all others. */
struct expected {
	mpz_t *g;
	const struct set *s;
	size_t next; /* the next modulus that has not been said */
	size_t said;
};

void expected_new(struct expected *x, const struct set *s);
void expected_free(struct expected *x);
/* An `each` of batch_gcd(): asserts that it is told what is expected, in order. */
enum err_code expected_compare(void *arg, uint64_t i, struct bytes factor, struct err *e);
/* Asserts that nothing was left out. */
void expected_done(struct expected *x);

/* All of this with one call; how many share. */
size_t check_with(const struct set *s, const struct batch_options *o);

/* An empty folder to work in, and its end with all files in it. */
void work_new(char dir[64]);
void work_free(const char *dir);

#endif
