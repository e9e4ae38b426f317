/*
 * Images that were handed in, in a folder under the name of their SHA-256.  A file appears there
 * whole or not at all: written under another name, fsynced, renamed, the folder fsynced.
 */
#ifndef AUTHORITY_IMAGE_H
#define AUTHORITY_IMAGE_H

#include "authority/authority.h"

/*
 * Copy all of the file `fd` into the folder.  ERR_LIMIT over the policy's image_max, ERR_DISK_FULL;
 * then nothing is left behind.  An image that is there already is left as it is.
 */
MUST_USE enum err_code image_add(struct authority *a, int fd, uint8_t digest[SHA256_SIZE],
	uint64_t *size, struct err *e);
/* A descriptor to read it, which the caller closes; ERR_NOT_FOUND. */
MUST_USE enum err_code image_open(struct authority *a, const uint8_t digest[SHA256_SIZE], int *fd,
	struct err *e);
/* An image that no release names is kept this long for the proposal that it was handed in for. */
#define IMAGE_KEEP ((int64_t)7 * 86400)

/*
 * At start: remove what an interrupted image_add left, and images that were handed in more than
 * IMAGE_KEEP seconds ago and are named by no release.
 */
MUST_USE enum err_code image_tidy(struct authority *a, struct err *e);

#endif
