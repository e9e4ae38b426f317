/* Opening, locking, damage, versions, transactions. */
#include "tests/unit/cmocka_tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/unit/store/temp_store.h"

static int begin(void **state)
{
	static struct temp_store t;
	temp_store_start(&t);
	*state = &t;
	return 0;
}

static int end(void **state)
{
	temp_store_end(*state);
	return 0;
}

static void add_device(struct store *s, unsigned n)
{
	struct device d = device_of(n);
	OK(store_begin(s, NULL));
	OK(store_device_add(s, &d, NULL));
	OK(store_commit(s, NULL));
}

static enum err_code has_device(struct store *s, unsigned n)
{
	struct device d = device_of(n);
	return store_device_get(s, d.serial, &d, NULL);
}

static unsigned mode_of(const struct temp_store *t, const char *suffix)
{
	char name[80];
	struct stat st;
	(void)snprintf(name, sizeof(name), "%s%s", t->path, suffix);
	assert_int_equal(stat(name, &st), 0);
	return (unsigned)st.st_mode & 0777;
}

static void its_files_are_for_its_owner_alone(void **state)
{
	struct temp_store *t = *state;
	mode_t before = umask(0);
	temp_store_reopen(t);
	add_device(t->store, 1);
	(void)umask(before);
	assert_int_equal(mode_of(t, ""), 0600);
	assert_int_equal(mode_of(t, "-wal"), 0600);
	assert_int_equal(mode_of(t, "-shm"), 0600);
	assert_int_equal(mode_of(t, ".lock"), 0600);
	store_close(t->store);
	t->store = NULL;
	assert_int_equal(chmod(t->path, 0640), 0);
	assert_int_equal(store_open(t->path, &t->store, NULL), ERR_PERMISSIONS);
	assert_int_equal(store_open_read_only(t->path, &t->store, NULL), ERR_PERMISSIONS);
	assert_null(t->store);
}

static void a_new_one_does_not_take_the_place_of_an_old_one(void **state)
{
	struct temp_store *t = *state;
	struct store *other = NULL;
	add_device(t->store, 1);
	assert_int_equal(store_create(t->path, &other, NULL), ERR_EXISTS);
	assert_null(other);
	OK(has_device(t->store, 1));
	assert_int_equal(store_open("/nowhere/db", &other, NULL), ERR_NOT_FOUND);
	assert_int_equal(store_create("/nowhere/db", &other, NULL), ERR_IO);
}

static void there_is_one_writer_and_readers_see_what_is_committed(void **state)
{
	struct temp_store *t = *state;
	struct store *other = NULL;
	struct store *reader = NULL;
	struct device d = device_of(2);
	assert_int_equal(store_open(t->path, &other, NULL), ERR_REALM_LOCKED);
	OK(store_open_read_only(t->path, &reader, NULL));
	add_device(t->store, 1);
	OK(has_device(reader, 1));
	OK(store_begin(t->store, NULL));
	OK(store_device_add(t->store, &d, NULL));
	assert_int_equal(has_device(reader, 2), ERR_NOT_FOUND);
	OK(store_commit(t->store, NULL));
	OK(has_device(reader, 2));
	/* A view that a walk holds stays what it was. */
	OK(store_step_begin(reader, NULL));
	OK(has_device(reader, 1));
	add_device(t->store, 3);
	assert_int_equal(has_device(reader, 3), ERR_NOT_FOUND);
	store_step_undo(reader);
	OK(has_device(reader, 3));
	store_close(reader);
	/* Gone with its owner: the lock needs no clearing by hand. */
	temp_store_reopen(t);
	OK(has_device(t->store, 3));
}

static void a_reader_cannot_write(void **state)
{
	struct temp_store *t = *state;
	struct store *reader = NULL;
	struct device d = device_of(1);
	OK(store_open_read_only(t->path, &reader, NULL));
	OK(store_begin(reader, NULL));
	assert_int_equal(store_device_add(reader, &d, NULL), ERR_STORE);
	store_rollback(reader);
	store_close(reader);
	/* And one that comes when nobody writes finds everything. */
	add_device(t->store, 1);
	store_close(t->store);
	t->store = NULL;
	OK(store_open_read_only(t->path, &reader, NULL));
	OK(has_device(reader, 1));
	store_close(reader);
}

static void nothing_changes_outside_a_transaction(void **state)
{
	struct temp_store *t = *state;
	struct device d = device_of(1);
	assert_int_equal(store_device_add(t->store, &d, NULL), ERR_STORE);
	assert_int_equal(store_commit(t->store, NULL), ERR_STORE);
	OK(store_step_begin(t->store, NULL));
	assert_int_equal(store_device_add(t->store, &d, NULL), ERR_STORE);
	store_step_undo(t->store);
	assert_int_equal(has_device(t->store, 1), ERR_NOT_FOUND);
}

static void a_step_is_undone_alone(void **state)
{
	struct temp_store *t = *state;
	struct device d[5];
	for (unsigned i = 0; i < 5; i++)
		d[i] = device_of(i);
	OK(store_begin(t->store, NULL));
	OK(store_step_begin(t->store, NULL));
	OK(store_device_add(t->store, &d[0], NULL));
	OK(store_step_end(t->store, NULL));
	OK(store_step_begin(t->store, NULL));
	OK(store_device_add(t->store, &d[1], NULL));
	assert_int_equal(store_device_add(t->store, &d[0], NULL), ERR_EXISTS);
	store_step_undo(t->store);
	OK(store_step_begin(t->store, NULL));
	OK(store_device_add(t->store, &d[2], NULL));
	OK(store_step_end(t->store, NULL));
	OK(store_commit(t->store, NULL));
	OK(store_begin(t->store, NULL));
	OK(store_device_add(t->store, &d[3], NULL));
	store_rollback(t->store);
	OK(store_begin(t->store, NULL));
	OK(store_device_add(t->store, &d[4], NULL));
	temp_store_reopen(t); /* closed in the middle */
	static const enum err_code want[] = {ERR_OK, ERR_NOT_FOUND, ERR_OK, ERR_NOT_FOUND,
		ERR_NOT_FOUND};
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(has_device(t->store, i), want[i]);
}

/* ---- damage */

static off_t size_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void copy_file(const char *from, const char *to)
{
	static uint8_t data[1 << 22];
	int in = open(from, O_RDONLY);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(in >= 0 && out >= 0);
	ssize_t n = read(in, data, sizeof(data));
	assert_true(n >= 0 && (size_t)n < sizeof(data));
	assert_int_equal(write(out, data, (size_t)n), n);
	assert_int_equal(close(in), 0);
	assert_int_equal(close(out), 0);
}

static void remove_wal(struct temp_store *t)
{
	char name[80];
	(void)snprintf(name, sizeof(name), "%s-wal", t->path);
	(void)unlink(name);
	(void)snprintf(name, sizeof(name), "%s-shm", t->path);
	(void)unlink(name);
}

/* Closely in the header, then a few in each page, then each of the last bytes: a page whose end is
 * cut can look whole to SQLite. */
static off_t next_cut(off_t at, off_t size)
{
	off_t last = size - 50;
	off_t next = at + (at < 4096 ? 97 : at < last ? 1024 + 97 : 1);
	return at < last && next > last ? last : next;
}

static void a_file_cut_short_is_told_at_every_length(void **state)
{
	struct temp_store *t = *state;
	char copy[80];
	for (unsigned i = 0; i < 300; i++)
		add_device(t->store, i);
	store_close(t->store);
	t->store = NULL;
	remove_wal(t); /* everything moved into the database when it was closed */
	(void)snprintf(copy, sizeof(copy), "%s.copy", t->path);
	copy_file(t->path, copy);
	off_t size = size_of(copy);
	assert_true(size > 100000);
	for (off_t at = 0; at < size; at = next_cut(at, size)) {
		struct store *s = NULL;
		copy_file(copy, t->path);
		assert_int_equal(truncate(t->path, at), 0);
		enum err_code rc = store_open(t->path, &s, NULL);
		assert_int_equal(rc, ERR_STORE_DAMAGED);
		assert_int_equal(store_open_read_only(t->path, &s, NULL), ERR_STORE_DAMAGED);
		remove_wal(t);
	}
	copy_file(copy, t->path);
	OK(store_open(t->path, &t->store, NULL));
	OK(has_device(t->store, 299));
}

static void a_file_overwritten_is_told(void **state)
{
	struct temp_store *t = *state;
	char junk[4096];
	memset(junk, 0xa5, sizeof(junk));
	for (unsigned i = 0; i < 300; i++)
		add_device(t->store, i);
	store_close(t->store);
	t->store = NULL;
	remove_wal(t);
	int fd = open(t->path, O_WRONLY);
	assert_true(fd >= 0);
	/* The page of the devices' table is one of the last that were written. */
	off_t size = size_of(t->path);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), size - 4096), sizeof(junk));
	assert_int_equal(close(fd), 0);
	assert_int_equal(store_open(t->path, &t->store, NULL), ERR_STORE_DAMAGED);
	fd = open(t->path, O_WRONLY);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 0), sizeof(junk));
	assert_int_equal(close(fd), 0);
	assert_int_equal(store_open(t->path, &t->store, NULL), ERR_STORE_DAMAGED);
}

/* ---- versions */

static void raw(const struct temp_store *t, const char *sql, int want)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	assert_int_equal(rc & 0xff, want);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void another_version_is_not_touched(void **state)
{
	struct temp_store *t = *state;
	struct err e;
	store_close(t->store);
	t->store = NULL;
	raw(t, "PRAGMA user_version = 99", SQLITE_OK);
	assert_int_equal(store_open(t->path, &t->store, &e), ERR_STORE_VERSION);
	assert_non_null(strstr(e.reason, "99"));
	assert_int_equal(store_open_read_only(t->path, &t->store, &e), ERR_STORE_VERSION);
	raw(t, "PRAGMA user_version = 0", SQLITE_OK);
	assert_int_equal(store_open(t->path, &t->store, &e), ERR_STORE_VERSION);
	raw(t, "PRAGMA application_id = 1", SQLITE_OK);
	assert_int_equal(store_open(t->path, &t->store, &e), ERR_STORE_DAMAGED);
}

/* ---- the schema's own rules: whoever gets at the database with plain SQL meets them too */

static void the_schema_refuses_by_itself(void **state)
{
	struct temp_store *t = *state;
	struct device d = device_of(1);
	struct ticket k = ticket_of(1);
	struct cert_row c = cert_of(1, d.serial);
	struct operator_row o = {.name = "alice", .revoked = true};
	struct store *s = t->store;
	OK(store_begin(s, NULL));
	OK(store_device_add(s, &d, NULL));
	OK(store_ticket_add(s, &k, NULL));
	OK(store_ticket_use(s, k.hash, 5, NULL));
	OK(store_cert_add(s, &c, bytes_str("DER"), NULL));
	c.state = CERT_IS_REVOKED;
	OK(store_cert_set_state(s, &c, NULL));
	d.state = DEVICE_IS_REVOKED;
	OK(store_device_set_state(s, &d, NULL));
	OK(store_operator_add(s, &o, bytes_str("C"), NULL));
	OK(log_add(s, 0, "a", "o", NULL));
	OK(log_add(s, 1, "a", "o", NULL));
	OK(store_checkpoint_add(s, 2, bytes_str("N"), NULL));
	OK(store_commit(s, NULL));
	store_close(s);
	t->store = NULL;
	static const char *const refused[] = {
		"UPDATE log SET entry = x'00' WHERE seq = 0",
		"UPDATE log SET seq = 7 WHERE seq = 1",
		"DELETE FROM log WHERE seq = 1",
		"DELETE FROM log",
		"INSERT INTO log SELECT 3, leaf, act, object, entry FROM log WHERE seq = 0",
		"INSERT INTO log SELECT -1, leaf, act, object, entry FROM log WHERE seq = 0",
		"INSERT OR REPLACE INTO log SELECT 1, leaf, act, object, entry FROM log WHERE seq = 0",
		"DELETE FROM checkpoint",
		"UPDATE checkpoint SET note = x'00'",
		"UPDATE device SET state = 1",
		"UPDATE device SET state = 2, revoked_at = 0",
		"DELETE FROM device",
		"UPDATE cert SET state = 1",
		"UPDATE cert SET der = x'00'",
		"DELETE FROM cert",
		"UPDATE ticket SET used_at = 0",
		"UPDATE ticket SET used_at = 9",
		"DELETE FROM ticket",
		"UPDATE operator SET revoked = 0",
		"DELETE FROM operator",
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		raw(t, refused[i], SQLITE_CONSTRAINT);
	OK(store_open(t->path, &t->store, NULL));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(its_files_are_for_its_owner_alone),
		CASE(a_new_one_does_not_take_the_place_of_an_old_one),
		CASE(there_is_one_writer_and_readers_see_what_is_committed),
		CASE(a_reader_cannot_write),
		CASE(nothing_changes_outside_a_transaction),
		CASE(a_step_is_undone_alone),
		CASE(a_file_cut_short_is_told_at_every_length),
		CASE(a_file_overwritten_is_told),
		CASE(another_version_is_not_touched),
		CASE(the_schema_refuses_by_itself),
	};
	return RUN_TAP(tests);
}
