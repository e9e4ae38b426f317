#include "bigint/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Large enough that the system call does not count. */
#define DISK_BUFFER ((size_t)1 << 20)

#define SUM_PRIME (((uint64_t)1 << 61) - 1)
#define SUM_BASE UINT64_C(0x0de0b6b3a7640001)

static inline uint64_t sum_step(uint64_t sum, uint64_t word)
{
	unsigned __int128 t = (unsigned __int128)sum * SUM_BASE + word;
	uint64_t r = ((uint64_t)t & SUM_PRIME) + (uint64_t)(t >> 61);
	return r >= SUM_PRIME ? r - SUM_PRIME : r;
}

uint64_t sum_words(uint64_t sum, const uint64_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* Halves: a 64-bit word and the same plus the prime would be one digit. */
		sum = sum_step(sum, (p[i] & 0xffffffff) + 1);
		sum = sum_step(sum, (p[i] >> 32) + 1);
	}
	return sum;
}

uint64_t sum_head(const void *head, size_t size)
{
	uint64_t sum = 0, word;
	for (size_t at = 0; at + 2 * sizeof(word) <= size; at += sizeof(word)) {
		memcpy(&word, (const uint8_t *)head + at, sizeof(word));
		sum = sum_words(sum, &word, 1);
	}
	return sum;
}

static enum err_code failed(const char *path, int errnum, const char *what, struct err *e)
{
	if (errnum == ENOSPC || errnum == EDQUOT)
		return err_sys(e, ERR_DISK_FULL, path, errnum, "%s", what);
	return err_sys(e, ERR_IO, path, errnum, "%s", what);
}

enum err_code disk_create(struct disk_file *f, const char *path, struct err *e)
{
	*f = (struct disk_file){.fd = -1};
	f->path = strdup(path);
	f->buffer = malloc(DISK_BUFFER);
	if (f->path == NULL || f->buffer == NULL || asprintf(&f->part, "%s.part", path) < 0) {
		f->part = NULL;
		disk_abandon(f);
		return err_set(e, ERR_NO_MEMORY, path, "a buffer for writing");
	}
	f->fd = open(f->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (f->fd < 0) {
		int errnum = errno;
		disk_abandon(f);
		return failed(path, errnum, "it cannot be created", e);
	}
	return ERR_OK;
}

static enum err_code write_all(struct disk_file *f, const uint8_t *p, size_t n, struct err *e)
{
	while (n > 0) {
		ssize_t done = write(f->fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return failed(f->path, done == 0 ? EIO : errno, "writing failed", e);
		p += done;
		n -= (size_t)done;
	}
	return ERR_OK;
}

static enum err_code flush(struct disk_file *f, struct err *e)
{
	size_t n = f->used;
	f->used = 0;
	return write_all(f, f->buffer, n, e);
}

enum err_code disk_write(struct disk_file *f, const void *p, size_t n, struct err *e)
{
	if (n == 0)
		return ERR_OK;
	if (n > DISK_BUFFER - f->used) {
		enum err_code err = flush(f, e);
		if (err != ERR_OK)
			return err;
	}
	if (n >= DISK_BUFFER)
		return write_all(f, p, n, e);
	memcpy(f->buffer + f->used, p, n);
	f->used += n;
	return ERR_OK;
}

enum err_code disk_head(struct disk_file *f, const void *p, size_t n, struct err *e)
{
	enum err_code err = flush(f, e);
	if (err != ERR_OK)
		return err;
	for (size_t at = 0; at < n;) {
		ssize_t done = pwrite(f->fd, (const uint8_t *)p + at, n - at, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return failed(f->path, done == 0 ? EIO : errno, "writing its head failed",
				e);
		at += (size_t)done;
	}
	return ERR_OK;
}

/* A rename is durable when the folder is. */
static enum err_code sync_folder(const char *path, struct err *e)
{
	char *folder = strdup(path);
	if (folder == NULL)
		return err_set(e, ERR_NO_MEMORY, path, "a name");
	char *slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder ? 1 : 0] = '\0';
	int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	int errnum = fd < 0 || fsync(fd) != 0 ? errno : 0;
	if (fd >= 0)
		(void)close(fd);
	return errnum != 0 ? failed(path, errnum, "its folder could not be made durable", e)
			   : ERR_OK;
}

enum err_code disk_end(struct disk_file *f, struct err *e)
{
	enum err_code err = flush(f, e);
	if (err != ERR_OK)
		goto out;
	if (fsync(f->fd) != 0) {
		err = failed(f->path, errno, "it could not be made durable", e);
		goto out;
	}
	if (rename(f->part, f->path) != 0) {
		err = failed(f->path, errno, "it could not be put in place", e);
		goto out;
	}
	free(f->part);
	f->part = NULL; /* nothing to remove any more */
	err = sync_folder(f->path, e);
	if (err != ERR_OK)
		(void)unlink(f->path);
out:
	disk_abandon(f);
	return err;
}

void disk_abandon(struct disk_file *f)
{
	if (f->path == NULL && f->buffer == NULL)
		return;
	if (f->fd >= 0) {
		(void)close(f->fd);
		if (f->part != NULL)
			(void)unlink(f->part);
	}
	free(f->path);
	free(f->part);
	free(f->buffer);
	*f = (struct disk_file){.fd = -1};
}

enum err_code disk_map(const char *path, struct disk_map *out, struct err *e)
{
	*out = (struct disk_map){NULL, 0};
	/* Not blocked by a pipe that has no writer. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, errno,
			"it cannot be opened");
	enum err_code err = ERR_OK;
	struct stat st;
	if (fstat(fd, &st) != 0) {
		err = err_sys(e, ERR_IO, path, errno, "its size is not known");
	} else if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		err = err_set(e, ERR_TRUNCATED, path, "it is empty or no regular file");
	} else {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			err = err_sys(e, ERR_IO, path, errno, "it cannot be mapped");
		else
			*out = (struct disk_map){p, (size_t)st.st_size};
	}
	(void)close(fd);
	return err;
}

void disk_unmap(struct disk_map *m)
{
	if (m->p != NULL)
		(void)munmap((void *)(uintptr_t)m->p, m->len);
	*m = (struct disk_map){NULL, 0};
}
