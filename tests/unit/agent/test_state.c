/*
 * The device's folder under power loss: a child installs and promotes a credential and is ended
 * before its 1st, 2nd, 3rd ... change to the disk.  After each the invariants of agent/state.h hold.
 */
#include "tests/unit/cmocka_tap.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/state.h"
#include "base/clock.h"
#include "crypto/random.h"

static int ops_left = -1; /* -1: never lose power */

static void spend(void)
{
	if (ops_left == 0)
		_exit(77);
	if (ops_left > 0)
		ops_left--;
}

#define WRAP(type, name, args, call)                                                               \
	type __real_##name args;                                                                   \
	type __wrap_##name args;                                                                   \
	type __wrap_##name args                                                                    \
	{                                                                                          \
		spend();                                                                           \
		return __real_##name call;                                                         \
	}

WRAP(int, rename, (const char *a, const char *b), (a, b))
WRAP(int, symlink, (const char *a, const char *b), (a, b))
WRAP(int, mkdir, (const char *p, mode_t m), (p, m))
WRAP(int, linkat, (int da, const char *a, int db, const char *b, int f), (da, a, db, b, f))
WRAP(int, unlink, (const char *p), (p))
WRAP(int, remove, (const char *p), (p))
WRAP(int, fsync, (int fd), (fd))

static char dir[] = "/tmp/medseal-state-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void remove_folder(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void make_cert(const struct key *k, struct buf *der)
{
	struct buf spki = buf_new(KEY_SPKI_MAX);
	assert_int_equal(key_spki(k, &spki, NULL), ERR_OK);
	struct cert_fields f = {.profile = PROFILE_ROOT,
		.organization = "Test",
		.common_name = "PUMP-1",
		.not_before = clock_now(clock_system()),
		.spki = buf_view(&spki)};
	assert_int_equal(random_bytes(f.serial, sizeof(f.serial), NULL), ERR_OK);
	assert_int_equal(cert_build(&f, k, BYTES_NONE, der, NULL), ERR_OK);
	buf_free(&spki);
}

/* Make a key, install its certificate behind `link`, promote it when it is `next`. */
static enum err_code one_credential(struct state *s, const char *link, struct err *e)
{
	struct key *k = NULL;
	struct buf der = buf_new(CERT_DER_MAX);
	enum err_code rc = state_pending_load(s, &k, e);
	if (rc == ERR_NOT_FOUND) {
		rc = key_generate(KEY_P256, &k, e);
		if (rc == ERR_OK)
			rc = state_pending_save(s, k, e);
	}
	if (rc == ERR_OK)
		make_cert(k, &der);
	if (rc == ERR_OK)
		rc = state_install(s, link, buf_view(&der), e);
	if (rc == ERR_OK && strcmp(link, "next") == 0)
		rc = state_promote(s, e);
	key_free(k);
	buf_free(&der);
	return rc;
}

static void assert_complete(const struct state *s, const char *link)
{
	struct credential c;
	struct key *k = NULL;
	uint8_t id[SHA256_SIZE];
	assert_int_equal(state_credential(s, link, &c, NULL), ERR_OK);
	assert_int_equal(key_load(c.key_path, BYTES_NONE, &k, NULL), ERR_OK);
	assert_int_equal(key_id(k, id, NULL), ERR_OK);
	assert_memory_equal(id, c.cert.spki_id, sizeof(id));
	key_free(k);
	credential_free(&c);
}

/* Run one_credential in a child that loses power before its n-th operation; false when it ended. */
static bool lose_power_at(int n, const char *link)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct state s;
		if (state_open(dir, false, &s, NULL) != ERR_OK)
			_exit(1);
		ops_left = n;
		_exit(one_credential(&s, link, NULL) == ERR_OK ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 0);
	return WEXITSTATUS(status) == 77;
}

static void power_loss_at_every_step_leaves_a_usable_credential(void **state)
{
	(void)state;
	struct state s;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(state_open(dir, true, &s, NULL), ERR_OK);
	assert_int_equal(state_configure(&s, "https://localhost:1", "PUMP-1", bytes_str("x"), NULL),
		ERR_OK);
	assert_int_equal(one_credential(&s, "current", NULL), ERR_OK);
	assert_complete(&s, "current");
	int n = 0;
	while (lose_power_at(n, "next")) {
		assert_complete(&s, "current");
		if (state_has(&s, "next"))
			assert_complete(&s, "next");
		n++;
	}
	assert_true(n > 10);
	assert_false(state_has(&s, "next"));
	assert_complete(&s, "current");
	print_message("# power lost at %d points\n", n);
}

static void a_folder_that_others_may_enter_is_refused(void **state)
{
	(void)state;
	struct state s;
	struct err e;
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(state_open(dir, false, &s, &e), ERR_PERMISSIONS);
	assert_int_equal(chmod(dir, 0700), 0);
}

static void a_folder_belongs_to_one_device(void **state)
{
	(void)state;
	struct state s;
	assert_int_equal(state_open(dir, false, &s, NULL), ERR_OK);
	assert_string_equal(s.serial, "PUMP-1");
	assert_int_equal(
		state_configure(&s, "https://localhost:1", "PUMP-2", bytes_str("x"), NULL),
		ERR_EXISTS);
	assert_int_equal(
		state_configure(&s, "https://localhost:2", "PUMP-1", bytes_str("x"), NULL),
		ERR_EXISTS);
}

static void what_was_mistyped_can_be_put_right_before_there_is_a_certificate(void **state)
{
	(void)state;
	struct state s, again;
	struct key *k = NULL;
	char fresh[] = "/tmp/medseal-state-XXXXXX";
	assert_non_null(mkdtemp(fresh));
	assert_int_equal(state_open(fresh, true, &s, NULL), ERR_OK);
	assert_int_equal(state_configure(&s, "https://typo:1", "PUMB-1", bytes_str("x"), NULL), ERR_OK);
	assert_int_equal(state_configure(&s, "https://typo:1", "PUMP-1", bytes_str("x"), NULL), ERR_OK);
	assert_int_equal(key_generate(KEY_P256, &k, NULL), ERR_OK);
	assert_int_equal(state_pending_save(&s, k, NULL), ERR_OK);
	key_free(k);
	/* With a key, which a server may have seen, the serial stands; server and anchor do not. */
	assert_int_equal(state_configure(&s, "https://typo:1", "PUMP-2", bytes_str("x"), NULL),
		ERR_EXISTS);
	assert_int_equal(state_configure(&s, "https://right:1", "PUMP-1", bytes_str("y"), NULL), ERR_OK);
	assert_int_equal(state_open(fresh, false, &again, NULL), ERR_OK);
	assert_string_equal(again.server, "https://right:1");
	assert_string_equal(again.serial, "PUMP-1");
	remove_folder(fresh);
}

static void the_proven_time_never_goes_back(void **state)
{
	(void)state;
	struct state s;
	assert_int_equal(state_open(dir, false, &s, NULL), ERR_OK);
	assert_int_equal(state_clock_proven(&s, 2000, NULL), ERR_OK);
	assert_int_equal(state_clock_proven(&s, 1000, NULL), ERR_OK);
	assert_int_equal(state_clock_floor(&s), 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_loss_at_every_step_leaves_a_usable_credential),
		cmocka_unit_test(a_folder_that_others_may_enter_is_refused),
		cmocka_unit_test(a_folder_belongs_to_one_device),
		cmocka_unit_test(
			what_was_mistyped_can_be_put_right_before_there_is_a_certificate),
		cmocka_unit_test(the_proven_time_never_goes_back),
	};
	int failed = RUN_TAP(tests);
	return failed;
}
