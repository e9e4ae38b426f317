#include "server/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/listen.h"

enum err_code state_dir_lock(const char *realm_dir, int *lock_fd, struct err *e)
{
	char path[PATH_MAX];
	if (realm_path(realm_dir, "run", path, e) != ERR_OK)
		return e->code;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return err_sys(e, ERR_IO, path, errno, "the folder cannot be made");
	if (realm_path(realm_dir, "run/lock", path, e) != ERR_OK)
		return e->code;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, ERR_IO, path, errno, "it cannot be opened");
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int why = errno;
		(void)close(fd);
		return err_sys(e, ERR_REALM_LOCKED, path, why, "a medseald runs on this realm");
	}
	*lock_fd = fd;
	return ERR_OK;
}

/* Whole or not at all: who waits for the file never reads half of it. */
static enum err_code write_file(const char *realm_dir, const char *part, const char *text,
	struct err *e)
{
	char path[PATH_MAX];
	char fresh[PATH_MAX + 4];
	if (realm_path(realm_dir, part, path, e) != ERR_OK)
		return e->code;
	(void)snprintf(fresh, sizeof(fresh), "%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, ERR_IO, fresh, errno, "it cannot be made");
	size_t len = strlen(text);
	bool ok = write(fd, text, len) == (ssize_t)len;
	ok = close(fd) == 0 && ok;
	if (!ok || rename(fresh, path) != 0)
		return err_sys(e, ERR_IO, path, errno, "it cannot be written");
	return ERR_OK;
}

enum err_code state_dir_write(const char *realm_dir, const unsigned ports[LISTEN_COUNT],
	struct err *e)
{
	char text[256];
	size_t at = 0;
	for (int l = 0; l < LISTEN_COUNT; l++)
		if (ports[l] != 0)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s=%u\n",
				listener_name((enum listener)l), ports[l]);
	enum err_code rc = write_file(realm_dir, "run/medseald.ports", text, e);
	if (rc != ERR_OK)
		return rc;
	(void)snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	return write_file(realm_dir, "run/medseald.pid", text, e);
}

void state_dir_clear(const char *realm_dir)
{
	char path[PATH_MAX];
	struct err e;
	if (realm_path(realm_dir, "run/medseald.ports", path, &e) == ERR_OK)
		(void)unlink(path);
	if (realm_path(realm_dir, "run/medseald.pid", path, &e) == ERR_OK)
		(void)unlink(path);
}

void service_notify(const char *state)
{
	const char *where = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	if (where == NULL || (where[0] != '/' && where[0] != '@') ||
		strlen(where) >= sizeof(a.sun_path))
		return;
	size_t len = strlen(where);
	memcpy(a.sun_path, where, len);
	if (where[0] == '@')
		a.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}
