/* The store built with one migration more: an older database is brought forward, or not touched. */
#include "tests/unit/cmocka_tap.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/sqlite.h"
#include "tests/unit/store/temp_store.h"

static void raw(const char *path, const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		print_message("# %s\n", sqlite3_errmsg(db));
	assert_int_equal(rc, SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What a program that knew only the first migration left behind. */
static void make_version_1(struct temp_store *t)
{
	temp_store_start(t);
	store_close(t->store);
	t->store = NULL;
	assert_int_equal(unlink(t->path), 0);
	raw(t->path, "PRAGMA journal_mode = DELETE");
	raw(t->path, store_migrations[0]);
	raw(t->path, "PRAGMA application_id = 0x4d64536c; PRAGMA user_version = 1;"
		     "INSERT INTO meta VALUES ('name', 'clinic');"
		     "INSERT INTO device VALUES ('PUMP-00001', 'pump', '', 0, 1, 0, '', 0)");
	assert_int_equal(chmod(t->path, 0600), 0);
}

static int version_of(const char *path)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int version = sqlite3_column_int(st, 0);
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return version;
}

static void assert_name(struct store *s, const char *want)
{
	struct buf b = buf_new(100);
	OK(store_meta_get(s, "name", &b, NULL));
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
}

static void an_older_database_is_brought_forward_once(void **state)
{
	(void)state;
	struct temp_store t;
	struct device d = device_of(1);
	make_version_1(&t);
	assert_int_equal(store_open_read_only(t.path, &t.store, NULL), ERR_STORE_VERSION);
	assert_int_equal(version_of(t.path), 1);
	OK(store_open(t.path, &t.store, NULL));
	assert_name(t.store, "clinic moved");
	OK(store_device_get(t.store, d.serial, &d, NULL));
	temp_store_reopen(&t);
	assert_name(t.store, "clinic moved");
	assert_int_equal(version_of(t.path), 2);
	temp_store_end(&t);
}

static void a_migration_that_fails_leaves_everything(void **state)
{
	(void)state;
	struct temp_store t;
	make_version_1(&t);
	raw(t.path, "CREATE TABLE spoiler (id INTEGER); INSERT INTO spoiler VALUES (1), (1)");
	assert_int_not_equal(store_open(t.path, &t.store, NULL), ERR_OK);
	assert_int_equal(version_of(t.path), 1);
	raw(t.path, "DELETE FROM spoiler");
	OK(store_open(t.path, &t.store, NULL));
	assert_name(t.store, "clinic moved"); /* once: the first attempt was undone */
	temp_store_end(&t);
}

static void a_new_database_has_all_of_them(void **state)
{
	(void)state;
	struct temp_store t;
	temp_store_start(&t);
	assert_int_equal(version_of(t.path), 2);
	temp_store_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_older_database_is_brought_forward_once),
		cmocka_unit_test(a_migration_that_fails_leaves_everything),
		cmocka_unit_test(a_new_database_has_all_of_them),
	};
	return RUN_TAP(tests);
}
