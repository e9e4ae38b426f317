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

/* Every whole record; how long they are together. */
static enum err_code read_records(struct door *d, struct bytes file, bool keys, size_t *whole,
	struct err *e)
{
	struct reader in = reader_of(file);
	struct record r;
	enum err_code rc = ERR_OK;
	*whole = 0;
	while (rc == ERR_OK && reader_left(&in) > 0 && record_parse(&in, &r, NULL) == ERR_OK) {
		rc = take_record(d, &r, keys, e);
		*whole = in.pos;
	}
	return rc;
}

static void tell_cut(struct door *d, const char *name, size_t bytes)
{
	struct err what;
	(void)err_set(&what, ERR_TRUNCATED, name, "%zu bytes at its end are no record and were "
		"dropped", bytes);
	if (d->o.damage != NULL)
		d->o.damage(d->o.arg, &what);
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
	rc = read_records(d, file, keys, whole, e);
	if (rc == ERR_OK && *whole < file.len)
		tell_cut(d, name, file.len - *whole);
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
