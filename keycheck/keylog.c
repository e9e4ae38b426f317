#include "keycheck/keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Records gathered before a write: a record of the greatest size fits. */
#define PENDING_SIZE (KEYLOG_RECORD_MAX + KEYLOG_HEAD)

enum err_code keylog_write_error(const char *path, int errnum, struct err *e)
{
	if (errnum == ENOSPC || errnum == EDQUOT)
		return err_set(e, ERR_DISK_FULL, path,
			"what was done so far is kept; make room and go on with --resume");
	return err_sys(e, ERR_IO, path, errnum, "cannot write");
}

static enum err_code open_file(struct keylog *l, uint64_t keep, struct err *e)
{
	struct stat st;

	l->fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->fd < 0 && (errno == ENOSPC || errno == EDQUOT))
		return keylog_write_error(l->path, errno, e);
	if (l->fd < 0 || fstat(l->fd, &st) != 0)
		return err_sys(e, ERR_IO, l->path, errno, "cannot open");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_IO, l->path, "it is not a regular file");
	if ((uint64_t)st.st_size < keep)
		return err_set(e, ERR_TRUNCATED, l->path, "%lld of %llu bytes are left",
			(long long)st.st_size, (unsigned long long)keep);
	if (ftruncate(l->fd, (off_t)keep) != 0)
		return keylog_write_error(l->path, errno, e);
	return ERR_OK;
}

enum err_code keylog_open(
	struct keylog *l, const char *dir, const char *name, uint64_t keep, struct err *e)
{
	enum err_code rc;

	*l = (struct keylog){.fd = -1, .written = keep};
	l->pending = malloc(PENDING_SIZE);
	if (l->pending == NULL || asprintf(&l->path, "%s/%s", dir, name) < 0) {
		l->path = NULL;
		keylog_close(l);
		return err_set(e, ERR_NO_MEMORY, name, "work file");
	}
	rc = open_file(l, keep, e);
	if (rc != ERR_OK)
		keylog_close(l);
	return rc;
}

static enum err_code flush(struct keylog *l, struct err *e)
{
	size_t done = 0;

	while (done < l->pending_n) {
		ssize_t n = pwrite(
			l->fd, l->pending + done, l->pending_n - done, (off_t)(l->written + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return keylog_write_error(l->path, errno, e);
		done += (size_t)n;
	}
	l->written += done;
	l->pending_n = 0;
	return ERR_OK;
}

static void put_u32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

enum err_code keylog_add(struct keylog *l, struct bytes record, uint64_t *at, struct err *e)
{
	if (record.len > KEYLOG_RECORD_MAX)
		return err_set(e, ERR_LIMIT, l->path, "a record of %zu bytes", record.len);
	if (l->pending_n + KEYLOG_HEAD + record.len > PENDING_SIZE) {
		enum err_code rc = flush(l, e);
		if (rc != ERR_OK)
			return rc;
	}
	if (at != NULL)
		*at = keylog_size(l);
	uint8_t *p = l->pending + l->pending_n;
	put_u32(p, (uint32_t)record.len);
	put_u32(p + 4, (uint32_t)crc32(0, record.p, (uInt)record.len));
	if (record.len > 0)
		memcpy(p + KEYLOG_HEAD, record.p, record.len);
	l->pending_n += KEYLOG_HEAD + record.len;
	return ERR_OK;
}

uint64_t keylog_size(const struct keylog *l)
{
	return l->written + l->pending_n;
}

enum err_code keylog_peek(const struct keylog *l, uint64_t at, void *out, size_t n, struct err *e)
{
	at += KEYLOG_HEAD;
	if (at + n > keylog_size(l))
		return err_set(
			e, ERR_INTERNAL, l->path, "no record at %llu", (unsigned long long)at);
	if (at >= l->written) { /* records are flushed whole */
		memcpy(out, l->pending + (at - l->written), n);
		return ERR_OK;
	}
	for (size_t done = 0; done < n;) {
		ssize_t r = pread(l->fd, (uint8_t *)out + done, n - done, (off_t)(at + done));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return err_sys(e, ERR_IO, l->path, r < 0 ? errno : EIO, "cannot read");
		done += (size_t)r;
	}
	return ERR_OK;
}

enum err_code keylog_sync(struct keylog *l, struct err *e)
{
	enum err_code rc = flush(l, e);

	if (rc == ERR_OK && fdatasync(l->fd) != 0)
		rc = keylog_write_error(l->path, errno, e);
	return rc;
}

enum err_code keylog_map(struct keylog *l, struct err *e)
{
	enum err_code rc = flush(l, e);
	void *p;

	if (rc != ERR_OK || l->map != NULL || l->written == 0)
		return rc;
	p = mmap(NULL, l->written, PROT_READ, MAP_SHARED, l->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, ERR_NO_MEMORY, l->path, errno, "cannot map");
	l->map = p;
	l->mapped = l->written;
	return ERR_OK;
}

void keylog_unmap(struct keylog *l)
{
	if (l->map != NULL)
		(void)munmap((void *)(uintptr_t)l->map, l->mapped);
	l->map = NULL;
	l->mapped = 0;
}

enum err_code keylog_get(const struct keylog *l, uint64_t *at, struct bytes *record, struct err *e)
{
	if (*at > l->mapped || l->mapped - *at < KEYLOG_HEAD)
		return err_set(e, ERR_TRUNCATED, l->path, "no record at byte %llu",
			(unsigned long long)*at);
	struct reader r = reader_of(bytes_of(l->map + *at, l->mapped - *at));
	uint32_t len = read_u32le(&r);
	uint32_t crc = read_u32le(&r);
	struct bytes b = read_bytes(&r, len <= KEYLOG_RECORD_MAX ? len : SIZE_MAX);
	if (r.bad || crc != (uint32_t)crc32(0, b.p, (uInt)b.len))
		return err_set(e, ERR_MALFORMED, l->path, "the record at byte %llu is damaged",
			(unsigned long long)*at);
	*record = b;
	*at += KEYLOG_HEAD + b.len;
	return ERR_OK;
}

void keylog_close(struct keylog *l)
{
	keylog_unmap(l);
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l->path);
	free(l->pending);
	*l = (struct keylog){.fd = -1};
}
