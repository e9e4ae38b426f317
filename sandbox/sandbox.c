#include "sandbox/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

static enum err_code limit_files(unsigned files_max, struct err *e)
{
	struct rlimit now;
	if (getrlimit(RLIMIT_NOFILE, &now) != 0)
		return err_sys(e, ERR_SANDBOX, "RLIMIT_NOFILE", errno, "it cannot be read");
	if (now.rlim_max < files_max && geteuid() != 0)
		return err_set(e, ERR_SANDBOX, "RLIMIT_NOFILE",
			"the hard limit is %llu and %u are needed; raise it (ulimit -Hn, LimitNOFILE=) "
			"or lower connections_max", (unsigned long long)now.rlim_max, files_max);
	struct rlimit want = {files_max, files_max};
	if (setrlimit(RLIMIT_NOFILE, &want) != 0)
		return err_sys(e, ERR_SANDBOX, "RLIMIT_NOFILE", errno, "%u", files_max);
	return ERR_OK;
}

enum err_code sandbox_enter(const struct sandbox *s, struct err *e)
{
	/* glibc reads the time zone's file at the first use of a calendar; afterwards it may not. */
	tzset();
	enum err_code rc = mem_protect_process(e);
	if (rc == ERR_OK)
		rc = limit_files(s->files_max, e);
	if (rc == ERR_OK)
		rc = sandbox_landlock(s->folder, e);
	if (rc == ERR_OK)
		rc = sandbox_filter(s->kind, e);
	return rc;
}

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a;
	int y = *(const int *)b;
	return (x > y) - (x < y);
}

enum err_code sandbox_close_others(const int *keep, size_t n, struct err *e)
{
	int *sorted = malloc((n + 1) * sizeof(*sorted));
	if (sorted == NULL)
		return err_set(e, ERR_NO_MEMORY, "descriptors", "%zu", n);
	if (n > 0)
		memcpy(sorted, keep, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_number);
	unsigned from = STDERR_FILENO + 1;
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (sorted[i] < (int)from)
			continue;
		if ((unsigned)sorted[i] > from)
			rc = close_range(from, (unsigned)sorted[i] - 1, 0);
		from = (unsigned)sorted[i] + 1;
	}
	if (rc == 0)
		rc = close_range(from, UINT_MAX, 0);
	int why = errno;
	free(sorted);
	if (rc != 0)
		return err_sys(e, ERR_SANDBOX, "descriptors", why, "they could not be closed");
	return ERR_OK;
}

static enum err_code find_account(const char *user, const struct passwd **out, struct err *e)
{
	*out = getpwnam(user);
	if (*out == NULL)
		return err_set(e, ERR_ROOT_USER, user, "there is no such account");
	if ((*out)->pw_uid == 0)
		return err_set(e, ERR_ROOT_USER, user, "this account is root itself");
	return ERR_OK;
}

enum err_code sandbox_check_user(const char *user, struct err *e)
{
	const struct passwd *pw;
	return user[0] != '\0' ? find_account(user, &pw, e) : ERR_OK;
}

enum err_code sandbox_become(const char *user, struct err *e)
{
	if (geteuid() != 0 && user[0] == '\0')
		return ERR_OK;
	if (user[0] == '\0')
		return err_set(e, ERR_ROOT_USER, "root",
			"set server.user in medseal.conf, or start as another user");
	errno = 0;
	const struct passwd *pw;
	enum err_code rc = find_account(user, &pw, e);
	if (rc != ERR_OK)
		return rc;
	if (geteuid() != 0) {
		if (pw->pw_uid != geteuid())
			return err_set(e, ERR_ROOT_USER, user,
				"the configuration names another user than the one who started");
		return ERR_OK;
	}
	if (initgroups(user, pw->pw_gid) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0)
		return err_sys(e, ERR_SANDBOX, user, errno, "this user could not be become");
	if (setuid(0) == 0)
		return err_set(e, ERR_SANDBOX, user, "root came back");
	return ERR_OK;
}
