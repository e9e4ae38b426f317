/* Opening and closing the folder, and adding to it. */
#include "keycheck/door.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keycheck/door_impl.h"

/* A mark that no key was added for is written only so often: it saves reading at the next start. */
#define MARK_EVERY 4096
/* A bucket that could not be closed is tried again after so many more keys. */
#define CLOSE_AGAIN 64

static enum err_code open_folder(const char *path, struct door *d, struct err *e)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return err_sys(e, ERR_IO, path, errno, "the folder cannot be made");
	d->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (d->dir < 0)
		return err_sys(e, ERR_IO, path, errno, "the folder cannot be opened");
	d->lock = openat(d->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0)
		return err_sys(e, ERR_IO, path, errno, "its lock cannot be opened");
	if (flock(d->lock, LOCK_EX | LOCK_NB) != 0)
		return err_sys(e, ERR_BUSY, path, errno, "another process uses it");
	return ERR_OK;
}

/* "PREFIX" and decimal digits alone. */
static bool numbered(const char *name, const char *prefix, uint64_t *number)
{
	size_t n = strlen(prefix);
	char *end;
	if (strncmp(name, prefix, n) != 0 || name[n] < '0' || name[n] > '9')
		return false;
	errno = 0;
	*number = strtoull(name + n, &end, 10);
	return errno == 0 && *end == '\0' && *number < UINT32_MAX;
}

/* The number of the open bucket: behind the last closed one, and no log is behind it. */
static enum err_code find_open(struct door *d, const char *path, uint64_t *open_number,
	struct err *e)
{
	uint64_t number;
	uint64_t at = 0;
	int fd = dup(d->dir);
	DIR *all = fd >= 0 ? fdopendir(fd) : NULL;
	if (all == NULL) {
		int why = errno;
		if (fd >= 0)
			(void)close(fd);
		return err_sys(e, ERR_IO, path, why, "the folder cannot be read");
	}
	for (struct dirent *f = readdir(all); f != NULL; f = readdir(all)) {
		if (numbered(f->d_name, "bucket-", &number) && number + 1 > at)
			at = number + 1;
		if (numbered(f->d_name, "open-", &number) && number > at)
			at = number;
	}
	(void)closedir(all);
	*open_number = at;
	return ERR_OK;
}

static bool is_damage(enum err_code rc)
{
	return rc == ERR_NOT_FOUND || rc == ERR_MALFORMED || rc == ERR_TRUNCATED ||
		rc == ERR_TRAILING;
}

static enum err_code load(struct door *d, const char *path, struct err *e)
{
	uint64_t open_number = 0;
	enum err_code rc = find_open(d, path, &open_number, e);
	for (uint64_t i = 0; i < open_number && rc == ERR_OK; i++) {
		struct bucket b;
		struct err why;
		rc = bucket_open(d->dir, i, &b, &why);
		if (rc == ERR_OK)
			rc = bucket_add(d, &b, e);
		else if (is_damage(rc))
			rc = door_mend(d, i, &why, e);
		else
			*e = why;
	}
	if (rc == ERR_OK)
		rc = log_load(d, open_number, e);
	if (rc == ERR_OK && d->lost)
		d->mark = d->mark_written = 0;
	if (rc == ERR_OK && door_keys(d) > d->o.inline_max)
		rc = cohorts_make(d, e);
	return rc;
}

enum err_code door_open(const char *path, const struct door_options *o, struct door **out,
	struct err *e)
{
	struct door *d = calloc(1, sizeof(*d));
	if (d == NULL)
		return err_set(e, ERR_NO_MEMORY, path, "the door");
	d->o = *o;
	if (d->o.inline_max == 0)
		d->o.inline_max = DOOR_INLINE_MAX;
	for (int i = RESIDUE_KERNELS - 1; d->o.kernel == RESIDUE_BEST; i--)
		if (residue_has((enum residue_kernel)i))
			d->o.kernel = (enum residue_kernel)i;
	d->dir = d->lock = d->log = -1;
	set_init(&d->open);
	set_init(&d->held);
	enum err_code rc = open_folder(path, d, e);
	if (rc == ERR_OK)
		rc = load(d, path, e);
	if (rc != ERR_OK) {
		door_close(d);
		return rc;
	}
	*out = d;
	return ERR_OK;
}

static enum err_code write_mark(struct door *d, struct err *e)
{
	struct record r = {.kind = RECORD_MARK, .mark = d->mark};
	if (d->log_behind || d->mark == d->mark_written)
		return ERR_OK;
	enum err_code rc = log_append(d, &r, e);
	if (rc == ERR_OK) {
		d->mark_written = d->mark;
		d->log_news = false;
	}
	return rc;
}

void door_close(struct door *d)
{
	if (d == NULL)
		return;
	if (d->log >= 0) {
		struct err e;
		(void)write_mark(d, &e); /* without it the next open has more to be given again */
		(void)close(d->log);
	}
	sweep_free(d);
	cohorts_free(d);
	for (size_t i = 0; i < d->closed_n; i++)
		bucket_close(&d->closed[i]);
	free(d->closed);
	set_free(&d->open);
	set_free(&d->held);
	free(d->broken);
	free(d->aside);
	if (d->lock >= 0)
		(void)close(d->lock);
	if (d->dir >= 0)
		(void)close(d->dir);
	free(d);
}

static enum err_code close_when_full(struct door *d, struct err *e)
{
	if (d->open.n < BUCKET_KEYS || (d->open.n - BUCKET_KEYS) % CLOSE_AGAIN != 0)
		return ERR_OK;
	return door_turn_over(d, e);
}

enum err_code door_add(struct door *d, const struct door_request *rq, uint64_t mark,
	struct err *e)
{
	struct record there;
	struct record r = {.kind = RECORD_KEY, .mark = mark, .at = rq->now,
		.owner = bytes_str(rq->owner), .line = bytes_str(rq->line),
		.modulus = rq->key->modulus};
	if (rq->key->kind != PUBKEY_RSA || !modulus_fits(r.modulus))
		return ERR_OK;
	if (r.owner.len > DOOR_NAME_MAX || r.line.len > DOOR_NAME_MAX)
		return err_set(e, ERR_LIMIT, rq->owner, "a name of the key's owner is too long");
	memcpy(r.id, rq->key->id, SHA256_SIZE);
	if (set_find(&d->open, r.modulus, modulus_fingerprint(r.modulus), &there))
		return ERR_OK;
	for (size_t i = 0; i < d->closed_n; i++)
		if (bucket_find(&d->closed[i], r.modulus, modulus_fingerprint(r.modulus), &there))
			return ERR_OK;
	enum err_code rc = set_add(&d->open, &r, e);
	if (rc != ERR_OK) {
		d->log_behind = true;
		return rc;
	}
	cohorts_add(d, r.line, r.modulus);
	rc = log_append(d, &r, e);
	if (rc == ERR_OK)
		d->log_news = true;
	else
		d->log_behind = true;
	if (rc == ERR_OK)
		rc = close_when_full(d, e);
	if (rc == ERR_OK && d->cohorts == NULL && door_keys(d) > d->o.inline_max)
		rc = cohorts_make(d, e);
	return rc;
}

enum err_code door_mark(struct door *d, uint64_t mark, struct err *e)
{
	if (mark > d->mark)
		d->mark = mark;
	if (!d->log_news && d->mark - d->mark_written < MARK_EVERY)
		return ERR_OK;
	return write_mark(d, e);
}

uint64_t door_marked(const struct door *d)
{
	return d->mark;
}

void door_settle(struct door *d)
{
	if (d->held.n > 0)
		set_clear(&d->held);
}

uint64_t door_keys(const struct door *d)
{
	return d->closed_keys + d->open.n;
}
