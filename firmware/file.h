/* Regular files by descriptor: measured, read and copied without moving their position. */
#ifndef FIRMWARE_FILE_H
#define FIRMWARE_FILE_H

#include "base/bytes.h"
#include "crypto/hash.h"

/* Size of a regular file (or memfd); ERR_IO for anything else. */
MUST_USE enum err_code file_size(int fd, uint64_t *size, struct err *e);
/* Append exactly `len` bytes at `at` to `out`; ERR_TRUNCATED when the file is shorter. */
MUST_USE enum err_code file_read(int fd, uint64_t at, size_t len, struct buf *out, struct err *e);
/* Copy `len` bytes at `at` of `from` to the position of `to` (ERR_TRUNCATED, ERR_DISK_FULL,
 * ERR_IO); their SHA-256 goes to `digest` when that is not NULL. */
MUST_USE enum err_code file_copy(int from, uint64_t at, uint64_t len, int to,
	uint8_t digest[SHA256_SIZE], struct err *e);
/* SHA-256 of `len` bytes at `at`. */
MUST_USE enum err_code file_digest(int fd, uint64_t at, uint64_t len, uint8_t digest[SHA256_SIZE],
	struct err *e);
/* All of `data` to the position of `fd`. */
MUST_USE enum err_code file_write(int fd, struct bytes data, struct err *e);

#endif
