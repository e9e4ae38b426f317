/*
 * Files of a batch that are damaged, exchanged or something else: they are made again or refused,
 * and the answer is never a wrong one.
 */
#include "tests/unit/cmocka_tap.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bigint/checkpoint.h"
#include "tests/unit/bigint/faulty_calls.h"
#include "tests/unit/bigint/sets.h"

/* What a run leaves that is stopped after its first answer. */
static const char *const names[] = {"plan", "product-0", "product-1", "product-2", "answer-0"};
#define NAMES (sizeof(names) / sizeof(names[0]))
#define SUBSETS 3

struct file {
	uint8_t *p;
	size_t n;
};

static struct set set;
static struct moduli *moduli;
static struct expected expected;
static struct file good[NAMES];  /* of the batch */
static struct file fewer[NAMES]; /* of the same moduli in 2 subsets; product-2 is not there */
static struct file alien[NAMES]; /* of other moduli */

static void path_of(const char *dir, const char *name, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%s/%s", dir, name);
}

static struct file take(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct file f = {calloc(1, 65536), 0};
	path_of(dir, name, path);
	FILE *s = fopen(path, "re");
	if (s != NULL) {
		f.n = fread(f.p, 1, 65536, s);
		assert_true(f.n < 65536);
		(void)fclose(s);
	}
	return f;
}

/* By a rename, as everything that writes such files does it. */
static void put(const char *dir, const char *name, const uint8_t *p, size_t n)
{
	char path[PATH_MAX], whole[PATH_MAX];
	path_of(dir, "put", path);
	path_of(dir, name, whole);
	FILE *s = fopen(path, "we");
	assert_non_null(s);
	assert_int_equal(fwrite(p, 1, n, s), n);
	assert_int_equal(fclose(s), 0);
	assert_int_equal(rename(path, whole), 0);
}

static enum err_code run(const char *dir, uint32_t subsets,
	void (*progress)(void *, double, double), void *arg, struct err *e)
{
	struct batch_options o = {.threads = 2,
		.work_dir = dir,
		.subsets = subsets,
		.memory = 1,
		.progress = progress,
		.arg = arg};
	expected.next = expected.said = 0;
	enum err_code err = batch_gcd(moduli, &o, expected_compare, &expected, e);
	if (err == ERR_OK) {
		expected_done(&expected);
		assert_true(expected.said >= 3);
	}
	return err;
}

static void must_run(const char *dir)
{
	struct err e;
	enum err_code err = run(dir, SUBSETS, NULL, NULL, &e);
	if (err != ERR_OK)
		print_error("%s: %s\n", e.object, e.reason);
	assert_int_equal(err, ERR_OK);
}

static void stopped(uint32_t subsets, struct file to[NAMES])
{
	char dir[64];
	struct err e;
	work_new(dir);
	/* The plan, the products and an answer are put in place; the next answer is not. */
	calls_fail(CALL_RENAME, 1 + (int)subsets + 2, EIO);
	assert_int_equal(run(dir, subsets, NULL, NULL, &e), ERR_IO);
	calls_fail(CALL_RENAME, 0, 0);
	for (size_t i = 0; i < NAMES; i++)
		to[i] = take(dir, names[i]);
	work_free(dir);
}

static int a_batch_and_others(void **state)
{
	(void)state;
	char path[64];
	mpz_t p;
	mpz_init(p);
	random_prime(p, 80);
	set = set_new(60);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < set.count; i++) {
			bool shares = i == 3 || i == 5 || i == 50;
			random_odd(set.n[i], shares ? 112 : 192);
			if (shares)
				mpz_mul(set.n[i], set.n[i], p);
		}
		moduli = written(&set, path);
		(void)unlink(path);
		expected_new(&expected, &set);
		stopped(SUBSETS, round == 0 ? alien : good);
		if (round == 1)
			break;
		expected_free(&expected);
		moduli_close(moduli);
	}
	stopped(2, fewer);
	mpz_clear(p);
	for (size_t i = 0; i < NAMES; i++)
		assert_true(good[i].n >= CHECKPOINT_HEAD && alien[i].n >= CHECKPOINT_HEAD);
	return 0;
}

static int nothing_left(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		free(good[i].p);
		free(fewer[i].p);
		free(alien[i].p);
	}
	expected_free(&expected);
	moduli_close(moduli);
	set_free(&set);
	return 0;
}

static void work_stopped(char dir[64])
{
	work_new(dir);
	for (size_t i = 0; i < NAMES; i++)
		put(dir, names[i], good[i].p, good[i].n);
}

/* With this instead of the file: the result is right, and the file was made again. */
static void instead(size_t name, const uint8_t *p, size_t n)
{
	char dir[64];
	work_stopped(dir);
	put(dir, names[name], p, n);
	/* Two answers are missing anyway. */
	calls_fail(CALL_RENAME, 0, 0);
	must_run(dir);
	assert_int_equal(calls_count(CALL_RENAME), 3);
	work_free(dir);
}

static void what_was_whole_is_not_made_again(void **state)
{
	(void)state;
	char dir[64];
	work_stopped(dir);
	calls_fail(CALL_RENAME, 0, 0);
	must_run(dir);
	assert_int_equal(calls_count(CALL_RENAME), 2);
	work_free(dir);
}

static void cut_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		const size_t n = good[i].n;
		const size_t to[] = {0, 1, 8, 63, 64, n / 2, n - 8, n - 1};
		for (size_t j = 0; j < sizeof(to) / sizeof(to[0]); j++)
			if (to[j] < n)
				instead(i, good[i].p, to[j]);
	}
}

static void lengthened(void **state)
{
	(void)state;
	static const size_t by[] = {1, 8, 64};
	for (size_t i = 0; i < NAMES; i++) {
		uint8_t *p = calloc(1, good[i].n + 64);
		memcpy(p, good[i].p, good[i].n);
		for (size_t j = 0; j < 3; j++)
			instead(i, p, good[i].n + by[j]);
		free(p);
	}
}

static void a_bit_flipped(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		size_t n = good[i].n;
		/* A bit of each 32-bit word of the head, and some of the body. */
		size_t step = (n - CHECKPOINT_HEAD) / 5 + 1;
		for (size_t at = 0; at < n; at += at < CHECKPOINT_HEAD ? 4 : step) {
			good[i].p[at] ^= (uint8_t)(1 << (at / 4 % 8));
			uint8_t *p = malloc(n);
			memcpy(p, good[i].p, n);
			good[i].p[at] ^= (uint8_t)(1 << (at / 4 % 8));
			instead(i, p, n);
			free(p);
		}
	}
}

static void exchanged(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		for (size_t j = 0; j < NAMES; j++)
			if (j != i)
				instead(i, good[j].p, good[j].n);
		instead(i, alien[i].p, alien[i].n);
		if (i != 0 && fewer[i].n > 0)
			instead(i, fewer[i].p, fewer[i].n);
	}
	/* Another plan of the same moduli is gone by: no other file fits to it. */
	char dir[64];
	work_stopped(dir);
	put(dir, "plan", fewer[0].p, fewer[0].n);
	calls_fail(CALL_RENAME, 0, 0);
	must_run(dir);
	assert_int_equal(calls_count(CALL_RENAME), 2 + 2);
	work_free(dir);
	/* All of another batch: nothing fits. */
	work_new(dir);
	for (size_t i = 0; i < NAMES; i++)
		put(dir, names[i], alien[i].p, alien[i].n);
	calls_fail(CALL_RENAME, 0, 0);
	must_run(dir);
	assert_int_equal(calls_count(CALL_RENAME), 1 + 2 * SUBSETS);
	work_free(dir);
}

/* What stands there cannot be removed, or is no file: said before any work is done, by its name. */
static void no_file_at_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		for (int kind = 0; kind < 3; kind++) {
			char dir[64], path[PATH_MAX];
			struct err e;
			work_stopped(dir);
			path_of(dir, names[i], path);
			assert_int_equal(unlink(path), 0);
			if (kind == 0)
				assert_int_equal(mkdir(path, 0700), 0);
			else if (kind == 1)
				assert_int_equal(mkfifo(path, 0600), 0);
			else
				assert_int_equal(symlink(path, path), 0);
			calls_fail(CALL_FALLOCATE, 0, 0);
			enum err_code err = run(dir, SUBSETS, NULL, NULL, &e);
			if (kind == 1) { /* is removed like an empty file */
				assert_int_equal(err, ERR_OK);
			} else {
				assert_int_equal(err, ERR_IO);
				assert_string_equal(e.object, path);
				assert_int_equal(calls_count(CALL_FALLOCATE), 0);
				assert_int_equal(remove(path), 0);
			}
			must_run(dir);
			work_free(dir);
		}
	}
}

struct later {
	const char *dir;
	size_t name;
	int left;
	bool done;
};

static void damage(void *arg, double done, double total)
{
	struct later *l = arg;
	char path[PATH_MAX];
	(void)done;
	(void)total;
	path_of(l->dir, names[l->name], path);
	if (--l->left != 0 || access(path, F_OK) != 0)
		return;
	uint8_t *p = malloc(good[l->name].n);
	memcpy(p, good[l->name].p, good[l->name].n);
	p[good[l->name].n - 1] ^= 0x40;
	put(l->dir, names[l->name], p, good[l->name].n);
	free(p);
	l->done = true;
}

/* Damaged while the batch is at work: it ends well, or names the file, and the next call is well. */
static void damaged_meanwhile(void **state)
{
	(void)state;
	unsigned refused = 0, ended = 0;
	for (size_t i = 1; i < NAMES; i++) {
		for (int n = 1; n < 16; n++) {
			char dir[64], path[PATH_MAX];
			struct err e;
			work_new(dir);
			struct later l = {dir, i, n, false};
			enum err_code err = run(dir, SUBSETS, damage, &l, &e);
			path_of(dir, names[i], path);
			if (err != ERR_OK) {
				assert_true(l.done);
				assert_int_equal(err, ERR_MALFORMED);
				assert_string_equal(e.object, path);
			}
			refused += err != ERR_OK;
			ended += l.done && err == ERR_OK;
			must_run(dir);
			work_free(dir);
		}
	}
	assert_true(refused > 0 && ended > 0);
}

int main(void)
{
	gmp_randinit_mt(rnd);
	gmp_randseed_ui(rnd, 20260404);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_whole_is_not_made_again),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(lengthened),
		cmocka_unit_test(a_bit_flipped),
		cmocka_unit_test(exchanged),
		cmocka_unit_test(no_file_at_all),
		cmocka_unit_test(damaged_meanwhile),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = cmocka_run_group_tests(tests, a_batch_and_others, nothing_left);
	gmp_randclear(rnd);
	return failed;
}
