#include "agent/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL_FILE_MAX 65536
#define CRED_PREFIX "cred-"

enum err_code state_path(const struct state *s, const char *name, char out[PATH_MAX], struct err *e)
{
	if (snprintf(out, PATH_MAX, "%s/%s", s->dir, name) >= PATH_MAX)
		return err_set(e, ERR_USAGE, s->dir, "the path is too long");
	return ERR_OK;
}

bool state_has(const struct state *s, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	return state_path(s, name, path, NULL) == ERR_OK && stat(path, &st) == 0;
}

static enum err_code sync_dir(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_IO, path, errno, "the folder could not be opened");
	int rc = fsync(fd);
	int saved = errno;
	(void)close(fd);
	if (rc != 0)
		return err_sys(e, ERR_IO, path, saved, "the folder could not be written to disk");
	return ERR_OK;
}

static enum err_code write_all(int fd, struct bytes data, const char *path, struct err *e)
{
	for (size_t at = 0; at < data.len;) {
		ssize_t n = write(fd, data.p + at, data.len - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, path, errno,
				"writing failed");
		at += (size_t)n;
	}
	if (fsync(fd) != 0)
		return err_sys(e, ERR_IO, path, errno, "the file could not be written to disk");
	return ERR_OK;
}

enum err_code state_write(const struct state *s, const char *name, struct bytes data, struct err *e)
{
	char path[PATH_MAX];
	char tmp[PATH_MAX];
	enum err_code rc = state_path(s, name, path, e);
	if (rc != ERR_OK)
		return rc;
	if (snprintf(tmp, sizeof(tmp), "%s.new", path) >= (int)sizeof(tmp))
		return err_set(e, ERR_USAGE, path, "the path is too long");
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, ERR_IO, tmp, errno, "the file could not be made");
	rc = write_all(fd, data, tmp, e);
	(void)close(fd);
	if (rc == ERR_OK && rename(tmp, path) != 0)
		rc = err_sys(e, ERR_IO, path, errno, "the file could not be put in place");
	if (rc != ERR_OK) {
		(void)unlink(tmp);
		return rc;
	}
	return sync_dir(s->dir, e);
}

static enum err_code read_small(const struct state *s, const char *name, struct buf *out,
	struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = state_path(s, name, path, e);
	if (rc != ERR_OK)
		return rc;
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, errno,
			"the file could not be opened");
	char piece[4096];
	size_t n;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_bytes(out, bytes_of(piece, n));
	rc = ferror(f) ? err_set(e, ERR_IO, path, "reading failed") : buf_end(out, e, path);
	(void)fclose(f);
	return rc;
}

/* "key = value" of agent.conf into `out`; false when absent or too long. */
static bool conf_value(const char *text, const char *key, char *out, size_t size)
{
	size_t n = strlen(key);
	for (const char *p = text; p != NULL && *p != '\0';) {
		const char *end = strchr(p, '\n');
		size_t len = end != NULL ? (size_t)(end - p) : strlen(p);
		if (len > n + 3 && strncmp(p, key, n) == 0 && strncmp(p + n, " = ", 3) == 0 &&
			len - n - 3 < size) {
			memcpy(out, p + n + 3, len - n - 3);
			out[len - n - 3] = '\0';
			return true;
		}
		p = end != NULL ? end + 1 : NULL;
	}
	return false;
}

static enum err_code read_conf(struct state *s, struct err *e)
{
	struct buf text = buf_new(SMALL_FILE_MAX);
	enum err_code rc = read_small(s, "agent.conf", &text, e);
	if (rc == ERR_OK && (!conf_value(buf_cstr(&text), "server", s->server, sizeof(s->server)) ||
				    !conf_value(buf_cstr(&text), "serial", s->serial,
					    sizeof(s->serial))))
		rc = err_set(e, ERR_CONFIG_SYNTAX, "agent.conf",
			"it needs a line `server = URL` and a line `serial = SERIAL`");
	buf_free(&text);
	return rc;
}

enum err_code state_open(const char *dir, bool create, struct state *out, struct err *e)
{
	*out = (struct state){0};
	if (create && mkdir(dir, 0700) != 0 && errno != EEXIST)
		return err_sys(e, ERR_IO, dir, errno, "the state folder could not be made");
	if (realpath(dir, out->dir) == NULL)
		return err_sys(e, ERR_NOT_FOUND, dir, errno,
			"the state folder is not there; `medseal-agent enroll` makes it");
	struct stat st;
	if (stat(out->dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ERR_IO, dir, "it is not a folder");
	if ((st.st_mode & 077) != 0)
		return err_set(e, ERR_PERMISSIONS, dir, "mode is %04o; make it 0700",
			(unsigned)st.st_mode & 07777);
	enum err_code rc = read_conf(out, e);
	if (rc == ERR_NOT_FOUND && create) {
		err_clear(e);
		return ERR_OK;
	}
	return rc;
}

enum err_code state_configure(struct state *s, const char *server, const char *serial,
	struct bytes ca_pem, struct err *e)
{
	bool same = strcmp(s->serial, serial) == 0;
	bool enrolled = state_has(s, "current");
	/* Until the first certificate a mistyped server or anchor may be put right, and the serial
	 * until there is a key, which the server may have tied to it already. */
	if (s->serial[0] != '\0' && ((enrolled && strcmp(s->server, server) != 0) ||
					    (!same && (enrolled || state_has(s, "pending.pem")))))
		return err_set(e, ERR_EXISTS, s->dir, "it belongs to %s at %s", s->serial, s->server);
	if (enrolled && s->serial[0] != '\0')
		return ERR_OK;
	if (strlen(server) >= sizeof(s->server) || strlen(serial) >= sizeof(s->serial) ||
		strpbrk(server, "\r\n") != NULL || strpbrk(serial, "\r\n") != NULL)
		return err_set(e, ERR_USAGE, s->dir, "the server's address or the serial is too long");
	enum err_code rc = state_write(s, "ca.pem", ca_pem, e);
	if (rc != ERR_OK)
		return rc;
	struct buf text = buf_new(SMALL_FILE_MAX);
	buf_printf(&text, "# written by medseal-agent enroll\nserver = %s\nserial = %s\n", server,
		serial);
	rc = state_write(s, "agent.conf", buf_view(&text), e);
	buf_free(&text);
	return rc == ERR_OK ? read_conf(s, e) : rc;
}

enum err_code state_credential(const struct state *s, const char *link, struct credential *out,
	struct err *e)
{
	*out = (struct credential){0};
	char name[NAME_MAX];
	if (!state_has(s, link))
		return err_set(e, ERR_NOT_FOUND, s->dir, "there is no %s credential%s", link,
			strcmp(link, "current") == 0 ? "; `medseal-agent enroll` gets one" : "");
	(void)snprintf(name, sizeof(name), "%s/cert.pem", link);
	enum err_code rc = state_path(s, name, out->cert_path, e);
	if (rc != ERR_OK)
		return rc;
	(void)snprintf(name, sizeof(name), "%s/key.pem", link);
	rc = state_path(s, name, out->key_path, e);
	return rc == ERR_OK ? cert_load(out->cert_path, &out->cert, e) : rc;
}

void credential_free(struct credential *c)
{
	if (c != NULL)
		cert_free(&c->cert);
}

enum err_code state_pending_load(const struct state *s, struct key **out, struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = state_path(s, "pending.pem", path, e);
	if (rc != ERR_OK)
		return rc;
	if (!state_has(s, "pending.pem"))
		return err_set(e, ERR_NOT_FOUND, path, "there is no pending key");
	return key_load(path, BYTES_NONE, out, e);
}

enum err_code state_pending_save(const struct state *s, const struct key *k, struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = state_path(s, "pending.pem", path, e);
	return rc == ERR_OK ? key_save_plain(k, path, e) : rc;
}

/* The highest N of cred-N; 0 when there is none. */
static unsigned newest_cred(const struct state *s)
{
	unsigned newest = 0;
	DIR *d = opendir(s->dir);
	for (struct dirent *en; d != NULL && (en = readdir(d)) != NULL;) {
		unsigned n = 0;
		if (sscanf(en->d_name, CRED_PREFIX "%u", &n) == 1 && n > newest)
			newest = n;
	}
	if (d != NULL)
		(void)closedir(d);
	return newest;
}

/* Invariant 2: a new link beside the old one, then rename over it. */
static enum err_code switch_link(const struct state *s, const char *link, const char *target,
	struct err *e)
{
	char tmp[PATH_MAX];
	char path[PATH_MAX];
	char name[NAME_MAX];
	(void)snprintf(name, sizeof(name), "%s.new", link);
	enum err_code rc = state_path(s, name, tmp, e);
	if (rc == ERR_OK)
		rc = state_path(s, link, path, e);
	if (rc != ERR_OK)
		return rc;
	(void)unlink(tmp);
	if (symlink(target, tmp) != 0 || rename(tmp, path) != 0)
		return err_sys(e, ERR_IO, path, errno, "the link could not be switched");
	return sync_dir(s->dir, e);
}

enum err_code state_install(struct state *s, const char *link, struct bytes cert_der,
	struct err *e)
{
	char name[NAME_MAX];
	char cred[PATH_MAX];
	char pending[PATH_MAX];
	char key_path[PATH_MAX];
	struct buf pem = buf_new(SMALL_FILE_MAX);
	(void)snprintf(name, sizeof(name), CRED_PREFIX "%u", newest_cred(s) + 1);
	enum err_code rc = state_path(s, name, cred, e);
	if (rc == ERR_OK)
		rc = state_path(s, "pending.pem", pending, e);
	if (rc == ERR_OK)
		rc = cert_to_pem(cert_der, &pem, e);
	if (rc != ERR_OK)
		goto out;
	if (mkdir(cred, 0700) != 0) {
		rc = err_sys(e, ERR_IO, cred, errno, "the folder could not be made");
		goto out;
	}
	char file[NAME_MAX + 16];
	(void)snprintf(file, sizeof(file), "%s/key.pem", name);
	rc = state_path(s, file, key_path, e);
	/* A link, not a move: were power lost here, the pending key would still be found. */
	if (rc == ERR_OK && linkat(AT_FDCWD, pending, AT_FDCWD, key_path, 0) != 0)
		rc = err_sys(e, ERR_IO, key_path, errno, "the key could not be put in place");
	(void)snprintf(file, sizeof(file), "%s/cert.pem", name);
	if (rc == ERR_OK)
		rc = state_write(s, file, buf_view(&pem), e);
	if (rc == ERR_OK)
		rc = sync_dir(cred, e);
	if (rc == ERR_OK)
		rc = switch_link(s, link, name, e);
	if (rc == ERR_OK)
		(void)unlink(pending);
out:
	buf_free(&pem);
	return rc;
}

static bool leads_to(const struct state *s, const char *link, const char *name)
{
	char path[PATH_MAX];
	char target[NAME_MAX];
	if (state_path(s, link, path, NULL) != ERR_OK)
		return false;
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	return strcmp(target, name) == 0;
}

/* Invariant 3. */
static void remove_unlinked(const struct state *s)
{
	DIR *d = opendir(s->dir);
	for (struct dirent *en; d != NULL && (en = readdir(d)) != NULL;) {
		if (strncmp(en->d_name, CRED_PREFIX, strlen(CRED_PREFIX)) != 0 ||
			leads_to(s, "current", en->d_name) || leads_to(s, "next", en->d_name))
			continue;
		static const char *const files[] = {"/key.pem", "/cert.pem", ""};
		for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
			char name[PATH_MAX];
			char path[PATH_MAX];
			(void)snprintf(name, sizeof(name), "%s%s", en->d_name, files[i]);
			if (state_path(s, name, path, NULL) == ERR_OK)
				(void)remove(path);
		}
	}
	if (d != NULL)
		(void)closedir(d);
}

enum err_code state_promote(struct state *s, struct err *e)
{
	char path[PATH_MAX];
	char target[NAME_MAX];
	enum err_code rc = state_path(s, "next", path, e);
	if (rc != ERR_OK)
		return rc;
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return err_sys(e, ERR_NOT_FOUND, path, errno, "there is no renewed credential");
	target[n] = '\0';
	rc = switch_link(s, "current", target, e);
	if (rc != ERR_OK)
		return rc;
	if (unlink(path) != 0)
		return err_sys(e, ERR_IO, path, errno, "the link could not be removed");
	rc = sync_dir(s->dir, e);
	if (rc == ERR_OK)
		remove_unlinked(s);
	return rc;
}

enum err_code state_retry_get(const struct state *s, struct retry *out, struct err *e)
{
	*out = (struct retry){0};
	struct buf text = buf_new(256);
	enum err_code rc = read_small(s, "retry", &text, e);
	long long at = 0;
	if (rc == ERR_OK && sscanf(buf_cstr(&text), "%u %lld", &out->attempts, &at) != 2)
		rc = err_set(e, ERR_MALFORMED, "retry", "it holds two numbers");
	out->next_try = at;
	buf_free(&text);
	if (rc == ERR_NOT_FOUND) {
		err_clear(e);
		return ERR_OK;
	}
	return rc;
}

enum err_code state_retry_set(const struct state *s, const struct retry *r, struct err *e)
{
	char text[64];
	(void)snprintf(text, sizeof(text), "%u %lld\n", r->attempts, (long long)r->next_try);
	return state_write(s, "retry", bytes_str(text), e);
}

int64_t state_clock_floor(const struct state *s)
{
	struct buf text = buf_new(64);
	int64_t at = 0;
	if (read_small(s, "clock", &text, NULL) == ERR_OK)
		at = strtoll(buf_cstr(&text), NULL, 10);
	buf_free(&text);
	return at;
}

enum err_code state_clock_proven(const struct state *s, int64_t at, struct err *e)
{
	if (at <= state_clock_floor(s))
		return ERR_OK;
	char text[32];
	(void)snprintf(text, sizeof(text), "%lld\n", (long long)at);
	return state_write(s, "clock", bytes_str(text), e);
}
