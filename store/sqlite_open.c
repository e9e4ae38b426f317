/*
 * Opening: who may (file modes, one writer), whether the file is whole, and which version it has.
 * A writer holds an flock on PATH.lock; SQLite's own locks are free for readers, so that
 * `medseal status` and `medseal log verify` look into the database of a running server.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the header of the file: "MdSl". */
#define APPLICATION_ID 0x4d64536c

/* Page cache of one connection: the upper levels of every index of a realm with a million devices. */
#define CACHE_KIB "8192"
/* Pages in the write-ahead log before they move into the database: 16 MiB, so that a page which
 * many commits touch is moved once. */
#define CHECKPOINT_PAGES "4096"
#define WAL_KEEP_BYTES "33554432"
/* How long a reader waits for a moment of recovery or migration. */
#define BUSY_MS 5000

static enum err_code lock_take(const char *path, int *out, struct err *e)
{
	char name[PATH_MAX];
	int n = snprintf(name, sizeof(name), "%s.lock", path);
	if (n < 0 || (size_t)n >= sizeof(name))
		return err_set(e, ERR_LIMIT, path, "the path is too long");
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, name, errno,
			"the lock file cannot be opened");
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int errnum = errno;
		(void)close(fd);
		if (errnum == EWOULDBLOCK)
			return err_set(e, ERR_REALM_LOCKED, path, "a server runs on it");
		return err_sys(e, ERR_IO, name, errnum, "the lock cannot be taken");
	}
	*out = fd;
	return ERR_OK;
}

/* The database and what lies beside it may be read by its owner alone. */
static enum err_code check_file(const char *path, struct err *e)
{
	struct stat st;
	if (lstat(path, &st) != 0)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, errno,
			"the database");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_IO, path, "it is not a regular file");
	if ((st.st_mode & 077) != 0)
		return err_set(e, ERR_PERMISSIONS, path, "mode %03o; make it 600",
			(unsigned)st.st_mode & 0777);
	if (st.st_size == 0)
		return err_set(e, ERR_STORE_DAMAGED, path, "the file is empty");
	return ERR_OK;
}

static enum err_code exec(struct store *s, const char *sql, const char *object, struct err *e)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? ERR_OK : sqlite_err(s->db, rc, object, e);
}

/* One value of a pragma: a number, and its text when `text` is not NULL. */
static enum err_code ask(struct store *s, const char *sql, const char *path, int64_t *num,
	char *text, size_t size, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	enum err_code code = ERR_OK;
	if (rc != SQLITE_ROW) {
		code = sqlite_err(s->db, rc, path, e);
	} else {
		*num = sqlite3_column_int64(st, 0);
		const unsigned char *t = sqlite3_column_text(st, 0);
		if (text != NULL)
			(void)snprintf(text, size, "%s", t != NULL ? (const char *)t : "");
	}
	(void)sqlite3_finalize(st);
	return code;
}

static enum err_code connect(struct store *s, const char *path, struct err *e)
{
	int flags = (s->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
		SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
	int rc = sqlite3_open_v2(path, &s->db, flags, NULL);
	if (rc != SQLITE_OK)
		return s->db != NULL ? sqlite_err(s->db, rc, path, e)
				     : err_set(e, ERR_NO_MEMORY, path, "database");
	(void)sqlite3_busy_timeout(s->db, BUSY_MS);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* The files of the write-ahead log stay when we close: a sandboxed process need not delete
	 * them and a reader without write access finds them. */
	int keep = 1;
	(void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	/* temp_store: no file is opened later, when the process is in its sandbox. */
	return exec(s,
		"PRAGMA synchronous = FULL;"
		"PRAGMA foreign_keys = ON;"
		"PRAGMA recursive_triggers = ON;"
		"PRAGMA cell_size_check = ON;"
		"PRAGMA temp_store = MEMORY;"
		"PRAGMA mmap_size = 0;"
		"PRAGMA cache_size = -" CACHE_KIB ";"
		"PRAGMA wal_autocheckpoint = " CHECKPOINT_PAGES ";"
		"PRAGMA journal_size_limit = " WAL_KEEP_BYTES ";",
		path, e);
}

static enum err_code use_wal(struct store *s, const char *path, struct err *e)
{
	int64_t num;
	char mode[16];
	enum err_code rc = ask(s, "PRAGMA journal_mode = WAL", path, &num, mode, sizeof(mode), e);
	if (rc == ERR_OK && strcmp(mode, "wal") != 0)
		rc = err_set(e, ERR_STORE, path, "this file system cannot hold a write-ahead log");
	return rc;
}

/* Each migration and its number are one transaction. */
static enum err_code migrate(struct store *s, int64_t version, const char *path, struct err *e)
{
	for (int64_t i = version; i < store_migrations_n; i++) {
		char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d;"
					    "PRAGMA application_id = %d; COMMIT",
			store_migrations[i], (int)i + 1, APPLICATION_ID);
		if (sql == NULL)
			return err_set(e, ERR_NO_MEMORY, path, "migration");
		enum err_code rc = exec(s, sql, path, e);
		sqlite3_free(sql);
		if (rc != ERR_OK) {
			store_rollback(s);
			return rc;
		}
	}
	return ERR_OK;
}

/* A last page that was cut is read by SQLite as if zeros followed. */
static enum err_code check_size(struct store *s, const char *path, struct err *e)
{
	struct stat st;
	int64_t page = 0;
	enum err_code rc = ask(s, "PRAGMA page_size", path, &page, NULL, 0, e);
	if (rc == ERR_OK && stat(path, &st) != 0)
		rc = err_sys(e, ERR_IO, path, errno, "the database");
	if (rc == ERR_OK && (page <= 0 || st.st_size % page != 0))
		rc = err_set(e, ERR_STORE_DAMAGED, path, "its last page is cut off");
	return rc;
}

static enum err_code check_content(struct store *s, const char *path, int64_t *version,
	struct err *e)
{
	int64_t id;
	int64_t ignored;
	char verdict[200];
	enum err_code rc = ask(s, "PRAGMA application_id", path, &id, NULL, 0, e);
	if (rc == ERR_OK && id != APPLICATION_ID)
		rc = err_set(e, ERR_STORE_DAMAGED, path, "it is not a database of Medseal");
	if (rc == ERR_OK)
		rc = ask(s, "PRAGMA user_version", path, version, NULL, 0, e);
	if (rc == ERR_OK && (*version < 1 || *version > store_migrations_n))
		rc = err_set(e, ERR_STORE_VERSION, path, "it has version %lld, this program knows %d",
			(long long)*version, store_migrations_n);
	if (rc == ERR_OK)
		rc = check_size(s, path, e);
	if (rc == ERR_OK)
		rc = ask(s, "PRAGMA quick_check(1)", path, &ignored, verdict, sizeof(verdict), e);
	if (rc == ERR_OK && strcmp(verdict, "ok") != 0)
		rc = err_set(e, ERR_STORE_DAMAGED, path, "%s", verdict);
	return rc;
}

/* The first write of a process opens its folder to make the log's name durable, and shows that the
 * disk takes writes: here, before the sandbox is closed and before a client waits. */
static enum err_code first_write(struct store *s, struct err *e)
{
	enum err_code rc = store_begin(s, e);
	if (rc != ERR_OK)
		return rc;
	rc = store_meta_set(s, "version", MEDSEAL_VERSION, e);
	if (rc == ERR_OK)
		rc = store_commit(s, e);
	if (rc != ERR_OK)
		store_rollback(s);
	return rc;
}

static struct store *store_new(bool read_only)
{
	struct store *s = calloc(1, sizeof(*s));
	if (s != NULL) {
		s->lock = -1;
		s->read_only = read_only;
	}
	return s;
}

static enum err_code open_existing(struct store *s, const char *path, struct err *e)
{
	int64_t version = 0;
	enum err_code rc = check_file(path, e);
	if (rc == ERR_OK && !s->read_only)
		rc = lock_take(path, &s->lock, e);
	if (rc == ERR_OK)
		rc = connect(s, path, e);
	if (rc == ERR_OK)
		rc = check_content(s, path, &version, e);
	if (rc == ERR_OK && s->read_only && version != store_migrations_n)
		rc = err_set(e, ERR_STORE_VERSION, path,
			"it has version %lld; start the server once to bring it to %d",
			(long long)version, store_migrations_n);
	if (rc == ERR_OK && !s->read_only)
		rc = use_wal(s, path, e);
	if (rc == ERR_OK && !s->read_only)
		rc = migrate(s, version, path, e);
	if (rc == ERR_OK && !s->read_only)
		rc = first_write(s, e);
	if (rc == ERR_OK)
		(void)sqlite3_db_release_memory(s->db); /* what quick_check has read */
	return rc;
}

static enum err_code store_open_as(const char *path, bool read_only, struct store **out,
	struct err *e)
{
	struct store *s = store_new(read_only);
	if (s == NULL)
		return err_set(e, ERR_NO_MEMORY, path, "database");
	enum err_code rc = open_existing(s, path, e);
	if (rc == ERR_OK)
		*out = s;
	else
		store_close(s);
	return rc;
}

enum err_code store_open(const char *path, struct store **out, struct err *e)
{
	return store_open_as(path, false, out, e);
}

enum err_code store_open_read_only(const char *path, struct store **out, struct err *e)
{
	return store_open_as(path, true, out, e);
}

/* The name of a new file is durable once its folder is. */
static enum err_code sync_folder(const char *path, struct err *e)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int n = slash == NULL ? snprintf(folder, sizeof(folder), ".")
			      : snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1,
					path);
	if (n < 0 || (size_t)n >= sizeof(folder))
		return err_set(e, ERR_LIMIT, path, "the path is too long");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_IO, folder, errno, "the folder cannot be opened");
	enum err_code rc = fsync(fd) == 0 ? ERR_OK
					  : err_sys(e, ERR_IO, folder, errno, "fsync");
	(void)close(fd);
	return rc;
}

static enum err_code fill_new(struct store *s, const char *path, struct err *e)
{
	enum err_code rc = lock_take(path, &s->lock, e);
	if (rc == ERR_OK)
		rc = connect(s, path, e);
	if (rc == ERR_OK)
		rc = use_wal(s, path, e);
	if (rc == ERR_OK)
		rc = migrate(s, 0, path, e);
	if (rc == ERR_OK)
		rc = first_write(s, e);
	if (rc == ERR_OK)
		rc = sync_folder(path, e);
	return rc;
}

static void remove_new(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char name[PATH_MAX];
		int n = snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		if (n > 0 && (size_t)n < sizeof(name))
			(void)unlink(name);
	}
}

enum err_code store_create(const char *path, struct store **out, struct err *e)
{
	/* SQLite gives the files beside it the mode of this one. */
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e,
			errno == EEXIST	  ? ERR_EXISTS
			: errno == ENOSPC ? ERR_DISK_FULL
					  : ERR_IO,
			path, errno, "the database cannot be made");
	(void)close(fd);
	struct store *s = store_new(false);
	enum err_code rc = s != NULL ? fill_new(s, path, e)
				     : err_set(e, ERR_NO_MEMORY, path, "database");
	if (rc == ERR_OK) {
		*out = s;
		return ERR_OK;
	}
	store_close(s);
	remove_new(path);
	return rc;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	if (s->db != NULL)
		store_rollback(s);
	for (size_t i = 0; i < Q_COUNT; i++)
		(void)sqlite3_finalize(s->kept[i]);
	(void)sqlite3_close_v2(s->db);
	if (s->lock >= 0)
		(void)close(s->lock);
	free(s);
}
