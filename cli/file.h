/* Files and folders that appear whole or not at all. */
#ifndef CLI_FILE_H
#define CLI_FILE_H

#include <limits.h>
#include <sys/types.h>

#include "base/bytes.h"

/* "DIR/PART"; ERR_USAGE when longer than PATH_MAX. */
MUST_USE enum err_code path_join(char out[PATH_MAX], const char *dir, const char *part,
	struct err *e);
/* fsync the folder that `path` lies in, so that its name there is durable. */
MUST_USE enum err_code path_sync_parent(const char *path, struct err *e);
/* Append the whole file, at most `max` bytes (ERR_LIMIT). "-" is standard input. */
MUST_USE enum err_code disk_read(const char *path, size_t max, struct buf *out, struct err *e);
/* Write a new file, or put it in the place of an old one; fsynced, and its folder too. */
MUST_USE enum err_code disk_write_new(const char *path, mode_t mode, struct bytes data,
	struct err *e);
MUST_USE enum err_code disk_replace(const char *path, mode_t mode, struct bytes data,
	struct err *e);

/*
 * A file that is written piece by piece under another name beside `path`, and moved there when it
 * is whole.  An existing file is ERR_EXISTS unless `replace`.  Exactly one of pending_keep and
 * pending_drop ends it.
 */
struct pending {
	char path[PATH_MAX];
	char temp[PATH_MAX];
	int fd;
	bool replace;
};

MUST_USE enum err_code pending_start(struct pending *p, const char *path, mode_t mode, bool replace,
	struct err *e);
MUST_USE enum err_code pending_keep(struct pending *p, struct err *e);
void pending_drop(struct pending *p);

/*
 * A folder that is filled under another name beside `path`.  ERR_REALM_EXISTS when there is a realm
 * in `path`, ERR_EXISTS when it holds anything else; an empty folder is taken over.
 */
struct folder {
	char path[PATH_MAX];
	char temp[PATH_MAX]; /* fill this; "": not started */
	bool kept;
};

MUST_USE enum err_code folder_start(struct folder *f, const char *path, struct err *e);
MUST_USE enum err_code folder_mkdir(const struct folder *f, const char *part, struct err *e);
/* fsync everything below, then move it to its place. */
MUST_USE enum err_code folder_keep(struct folder *f, struct err *e);
/* Remove it with all that is in it, also after folder_keep; nothing when it was not started. */
void folder_drop(struct folder *f);
/* Give everything below to a user. */
MUST_USE enum err_code folder_chown(const struct folder *f, const char *user, struct err *e);

#endif
