/*
 * 2^(n-1) mod n (Fermat 1640): anything but 1 proves that an odd n is composite.  A 1 proves nothing.
 *
 * For one number at a time and public ones: the time depends on the number.
 */
#ifndef BIGINT_FERMAT_H
#define BIGINT_FERMAT_H

#include <gmp.h>
#include <stdbool.h>

/* Longer numbers do not fit into the registers. */
#define FERMAT_BITS_MAX 8192

/* Has this processor the instructions (AVX-512 IFMA)? */
bool fermat_has(void);
/*
 * `power` = 2^(n-1) mod n, for odd n above 1.  false: it cannot be had faster than with mpz_powm,
 * because fermat_has() is false or n is above FERMAT_BITS_MAX, and `power` is as it was.
 */
bool fermat_power(mpz_t power, const mpz_t n);

#endif
