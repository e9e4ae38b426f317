/*
 * A quick look at numbers that may be prime: Fermat's test to base 2, eight numbers at a time. What
 * it calls composite is composite; what it does not, Miller and Rabin's test must look at.
 */
#ifndef TOOLS_DEBIAN_WEAK_FERMAT_H
#define TOOLS_DEBIAN_WEAK_FERMAT_H

#include <stdbool.h>

#include <gmp.h>

#define FERMAT_LANES 8
#define FERMAT_BITS_MAX 4096

/*
 * The index of the first of eight odd numbers of `bits` bits each that is no proven composite;
 * FERMAT_LANES when all are.
 */
unsigned fermat_first(const mpz_t n[FERMAT_LANES], unsigned bits);

/* The two ways to do it; the second needs fermat_has_ifma(). */
unsigned fermat_first_portable(const mpz_t n[FERMAT_LANES], unsigned bits);
unsigned fermat_first_ifma(const mpz_t n[FERMAT_LANES], unsigned bits);
bool fermat_has_ifma(void);

#endif
