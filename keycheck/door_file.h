/* Files of the door's folder: whole, durable, named in errors. */
#ifndef KEYCHECK_DOOR_FILE_H
#define KEYCHECK_DOOR_FILE_H

#include <stdint.h>

#include "base/bytes.h"

/* A new file NAME with these pieces one after the other, durable with its name, or none. */
MUST_USE enum err_code door_file_write(int dir, const char *name, const struct bytes *piece,
	size_t n, struct err *e);
/* Map a file to read it; ERR_NOT_FOUND.  An empty one is BYTES_NONE. */
MUST_USE enum err_code door_file_map(int dir, const char *name, struct bytes *out, struct err *e);
void door_file_unmap(struct bytes b);
/* All of `data` behind what is there; ERR_DISK_FULL or ERR_IO. */
MUST_USE enum err_code door_file_append(int fd, const char *name, struct bytes data,
	struct err *e);

#endif
