#include "audit/tree.h"

#include <string.h>

/* Joins leaves that come one by one in order; fails when they are not exactly the ones wanted. */
struct gather {
	struct merkle_edge edge;
	uint64_t next;
};

static enum err_code gather_leaf(void *arg, uint64_t seq, struct bytes entry,
	const struct merkle_hash *leaf)
{
	struct gather *g = arg;
	(void)entry;
	if (seq != g->next)
		return ERR_LOG_REMOVED;
	g->next++;
	merkle_edge_add(&g->edge, *leaf);
	return ERR_OK;
}

static enum err_code from_leaves(struct store *s, unsigned level, uint64_t index,
	struct merkle_hash *out, struct err *e)
{
	uint64_t width = UINT64_C(1) << level;
	struct gather g = {.next = index * width};
	enum err_code rc = store_log_list(s, index * width, (index + 1) * width, gather_leaf, &g,
		e);
	if (rc != ERR_OK && rc != ERR_LOG_REMOVED)
		return rc;
	if (rc == ERR_LOG_REMOVED || g.edge.size != width)
		return err_set(e, ERR_LOG_REMOVED, "log", "entry %llu is not in the database",
			(unsigned long long)g.next);
	*out = merkle_edge_root(&g.edge);
	return ERR_OK;
}

/* Node (level, index) from the tile that holds the level below it. */
static enum err_code from_tile(struct store *s, unsigned level, uint64_t index,
	struct merkle_hash *out, struct err *e)
{
	unsigned tile_level = level / TILE_HEIGHT;
	uint64_t n = UINT64_C(1) << (level % TILE_HEIGHT); /* hashes of the tile it covers */
	uint64_t first = index * n;
	uint64_t tile = first / TILE_WIDTH;
	uint64_t at = first % TILE_WIDTH;
	struct buf hashes = buf_new(TILE_BYTES);
	struct merkle_edge edge = {0};
	enum err_code rc = store_tile_get(s, tile_level, tile, &hashes, e);
	if (rc == ERR_OK && hashes.len < (at + n) * MERKLE_HASH_SIZE)
		rc = err_set(e, ERR_NOT_FOUND, "log", "tile %u/%llu ends early", tile_level,
			(unsigned long long)tile);
	for (uint64_t i = at; rc == ERR_OK && i < at + n; i++) {
		struct merkle_hash h;
		memcpy(h.b, hashes.p + i * MERKLE_HASH_SIZE, sizeof(h.b));
		merkle_edge_add(&edge, h);
	}
	if (rc == ERR_OK)
		*out = merkle_edge_root(&edge);
	buf_free(&hashes);
	return rc;
}

static enum err_code node(void *arg, unsigned level, uint64_t index, struct merkle_hash *out,
	struct err *e)
{
	struct store *s = arg;
	return level < TILE_HEIGHT ? from_leaves(s, level, index, out, e)
				   : from_tile(s, level, index, out, e);
}

struct merkle_source tree_source(struct store *s)
{
	return (struct merkle_source){node, s};
}

/* Append the hash of the full tile (level - 1, index) to the tile above it. */
static enum err_code tile_append(struct store *s, unsigned level, uint64_t index,
	struct merkle_hash h, struct err *e)
{
	struct buf hashes = buf_new(TILE_BYTES);
	enum err_code rc = ERR_OK;
	if (index % TILE_WIDTH != 0)
		rc = store_tile_get(s, level, index / TILE_WIDTH, &hashes, e);
	if (rc == ERR_OK && hashes.len != index % TILE_WIDTH * MERKLE_HASH_SIZE)
		rc = err_set(e, ERR_STORE_DAMAGED, "log", "tile %u/%llu has %zu bytes", level,
			(unsigned long long)(index / TILE_WIDTH), hashes.len);
	buf_bytes(&hashes, bytes_of(h.b, sizeof(h.b)));
	if (rc == ERR_OK)
		rc = buf_end(&hashes, e, "tile");
	if (rc == ERR_OK)
		rc = store_tile_add(s, level, index / TILE_WIDTH, buf_view(&hashes), e);
	buf_free(&hashes);
	return rc;
}

enum err_code tree_grow(struct store *s, uint64_t size, struct err *e)
{
	for (unsigned level = 1; size > 0 && size % TILE_WIDTH == 0; level++) {
		struct merkle_hash h;
		size /= TILE_WIDTH;
		/* The tile below is full: 256 leaves, or 256 hashes of the level below. */
		enum err_code rc = level == 1
			? from_leaves(s, TILE_HEIGHT, size - 1, &h, e)
			: from_tile(s, TILE_HEIGHT * level - 1, 2 * (size - 1), &h, e);
		struct merkle_hash right;
		if (rc == ERR_OK && level > 1) {
			rc = from_tile(s, TILE_HEIGHT * level - 1, 2 * (size - 1) + 1, &right, e);
			if (rc == ERR_OK)
				h = merkle_node(h, right);
		}
		if (rc == ERR_OK)
			rc = tile_append(s, level, size - 1, h, e);
		if (rc != ERR_OK)
			return rc;
	}
	return ERR_OK;
}
