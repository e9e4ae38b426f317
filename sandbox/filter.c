/*
 * System calls by allow-list; everything else kills the process.  A list stands here once, with
 * why; a call that takes dangerous arguments is allowed only with harmless ones.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "sandbox/sandbox.h"

#define CALL(name) SCMP_SYS(name)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Memory, time, random numbers, what is already open, and the end. */
static const int every_process[] = {CALL(read), CALL(readv), CALL(write), CALL(writev), CALL(close),
	CALL(fstat), CALL(lseek), CALL(munmap), CALL(mremap), CALL(brk), CALL(madvise), CALL(futex),
	CALL(clock_gettime), CALL(clock_nanosleep), CALL(nanosleep), CALL(gettimeofday), CALL(time),
	CALL(getpid), CALL(gettid), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid),
	CALL(getrandom), CALL(sched_yield), CALL(restart_syscall), CALL(rt_sigreturn),
	CALL(rt_sigprocmask), CALL(exit), CALL(exit_group),
	/* channels, and libevent's loop, whose epoll descriptor was made before */
	CALL(sendmsg), CALL(recvmsg), CALL(poll), CALL(ppoll), CALL(epoll_wait), CALL(epoll_pwait),
	CALL(epoll_pwait2), CALL(epoll_ctl)};

/* Connections that come in on listening sockets it was handed; bodies as memfds. */
static const int worker_too[] = {CALL(accept4), CALL(recvfrom), CALL(sendto), CALL(getsockname),
	CALL(getpeername), CALL(getsockopt), CALL(setsockopt), CALL(shutdown), CALL(memfd_create)};

/* Files: SQLite's and the images'.  Landlock says which. */
static const int keeper_too[] = {CALL(open), CALL(openat), CALL(stat), CALL(lstat),
	CALL(newfstatat), CALL(statx), CALL(access), CALL(faccessat), CALL(faccessat2),
	CALL(readlink), CALL(readlinkat), CALL(getcwd), CALL(pread64), CALL(pwrite64), CALL(fsync),
	CALL(fdatasync), CALL(ftruncate), CALL(fallocate), CALL(unlink), CALL(unlinkat),
	CALL(rename), CALL(renameat), CALL(renameat2), CALL(fchmod), CALL(umask), CALL(flock),
	CALL(getdents64), CALL(copy_file_range), CALL(sendfile), CALL(memfd_create),
	CALL(fstatfs), CALL(statfs), CALL(msync)};

/* The image that is to be signed comes as a descriptor. */
static const int signer_too[] = {CALL(pread64), CALL(memfd_create)};

/*
 * Only in a build with AddressSanitizer: what its runtime calls for itself.  Opening stays refused,
 * with an error instead of death, so that a report is still printed (without line numbers).
 */
#ifdef __SANITIZE_ADDRESS__
static const int sanitizer_too[] = {CALL(sigaltstack), CALL(rt_sigaction),
	CALL(sched_getaffinity), CALL(tgkill), CALL(set_robust_list)};
static const int sanitizer_refused[] = {CALL(open), CALL(openat), CALL(readlink), CALL(stat),
	CALL(newfstatat), CALL(prctl), CALL(socket), CALL(clone), CALL(pipe), CALL(pipe2),
	CALL(getrlimit), CALL(prlimit64)};
#define WITH_SANITIZER 1
#else
static const int sanitizer_too[1];
static const int sanitizer_refused[1];
#define WITH_SANITIZER 0
#endif

static const int fcntl_commands[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC,
	F_ADD_SEALS, F_GET_SEALS};
static const int fcntl_locks[] = {F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK,
	F_OFD_SETLKW};

static int allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

static int allow_fcntl(scmp_filter_ctx f, const int *commands, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(fcntl), 1,
			SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
	return rc;
}

/* No memory becomes code: mmap and mprotect without PROT_EXEC; ioctl only to count bytes. */
static int allow_with_arguments(scmp_filter_ctx f)
{
	int rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(mmap), 1,
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(ioctl), 1,
			SCMP_A1(SCMP_CMP_EQ, FIONREAD));
	if (rc == 0)
		rc = allow_fcntl(f, fcntl_commands, COUNT(fcntl_commands));
	return rc;
}

static int allow_kind(scmp_filter_ctx f, enum sandbox_kind kind)
{
	switch (kind) {
	case SANDBOX_WORKER:
		return allow(f, worker_too, COUNT(worker_too));
	case SANDBOX_KEEPER:
		if (allow_fcntl(f, fcntl_locks, COUNT(fcntl_locks)) != 0)
			return -1;
		return allow(f, keeper_too, COUNT(keeper_too));
	case SANDBOX_SIGNER:
		return allow(f, signer_too, COUNT(signer_too));
	}
	return -1;
}

static bool in_list(int call, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (calls[i] == call)
			return true;
	return false;
}

static int allow_sanitizer(scmp_filter_ctx f, enum sandbox_kind kind)
{
	int rc = allow(f, sanitizer_too, COUNT(sanitizer_too));
	for (size_t i = 0; i < COUNT(sanitizer_refused) && rc == 0; i++) {
		if (kind == SANDBOX_KEEPER &&
			in_list(sanitizer_refused[i], keeper_too, COUNT(keeper_too)))
			continue;
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), sanitizer_refused[i], 0);
	}
	return rc;
}

enum err_code sandbox_filter(enum sandbox_kind kind, struct err *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (f == NULL)
		return err_set(e, ERR_SANDBOX, "seccomp", "no filter");
	/* A search tree instead of a chain: the filter runs on every call. */
	int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = allow(f, every_process, COUNT(every_process));
	if (rc == 0)
		rc = allow_with_arguments(f);
	if (rc == 0)
		rc = allow_kind(f, kind);
	if (rc == 0 && WITH_SANITIZER)
		rc = allow_sanitizer(f, kind);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	if (rc != 0)
		return err_sys(e, ERR_SANDBOX, "seccomp", -rc, "the filter could not be set");
	return ERR_OK;
}
