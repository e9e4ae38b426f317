/*
 * The disk fails at operation 1, 2, 3, ... of open, commits and close.  Then the database holds
 * everything that was acknowledged, at most one commit more, and none by half.
 */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/store/faulty_vfs.h"
#include "tests/unit/store/temp_store.h"

/* Commits in a run; each adds PER_COMMIT devices and as many log entries, over several pages. */
#define COMMITS 4
#define PER_COMMIT 6

struct run {
	unsigned acknowledged; /* commits that returned ERR_OK */
	unsigned attempted;
	enum err_code first; /* the first failure that the store told */
};

static enum err_code add(struct store *s, unsigned commit, struct err *e)
{
	char big[1500];
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	enum err_code rc = store_begin(s, e);
	for (unsigned i = 0; rc == ERR_OK && i < PER_COMMIT; i++) {
		struct device d = device_of(commit * PER_COMMIT + i);
		struct cert_row c = cert_of(commit * PER_COMMIT + i, d.serial);
		rc = store_step_begin(s, e);
		if (rc == ERR_OK)
			rc = store_device_add(s, &d, e);
		if (rc == ERR_OK)
			rc = store_cert_add(s, &c, bytes_str(big), e);
		if (rc == ERR_OK)
			rc = log_add(s, commit * PER_COMMIT + i, "act", d.serial, e);
		if (rc == ERR_OK)
			rc = store_step_end(s, e);
	}
	if (rc == ERR_OK)
		rc = store_commit(s, e);
	if (rc != ERR_OK)
		store_rollback(s);
	return rc;
}

/* Open, commit, close.  A commit that failed is tried once more, as a caller would. */
static struct run go(const char *path)
{
	struct run r = {0};
	struct store *s = NULL;
	struct err e;
	r.first = store_open(path, &s, &e);
	if (r.first != ERR_OK)
		return r;
	for (unsigned commit = 0; commit < COMMITS; commit++) {
		r.attempted = commit + 1;
		enum err_code rc = add(s, commit, &e);
		if (rc != ERR_OK && r.first == ERR_OK)
			r.first = rc;
		if (rc != ERR_OK)
			rc = add(s, commit, &e);
		if (rc != ERR_OK)
			break;
		r.acknowledged = commit + 1;
	}
	store_close(s);
	return r;
}

static void check_whole(const char *path, const struct run *r)
{
	struct store *s = NULL;
	struct err e = {0};
	uint64_t entries;
	uint64_t certs;
	uint64_t devices;
	enum err_code rc = store_open(path, &s, &e);
	if (rc != ERR_OK)
		print_message("# %s: %s\n", err_name(rc), e.reason);
	assert_int_equal(rc, ERR_OK);
	OK(store_log_size(s, &entries, NULL));
	OK(store_cert_count(s, &certs, NULL));
	OK(store_device_count(s, DEVICE_REGISTERED, &devices, NULL));
	assert_int_equal(entries % PER_COMMIT, 0);
	assert_int_equal(certs, entries);
	assert_int_equal(devices, entries);
	assert_in_range(entries / PER_COMMIT, r->acknowledged, r->attempted);
	for (unsigned i = 0; i < entries; i++) {
		struct device d = device_of(i);
		OK(store_device_get(s, d.serial, &d, NULL));
		OK(store_log_get(s, i, NULL, NULL, NULL));
	}
	/* And it goes on from there. */
	OK(add(s, (unsigned)entries / PER_COMMIT, NULL));
	store_close(s);
}

static void drop(const struct temp_store *t, const char *suffix)
{
	char name[80];
	(void)snprintf(name, sizeof(name), "%s%s", t->path, suffix);
	(void)unlink(name);
}

static void fresh(struct temp_store *t)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		drop(t, ends[i]);
	OK(store_create(t->path, &t->store, NULL));
	store_close(t->store);
	t->store = NULL;
}

static void fail_at_each(enum fault fault, enum err_code told)
{
	struct temp_store t;
	unsigned at = 1;
	unsigned last;
	temp_store_start(&t);
	store_close(t.store);
	t.store = NULL;
	for (;; at++) {
		fresh(&t);
		faulty_vfs_install(fault, at, at);
		struct run r = go(t.path);
		bool hit = faulty_vfs_hit();
		last = faulty_vfs_operations();
		faulty_vfs_remove();
		if (!hit) {
			assert_int_equal(r.acknowledged, COMMITS);
			break;
		}
		/* Failures while the log is moved into the database, at the end, are not told:
		 * nothing is lost by them. */
		if (r.first != ERR_OK)
			assert_int_equal(r.first, told);
		else
			assert_int_equal(r.acknowledged, COMMITS);
		if (fault == FAULT_POWER || fault == FAULT_POWER_SOME)
			drop(&t, "-shm"); /* it was memory */
		check_whole(t.path, &r);
	}
	print_message("# %u operations, each failed once\n", last);
	assert_true(at > 40);
	temp_store_end(&t);
}

static void the_disk_is_full_for_a_moment(void **state)
{
	(void)state;
	fail_at_each(FAULT_FULL_ONCE, ERR_DISK_FULL);
}

static void the_disk_is_full(void **state)
{
	(void)state;
	fail_at_each(FAULT_FULL, ERR_DISK_FULL);
}

static void one_operation_fails(void **state)
{
	(void)state;
	fail_at_each(FAULT_IO_ONCE, ERR_IO);
}

static void the_disk_is_broken(void **state)
{
	(void)state;
	fail_at_each(FAULT_IO, ERR_IO);
}

static void the_power_fails(void **state)
{
	(void)state;
	fail_at_each(FAULT_POWER, ERR_IO);
}

static void the_power_fails_and_some_writes_were_through(void **state)
{
	(void)state;
	fail_at_each(FAULT_POWER_SOME, ERR_IO);
}

/* The trial itself must be able to fail: on a disk whose fsync does nothing, it shows the loss. */
static void on_a_disk_that_lies_the_loss_is_seen(void **state)
{
	(void)state;
	struct temp_store t;
	uint64_t entries;
	temp_store_start(&t);
	store_close(t.store);
	t.store = NULL;
	faulty_vfs_install(FAULT_POWER_LYING_DISK, 40, 1);
	struct run r = go(t.path);
	assert_true(faulty_vfs_hit());
	faulty_vfs_remove();
	drop(&t, "-shm");
	assert_true(r.acknowledged > 0);
	OK(store_open(t.path, &t.store, NULL));
	OK(store_log_size(t.store, &entries, NULL));
	assert_true(entries / PER_COMMIT < r.acknowledged);
	temp_store_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_disk_is_full_for_a_moment),
		cmocka_unit_test(the_disk_is_full),
		cmocka_unit_test(one_operation_fails),
		cmocka_unit_test(the_disk_is_broken),
		cmocka_unit_test(the_power_fails),
		cmocka_unit_test(the_power_fails_and_some_writes_were_through),
		cmocka_unit_test(on_a_disk_that_lies_the_loss_is_seen),
	};
	return RUN_TAP(tests);
}
