#include "tests/unit/bigint/faulty_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static const char *const names[CALLS] = {
	"open", "write", "pwrite", "fsync", "rename", "posix_fallocate"};
static int counts[CALLS];
static enum call at_call;
static int at_n, at_fault;

void calls_fail(enum call call, int n, int fault)
{
	for (unsigned i = 0; i < CALLS; i++)
		counts[i] = 0;
	at_call = call;
	at_n = n;
	at_fault = fault;
}

int calls_count(enum call call)
{
	return counts[call];
}

const char *calls_name(enum call call)
{
	return names[call];
}

/* 0, an errno, or FAULT_SHORT.  The engine's files are written by one thread. */
static int fault(enum call call)
{
	if (++counts[call] != at_n || call != at_call)
		return 0;
	if (at_fault == FAULT_KILL)
		(void)kill(getpid(), SIGKILL);
	return at_fault;
}

/* What the linker calls the C library's own; the names with 64 are for a 64-bit off_t. */
int __real_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_posix_fallocate(int fd, off_t at, off_t n);

int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_posix_fallocate(int fd, off_t at, off_t n);
int __wrap_open64(const char *path, int flags, ...) __attribute__((alias("__wrap_open")));
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at)
	__attribute__((alias("__wrap_pwrite")));
int __wrap_posix_fallocate64(int fd, off_t at, off_t n)
	__attribute__((alias("__wrap_posix_fallocate")));

int __wrap_open(const char *path, int flags, ...)
{
	va_list ap;
	va_start(ap, flags);
	unsigned mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(ap, unsigned) : 0;
	va_end(ap);
	/* Reading, and opening a folder to sync it, are not what is made to fail. */
	if ((flags & O_ACCMODE) != O_RDONLY && (errno = fault(CALL_OPEN)) != 0)
		return -1;
	return __real_open(path, flags, mode);
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	int f = fault(CALL_WRITE);
	if (f == FAULT_SHORT)
		return __real_write(fd, p, (n + 1) / 2);
	errno = f;
	return f != 0 ? -1 : __real_write(fd, p, n);
}

ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
	int f = fault(CALL_PWRITE);
	if (f == FAULT_SHORT)
		return __real_pwrite(fd, p, (n + 1) / 2, at);
	errno = f;
	return f != 0 ? -1 : __real_pwrite(fd, p, n, at);
}

int __wrap_fsync(int fd)
{
	return (errno = fault(CALL_FSYNC)) != 0 ? -1 : __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
	return (errno = fault(CALL_RENAME)) != 0 ? -1 : __real_rename(from, to);
}

int __wrap_posix_fallocate(int fd, off_t at, off_t n)
{
	int f = fault(CALL_FALLOCATE);
	return f != 0 ? f : __real_posix_fallocate(fd, at, n);
}
