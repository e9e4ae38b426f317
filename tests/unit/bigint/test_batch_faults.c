/*
 * A batch in subsets that is killed, whose disk fails at every call in turn, or whose files are
 * damaged: it goes on with what is whole, or refuses, and never says anything wrong.
 */
#include "tests/unit/cmocka_tap.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bigint/checkpoint.h"
#include "bigint/moduli.h"
#include "tests/unit/bigint/faulty_calls.h"
#include "tests/unit/bigint/sets.h"

#define SUBSETS 3
/* plan, then product-I and answer-I of each */
#define NAMES (1 + 2 * SUBSETS)

static struct set set;
static struct moduli *moduli, *other;
static struct expected expected;
static uint32_t subsets = SUBSETS;

/* Two sets of the same shape; in the first are two in one subset that share, and two far apart. */
static int two_sets(void **state)
{
	(void)state;
	char path[64];
	mpz_t p;
	mpz_init(p);
	random_prime(p, 80);
	set = set_new(120);
	for (size_t i = 0; i < set.count; i++)
		random_odd(set.n[i], 192);
	other = written(&set, path);
	(void)unlink(path);
	for (size_t i = 0; i < set.count; i++) {
		random_odd(set.n[i], i == 3 || i == 5 || i == 100 ? 112 : 192);
		if (i == 3 || i == 5 || i == 100)
			mpz_mul(set.n[i], set.n[i], p);
	}
	moduli = written(&set, path);
	(void)unlink(path);
	mpz_clear(p);
	expected_new(&expected, &set);
	return 0;
}

static int no_sets(void **state)
{
	(void)state;
	expected_free(&expected);
	moduli_close(moduli);
	moduli_close(other);
	set_free(&set);
	return 0;
}

/* When ERR_OK, what it said was right. */
static enum err_code run(const char *dir, void (*progress)(void *, double, double), void *arg,
	struct err *e)
{
	struct batch_options o = {.threads = 2,
		.work_dir = dir,
		.subsets = subsets,
		.memory = 1,
		.progress = progress,
		.arg = arg};
	expected.next = expected.said = 0;
	enum err_code err = batch_gcd(moduli, &o, expected_compare, &expected, e);
	if (err == ERR_OK)
		expected_done(&expected);
	return err;
}

static void must_run(const char *dir)
{
	struct err e;
	enum err_code err = run(dir, NULL, NULL, &e);
	if (err != ERR_OK)
		print_error("%s: %s\n", e.object, e.reason);
	assert_int_equal(err, ERR_OK);
	assert_true(expected.said >= 3);
}

/* ---- what is in the folder
 * ------------------------------------------------------------------------------------------ */

static struct checkpoint_id id_of(unsigned name)
{
	if (name == 0)
		return (struct checkpoint_id){moduli_sum(moduli), CHECKPOINT_PLAN, 0, SUBSETS};
	return (struct checkpoint_id){moduli_sum(moduli),
		name <= SUBSETS ? CHECKPOINT_PRODUCT : CHECKPOINT_ANSWER, (name - 1) % SUBSETS,
		SUBSETS};
}

static void name_of(const char *dir, unsigned name, const char *end, char path[PATH_MAX])
{
	if (name == 0)
		(void)snprintf(path, PATH_MAX, "%s/plan%s", dir, end);
	else
		(void)snprintf(path, PATH_MAX, "%s/%s-%u%s", dir,
			name <= SUBSETS ? "product" : "answer", (name - 1) % SUBSETS, end);
}

/* Which are there; each that is there is whole. */
static unsigned found(const char *dir, bool have[NAMES])
{
	unsigned n = 0;
	for (unsigned i = 0; i < NAMES; i++) {
		struct checkpoint_id id = id_of(i);
		struct checkpoint c;
		struct err e;
		enum err_code err = checkpoint_open(dir, &id, &c, &e);
		assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
		have[i] = err == ERR_OK;
		n += have[i];
		checkpoint_close(&c);
	}
	return n;
}

static bool unfinished_there(const char *dir)
{
	char path[PATH_MAX];
	bool any = false;
	for (unsigned i = 0; i < NAMES; i++) {
		name_of(dir, i, ".part", path);
		any = any || access(path, F_OK) == 0;
	}
	return any;
}

/* Files that a run must make when these are there: each is renamed once. */
static int to_make(const bool have[NAMES])
{
	int products = 0, answers = 0;
	for (unsigned i = 0; i < SUBSETS; i++) {
		products += !have[1 + i];
		answers += !have[1 + SUBSETS + i];
	}
	return !have[0] + (answers > 0 ? products : 0) + answers;
}

static ino_t inode(const char *dir, unsigned name)
{
	char path[PATH_MAX];
	struct stat st;
	name_of(dir, name, "", path);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* After something ended a run: goes on, makes what is missing and nothing else. */
static void goes_on(const char *dir)
{
	bool have[NAMES], after[NAMES];
	ino_t was[NAMES];
	(void)found(dir, have);
	for (unsigned i = 0; i < NAMES; i++)
		was[i] = inode(dir, i);
	calls_fail(CALL_RENAME, 0, 0);
	must_run(dir);
	assert_int_equal(calls_count(CALL_RENAME), to_make(have));
	/* Plan and answers are left, the same where they were there; products are not needed. */
	assert_int_equal(found(dir, after), 1 + SUBSETS);
	for (unsigned i = 0; i < NAMES; i++) {
		assert_int_equal(after[i], i == 0 || i > SUBSETS);
		if (after[i] && have[i])
			assert_int_equal(inode(dir, i), was[i]);
	}
	assert_false(unfinished_there(dir));
}

/* ---- kill -9
 * ------------------------------------------------------------------------------------------ */

static void kill_at(void *left, double done, double total)
{
	(void)done;
	(void)total;
	if (--*(int *)left == 0)
		(void)kill(getpid(), SIGKILL);
}

/* Whether a child was killed before it was ready. */
static bool child_killed(const char *dir, int progress, enum call call, int n)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e;
		calls_fail(call, n, FAULT_KILL);
		_exit(run(dir, kill_at, &progress, &e) == ERR_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), SIGKILL);
	else
		assert_int_equal(WEXITSTATUS(status), 0);
	return WIFSIGNALED(status);
}

static void killed_at_every_step(void **state)
{
	(void)state;
	bool killed = true;
	int n = 0;
	while (killed) {
		char dir[64];
		work_new(dir);
		killed = child_killed(dir, ++n, CALL_OPEN, 0);
		goes_on(dir);
		work_free(dir);
	}
	assert_true(n > 5 * SUBSETS);
}

static void killed_at_every_call(void **state)
{
	(void)state;
	static const enum call calls[] = {
		CALL_OPEN, CALL_WRITE, CALL_FSYNC, CALL_RENAME, CALL_FALLOCATE};
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		bool killed = true;
		int n = 0;
		while (killed) {
			char dir[64];
			work_new(dir);
			killed = child_killed(dir, 0, calls[i], ++n);
			goes_on(dir);
			work_free(dir);
		}
		assert_true(n > NAMES);
	}
}

/* Killed, gone on, killed again: each time it comes at least one file further. */
static void killed_again_and_again(void **state)
{
	(void)state;
	char dir[64];
	bool have[NAMES];
	unsigned n = 0;
	work_new(dir);
	while (child_killed(dir, 0, CALL_RENAME, 2)) {
		unsigned now = found(dir, have);
		assert_int_equal(now, ++n);
	}
	assert_int_equal(n, NAMES - 1);
	goes_on(dir);
	work_free(dir);
}

/* ---- calls that fail
 * ------------------------------------------------------------------------------------------ */

static void fail_each(enum call call, int fault, enum err_code want)
{
	for (int n = 1;; n++) {
		char dir[64];
		struct err e;
		bool have[NAMES];
		work_new(dir);
		calls_fail(call, n, fault);
		enum err_code err = run(dir, NULL, NULL, &e);
		bool met = calls_count(call) >= n;
		calls_fail(call, 0, 0);
		if (err != (met ? want : ERR_OK))
			print_error("%s, call %d: %s: %s\n", calls_name(call), n,
				err != ERR_OK ? e.object : "", err != ERR_OK ? e.reason : "ok");
		assert_int_equal(err, met ? want : ERR_OK);
		if (err != ERR_OK) {
			assert_int_equal(e.code, want);
			assert_int_equal(strncmp(e.object, dir, strlen(dir)), 0);
			/* Spilled heights have no name but their folder's. */
			if (call != CALL_FALLOCATE && call != CALL_OPEN)
				assert_int_equal(e.object[strlen(dir)], '/');
			assert_true(e.reason[0] != '\0');
		}
		(void)found(dir, have);
		assert_false(unfinished_there(dir));
		if (subsets > 1)
			goes_on(dir);
		else
			must_run(dir);
		work_free(dir);
		if (!met) {
			assert_true(n > 1);
			return;
		}
	}
}

static void every_write_fails_once(void **state)
{
	(void)state;
	fail_each(CALL_WRITE, EIO, ERR_IO);
	fail_each(CALL_WRITE, ENOSPC, ERR_DISK_FULL);
	fail_each(CALL_WRITE, EDQUOT, ERR_DISK_FULL);
}

static void every_write_is_short_or_interrupted_once(void **state)
{
	(void)state;
	fail_each(CALL_WRITE, FAULT_SHORT, ERR_OK);
	fail_each(CALL_WRITE, EINTR, ERR_OK);
}

static void every_sync_and_rename_fails_once(void **state)
{
	(void)state;
	fail_each(CALL_FSYNC, EIO, ERR_IO);
	fail_each(CALL_FSYNC, ENOSPC, ERR_DISK_FULL);
	fail_each(CALL_RENAME, EIO, ERR_IO);
	fail_each(CALL_RENAME, ENOSPC, ERR_DISK_FULL);
}

static void every_file_cannot_be_made_once(void **state)
{
	(void)state;
	fail_each(CALL_OPEN, EIO, ERR_IO);
	fail_each(CALL_OPEN, ENOSPC, ERR_DISK_FULL);
}

static void every_height_finds_no_space_once(void **state)
{
	(void)state;
	for (subsets = 1; subsets <= SUBSETS; subsets += SUBSETS - 1) {
		fail_each(CALL_FALLOCATE, EIO, ERR_IO);
		fail_each(CALL_FALLOCATE, ENOSPC, ERR_DISK_FULL);
		fail_each(CALL_FALLOCATE, EINTR, ERR_OK);
	}
	subsets = SUBSETS;
}

static enum err_code write_moduli(const char *path, struct err *e)
{
	struct moduli_writer *w = NULL;
	enum err_code err = moduli_create(path, &w, e);
	if (err != ERR_OK)
		return err;
	for (unsigned i = 0; err == ERR_OK && i < 9; i++) {
		uint8_t b[MODULI_BYTES_MAX / 4]; /* more than the buffer of a file together */
		memset(b, (int)(0x11 + 2 * i), sizeof(b));
		err = moduli_add(w, bytes_of(b, sizeof(b)), e);
	}
	if (err == ERR_OK)
		return moduli_end(w, e);
	moduli_abandon(w);
	return err;
}

static void a_moduli_file_is_whole_or_not_there(void **state)
{
	(void)state;
	static const int faults[] = {EIO, ENOSPC, EINTR, FAULT_SHORT};
	static const enum err_code want[] = {ERR_IO, ERR_DISK_FULL, ERR_OK, ERR_OK};
	char dir[64], path[PATH_MAX], part[PATH_MAX];
	work_new(dir);
	(void)snprintf(path, sizeof(path), "%s/moduli", dir);
	(void)snprintf(part, sizeof(part), "%s/moduli.part", dir);
	for (int call = CALL_OPEN; call < CALL_FALLOCATE; call++) {
		bool written_by = call == CALL_WRITE || call == CALL_PWRITE;
		for (unsigned f = 0; f < (written_by ? 4 : 2); f++) {
			bool met = true;
			for (int n = 1; met; n++) {
				struct err e;
				calls_fail((enum call)call, n, faults[f]);
				enum err_code err = write_moduli(path, &e);
				met = calls_count((enum call)call) >= n;
				calls_fail((enum call)call, 0, 0);
				assert_int_equal(err, met ? want[f] : ERR_OK);
				if (err != ERR_OK) {
					assert_string_equal(e.object, path);
					assert_int_not_equal(access(path, F_OK), 0);
				} else {
					struct moduli *m = NULL;
					assert_int_equal(moduli_open(path, &m, &e), ERR_OK);
					assert_int_equal(moduli_count(m), 9);
					moduli_close(m);
					assert_int_equal(unlink(path), 0);
				}
				assert_int_not_equal(access(part, F_OK), 0);
				assert_true(met || n > 1);
			}
		}
	}
	work_free(dir);
}

int main(void)
{
	gmp_randinit_mt(rnd);
	gmp_randseed_ui(rnd, 20260303);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_every_step),
		cmocka_unit_test(killed_at_every_call),
		cmocka_unit_test(killed_again_and_again),
		cmocka_unit_test(every_write_fails_once),
		cmocka_unit_test(every_write_is_short_or_interrupted_once),
		cmocka_unit_test(every_sync_and_rename_fails_once),
		cmocka_unit_test(every_file_cannot_be_made_once),
		cmocka_unit_test(every_height_finds_no_space_once),
		cmocka_unit_test(a_moduli_file_is_whole_or_not_there),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = cmocka_run_group_tests(tests, two_sets, no_sets);
	gmp_randclear(rnd);
	return failed;
}
