#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err_code path_join(char out[PATH_MAX], const char *dir, const char *part, struct err *e)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, part);

	if (n < 0 || n >= PATH_MAX)
		return err_set(e, ERR_USAGE, part, "the path is too long");
	return ERR_OK;
}

enum err_code path_sync_parent(const char *path, struct err *e)
{
	char dir[PATH_MAX];
	char *slash;
	int fd, rc;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		snprintf(dir, sizeof(dir), ".");
	else
		slash[slash == dir ? 1 : 0] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_IO, dir, errno, "cannot open the folder");
	rc = fsync(fd);
	close(fd);
	if (rc != 0)
		return err_sys(e, ERR_IO, dir, errno, "cannot sync the folder");
	return ERR_OK;
}

static enum err_code write_code(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT ? ERR_DISK_FULL :
	       errnum == EEXIST			    ? ERR_EXISTS :
						      ERR_IO;
}

enum err_code disk_read(const char *path, size_t max, struct buf *out, struct err *e)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum err_code rc = ERR_OK;
	uint8_t piece[16384];
	size_t total = 0;
	ssize_t n;

	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, errno,
			"cannot open");
	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		total += (size_t)n;
		if (total > max) {
			rc = err_set(e, ERR_LIMIT, path, "more than %zu bytes", max);
			goto out;
		}
		buf_bytes(out, bytes_of(piece, (size_t)n));
	}
	if (n < 0)
		rc = err_sys(e, ERR_IO, path, errno, "cannot read");
	else
		rc = buf_end(out, e, path);
out:
	if (!is_stdin)
		close(fd);
	return rc;
}

static enum err_code write_all(int fd, const char *path, struct bytes data, struct err *e)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.p, data.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, write_code(errno), path, errno, "cannot write");
		data.p += n;
		data.len -= (size_t)n;
	}
	return ERR_OK;
}

enum err_code pending_start(struct pending *p, const char *path, mode_t mode, bool replace,
	struct err *e)
{
	struct stat st;
	int n;

	p->fd = -1;
	p->replace = replace;
	snprintf(p->path, sizeof(p->path), "%s", path);
	n = snprintf(p->temp, sizeof(p->temp), "%s.tmp-XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(p->temp))
		return err_set(e, ERR_USAGE, path, "the path is too long");
	if (!replace && lstat(path, &st) == 0)
		return err_set(e, ERR_EXISTS, path, "choose another name");
	p->fd = mkostemp(p->temp, O_CLOEXEC);
	if (p->fd < 0)
		return err_sys(e, write_code(errno), path, errno, "cannot make the file");
	if (fchmod(p->fd, mode) != 0) {
		enum err_code rc = err_sys(e, ERR_IO, path, errno, "cannot set its mode");
		pending_drop(p);
		return rc;
	}
	return ERR_OK;
}

enum err_code pending_keep(struct pending *p, struct err *e)
{
	enum err_code rc = ERR_OK;

	if (fsync(p->fd) != 0)
		rc = err_sys(e, write_code(errno), p->path, errno, "cannot sync");
	if (close(p->fd) != 0 && rc == ERR_OK)
		rc = err_sys(e, write_code(errno), p->path, errno, "cannot close");
	p->fd = -1;
	if (rc == ERR_OK && p->replace && rename(p->temp, p->path) != 0)
		rc = err_sys(e, ERR_IO, p->path, errno, "cannot move it to its place");
	/* link(2) refuses an existing name, which rename(2) would put aside. */
	if (rc == ERR_OK && !p->replace && link(p->temp, p->path) != 0)
		rc = err_sys(e, write_code(errno), p->path, errno, "cannot move it to its place");
	if (rc != ERR_OK || !p->replace)
		unlink(p->temp);
	if (rc != ERR_OK)
		return rc;
	return path_sync_parent(p->path, e);
}

void pending_drop(struct pending *p)
{
	if (p->fd < 0)
		return;
	close(p->fd);
	p->fd = -1;
	unlink(p->temp);
}

static enum err_code disk_put(const char *path, mode_t mode, bool replace, struct bytes data,
	struct err *e)
{
	struct pending p;
	enum err_code rc = pending_start(&p, path, mode, replace, e);

	if (rc != ERR_OK)
		return rc;
	rc = write_all(p.fd, path, data, e);
	if (rc != ERR_OK) {
		pending_drop(&p);
		return rc;
	}
	return pending_keep(&p, e);
}

enum err_code disk_write_new(const char *path, mode_t mode, struct bytes data, struct err *e)
{
	return disk_put(path, mode, false, data, e);
}

enum err_code disk_replace(const char *path, mode_t mode, struct bytes data, struct err *e)
{
	return disk_put(path, mode, true, data, e);
}
