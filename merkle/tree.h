/*
 * The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1): pure functions over hashes; whoever keeps the
 * hashes hands over a way to read them.
 */
#ifndef MERKLE_TREE_H
#define MERKLE_TREE_H

#include <stdint.h>

#include "base/bytes.h"

#define MERKLE_HASH_SIZE 32
#define MERKLE_LEVELS 64
#define MERKLE_PROOF_MAX 64

struct merkle_hash {
	uint8_t b[MERKLE_HASH_SIZE];
};

struct merkle_hash merkle_leaf(struct bytes entry); /* H(0x00 || entry) */
struct merkle_hash merkle_node(struct merkle_hash left, struct merkle_hash right); /* H(0x01 || l || r) */

/* The right edge of a tree of `size` leaves: roots of its complete subtrees, largest first. */
struct merkle_edge {
	uint64_t size;
	unsigned n;
	struct merkle_hash roots[MERKLE_LEVELS];
};

void merkle_edge_add(struct merkle_edge *edge, struct merkle_hash leaf);
struct merkle_hash merkle_edge_root(const struct merkle_edge *edge); /* of no leaves: H("") */

/* Root of the complete subtree of 2^level leaves that starts at leaf index * 2^level. */
struct merkle_source {
	enum err_code (*node)(void *arg, unsigned level, uint64_t index, struct merkle_hash *out,
		struct err *e);
	void *arg;
};

MUST_USE enum err_code merkle_root(struct merkle_source src, uint64_t size,
	struct merkle_hash *out, struct err *e);
/* MTH(D[from:from + size]); `from` is a multiple of the largest power of two that is <= size. */
MUST_USE enum err_code merkle_range(struct merkle_source src, uint64_t from, uint64_t size,
	struct merkle_hash *out, struct err *e);

struct merkle_proof {
	unsigned n;
	struct merkle_hash path[MERKLE_PROOF_MAX];
};

/* RFC 6962 §2.1.1 and §2.1.2. */
MUST_USE enum err_code merkle_prove_inclusion(struct merkle_source src, uint64_t index,
	uint64_t size, struct merkle_proof *out, struct err *e);
MUST_USE enum err_code merkle_prove_consistency(struct merkle_source src, uint64_t old_size,
	uint64_t size, struct merkle_proof *out, struct err *e);
/* RFC 9162 §2.1.3.2 and §2.1.4.2; ERR_LOG_PROOF when the proof does not hold. */
MUST_USE enum err_code merkle_check_inclusion(struct merkle_hash leaf, uint64_t index,
	uint64_t size, const struct merkle_proof *proof, struct merkle_hash root, struct err *e);
MUST_USE enum err_code merkle_check_consistency(uint64_t old_size, struct merkle_hash old_root,
	uint64_t size, struct merkle_hash root, const struct merkle_proof *proof, struct err *e);

#endif
