/* A tree whose products or fractions were computed wrongly says so instead of an answer. */
#include "tests/unit/cmocka_tap.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigint/disk.h"
#include "bigint/fft.h"
#include "bigint/recip.h"
#include "bigint/tree.h"
#include "tests/unit/bigint/sets.h"

static struct set set;
static struct moduli *moduli;
static struct pool *pool;

static int some_moduli(void **state)
{
	(void)state;
	char path[64];
	struct err e;
	set = set_new(300);
	for (size_t i = 0; i < set.count; i++)
		random_odd(set.n[i], 2048);
	moduli = written(&set, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pool_new(2, &pool, &e), ERR_OK);
	return 0;
}

static int none_left(void **state)
{
	(void)state;
	pool_free(pool);
	moduli_close(moduli);
	set_free(&set);
	return 0;
}

/* Where a bit is flipped, between the steps. */
enum place { NOWHERE, IN_FRACTION, IN_PRODUCT };

/* All hits as one number, in whatever order they come. */
static void add_hit(void *arg, uint64_t modulus, const uint64_t *factor, size_t n)
{
	const uint64_t m[] = {modulus, 1};
	*(uint64_t *)arg += sum_words(sum_words(0, m, 2), factor, n);
}

/* All of batch_gcd() in one tree, with `kernel`; how far from the high end the bit is. */
static enum err_code work(const struct fft_kernel *kernel, enum place place, size_t limb,
	unsigned bit, uint64_t *hits, struct err *e)
{
	struct tree_options o = {0};
	struct mul *m = NULL;
	struct tree *t = NULL;
	assert_int_equal(mul_new(pool, kernel, &m, e), ERR_OK);
	assert_int_equal(tree_new(m, moduli, NULL, 0, set.count, &o, &t, e), ERR_OK);
	enum err_code err = tree_up(t, true, e);
	if (err != ERR_OK) {
		assert_int_equal(err, ERR_INTERNAL);
		tree_free(t);
		mul_free(m);
		return err;
	}
	size_t n = tree_limbs(t);
	uint64_t *v = malloc((n + 1) * sizeof(*v)), *p = malloc(n * sizeof(*p));
	memcpy(p, tree_product(t), n * sizeof(*p));
	if (place == IN_PRODUCT)
		p[n - 1 - limb] ^= (uint64_t)1 << bit;
	recip_fraction(m, (struct crew){pool, 0}, v, tree_sum(t), p, n);
	assert_int_equal(mul_end(m, e), ERR_OK);
	if (place == IN_FRACTION)
		v[n - limb] ^= (uint64_t)1 << bit;
	*hits = 0;
	err = tree_down(t, v, add_hit, hits, e); /* takes v */
	free(p);
	tree_free(t);
	mul_free(m);
	return err;
}

static void nothing_wrong(void **state)
{
	(void)state;
	struct err e;
	uint64_t hits, again;
	assert_int_equal(work(fft_load(), NOWHERE, 0, 0, &hits, &e), ERR_OK);
	assert_int_equal(work(NULL, NOWHERE, 0, 0, &again, &e), ERR_OK);
	assert_int_equal(hits, again);
}

/* A bit of the root's fraction or product, as a fault of memory would flip it. */
static void a_bit_of_the_root(void **state)
{
	(void)state;
	static const size_t limbs[] = {0, 1, 31, 4000, 9500};
	for (size_t i = 0; i < sizeof(limbs) / sizeof(limbs[0]); i++) {
		struct err e;
		uint64_t hits;
		for (enum place p = IN_FRACTION; p <= IN_PRODUCT; p++) {
			assert_int_equal(
				work(NULL, p, limbs[i], (unsigned)(7 * i), &hits, &e),
				ERR_INTERNAL);
			assert_non_null(strstr(e.reason, "computed wrongly"));
		}
	}
}

/* ---- a kernel with a fault
 * ----------------------------------------------------------------------------------------- */

static struct fft_kernel faulty;
static const struct fft_kernel *sound;
static atomic_int transforms;
static int wrong_at;

/* The n-th transform comes out with one of its points off by 1 modulo one of the primes. */
static void forward(const struct fft_plan *p, unsigned prime, double *x, size_t n)
{
	sound->forward(p, prime, x, n);
	if (atomic_fetch_add(&transforms, 1) + 1 != wrong_at)
		return;
	x[0] += x[0] > 0 ? -1.0 : 1.0;
}

static void a_wrong_transform(void **state)
{
	(void)state;
	struct err e;
	uint64_t hits, right;
	sound = fft_load();
	if (sound == NULL)
		skip(); /* there is no kernel to be wrong */
	faulty = *sound;
	faulty.forward = forward;
	wrong_at = 0;
	atomic_store(&transforms, 0);
	assert_int_equal(work(&faulty, NOWHERE, 0, 0, &right, &e), ERR_OK);
	int all = atomic_load(&transforms);
	assert_true(all > 40);
	int wrong = 0, tried = 0;
	for (wrong_at = 1; wrong_at <= all; wrong_at += 1 + all / 40, tried++) {
		atomic_store(&transforms, 0);
		enum err_code err = work(&faulty, NOWHERE, 0, 0, &hits, &e);
		assert_true(err == ERR_OK || err == ERR_INTERNAL);
		/* One in the beginning of a reciprocal's iteration mends itself. */
		if (err == ERR_OK)
			assert_int_equal(hits, right);
		wrong += err == ERR_INTERNAL;
	}
	print_message("# %d of %d wrong transforms were found\n", wrong, tried);
	assert_true(wrong > 0);
}

int main(void)
{
	gmp_randinit_mt(rnd);
	gmp_randseed_ui(rnd, 20260505);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_wrong),
		cmocka_unit_test(a_bit_of_the_root),
		cmocka_unit_test(a_wrong_transform),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = cmocka_run_group_tests(tests, some_moduli, none_left);
	gmp_randclear(rnd);
	return failed;
}
