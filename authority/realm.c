#include "authority/realm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firmware/file.h"

enum err_code realm_path(const char *dir, const char *part, char out[PATH_MAX], struct err *e)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", dir, part);
	if (n < 0 || n >= PATH_MAX)
		return err_set(e, ERR_LIMIT, dir, "the path is too long");
	return ERR_OK;
}

/* Ours alone?  Root may look at another's realm before it becomes that user. */
static enum err_code mode_check(const char *path, const struct stat *st, mode_t forbidden,
	struct err *e)
{
	if (st->st_uid != geteuid() && geteuid() != 0)
		return err_set(e, ERR_REALM_PERMISSIONS, path, "it belongs to user %u, not %u",
			(unsigned)st->st_uid, (unsigned)geteuid());
	if ((st->st_mode & forbidden) != 0)
		return err_set(e, ERR_REALM_PERMISSIONS, path, "its mode is %03o; chmod go-rwx it",
			(unsigned)(st->st_mode & 0777));
	return ERR_OK;
}

static enum err_code path_check(const char *dir, const char *part, mode_t kind, mode_t forbidden,
	struct err *e)
{
	struct stat st;
	char path[PATH_MAX];
	enum err_code rc = realm_path(dir, part, path, e);
	if (rc != ERR_OK)
		return rc;
	int failed = lstat(path, &st);
	if (strcmp(part, ".") == 0)
		path[strlen(dir)] = '\0'; /* "DIR/." follows a link; it is named as the caller did */
	if (failed != 0)
		return errno == ENOENT || errno == ENOTDIR ?
			err_set(e, ERR_REALM_MISSING, path, "medseal init makes one") :
			err_sys(e, ERR_IO, path, errno, "it cannot be looked at");
	if ((st.st_mode & S_IFMT) != kind)
		return err_set(e, ERR_REALM_PERMISSIONS, path, "it is not a plain %s",
			kind == S_IFDIR ? "folder" : "file");
	return mode_check(path, &st, forbidden, e);
}

/* Every key file, by whatever name. */
static enum err_code keys_check(const char *dir, struct err *e)
{
	char path[PATH_MAX], part[PATH_MAX];
	enum err_code rc = realm_path(dir, "keys", path, e);
	if (rc != ERR_OK)
		return rc;
	DIR *d = opendir(path);
	if (d == NULL)
		return err_sys(e, ERR_IO, path, errno, "it cannot be read");
	for (struct dirent *f = readdir(d); f != NULL && rc == ERR_OK; f = readdir(d)) {
		if (f->d_name[0] == '.')
			continue;
		rc = realm_path("keys", f->d_name, part, e);
		if (rc == ERR_OK)
			rc = path_check(dir, part, S_IFREG, 0077, e);
	}
	(void)closedir(d);
	return rc;
}

static enum err_code config_read(const char *dir, struct config *out, struct err *e)
{
	char path[PATH_MAX];
	uint64_t size = 0;
	struct buf text = buf_new(CONFIG_FILE_MAX);
	enum err_code rc = realm_path(dir, CONFIG_FILE, path, e);
	if (rc != ERR_OK)
		return rc;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, ERR_IO, path, errno, "it cannot be opened");
	rc = file_size(fd, &size, e);
	if (rc == ERR_OK && size > CONFIG_FILE_MAX)
		rc = err_set(e, ERR_LIMIT, path, "at most %d bytes", CONFIG_FILE_MAX);
	if (rc == ERR_OK)
		rc = file_read(fd, 0, (size_t)size, &text, e);
	if (rc == ERR_OK)
		rc = config_parse(path, buf_view(&text), out, e);
	(void)close(fd);
	buf_free(&text);
	return rc;
}

enum err_code realm_open(const char *dir, struct realm *out, struct err *e)
{
	struct realm r = {0};
	int n = snprintf(r.dir, sizeof(r.dir), "%s", dir);
	if (n < 0 || (size_t)n >= sizeof(r.dir))
		return err_set(e, ERR_LIMIT, dir, "the path is too long");
	enum err_code rc = path_check(dir, ".", S_IFDIR, 0077, e);
	/* what others could write, they could decide; what is secret, nobody else reads */
	if (rc == ERR_OK)
		rc = path_check(dir, CONFIG_FILE, S_IFREG, 0022, e);
	if (rc == ERR_OK)
		rc = path_check(dir, "keys", S_IFDIR, 0077, e);
	if (rc == ERR_OK)
		rc = keys_check(dir, e);
	if (rc == ERR_OK)
		rc = config_read(dir, &r.config, e);
	if (rc == ERR_OK)
		*out = r;
	return rc;
}
