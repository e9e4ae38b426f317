/*
 * The product tree of one set of moduli, with the sums beside it, and the way down again.
 *
 * A node of height h is the product P of 2^h neighbouring moduli (the last node of a height may
 * have fewer) and S, the sum of P / N over them.  Its length is the sum of theirs, high limbs may
 * be zero: so a height is one array in which every node stands where its moduli would.
 *
 * docs/design/keycheck-batch.md argues every step.
 */
#ifndef BIGINT_TREE_H
#define BIGINT_TREE_H

#include "bigint/batch.h"
#include "bigint/moduli.h"
#include "bigint/mul.h"

struct tree;

/* Somewhere for a height of the tree: NULL spills to no disk. */
struct tree_options {
	const char *spill_dir; /* where heights go that do not fit; NULL: none may */
	uint64_t memory;       /* bytes for all heights together before they go there */
	bool rest;             /* the root goes there too: the way down comes later */
	void (*step)(void *arg, double work); /* called after each height; may be NULL */
	void *arg;
};

/* For moduli [first, first + count) of the file, in the order of `order` (NULL: as they stand). */
MUST_USE enum err_code tree_new(struct mul *m, const struct moduli *moduli, const uint64_t *order,
	uint64_t first, uint64_t count, const struct tree_options *o, struct tree **out,
	struct err *e);
void tree_free(struct tree *t);
/* Limbs of the root, and its product and (unless made without) sum; the tree's own. */
size_t tree_limbs(const struct tree *t);
const uint64_t *tree_product(const struct tree *t);
uint64_t *tree_sum(struct tree *t);

/* Products and, if `sums`, sums of all heights.  ERR_INTERNAL when the root is wrong. */
MUST_USE enum err_code tree_up(struct tree *t, bool sums, struct err *e);
/* Gives back the root's product and sum, once they are used. */
void tree_drop_root(struct tree *t);

/* A modulus that shares; `factor` is little-endian limbs. */
typedef void (*tree_hit)(void *arg, uint64_t modulus, const uint64_t *factor, size_t n);
/*
 * From the root's value v (tree_limbs() + 1 limbs, given up with free()) to each modulus N: the gcd
 * of N with what v says is left of it, and `hit` for each above 1, in any order, one at a time.
 * ERR_INTERNAL when products or fractions were computed wrongly; what was said is then worth nothing.
 */
MUST_USE enum err_code tree_down(
	struct tree *t, uint64_t *v, tree_hit hit, void *arg, struct err *e);

#endif
