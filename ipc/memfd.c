#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/message.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

enum err_code memfd_start(const char *name, int *fd, struct err *e)
{
	int made = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (made < 0 && errno == EINVAL) /* before Linux 6.3 */
		made = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (made < 0)
		return err_sys(e, ERR_NO_MEMORY, name, errno, "no memfd");
	*fd = made;
	return ERR_OK;
}

enum err_code memfd_add(int fd, struct bytes data, struct err *e)
{
	for (size_t at = 0; at < data.len;) {
		ssize_t n = write(fd, data.p + at, data.len - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(e, ERR_NO_MEMORY, "memfd", errno, "%zu bytes", data.len);
		at += (size_t)n;
	}
	return ERR_OK;
}

enum err_code memfd_seal(int fd, struct err *e)
{
	if (fcntl(fd, F_ADD_SEALS, ALL_SEALS) != 0)
		return err_sys(e, ERR_IO, "memfd", errno, "it could not be sealed");
	return ERR_OK;
}

enum err_code memfd_make(const char *name, struct bytes data, int *fd, struct err *e)
{
	int made;
	enum err_code rc = memfd_start(name, &made, e);
	if (rc != ERR_OK)
		return rc;
	rc = memfd_add(made, data, e);
	if (rc == ERR_OK)
		rc = memfd_seal(made, e);
	if (rc != ERR_OK) {
		(void)close(made);
		return rc;
	}
	*fd = made;
	return ERR_OK;
}

enum err_code memfd_map(int fd, uint64_t max, struct bytes *data, struct err *e)
{
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS)
		return err_set(e, ERR_PROTOCOL, "memfd", "it is not sealed; its sender could change it");
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_sys(e, ERR_IO, "memfd", errno, "its size is unknown");
	if (st.st_size < 0 || (uint64_t)st.st_size > max)
		return err_set(e, ERR_LIMIT, "memfd", "%lld bytes, limit %llu",
			(long long)st.st_size, (unsigned long long)max);
	if (st.st_size == 0) {
		*data = BYTES_NONE;
		return ERR_OK;
	}
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, ERR_NO_MEMORY, "memfd", errno, "%lld bytes",
			(long long)st.st_size);
	*data = bytes_of(p, (size_t)st.st_size);
	return ERR_OK;
}

void memfd_unmap(struct bytes data)
{
	if (data.p != NULL)
		(void)munmap((void *)(uintptr_t)data.p, data.len);
}
