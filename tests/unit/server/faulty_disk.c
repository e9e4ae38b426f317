#include "tests/unit/server/faulty_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int counts[2];
static int fail_at[2];
static bool full;
static bool failed;

void disk_fail(enum disk_op op, int n)
{
	counts[DISK_SYNC] = counts[DISK_WRITE] = 0;
	fail_at[DISK_SYNC] = fail_at[DISK_WRITE] = 0;
	fail_at[op] = n;
	full = false;
	failed = false;
}

void disk_full(void)
{
	disk_fail(DISK_WRITE, 0);
	full = true;
}

int disk_count(enum disk_op op)
{
	return counts[op];
}

bool disk_failed(void)
{
	return failed;
}

static bool fails(enum disk_op op)
{
	if (++counts[op] != fail_at[op] && !(full && op == DISK_WRITE))
		return false;
	failed = true;
	errno = op == DISK_SYNC ? EIO : ENOSPC;
	return true;
}

static char mirror[256];

void disk_mirror(const char *folder)
{
	(void)snprintf(mirror, sizeof(mirror), "%s", folder != NULL ? folder : "");
}

static void copy_all(int from, int to)
{
	static uint8_t piece[65536];
	off_t at = 0;
	long n;
	while ((n = syscall(SYS_pread64, from, piece, sizeof(piece), at)) > 0) {
		if (syscall(SYS_write, to, piece, (size_t)n) != n)
			abort();
		at += n;
	}
}

static void mirror_file(int fd)
{
	char link[64], path[PATH_MAX], copy[PATH_MAX + 300];
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (mirror[0] == '\0' || n <= 0)
		return;
	path[n] = '\0';
	const char *name = strrchr(path, '/');
	if (name == NULL || strncmp(name, "/medseal.db", 11) != 0)
		return;
	(void)snprintf(copy, sizeof(copy), "%s%s", mirror, name);
	int to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to < 0)
		abort();
	copy_all(fd, to);
	(void)close(to);
}

static int sync_file(long call, int fd)
{
	if (fails(DISK_SYNC))
		return -1;
	int rc = (int)syscall(call, fd);
	if (rc == 0)
		mirror_file(fd);
	return rc;
}

/* The dynamic linker finds these before the C library's. */
int fsync(int fd)
{
	return sync_file(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_file(SYS_fdatasync, fd);
}

static ssize_t write_at(int fd, const void *p, size_t n, off_t at)
{
	return fails(DISK_WRITE) ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, p, n, at);
}

/* Both names, whichever a library was built for: the symbols, not what the headers make of them. */
ssize_t disk_pwrite(int fd, const void *p, size_t n, off_t at) __asm__("pwrite");
ssize_t disk_pwrite64(int fd, const void *p, size_t n, off_t at) __asm__("pwrite64");

ssize_t disk_pwrite(int fd, const void *p, size_t n, off_t at)
{
	return write_at(fd, p, n, at);
}

ssize_t disk_pwrite64(int fd, const void *p, size_t n, off_t at)
{
	return write_at(fd, p, n, at);
}
