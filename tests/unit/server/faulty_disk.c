#include "tests/unit/server/faulty_disk.h"

#include <errno.h>
#include <stdint.h>
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

/* The dynamic linker finds these before the C library's. */
int fsync(int fd)
{
	return fails(DISK_SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return fails(DISK_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
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
