/* The log's Merkle tree over the store: leaves in their rows, every eighth level in tiles. */
#ifndef AUDIT_TREE_H
#define AUDIT_TREE_H

#include "merkle/tree.h"
#include "store/store.h"

/* C2SP tlog-tiles: a tile is 256 hashes, 8 levels of the tree. */
#define TILE_WIDTH 256
#define TILE_HEIGHT 8
#define TILE_BYTES (TILE_WIDTH * MERKLE_HASH_SIZE)

struct merkle_source tree_source(struct store *s);
/* After the leaf that made the log `size` long: store the hashes that became complete. */
MUST_USE enum err_code tree_grow(struct store *s, uint64_t size, struct err *e);

#endif
