#include "merkle/tree.h"

#include <string.h>

#include "crypto/hash.h"

_Static_assert(MERKLE_HASH_SIZE == SHA256_SIZE, "the tree's hash is SHA-256");

/* Leaves up to this size are hashed from the stack, in one call. */
#define LEAF_ON_STACK 4096

struct merkle_hash merkle_leaf(struct bytes entry)
{
	struct merkle_hash h = {{0}};
	if (entry.len <= LEAF_ON_STACK) {
		uint8_t data[1 + LEAF_ON_STACK];
		data[0] = 0x00;
		if (entry.len > 0)
			memcpy(data + 1, entry.p, entry.len);
		sha256_of(bytes_of(data, 1 + entry.len), h.b);
		return h;
	}
	struct sha256 s;
	if (sha256_start(&s, NULL) == ERR_OK) {
		sha256_more(&s, bytes_of("\x00", 1));
		sha256_more(&s, entry);
		sha256_end(&s, h.b);
	}
	return h;
}

struct merkle_hash merkle_node(struct merkle_hash left, struct merkle_hash right)
{
	struct merkle_hash h;
	uint8_t data[1 + 2 * MERKLE_HASH_SIZE];
	data[0] = 0x01;
	memcpy(data + 1, left.b, MERKLE_HASH_SIZE);
	memcpy(data + 1 + MERKLE_HASH_SIZE, right.b, MERKLE_HASH_SIZE);
	sha256_of(bytes_of(data, sizeof(data)), h.b);
	return h;
}

void merkle_edge_add(struct merkle_edge *edge, struct merkle_hash leaf)
{
	/* Adding one carries through the low set bits of the size, joining two trees each time. */
	for (uint64_t rest = edge->size; (rest & 1) != 0; rest >>= 1)
		leaf = merkle_node(edge->roots[--edge->n], leaf);
	edge->roots[edge->n++] = leaf;
	edge->size++;
}

struct merkle_hash merkle_edge_root(const struct merkle_edge *edge)
{
	struct merkle_hash h;
	if (edge->n == 0) {
		sha256_of(BYTES_NONE, h.b);
		return h;
	}
	h = edge->roots[edge->n - 1];
	for (unsigned i = edge->n - 1; i > 0; i--)
		h = merkle_node(edge->roots[i - 1], h);
	return h;
}

enum err_code merkle_root(struct merkle_source src, uint64_t size, struct merkle_hash *out,
	struct err *e)
{
	return merkle_range(src, 0, size, out, e);
}

enum err_code merkle_range(struct merkle_source src, uint64_t from, uint64_t size,
	struct merkle_hash *out, struct err *e)
{
	struct merkle_edge edge = {.size = size};
	for (unsigned level = MERKLE_LEVELS; level > 0; level--) {
		uint64_t width = UINT64_C(1) << (level - 1);
		if ((size & width) == 0)
			continue;
		enum err_code rc = src.node(src.arg, level - 1, from / width,
			&edge.roots[edge.n], e);
		if (rc != ERR_OK)
			return rc;
		edge.n++;
		from += width;
	}
	*out = merkle_edge_root(&edge);
	return ERR_OK;
}
