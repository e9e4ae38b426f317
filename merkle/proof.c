/* Proofs over the tree: RFC 6962 §2.1.1, §2.1.2; their checks: RFC 9162 §2.1.3.2, §2.1.4.2. */
#include "merkle/tree.h"

#include <string.h>

/* The largest power of two smaller than n (n > 1): where RFC 6962 §2.1 splits. */
static uint64_t split(uint64_t n)
{
	uint64_t k = 1;
	while (k < n - k)
		k <<= 1;
	return k;
}

/* The path is found from the root down and told from the leaf up. */
static void turn_around(struct merkle_proof *p)
{
	for (unsigned i = 0; i < p->n / 2; i++) {
		struct merkle_hash h = p->path[i];
		p->path[i] = p->path[p->n - 1 - i];
		p->path[p->n - 1 - i] = h;
	}
}

enum err_code merkle_prove_inclusion(struct merkle_source src, uint64_t index, uint64_t size,
	struct merkle_proof *out, struct err *e)
{
	if (index >= size)
		return err_set(e, ERR_NOT_FOUND, "log", "entry %llu of %llu",
			(unsigned long long)index, (unsigned long long)size);
	struct merkle_proof proof = {0};
	uint64_t from = 0;
	while (size > 1) {
		uint64_t k = split(size);
		bool left = index - from < k;
		/* PATH(m, D[n]) goes on in the half that holds the entry; the other is a node. */
		enum err_code rc = left
			? merkle_range(src, from + k, size - k, &proof.path[proof.n], e)
			: merkle_range(src, from, k, &proof.path[proof.n], e);
		if (rc != ERR_OK)
			return rc;
		proof.n++;
		from = left ? from : from + k;
		size = left ? k : size - k;
	}
	turn_around(&proof);
	*out = proof;
	return ERR_OK;
}

enum err_code merkle_prove_consistency(struct merkle_source src, uint64_t old_size, uint64_t size,
	struct merkle_proof *out, struct err *e)
{
	if (old_size > size)
		return err_set(e, ERR_NOT_FOUND, "log", "size %llu of %llu",
			(unsigned long long)old_size, (unsigned long long)size);
	struct merkle_proof proof = {0};
	uint64_t from = 0;
	uint64_t m = old_size;
	uint64_t n = size;
	bool whole = true; /* SUBPROOF's b: the old tree is the one we stand in */
	enum err_code rc;
	while (m > 0 && m < n) {
		uint64_t k = split(n);
		bool left = m <= k;
		rc = left ? merkle_range(src, from + k, n - k, &proof.path[proof.n], e)
			  : merkle_range(src, from, k, &proof.path[proof.n], e);
		if (rc != ERR_OK)
			return rc;
		proof.n++;
		if (!left) {
			from += k;
			m -= k;
			whole = false;
		}
		n = left ? k : n - k;
	}
	if (m > 0 && !whole) {
		rc = merkle_range(src, from, m, &proof.path[proof.n], e);
		if (rc != ERR_OK)
			return rc;
		proof.n++;
	}
	turn_around(&proof);
	*out = proof;
	return ERR_OK;
}

static bool same(struct merkle_hash a, struct merkle_hash b)
{
	return memcmp(a.b, b.b, MERKLE_HASH_SIZE) == 0;
}

enum err_code merkle_check_inclusion(struct merkle_hash leaf, uint64_t index, uint64_t size,
	const struct merkle_proof *proof, struct merkle_hash root, struct err *e)
{
	if (proof->n > MERKLE_PROOF_MAX)
		return err_set(e, ERR_LOG_PROOF, "inclusion", "the path is too long");
	if (index >= size)
		return err_set(e, ERR_LOG_PROOF, "inclusion", "entry %llu of %llu",
			(unsigned long long)index, (unsigned long long)size);
	uint64_t fn = index;
	uint64_t sn = size - 1;
	struct merkle_hash r = leaf;
	for (unsigned i = 0; i < proof->n; i++) {
		if (sn == 0)
			return err_set(e, ERR_LOG_PROOF, "inclusion", "the path is too long");
		if ((fn & 1) != 0 || fn == sn) {
			r = merkle_node(proof->path[i], r);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			r = merkle_node(r, proof->path[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0)
		return err_set(e, ERR_LOG_PROOF, "inclusion", "the path is too short");
	if (!same(r, root))
		return err_set(e, ERR_LOG_PROOF, "inclusion", "the path leads to another root");
	return ERR_OK;
}

/* Both roots from the path, of which `first` is the subtree that both trees have. */
static enum err_code walk_both(uint64_t fn, uint64_t sn, struct merkle_hash first,
	const struct merkle_hash *path, unsigned n, struct merkle_hash *old_root,
	struct merkle_hash *root, struct err *e)
{
	while ((fn & 1) != 0) {
		fn >>= 1;
		sn >>= 1;
	}
	struct merkle_hash fr = first;
	struct merkle_hash sr = first;
	for (unsigned i = 0; i < n; i++) {
		if (sn == 0)
			return err_set(e, ERR_LOG_PROOF, "consistency", "the path is too long");
		if ((fn & 1) != 0 || fn == sn) {
			fr = merkle_node(path[i], fr);
			sr = merkle_node(path[i], sr);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			sr = merkle_node(sr, path[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	if (sn != 0)
		return err_set(e, ERR_LOG_PROOF, "consistency", "the path is too short");
	*old_root = fr;
	*root = sr;
	return ERR_OK;
}

enum err_code merkle_check_consistency(uint64_t old_size, struct merkle_hash old_root,
	uint64_t size, struct merkle_hash root, const struct merkle_proof *proof, struct err *e)
{
	if (proof->n > MERKLE_PROOF_MAX)
		return err_set(e, ERR_LOG_PROOF, "consistency", "the path is too long");
	if (old_size > size)
		return err_set(e, ERR_LOG_PROOF, "consistency", "the old tree is the larger one");
	struct merkle_edge none = {0};
	struct merkle_hash fr = merkle_edge_root(&none);
	struct merkle_hash sr = root;
	if (old_size == size)
		fr = root;
	if (old_size == 0 || old_size == size) {
		if (proof->n != 0)
			return err_set(e, ERR_LOG_PROOF, "consistency", "the path is too long");
		if (old_size == 0 && size == 0)
			sr = fr = merkle_edge_root(&none);
	} else {
		/* A power of two is itself a node of the new tree, and not repeated in the path. */
		bool node = (old_size & (old_size - 1)) == 0;
		if (!node && proof->n == 0)
			return err_set(e, ERR_LOG_PROOF, "consistency", "the path is empty");
		enum err_code rc = walk_both(old_size - 1, size - 1,
			node ? old_root : proof->path[0], proof->path + (node ? 0 : 1),
			proof->n - (node ? 0 : 1), &fr, &sr, e);
		if (rc != ERR_OK)
			return rc;
	}
	if (!same(fr, old_root))
		return err_set(e, ERR_LOG_PROOF, "consistency",
			"the path leads to another old root");
	if (!same(sr, root))
		return err_set(e, ERR_LOG_PROOF, "consistency", "the path leads to another root");
	return ERR_OK;
}
