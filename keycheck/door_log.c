/*
 * The open bucket's file: records one after the other, appended and never changed.  A crash may
 * leave part of a record at its end, which is cut off when the file is opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keycheck/door_file.h"
#include "keycheck/door_impl.h"

void log_name(uint64_t number, char out[BUCKET_NAME_SIZE])
{
	(void)snprintf(out, BUCKET_NAME_SIZE, "open-%08llu", (unsigned long long)number);
}

enum err_code log_append(struct door *d, const struct record *r, struct err *e)
{
	char name[BUCKET_NAME_SIZE];
	struct buf b = buf_new(DOOR_RECORD_MAX);
	log_name(d->number, name);
	if (d->log_torn)
		return err_set(e, ERR_IO, name, "an earlier write failed half-way");
	record_encode(r, &b);
	enum err_code rc = buf_end(&b, e, name);
	if (rc == ERR_OK)
		rc = door_file_append(d->log, name, buf_view(&b), e);
	if (rc == ERR_OK)
		d->log_size += b.len;
	else if (ftruncate(d->log, (off_t)d->log_size) != 0)
		d->log_torn = true; /* it is cut when the folder is opened again */
	buf_free(&b);
	return rc;
}

enum err_code door_sync(struct door *d, struct err *e)
{
	char name[BUCKET_NAME_SIZE];
	log_name(d->number, name);
	if (fdatasync(d->log) != 0)
		return err_sys(e, ERR_IO, name, errno, "it cannot be synced");
	return ERR_OK;
}

static enum err_code open_log(struct door *d, uint64_t number, struct err *e)
{
	char name[BUCKET_NAME_SIZE];
	log_name(number, name);
	int fd = openat(d->dir, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, name, "no such file") :
			err_sys(e, ERR_IO, name, errno, "it cannot be opened");
	if (d->log >= 0)
		(void)close(d->log);
	d->log = fd;
	d->number = number;
	return ERR_OK;
}

enum err_code log_begin(struct door *d, uint64_t number, struct err *e)
{
	char name[BUCKET_NAME_SIZE];
	struct record mark = {.kind = RECORD_MARK, .mark = d->mark_written};
	struct buf b = buf_new(BUF_MAX_DEFAULT);
	log_name(number, name);
	record_encode(&mark, &b);
	memory_encode(d, &b);
	struct bytes all = buf_view(&b);
	enum err_code rc = buf_end(&b, e, name);
	if (rc == ERR_OK)
		rc = door_file_write(d->dir, name, &all, 1, e);
	if (rc == ERR_OK)
		rc = open_log(d, number, e);
	if (rc == ERR_OK)
		d->log_size = all.len;
	buf_free(&b);
	return rc;
}

static enum err_code take_record(struct door *d, const struct record *r, bool keys, struct err *e)
{
	struct record there;
	switch (r->kind) {
	case RECORD_KEY:
		if (!keys || door_find(d, r->modulus, &there))
			return ERR_OK;
		return set_add(&d->open, r, e);
	case RECORD_MARK:
		d->mark = d->mark_written = r->mark;
		return ERR_OK;
	default:
		return remember(d, r, e);
	}
}

/* What is in a log: its whole records and, if something before the last of them is none, these anew. */
struct reading {
	size_t whole;    /* the last whole record ends here */
	size_t passed;   /* bytes before that are no record */
	struct buf good; /* with any of these: what is kept */
};

/* Where the next whole record begins, behind one that is damaged; false: there is none. */
static bool find_record(struct bytes file, size_t *at)
{
	struct record r;
	for (size_t i = *at + 1; i < file.len; i++) {
		struct reader in = reader_of(bytes_of(file.p + i, file.len - i));
		if (record_parse(&in, &r, NULL) == ERR_OK) {
			*at = i;
			return true;
		}
	}
	return false;
}

/*
 * Records follow the damaged one: those that bar a key or an owner count, since nothing else tells
 * of them.  A mark or a release does not: what it refers to may be among what was lost, and bytes
 * that only look like one may stand in a modulus.
 */
static bool counts(const struct reading *g, const struct record *r)
{
	return g->passed == 0 || (r->kind != RECORD_MARK && r->kind != RECORD_RELEASED);
}

static enum err_code read_records(struct door *d, struct bytes file, bool keys, struct reading *g,
	struct err *e)
{
	enum err_code rc = ERR_OK;
	size_t at = 0;
	while (rc == ERR_OK && at < file.len) {
		struct reader in = reader_of(bytes_of(file.p + at, file.len - at));
		struct record r;
		if (record_parse(&in, &r, NULL) != ERR_OK) {
			size_t from = at;
			if (!find_record(file, &at))
				break;
			if (g->passed == 0)
				buf_bytes(&g->good, bytes_of(file.p, from));
			g->passed += at - from;
			continue;
		}
		if (counts(g, &r)) {
			rc = take_record(d, &r, keys, e);
			if (g->passed > 0)
				buf_bytes(&g->good, bytes_of(file.p + at, in.pos));
		}
		at += in.pos;
		g->whole = at;
	}
	return rc;
}

static void tell(struct door *d, const char *name, enum err_code code, size_t bytes,
	const char *where)
{
	struct err what;
	(void)err_set(&what, code, name, "%zu bytes %s are no record and were dropped", bytes, where);
	if (d->o.damage != NULL)
		d->o.damage(d->o.arg, &what);
}

/* The damaged file is kept for whoever wants to know why; the database gives its keys again. */
static enum err_code mend_log(struct door *d, const char *name, struct reading *g, struct err *e)
{
	char aside[BUCKET_NAME_SIZE + 16];
	struct bytes good = buf_view(&g->good);
	enum err_code rc = buf_end(&g->good, e, name);
	tell(d, name, ERR_MALFORMED, g->passed, "in its middle");
	d->lost = true;
	(void)snprintf(aside, sizeof(aside), "%s.damaged", name);
	(void)unlinkat(d->dir, aside, 0);
	if (rc == ERR_OK && linkat(d->dir, name, d->dir, aside, 0) != 0)
		rc = err_sys(e, ERR_IO, aside, errno, "the damaged log cannot be kept");
	if (rc == ERR_OK)
		rc = door_file_write(d->dir, name, &good, 1, e);
	g->whole = good.len;
	return rc;
}

/* What stands in log `number`; its keys only when its bucket was not closed yet. */
static enum err_code read_log(struct door *d, uint64_t number, bool keys, size_t *whole,
	struct err *e)
{
	char name[BUCKET_NAME_SIZE];
	struct bytes file = BYTES_NONE;
	log_name(number, name);
	enum err_code rc = door_file_map(d->dir, name, &file, e);
	if (rc != ERR_OK)
		return rc;
	struct reading g = {.good = buf_new(file.len)};
	rc = read_records(d, file, keys, &g, e);
	if (rc == ERR_OK && g.whole < file.len)
		tell(d, name, ERR_TRUNCATED, file.len - g.whole, "at its end");
	if (rc == ERR_OK && g.passed > 0)
		rc = mend_log(d, name, &g, e);
	*whole = g.whole;
	buf_free(&g.good);
	door_file_unmap(file);
	return rc;
}

/* The log is not there: the process ended between closing a bucket and beginning its successor, or
 * there was never any, or somebody took it away. */
static enum err_code begin_anew(struct door *d, uint64_t number, struct err *e)
{
	size_t whole;
	enum err_code rc = number == 0 ? ERR_NOT_FOUND : read_log(d, number - 1, false, &whole, e);
	if (rc == ERR_NOT_FOUND) {
		d->lost = d->lost || number > 0;
		rc = ERR_OK;
	}
	return rc == ERR_OK ? log_begin(d, number, e) : rc;
}

enum err_code log_load(struct door *d, uint64_t number, struct err *e)
{
	char name[BUCKET_NAME_SIZE];
	size_t whole = 0;
	enum err_code rc = read_log(d, number, true, &whole, e);
	if (rc == ERR_NOT_FOUND)
		rc = begin_anew(d, number, e);
	else if (rc == ERR_OK) {
		rc = open_log(d, number, e);
		d->log_size = whole;
		if (rc == ERR_OK && ftruncate(d->log, (off_t)whole) != 0)
			rc = err_sys(e, ERR_IO, "key log", errno, "its end cannot be cut off");
	}
	if (rc == ERR_OK && number > 0) {
		log_name(number - 1, name);
		(void)unlinkat(d->dir, name, 0); /* usually gone already */
	}
	return rc;
}
