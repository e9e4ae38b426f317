/*
 * The product of moduli that come one after the other, kept in parts: each part is the product of a
 * power of two of them, and two parts of one size become one.  So adding a modulus costs what a
 * product tree costs for it, and a query reads the parts as they are.
 */
#ifndef KEYCHECK_DOOR_PILE_H
#define KEYCHECK_DOOR_PILE_H

#include <gmp.h>

#include "bigint/residue.h"

#define PILE_PARTS_MAX 40 /* 2^40 moduli */

struct pile {
	mpz_t part[PILE_PARTS_MAX]; /* largest first */
	uint64_t count[PILE_PARTS_MAX];
	size_t n;
	uint64_t keys;
};

void pile_init(struct pile *p);
void pile_add(struct pile *p, struct bytes modulus); /* big-endian */
/* Views of the parts, valid until the next call; how many. */
size_t pile_views(const struct pile *p, struct limbs out[PILE_PARTS_MAX]);
/* Make one part of all; a view of it. */
struct limbs pile_whole(struct pile *p);
void pile_clear(struct pile *p); /* empty again */

#endif
