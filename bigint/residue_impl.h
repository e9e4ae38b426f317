/* Inside bigint/residue*.c: what a kernel is. */
#ifndef BIGINT_RESIDUE_IMPL_H
#define BIGINT_RESIDUE_IMPL_H

#include <gmp.h>

#include "bigint/residue.h"

#define RESIDUE_LIMBS_MAX (RESIDUE_BITS_MAX / 64)
#define RESIDUE_LANES_MAX 8
/* Digits that a vector kernel takes in before it goes once through all columns. */
#define RESIDUE_BLOCK 8

/*
 * A kernel reduces `lanes` numbers of at most `limbs` limbs at once.  Lane j's result, below 2N and
 * in N's limbs plus one, is number * 2^-(bits it says) modulo N: it returns how many bits were
 * dropped, the same for all lanes.
 */
struct kernel {
	const char *name;
	unsigned lanes;
	bool (*here)(void);
	/* Digits of the modulus in the kernel's own form; false without memory.  free() releases. */
	bool (*prepare)(const mp_limb_t *n, size_t limbs, void **out);
	uint64_t (*run)(const struct residue *r, const struct limbs *in, size_t limbs,
		mp_limb_t (*out)[RESIDUE_LIMBS_MAX + 1]);
};

struct residue {
	const struct kernel *kernel;
	size_t limbs; /* of N */
	mp_limb_t n[RESIDUE_LIMBS_MAX];
	void *digits;      /* the kernel's */
	mpz_t modulus;
	mpz_t taken; /* product of the residues so far */
	mpz_t part;
	mpz_t weight; /* 2^(64 * weight_limbs) mod N: the distance of two pieces of a number */
	size_t weight_limbs;
};

extern const struct kernel kernel_portable;
extern const struct kernel kernel_avx2;
extern const struct kernel kernel_ifma;

/* `n` digits, every `stride`-th of `digits`, of `bits` bits and with carries still in them. */
void residue_pack(const uint64_t *digits, size_t stride, size_t n, unsigned bits, mp_limb_t *out,
	size_t out_n);
/* -1/n mod 2^64 of an odd n. */
uint64_t residue_inverse(mp_limb_t n);
/* The digits of a number; zeros above it. */
void residue_split(const mp_limb_t *n, size_t limbs, unsigned bits, uint64_t *out, size_t out_n);

#endif
