/*
 * What a process can still do once it reads foreign bytes: Landlock for files and sockets, seccomp
 * for system calls, limits for the rest.  docs/design/processes.md says what stays possible.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stddef.h>

#include "base/err.h"

enum sandbox_kind {
	SANDBOX_WORKER, /* talks over descriptors that it accepts; no files */
	SANDBOX_KEEPER, /* files below one folder; no sockets but those it is handed */
	SANDBOX_SIGNER, /* messages in, messages out */
};

struct sandbox {
	enum sandbox_kind kind;
	const char *folder; /* the keeper's, with all below it; NULL: no files at all */
	unsigned files_max; /* descriptors that may be open at once */
};

/*
 * Close it, for good, for this process: no new privileges, no core dump, no ptrace, Landlock,
 * seccomp (whoever breaks it is killed), RLIMIT_NOFILE.  Descriptors that are open stay open.
 * ERR_SANDBOX when the kernel cannot do all of it; then nothing foreign may be read.
 */
MUST_USE enum err_code sandbox_enter(const struct sandbox *s, struct err *e);

/* Close every descriptor above 2 that is not in `keep`; negative ones are skipped. */
MUST_USE enum err_code sandbox_close_others(const int *keep, size_t n, struct err *e);

/* ERR_ROOT_USER when `user` names no account, or root; "" is good. */
MUST_USE enum err_code sandbox_check_user(const char *user, struct err *e);

/*
 * When root: become `user` with its groups (setgroups, setgid, setuid), irrevocably; ERR_ROOT_USER
 * when `user` is "" or root itself.  Otherwise nothing, but ERR_ROOT_USER when `user` names another
 * account than the one we are.
 */
MUST_USE enum err_code sandbox_become(const char *user, struct err *e);

/* The parts, for tests and for sandbox_enter. */
MUST_USE enum err_code sandbox_landlock(const char *folder, struct err *e);
MUST_USE enum err_code sandbox_filter(enum sandbox_kind kind, struct err *e);

#endif
