/* Files that hold secrets: written new, durable, for the owner alone; read only when they are so. */
#ifndef CRYPTO_KEY_FILE_H
#define CRYPTO_KEY_FILE_H

#include "base/bytes.h"

/* A new file of mode 0600, fsynced with its folder; ERR_EXISTS; nothing is left behind on error. */
MUST_USE enum err_code key_file_write(const char *path, struct bytes data, struct err *e);
/*
 * Append the content of a regular file of at most `max` bytes to `out` (a secret buffer).
 * ERR_PERMISSIONS when its mode has one of the bits `forbidden`.
 */
MUST_USE enum err_code key_file_read(const char *path, unsigned forbidden, size_t max,
	struct buf *out, struct err *e);

#define KEY_FILE_FORBIDDEN 077u /* nothing for the group, nothing for others */

#endif
