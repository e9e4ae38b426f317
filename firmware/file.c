#include "firmware/file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536 /* read at once while copying */

enum err_code file_size(int fd, uint64_t *size, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_sys(e, ERR_IO, "file", errno, "it cannot be measured");
	if (!S_ISREG(st.st_mode) || st.st_size < 0)
		return err_set(e, ERR_IO, "file", "it is not a regular file");
	*size = (uint64_t)st.st_size;
	return ERR_OK;
}

/* Exactly `len` bytes at `at` into `p`. */
static enum err_code read_exact(int fd, uint64_t at, uint8_t *p, size_t len, struct err *e)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(fd, p + done, len - done, (off_t)(at + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, ERR_IO, "file", errno, "it cannot be read");
		if (n == 0)
			return err_set(e, ERR_TRUNCATED, "file", "it ends at %llu",
				(unsigned long long)(at + done));
		done += (size_t)n;
	}
	return ERR_OK;
}

enum err_code file_read(int fd, uint64_t at, size_t len, struct buf *out, struct err *e)
{
	uint8_t chunk[4096];
	for (size_t done = 0; done < len;) {
		size_t n = len - done < sizeof(chunk) ? len - done : sizeof(chunk);
		enum err_code rc = read_exact(fd, at + done, chunk, n, e);
		if (rc != ERR_OK)
			return rc;
		buf_bytes(out, bytes_of(chunk, n));
		done += n;
	}
	return buf_end(out, e, "file");
}

/* EFBIG: a limit on the size of files is a kind of full disk. */
static enum err_code write_code(int why)
{
	return why == ENOSPC || why == EDQUOT || why == EFBIG ? ERR_DISK_FULL : ERR_IO;
}

enum err_code file_write(int fd, struct bytes data, struct err *e)
{
	for (size_t done = 0; done < data.len;) {
		ssize_t n = write(fd, data.p + done, data.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, write_code(errno), "file", errno,
				"it cannot be written");
		done += (size_t)n;
	}
	return ERR_OK;
}

/* Read in chunks; hash when `h`, write when `to` >= 0. */
static enum err_code walk(int from, uint64_t at, uint64_t len, int to, struct sha256 *h,
	struct err *e)
{
	uint8_t chunk[CHUNK];
	for (uint64_t done = 0; done < len;) {
		size_t n = len - done < CHUNK ? (size_t)(len - done) : CHUNK;
		enum err_code rc = read_exact(from, at + done, chunk, n, e);
		if (rc == ERR_OK && to >= 0)
			rc = file_write(to, bytes_of(chunk, n), e);
		if (rc != ERR_OK)
			return rc;
		if (h != NULL)
			sha256_more(h, bytes_of(chunk, n));
		done += n;
	}
	return ERR_OK;
}

enum err_code file_copy(int from, uint64_t at, uint64_t len, int to, uint8_t digest[SHA256_SIZE],
	struct err *e)
{
	struct sha256 h;
	uint8_t sum[SHA256_SIZE];
	if (digest == NULL)
		return walk(from, at, len, to, NULL, e);
	enum err_code rc = sha256_start(&h, e);
	if (rc != ERR_OK)
		return rc;
	rc = walk(from, at, len, to, &h, e);
	sha256_end(&h, sum);
	for (size_t i = 0; rc == ERR_OK && i < sizeof(sum); i++)
		digest[i] = sum[i];
	return rc;
}

enum err_code file_digest(int fd, uint64_t at, uint64_t len, uint8_t digest[SHA256_SIZE],
	struct err *e)
{
	return file_copy(fd, at, len, -1, digest, e);
}
