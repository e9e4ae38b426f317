/*
 * A file of records that only grows: what an audit keeps on disk (docs/spec/keyset.md).  Each
 * record carries a CRC-32, so that damage is named and not reported on.  What lies beyond a length
 * that a checkpoint states was written by a run that did not get to its next one, and is cut off.
 */
#ifndef KEYCHECK_KEYLOG_H
#define KEYCHECK_KEYLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Length and CRC before each record. */
#define KEYLOG_HEAD 8u
/* A key of the longest modulus and its name; a record above it is damage. */
#define KEYLOG_RECORD_MAX ((uint32_t)1 << 20)

struct keylog {
	int fd; /* -1: not open */
	char *path;
	uint8_t *pending; /* not yet written */
	size_t pending_n;
	uint64_t written;
	const uint8_t *map; /* of `written` bytes, once keylog_map was called */
	uint64_t mapped;
};

/*
 * Open DIR/NAME: a new file when `keep` is 0 (an old one is emptied), else one whose first `keep`
 * bytes stay.  ERR_TRUNCATED when it is shorter than that.
 */
MUST_USE enum err_code keylog_open(
	struct keylog *l, const char *dir, const char *name, uint64_t keep, struct err *e);
/* Append a record; `at` (may be NULL) is where it begins.  Not after keylog_map. */
MUST_USE enum err_code keylog_add(
	struct keylog *l, struct bytes record, uint64_t *at, struct err *e);
/* All bytes, written or pending. */
uint64_t keylog_size(const struct keylog *l);
/* The first `n` bytes of a record, written or pending; its CRC is not looked at. */
MUST_USE enum err_code keylog_peek(
	const struct keylog *l, uint64_t at, void *out, size_t n, struct err *e);
/* Write what is pending; durable when it returns. */
MUST_USE enum err_code keylog_sync(struct keylog *l, struct err *e);
/* Write what is pending and map the file: records can be read now. */
MUST_USE enum err_code keylog_map(struct keylog *l, struct err *e);
/* Back to appending. */
void keylog_unmap(struct keylog *l);
/* The record at *at, a view until keylog_unmap; *at moves behind it.  ERR_MALFORMED: damaged. */
MUST_USE enum err_code keylog_get(
	const struct keylog *l, uint64_t *at, struct bytes *record, struct err *e);
void keylog_close(struct keylog *l);

/* The code of a failed write: ERR_DISK_FULL or ERR_IO. */
enum err_code keylog_write_error(const char *path, int errnum, struct err *e);

#endif
