#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "merkle/tree.h"

/* Every size up to here: below, at and above each power of two up to 128. */
#define MOST 130

static struct merkle_hash leaves[MOST + 1];

static struct {
	bool known;
	struct merkle_hash h;
} seen[MOST + 1][MOST + 2];

/* RFC 6962 §2.1 word for word, to compare with: MTH(D[from:from + n]). */
static struct merkle_hash mth(uint64_t from, uint64_t n)
{
	if (n == 1)
		return leaves[from];
	if (!seen[from][n].known) {
		uint64_t k = 1;
		while (k * 2 < n)
			k *= 2;
		seen[from][n].h = merkle_node(mth(from, k), mth(from + k, n - k));
		seen[from][n].known = true;
	}
	return seen[from][n].h;
}

static enum err_code node(void *arg, unsigned level, uint64_t index, struct merkle_hash *out,
	struct err *e)
{
	(void)arg;
	uint64_t width = UINT64_C(1) << level;
	if ((index + 1) * width > MOST + 1)
		return err_set(e, ERR_NOT_FOUND, NULL, "outside the tree");
	*out = mth(index * width, width);
	return ERR_OK;
}

static const struct merkle_source source = {node, NULL};

static int make_leaves(void **state)
{
	(void)state;
	for (uint8_t i = 0; i <= MOST; i++)
		leaves[i] = merkle_leaf(bytes_of(&i, 1));
	return 0;
}

static struct merkle_hash hash_of_hex(const char *hex)
{
	struct merkle_hash h;
	assert_true(hex_decode(hex, h.b, sizeof(h.b)));
	return h;
}

#define assert_hash_equal(x, y)                                                                    \
	do {                                                                                       \
		struct merkle_hash x_ = (x);                                                       \
		struct merkle_hash y_ = (y);                                                       \
		assert_memory_equal(x_.b, y_.b, MERKLE_HASH_SIZE);                                 \
	} while (0)

/* The vectors of the reference implementation of RFC 6962. */
static void known_leaves_have_known_roots(void **state)
{
	(void)state;
	static const struct {
		const char *leaf;
		size_t len;
		const char *root;
	} rows[] = {
		{"", 0, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{"\x00", 1, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
		{"\x10", 1, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
		{"\x20\x21", 2, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
		{"\x30\x31", 2, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
		{"\x40\x41\x42\x43", 4,
			"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
		{"\x50\x51\x52\x53\x54\x55\x56\x57", 8,
			"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
		{"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16,
			"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
	};
	struct merkle_edge edge = {0};
	assert_hash_equal(merkle_edge_root(&edge),
		hash_of_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		merkle_edge_add(&edge, merkle_leaf(bytes_of(rows[i].leaf, rows[i].len)));
		assert_int_equal(edge.size, i + 1);
		assert_hash_equal(merkle_edge_root(&edge), hash_of_hex(rows[i].root));
	}
}

static void a_long_leaf_hashes_as_a_short_one_does(void **state)
{
	(void)state;
	static const uint8_t zeros[4097];
	/* The two sides of the size up to which a leaf is hashed in one call. */
	assert_hash_equal(merkle_leaf(bytes_of(zeros, 4096)), hash_of_hex(
		"b587fa297299ce9c602e58292b51379402bf7b1074f6b18679c2fb871c917ca8"));
	assert_hash_equal(merkle_leaf(bytes_of(zeros, 4097)), hash_of_hex(
		"9f65dac5e3cdc605e2878452e9c4a76c31a9b49a8213c5b456804b123b97c1a1"));
}

static void the_edge_is_the_tree_at_every_size(void **state)
{
	(void)state;
	struct merkle_edge edge = {0};
	for (uint64_t n = 1; n <= MOST; n++) {
		struct merkle_hash root;
		merkle_edge_add(&edge, leaves[n - 1]);
		assert_hash_equal(merkle_edge_root(&edge), mth(0, n));
		assert_int_equal(merkle_root(source, n, &root, NULL), ERR_OK);
		assert_hash_equal(root, mth(0, n));
	}
}

static void refuse_inclusion(uint64_t leaf, uint64_t index, uint64_t size,
	const struct merkle_proof *p, struct merkle_hash root)
{
	struct err e;
	assert_int_equal(merkle_check_inclusion(leaves[leaf], index, size, p, root, &e),
		ERR_LOG_PROOF);
}

static void every_inclusion_proof_holds_and_no_other(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= MOST; n++) {
		struct merkle_hash root = mth(0, n);
		for (uint64_t i = 0; i < n; i++) {
			struct merkle_proof p;
			assert_int_equal(merkle_prove_inclusion(source, i, n, &p, NULL), ERR_OK);
			assert_int_equal(
				merkle_check_inclusion(leaves[i], i, n, &p, root, NULL), ERR_OK);
			for (uint64_t j = 0; j <= n; j += n < 40 || j + 3 > n ? 1 : 3)
				if (j != i)
					refuse_inclusion(i, j, n, &p, root);
			refuse_inclusion((i + 1) % (MOST + 1), i, n, &p, root);
			p.n++;
			refuse_inclusion(i, i, n, &p, root);
			p.n--;
			if (p.n > 0) {
				p.n--;
				refuse_inclusion(i, i, n, &p, root);
			}
		}
	}
}

/* An index at another size may have a path of the same shape; then the root must differ. */
static void no_proof_holds_at_another_size(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 40; n++)
		for (uint64_t i = 0; i < n; i++) {
			struct merkle_proof p;
			assert_int_equal(merkle_prove_inclusion(source, i, n, &p, NULL), ERR_OK);
			for (uint64_t m = 1; m <= 40; m++)
				if (m != n)
					refuse_inclusion(i, i, m, &p, mth(0, m));
		}
}

static void every_flipped_bit_breaks_an_inclusion_proof(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {2, 3, 7, 8, 13, 64, 65, 130};
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		uint64_t n = sizes[s];
		uint64_t index[] = {0, n / 2, n - 1};
		for (size_t x = 0; x < 3; x++) {
			struct merkle_hash root = mth(0, n);
			struct merkle_proof p;
			assert_int_equal(
				merkle_prove_inclusion(source, index[x], n, &p, NULL), ERR_OK);
			for (size_t bit = 0; bit < p.n * (size_t)256; bit++) {
				uint8_t *b = &p.path[bit / 256].b[bit % 256 / 8];
				*b ^= (uint8_t)(1 << bit % 8);
				refuse_inclusion(index[x], index[x], n, &p, root);
				*b ^= (uint8_t)(1 << bit % 8);
			}
			for (size_t bit = 0; bit < 256; bit++) {
				root.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
				refuse_inclusion(index[x], index[x], n, &p, root);
				root.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			}
		}
	}
}

static void every_consistency_proof_holds_and_no_other(void **state)
{
	(void)state;
	struct merkle_edge none = {0};
	for (uint64_t n = 0; n <= MOST; n++) {
		struct merkle_hash root = n > 0 ? mth(0, n) : merkle_edge_root(&none);
		for (uint64_t m = 0; m <= n; m++) {
			struct merkle_hash old = m > 0 ? mth(0, m) : merkle_edge_root(&none);
			struct merkle_proof p;
			assert_int_equal(merkle_prove_consistency(source, m, n, &p, NULL), ERR_OK);
			assert_int_equal(
				merkle_check_consistency(m, old, n, root, &p, NULL), ERR_OK);
			struct merkle_hash other = old;
			other.b[0] ^= 1;
			assert_int_equal(merkle_check_consistency(m, other, n, root, &p, NULL),
				ERR_LOG_PROOF);
			other = root;
			other.b[31] ^= 0x80;
			/* From nothing, everything follows: there the new root is not checked. */
			if (m > 0)
				assert_int_equal(
					merkle_check_consistency(m, old, n, other, &p, NULL),
					ERR_LOG_PROOF);
			p.n++;
			assert_int_equal(merkle_check_consistency(m, old, n, root, &p, NULL),
				ERR_LOG_PROOF);
			p.n--;
			if (p.n > 0) {
				p.n--;
				assert_int_equal(
					merkle_check_consistency(m, old, n, root, &p, NULL),
					ERR_LOG_PROOF);
			}
			if (m > 1 && m < n) {
				assert_int_equal(
					merkle_check_consistency(m - 1, old, n, root, &p, NULL),
					ERR_LOG_PROOF);
			}
		}
	}
}

static void every_flipped_bit_breaks_a_consistency_proof(void **state)
{
	(void)state;
	static const uint64_t pairs[][2] = {{1, 2}, {3, 7}, {4, 7}, {6, 8}, {64, 130}, {65, 130},
		{127, 128}, {129, 130}};
	for (size_t s = 0; s < sizeof(pairs) / sizeof(pairs[0]); s++) {
		uint64_t m = pairs[s][0];
		uint64_t n = pairs[s][1];
		struct merkle_proof p;
		assert_int_equal(merkle_prove_consistency(source, m, n, &p, NULL), ERR_OK);
		for (size_t bit = 0; bit < p.n * (size_t)256; bit++) {
			uint8_t *b = &p.path[bit / 256].b[bit % 256 / 8];
			*b ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(
				merkle_check_consistency(m, mth(0, m), n, mth(0, n), &p, NULL),
				ERR_LOG_PROOF);
			*b ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void what_is_outside_the_tree_is_refused(void **state)
{
	(void)state;
	struct merkle_proof p = {0};
	struct merkle_hash h = leaves[0];
	assert_int_equal(merkle_prove_inclusion(source, 0, 0, &p, NULL), ERR_NOT_FOUND);
	assert_int_equal(merkle_prove_inclusion(source, 5, 5, &p, NULL), ERR_NOT_FOUND);
	assert_int_equal(merkle_prove_consistency(source, 6, 5, &p, NULL), ERR_NOT_FOUND);
	assert_int_equal(merkle_check_inclusion(h, 0, 0, &p, h, NULL), ERR_LOG_PROOF);
	assert_int_equal(merkle_check_consistency(6, h, 5, h, &p, NULL), ERR_LOG_PROOF);
	/* The largest index there is, with a path as long as it may be. */
	p.n = MERKLE_PROOF_MAX;
	assert_int_equal(merkle_check_inclusion(h, UINT64_MAX - 1, UINT64_MAX, &p, h, NULL),
		ERR_LOG_PROOF);
	assert_int_equal(merkle_check_consistency(UINT64_MAX - 1, h, UINT64_MAX, h, &p, NULL),
		ERR_LOG_PROOF);
	p.n = MERKLE_PROOF_MAX + 1;
	assert_int_equal(merkle_check_inclusion(h, UINT64_MAX - 1, UINT64_MAX, &p, h, NULL),
		ERR_LOG_PROOF);
	assert_int_equal(merkle_check_consistency(UINT64_MAX - 1, h, UINT64_MAX, h, &p, NULL),
		ERR_LOG_PROOF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_leaves_have_known_roots),
		cmocka_unit_test(a_long_leaf_hashes_as_a_short_one_does),
		cmocka_unit_test(the_edge_is_the_tree_at_every_size),
		cmocka_unit_test(every_inclusion_proof_holds_and_no_other),
		cmocka_unit_test(no_proof_holds_at_another_size),
		cmocka_unit_test(every_flipped_bit_breaks_an_inclusion_proof),
		cmocka_unit_test(every_consistency_proof_holds_and_no_other),
		cmocka_unit_test(every_flipped_bit_breaks_a_consistency_proof),
		cmocka_unit_test(what_is_outside_the_tree_is_refused),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_leaves, NULL);
}
