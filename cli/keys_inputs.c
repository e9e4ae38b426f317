/* Which files an audit reads: operands, what is in folders, the certificates of a realm. */
#include "cli/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/store.h"

static enum err_code add(struct inputs *in, const struct input *one, struct err *e)
{
	if (in->n == in->room) {
		size_t room = in->room == 0 ? 64 : 2 * in->room;
		struct input *v = reallocarray(in->v, room, sizeof(*v));
		if (v == NULL)
			return err_set(e, ERR_NO_MEMORY, one->path, "for %zu inputs", room);
		in->v = v;
		in->room = room;
	}
	if (in->n >= KEYSET_NONE)
		return err_set(e, ERR_LIMIT, one->path, "more than %u inputs", KEYSET_NONE - 1);
	struct input copy = *one;
	copy.path = mem_strdup(one->path);
	copy.open = one->open != NULL ? mem_strdup(one->open) : NULL;
	if (copy.path == NULL || (one->open != NULL && copy.open == NULL)) {
		free(copy.path);
		free(copy.open);
		return err_set(e, ERR_NO_MEMORY, one->path, "for an input");
	}
	in->v[in->n++] = copy;
	in->bytes += copy.size;
	return ERR_OK;
}

static void stat_take(struct input *one, const struct stat *st)
{
	one->size = (uint64_t)st->st_size;
	one->mtime_s = (int64_t)st->st_mtim.tv_sec;
	one->mtime_ns = (int64_t)st->st_mtim.tv_nsec;
}

/* In a folder the order is that of the names' bytes, so that every run has the same. */
static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static enum err_code take_entry(struct inputs *in, const FTSENT *f, struct err *e)
{
	struct input one = {.path = f->fts_path, .walked = true};

	switch (f->fts_info) {
	case FTS_F:
		stat_take(&one, f->fts_statp);
		return add(in, &one, e);
	case FTS_SL:
	case FTS_SLNONE:
		in->links++;
		return ERR_OK;
	case FTS_D:
	case FTS_DP:
		return ERR_OK;
	case FTS_DEFAULT:
		one.refused = "a device, a socket or a pipe in a folder is not read";
		return add(in, &one, e);
	default: /* FTS_DNR, FTS_ERR, FTS_NS, FTS_DC */
		one.refused = "it cannot be looked into";
		one.errnum = f->fts_errno;
		return add(in, &one, e);
	}
}

static enum err_code add_folder(struct inputs *in, const char *path, struct err *e)
{
	char *copy = mem_strdup(path);
	char *roots[] = {copy, NULL};
	enum err_code rc = ERR_OK;
	FTS *walk = NULL;
	FTSENT *f;

	if (copy != NULL)
		walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	if (walk == NULL) {
		free(copy);
		return err_sys(e, ERR_IO, path, errno, "the folder cannot be walked");
	}
	errno = 0;
	while (rc == ERR_OK && (f = fts_read(walk)) != NULL) {
		rc = take_entry(in, f, e);
		errno = 0;
	}
	if (rc == ERR_OK && errno != 0)
		rc = err_sys(e, ERR_IO, path, errno, "the folder cannot be walked");
	(void)fts_close(walk);
	free(copy);
	return rc;
}

enum err_code inputs_add(struct inputs *in, const char *operand, struct err *e)
{
	struct input one = {.path = (char *)(uintptr_t)operand};
	struct stat st;

	if (strcmp(operand, "-") == 0) {
		one.stream = true;
		return add(in, &one, e);
	}
	if (stat(operand, &st) != 0)
		return err_sys(e, ERR_USAGE, operand, errno, "no such input");
	if (S_ISDIR(st.st_mode))
		return add_folder(in, operand, e);
	if (S_ISFIFO(st.st_mode)) {
		one.stream = true;
		return add(in, &one, e);
	}
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, operand, "it is a device or a socket");
	if (access(operand, R_OK) != 0)
		return err_sys(e, ERR_USAGE, operand, errno, "it cannot be read");
	stat_take(&one, &st);
	return add(in, &one, e);
}

struct copying {
	int fd;
	const char *path;
	struct err *e;
};

static enum err_code copy_der(struct copying *c, struct bytes der)
{
	while (der.len > 0) {
		ssize_t n = write(c->fd, der.p, der.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(c->e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, c->path,
				errno, "the realm's certificates cannot be copied");
		der = bytes_of(der.p + n, der.len - (size_t)n);
	}
	return ERR_OK;
}

static enum err_code copy_issued(void *arg, const struct cert_row *row, struct bytes der)
{
	(void)row;
	return copy_der(arg, der);
}

static enum err_code copy_operator(void *arg, const struct operator_row *row, struct bytes der)
{
	(void)row;
	return copy_der(arg, der);
}

static enum err_code copy_realm(const char *db, const char *copy, struct err *e)
{
	struct pending p;
	struct store *s = NULL;
	enum err_code rc = store_open_read_only(db, &s, e);

	if (rc != ERR_OK)
		return rc;
	rc = pending_start(&p, copy, 0600, true, e);
	if (rc == ERR_OK) {
		struct copying c = {p.fd, copy, e};
		rc = store_cert_all(s, copy_issued, &c, e);
		if (rc == ERR_OK)
			rc = store_operator_list(s, copy_operator, &c, e);
		if (rc == ERR_OK)
			rc = pending_keep(&p, e);
		else
			pending_drop(&p);
	}
	store_close(s);
	return rc;
}

enum err_code inputs_add_realm(struct inputs *in, const char *db, const char *copy, struct err *e)
{
	struct input one = {.path = (char *)(uintptr_t)db, .open = (char *)(uintptr_t)copy};
	struct stat st;

	/* A run that goes on reads what it began with; the realm may have grown since. */
	if (access(copy, F_OK) != 0) {
		enum err_code rc = copy_realm(db, copy, e);
		if (rc != ERR_OK)
			return rc;
	}
	if (stat(copy, &st) != 0)
		return err_sys(e, ERR_IO, copy, errno, "cannot look at it");
	stat_take(&one, &st);
	return add(in, &one, e);
}

void inputs_digest(const struct inputs *in, struct sha256 *h)
{
	for (size_t i = 0; i < in->n; i++) {
		const struct input *one = &in->v[i];
		int64_t numbers[] = {(int64_t)one->size, one->mtime_s, one->mtime_ns, one->stream,
			one->walked, one->refused != NULL};
		sha256_more(h, bytes_of(one->path, strlen(one->path) + 1));
		sha256_more(h, bytes_of(numbers, sizeof(numbers)));
	}
}

void inputs_free(struct inputs *in)
{
	for (size_t i = 0; i < in->n; i++) {
		free(in->v[i].path);
		free(in->v[i].open);
	}
	free(in->v);
	*in = (struct inputs){0};
}
