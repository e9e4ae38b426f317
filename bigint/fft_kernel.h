/*
 * What a kernel of number-theoretic transforms offers: cyclic convolutions, in steps, so that a
 * transform can be used twice.  bigint/fft_flint.c is one, over FLINT's fft_small; it is compiled
 * by tools/build-flint into a shared object of its own and found by bigint/fft.c when it runs.
 *
 * A number is cut into digits of `bits` bits, the coefficients of a polynomial; the polynomial is
 * transformed modulo `primes` primes of 50 bits with 2^depth points each; products are taken point
 * by point; back again they are products modulo x^(2^depth) - 1, that is of numbers modulo
 * 2^(bits * 2^depth) - 1.  The primes are so many that no coefficient is as large as their product.
 */
#ifndef BIGINT_FFT_KERNEL_H
#define BIGINT_FFT_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#define FFT_KERNEL_ABI 3
#define FFT_KERNEL_SYMBOL "medseal_fft_kernel"
/* Limbs that the parts of one store may hang over into the next. */
#define FFT_OVERHANG 8

struct fft_plan {
	unsigned primes;
	unsigned bits;
	unsigned depth;
	unsigned row;    /* of the kernel's own table */
	uint64_t stride; /* doubles for one prime; a transform has primes * stride */
};

struct fft_kernel {
	unsigned abi;
	const char *name;
	/* Tables for transforms of up to 2^depth points; not while others work.  0 when it cannot.
	 */
	int (*prepare)(unsigned depth, unsigned primes);
	unsigned primes_max;
	/* The cheapest plan whose modulus has at least `bits` bits; sums of two products fit.  0:
	 * none. */
	int (*choose)(uint64_t bits, struct fft_plan *out);
	/* Cut part `part` of `parts` of the number into digits, modulo all primes. */
	void (*load)(const struct fft_plan *p, double *out, const uint64_t *a, size_t n,
		unsigned part, unsigned parts);
	/* Transform for one prime, in place, what was loaded from n limbs. */
	void (*forward)(const struct fft_plan *p, unsigned prime, double *x, size_t n);
	/* z = a * b for one prime (of all primes' arrays); z may be a or b. */
	void (*mul)(const struct fft_plan *p, unsigned prime, double *z, const double *a,
		const double *b);
	/* z = a * b + c * d. */
	void (*mul2)(const struct fft_plan *p, unsigned prime, double *z, const double *a,
		const double *b, const double *c, const double *d);
	void (*inverse)(const struct fft_plan *p, unsigned prime, double *z);
	/*
	 * The limbs [lo, hi) of the number are wanted: store_from() says at which limb, lo or a
	 * little before it, `out` must begin.  What lies below that is left out: it can only be a
	 * carry, so limb lo is exact or 1 too small.  The parts may be stored at one time; then
	 * store_join() adds what each hangs over.
	 */
	uint64_t (*store_from)(const struct fft_plan *p, uint64_t lo, uint64_t hi);
	void (*store)(const struct fft_plan *p, double *z, uint64_t *out, uint64_t lo, uint64_t hi,
		unsigned part, unsigned parts, uint64_t overhang[FFT_OVERHANG]);
	void (*store_join)(const struct fft_plan *p, uint64_t *out, uint64_t lo, uint64_t hi,
		unsigned parts, uint64_t (*overhang)[FFT_OVERHANG]);
};

#endif
