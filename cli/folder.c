#include "cli/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALK_FDS 16

static enum err_code check_free(const char *path, struct err *e)
{
	static const char *const marks[] = {"medseal.conf", "medseal.db", "keys"};
	char part[PATH_MAX];
	struct stat st;
	struct dirent *d;
	DIR *dir;
	bool empty = true;

	if (lstat(path, &st) != 0) {
		if (errno == ENOENT)
			return ERR_OK;
		return err_sys(e, ERR_IO, path, errno, "cannot look at it");
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_EXISTS, path, "it is not a folder");
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		enum err_code rc = path_join(part, path, marks[i], e);
		if (rc != ERR_OK)
			return rc;
		if (lstat(part, &st) == 0)
			return err_set(e, ERR_REALM_EXISTS, path, "it holds %s", marks[i]);
	}
	dir = opendir(path);
	if (dir == NULL)
		return err_sys(e, ERR_IO, path, errno, "cannot read the folder");
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			empty = false;
	}
	closedir(dir);
	if (!empty)
		return err_set(e, ERR_EXISTS, path, "the folder is not empty");
	return ERR_OK;
}

enum err_code folder_start(struct folder *f, const char *path, struct err *e)
{
	enum err_code rc;
	size_t len = strlen(path);
	int n;

	*f = (struct folder){0};
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 || len >= sizeof(f->path))
		return err_set(e, ERR_USAGE, path, "not a usable path");
	memcpy(f->path, path, len);
	f->path[len] = '\0';
	rc = check_free(f->path, e);
	if (rc != ERR_OK)
		return rc;
	n = snprintf(f->temp, sizeof(f->temp), "%s.tmp-XXXXXX", f->path);
	if (n < 0 || (size_t)n >= sizeof(f->temp)) {
		f->temp[0] = '\0';
		return err_set(e, ERR_USAGE, path, "the path is too long");
	}
	if (mkdtemp(f->temp) == NULL) { /* mode 0700 */
		f->temp[0] = '\0';
		return err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, path, errno,
			"cannot make a folder there");
	}
	return ERR_OK;
}

enum err_code folder_mkdir(const struct folder *f, const char *part, struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = path_join(path, f->temp, part, e);

	if (rc != ERR_OK)
		return rc;
	if (mkdir(path, 0700) != 0)
		return err_sys(e, errno == EEXIST ? ERR_EXISTS : ERR_IO, part, errno,
			"cannot make the folder");
	return ERR_OK;
}

static int sync_one(const char *path, const struct stat *st, int kind, struct FTW *w)
{
	int fd, rc;

	(void)st;
	(void)w;
	if (kind != FTW_F && kind != FTW_DP && kind != FTW_D)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

enum err_code folder_keep(struct folder *f, struct err *e)
{
	if (nftw(f->temp, sync_one, WALK_FDS, FTW_PHYS | FTW_DEPTH) != 0)
		return err_sys(e, ERR_IO, f->path, errno, "cannot sync what was written");
	/* rename(2) takes over an empty folder and refuses one that is not. */
	if (rename(f->temp, f->path) != 0)
		return err_sys(e, errno == ENOTEMPTY || errno == EEXIST ? ERR_EXISTS : ERR_IO,
			f->path, errno, "cannot move it to its place");
	f->kept = true;
	return path_sync_parent(f->path, e);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *w)
{
	(void)st;
	(void)kind;
	(void)w;
	return remove(path);
}

void folder_drop(struct folder *f)
{
	if (f->temp[0] == '\0')
		return;
	nftw(f->kept ? f->path : f->temp, remove_one, WALK_FDS, FTW_PHYS | FTW_DEPTH | FTW_MOUNT);
	f->temp[0] = '\0';
}

static uid_t walk_uid; /* nftw(3) hands no argument through */
static gid_t walk_gid;

static int chown_one(const char *path, const struct stat *st, int kind, struct FTW *w)
{
	(void)st;
	(void)kind;
	(void)w;
	return lchown(path, walk_uid, walk_gid);
}

enum err_code folder_chown(const struct folder *f, const char *user, struct err *e)
{
	const struct passwd *pw = getpwnam(user);

	if (pw == NULL)
		return err_set(e, ERR_NOT_FOUND, user, "there is no such user on this machine");
	walk_uid = pw->pw_uid;
	walk_gid = pw->pw_gid;
	if (nftw(f->temp, chown_one, WALK_FDS, FTW_PHYS) != 0)
		return err_sys(e, ERR_PERMISSIONS, f->path, errno, "cannot give it to %s", user);
	return ERR_OK;
}
