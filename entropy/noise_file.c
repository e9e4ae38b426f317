#include "entropy/noise.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static enum err_code file_read(void *arg, uint8_t *out, size_t n, struct err *e)
{
	const struct noise_file *f = arg;
	size_t done = 0;
	while (done < n) {
		ssize_t got = read(f->fd, out + done, n - done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, ERR_ENTROPY_SOURCE, f->path, errno, "reading");
		if (got == 0)
			return err_set(e, ERR_ENTROPY_SOURCE, f->path,
				"it ended, with %zu samples wanted", n - done);
		done += (size_t)got;
	}
	return ERR_OK;
}

enum err_code noise_file_open(struct noise_file *f, const char *path, double min_entropy,
	struct noise_source *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(e, ERR_ENTROPY_SOURCE, path, errno, "opening");
	*f = (struct noise_file){fd, path};
	*out = (struct noise_source){path, 8, min_entropy, file_read, f};
	return ERR_OK;
}

void noise_file_close(struct noise_file *f)
{
	if (f == NULL || f->fd < 0)
		return;
	(void)close(f->fd);
	f->fd = -1;
}
