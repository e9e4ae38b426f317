#include "tests/unit/store/faulty_vfs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#define FILES_MAX 8
#define CHANGES_MAX 4096

/* What one file holds for sure, and what was written to it since. */
struct disk_file {
	char path[PATH_MAX];
	uint8_t *sure;
	size_t sure_len;
};

struct change {
	struct disk_file *file;
	size_t at; /* offset; or the new length when `data` is NULL */
	size_t len;
	uint8_t *data;
};

struct shim_file {
	sqlite3_file base;
	struct disk_file *disk;
	sqlite3_file *real; /* behind this struct */
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	enum fault fault;
	unsigned at;
	unsigned count;
	unsigned random;
	bool hit;
	struct disk_file files[FILES_MAX];
	size_t files_n;
	struct change changes[CHANGES_MAX];
	size_t changes_n;
} shim;

static sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct shim_file *)f)->real;
}

/* ---- what is sure */

static void *must(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

static void read_whole(struct disk_file *d)
{
	free(d->sure);
	d->sure = NULL;
	d->sure_len = 0;
	int fd = open(d->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	off_t len = lseek(fd, 0, SEEK_END);
	d->sure_len = len > 0 ? (size_t)len : 0;
	d->sure = must(malloc(d->sure_len + 1));
	if (pread(fd, d->sure, d->sure_len, 0) != (ssize_t)d->sure_len)
		abort();
	(void)close(fd);
}

static bool cuts_power(void)
{
	return shim.fault == FAULT_POWER || shim.fault == FAULT_POWER_SOME ||
		shim.fault == FAULT_POWER_LYING_DISK;
}

static void changed(struct disk_file *d, size_t at, const void *data, size_t len)
{
	if (d == NULL || !cuts_power() || shim.hit)
		return;
	if (shim.changes_n == CHANGES_MAX)
		abort();
	struct change *c = &shim.changes[shim.changes_n++];
	*c = (struct change){.file = d, .at = at, .len = len};
	if (data != NULL) {
		c->data = must(malloc(len + 1));
		memcpy(c->data, data, len);
	}
}

static void synced(struct disk_file *d)
{
	if (d == NULL || !cuts_power() || shim.hit || shim.fault == FAULT_POWER_LYING_DISK)
		return;
	size_t left = 0;
	for (size_t i = 0; i < shim.changes_n; i++) {
		if (shim.changes[i].file == d)
			free(shim.changes[i].data);
		else
			shim.changes[left++] = shim.changes[i];
	}
	shim.changes_n = left;
	read_whole(d);
}

static bool coin(void)
{
	shim.random = shim.random * 1103515245 + 12345;
	return (shim.random >> 16 & 1) != 0;
}

static void as_after_power_cut(struct disk_file *d)
{
	int fd = open(d->path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (ftruncate(fd, 0) != 0 || pwrite(fd, d->sure, d->sure_len, 0) != (ssize_t)d->sure_len)
		abort();
	for (size_t i = 0; i < shim.changes_n; i++) {
		const struct change *c = &shim.changes[i];
		if (c->file != d || shim.fault != FAULT_POWER_SOME || coin())
			continue;
		if (c->data == NULL ? ftruncate(fd, (off_t)c->at) != 0
				    : pwrite(fd, c->data, c->len, (off_t)c->at) != (ssize_t)c->len)
			abort();
	}
	(void)close(fd);
}

/* ---- the operations that may fail */

/* SQLITE_OK, or what this operation returns instead of being done. */
static int strike(int io_code)
{
	shim.count++;
	if (shim.at == 0 || shim.count < shim.at)
		return SQLITE_OK;
	bool once = shim.fault == FAULT_FULL_ONCE || shim.fault == FAULT_IO_ONCE;
	if (once && shim.count > shim.at)
		return SQLITE_OK;
	shim.hit = true;
	return shim.fault == FAULT_FULL || shim.fault == FAULT_FULL_ONCE ? SQLITE_FULL : io_code;
}

static int shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	int rc = strike(SQLITE_IOERR_WRITE);
	if (rc != SQLITE_OK)
		return rc;
	changed(((struct shim_file *)f)->disk, (size_t)at, p, (size_t)n);
	return real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = strike(SQLITE_IOERR_TRUNCATE);
	if (rc != SQLITE_OK)
		return rc;
	changed(((struct shim_file *)f)->disk, (size_t)size, NULL, 0);
	return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int shim_sync(sqlite3_file *f, int flags)
{
	int rc = strike(SQLITE_IOERR_FSYNC);
	if (rc != SQLITE_OK)
		return rc;
	rc = real_of(f)->pMethods->xSync(real_of(f), flags);
	synced(((struct shim_file *)f)->disk);
	return rc;
}

/* ---- the rest is passed on */

static int shim_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int shim_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

static int shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int shim_lock(sqlite3_file *f, int how)
{
	return real_of(f)->pMethods->xLock(real_of(f), how);
}

static int shim_unlock(sqlite3_file *f, int how)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), how);
}

static int shim_reserved(sqlite3_file *f, int *out)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int shim_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int shim_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int shim_device(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int shim_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void shim_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int shim_shm_unmap(sqlite3_file *f, int drop)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), drop);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_device,
	.xShmMap = shim_shm_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier,
	.xShmUnmap = shim_shm_unmap,
};

static struct disk_file *disk_of(const char *path)
{
	for (size_t i = 0; i < shim.files_n; i++)
		if (strcmp(shim.files[i].path, path) == 0)
			return &shim.files[i];
	if (shim.files_n == FILES_MAX)
		abort();
	struct disk_file *d = &shim.files[shim.files_n++];
	(void)snprintf(d->path, sizeof(d->path), "%s", path);
	d->sure = NULL;
	read_whole(d);
	return d;
}

static int shim_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *out)
{
	(void)vfs;
	struct shim_file *s = (struct shim_file *)f;
	s->real = (sqlite3_file *)(s + 1);
	s->disk = NULL;
	int rc = shim.real->xOpen(shim.real, name, s->real, flags, out);
	s->base.pMethods = s->real->pMethods != NULL ? &methods : NULL;
	if (rc == SQLITE_OK && name != NULL && cuts_power())
		s->disk = disk_of(name);
	return rc;
}

void faulty_vfs_install(enum fault fault, unsigned at, unsigned seed)
{
	memset(&shim, 0, sizeof(shim));
	shim.fault = fault;
	shim.at = at;
	shim.random = seed;
	shim.real = sqlite3_vfs_find(NULL);
	shim.vfs = *shim.real;
	shim.vfs.zName = "faulty";
	shim.vfs.szOsFile = (int)sizeof(struct shim_file) + shim.real->szOsFile;
	shim.vfs.xOpen = shim_open;
	if (sqlite3_vfs_register(&shim.vfs, 1) != SQLITE_OK)
		abort();
}

void faulty_vfs_remove(void)
{
	(void)sqlite3_vfs_unregister(&shim.vfs);
	(void)sqlite3_vfs_register(shim.real, 1);
	for (size_t i = 0; i < shim.files_n; i++) {
		if (shim.hit && cuts_power())
			as_after_power_cut(&shim.files[i]);
		free(shim.files[i].sure);
	}
	for (size_t i = 0; i < shim.changes_n; i++)
		free(shim.changes[i].data);
	shim.files_n = shim.changes_n = 0;
}

unsigned faulty_vfs_operations(void)
{
	return shim.count;
}

bool faulty_vfs_hit(void)
{
	return shim.hit;
}
