#include "keycheck/door_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 64

static enum err_code write_failed(const char *name, int why, struct err *e)
{
	return err_sys(e, why == ENOSPC || why == EDQUOT ? ERR_DISK_FULL : ERR_IO, name, why,
		"it cannot be written");
}

enum err_code door_file_append(int fd, const char *name, struct bytes data, struct err *e)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.p, data.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return write_failed(name, n < 0 ? errno : ENOSPC, e);
		data.p += n;
		data.len -= (size_t)n;
	}
	return ERR_OK;
}

enum err_code door_file_write(int dir, const char *name, const struct bytes *piece, size_t n,
	struct err *e)
{
	char fresh[NAME_SIZE];
	enum err_code rc = ERR_OK;
	(void)snprintf(fresh, sizeof(fresh), "%s.new", name);
	int fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return write_failed(fresh, errno, e);
	for (size_t i = 0; i < n && rc == ERR_OK; i++)
		rc = door_file_append(fd, fresh, piece[i], e);
	if (rc == ERR_OK && fsync(fd) != 0)
		rc = write_failed(fresh, errno, e);
	if (close(fd) != 0 && rc == ERR_OK)
		rc = write_failed(fresh, errno, e);
	if (rc == ERR_OK && renameat(dir, fresh, dir, name) != 0)
		rc = write_failed(name, errno, e);
	else if (rc == ERR_OK && fsync(dir) != 0)
		rc = write_failed(name, errno, e);
	if (rc != ERR_OK)
		(void)unlinkat(dir, fresh, 0);
	return rc;
}

enum err_code door_file_map(int dir, const char *name, struct bytes *out, struct err *e)
{
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, name, "no such file") :
			err_sys(e, ERR_IO, name, errno, "it cannot be opened");
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return err_set(e, ERR_IO, name, "it is not a plain file");
	}
	void *p = NULL;
	if (st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	int why = errno;
	(void)close(fd);
	if (p == MAP_FAILED)
		return err_sys(e, ERR_IO, name, why, "it cannot be mapped");
	*out = bytes_of(p, (size_t)st.st_size);
	return ERR_OK;
}

void door_file_unmap(struct bytes b)
{
	if (b.len > 0)
		(void)munmap((void *)(uintptr_t)b.p, b.len);
}
