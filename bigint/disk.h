/*
 * Files of large numbers: written once from beginning to end, checksummed, durable, and put in
 * place by a rename, so that a name never stands for half a file.
 */
#ifndef BIGINT_DISK_H
#define BIGINT_DISK_H

#include <stdint.h>

#include "base/bytes.h"

/*
 * A checksum against damage, not against an enemy: the words as digits of a number in base
 * SUM_BASE modulo the prime 2^61 - 1.  Any change of up to two neighbouring 32-bit words is found
 * for certain, anything else with a chance of 1 - n / 2^61 for n words.
 */
uint64_t sum_words(uint64_t sum, const uint64_t *p, size_t n);

/* Of a file's head, whose last word it is: over the words before that. */
uint64_t sum_head(const void *head, size_t size);

/* A file that is being written, under PATH.part. */
struct disk_file {
	int fd;
	char *path;
	char *part;
	uint8_t *buffer;
	size_t used;
};

MUST_USE enum err_code disk_create(struct disk_file *f, const char *path, struct err *e);
/* ERR_DISK_FULL when there is no space left. */
MUST_USE enum err_code disk_write(struct disk_file *f, const void *p, size_t n, struct err *e);
/* Replace the first `n` bytes; all that was written before is flushed. */
MUST_USE enum err_code disk_head(struct disk_file *f, const void *p, size_t n, struct err *e);
/* Durable under its own name when it returns ERR_OK; else nothing is left of it. */
MUST_USE enum err_code disk_end(struct disk_file *f, struct err *e);
/* Remove what was written.  A file that was ended, or never begun (all zero), is none. */
void disk_abandon(struct disk_file *f);

/* A whole file, mapped for reading. */
struct disk_map {
	const uint8_t *p;
	size_t len;
};

MUST_USE enum err_code disk_map(const char *path, struct disk_map *out, struct err *e);
void disk_unmap(struct disk_map *m);

#endif
