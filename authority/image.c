#include "authority/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/random.h"
#include "firmware/file.h"

#define UNFINISHED "unfinished-" /* and 16 hex digits */
#define NAME_SIZE (2 * SHA256_SIZE + 1)

static enum err_code name_unfinished(char out[NAME_SIZE], struct err *e)
{
	uint8_t noise[8];
	char hex[2 * sizeof(noise) + 1];
	enum err_code rc = random_bytes(noise, sizeof(noise), e);
	if (rc != ERR_OK)
		return rc;
	hex_encode(noise, sizeof(noise), hex);
	(void)snprintf(out, NAME_SIZE, "%s%s", UNFINISHED, hex);
	return ERR_OK;
}

static enum err_code sync_fd(int fd, struct err *e)
{
	if (fsync(fd) == 0)
		return ERR_OK;
	return err_sys(e, errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_IO, "image",
		errno, "it could not be made durable");
}

/* From the finished copy `tmp` to its place; durable when it returns. */
static enum err_code move_in(int dir, const char *tmp, const uint8_t digest[SHA256_SIZE],
	struct err *e)
{
	char name[NAME_SIZE];
	hex_encode(digest, SHA256_SIZE, name);
	if (renameat(dir, tmp, dir, name) != 0)
		return err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, name, errno,
			"it could not be put in its place");
	return sync_fd(dir, e);
}

enum err_code image_add(struct authority *a, int fd, uint8_t digest[SHA256_SIZE], uint64_t *size,
	struct err *e)
{
	char tmp[NAME_SIZE];
	uint8_t sum[SHA256_SIZE];
	uint64_t len = 0;
	enum err_code rc = file_size(fd, &len, e);
	if (rc != ERR_OK)
		return rc;
	if (len == 0 || len > a->policy.image_max)
		return err_set(e, ERR_LIMIT, "image", "it has %llu bytes, 1 to %llu are allowed",
			(unsigned long long)len, (unsigned long long)a->policy.image_max);
	rc = name_unfinished(tmp, e);
	if (rc != ERR_OK)
		return rc;
	int out = openat(a->images_dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, "images", errno,
			"no file can be made");
	rc = file_copy(fd, 0, len, out, sum, e);
	if (rc == ERR_OK)
		rc = sync_fd(out, e);
	(void)close(out);
	if (rc == ERR_OK)
		rc = move_in(a->images_dir, tmp, sum, e);
	if (rc != ERR_OK) {
		(void)unlinkat(a->images_dir, tmp, 0);
		return rc;
	}
	memcpy(digest, sum, sizeof(sum));
	*size = len;
	return ERR_OK;
}

enum err_code image_open(struct authority *a, const uint8_t digest[SHA256_SIZE], int *fd,
	struct err *e)
{
	char name[NAME_SIZE];
	hex_encode(digest, SHA256_SIZE, name);
	int got = openat(a->images_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (got < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, name, "no image with this SHA-256 was handed in");
	if (got < 0)
		return err_sys(e, ERR_IO, name, errno, "it cannot be opened");
	*fd = got;
	return ERR_OK;
}

/* The digests of all images that a release names. */
struct named {
	uint8_t (*digest)[SHA256_SIZE];
	size_t n;
	size_t room;
};

static enum err_code collect(void *arg, const struct release_row *r)
{
	struct named *all = arg;
	if (all->n == all->room) {
		size_t room = all->room == 0 ? 64 : 2 * all->room;
		void *more = realloc(all->digest, room * sizeof(all->digest[0]));
		if (more == NULL)
			return ERR_NO_MEMORY;
		all->digest = more;
		all->room = room;
	}
	memcpy(all->digest[all->n++], r->image_digest, SHA256_SIZE);
	return ERR_OK;
}

static bool is_named(const struct named *all, const uint8_t digest[SHA256_SIZE])
{
	for (size_t i = 0; i < all->n; i++)
		if (memcmp(all->digest[i], digest, SHA256_SIZE) == 0)
			return true;
	return false;
}

/* May this file of the folder go?  What is not ours by its name stays. */
static bool is_litter(struct authority *a, const struct named *all, const char *name)
{
	struct stat st;
	uint8_t digest[SHA256_SIZE];
	int64_t now = clock_now(a->clock);
	if (strncmp(name, UNFINISHED, strlen(UNFINISHED)) == 0)
		return true;
	if (strlen(name) != NAME_SIZE - 1 || !hex_decode(name, digest, sizeof(digest)))
		return false;
	return !is_named(all, digest) && clock_believable(now) &&
		fstatat(a->images_dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		now - (int64_t)st.st_mtime > IMAGE_KEEP;
}

static enum err_code tidy_folder(struct authority *a, const struct named *all, struct err *e)
{
	/* an open of its own: a directory stream moves the descriptor's position and closes it */
	int fd = openat(a->images_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		int why = errno;
		if (fd >= 0)
			(void)close(fd);
		return err_sys(e, ERR_IO, "images", why, "the folder cannot be read");
	}
	for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir))
		if (is_litter(a, all, d->d_name))
			(void)unlinkat(a->images_dir, d->d_name, 0);
	(void)closedir(dir);
	return ERR_OK;
}

enum err_code image_tidy(struct authority *a, struct err *e)
{
	struct named all = {0};
	enum err_code rc = store_release_list(a->store, collect, &all, e);
	if (rc == ERR_NO_MEMORY)
		rc = err_set(e, rc, "images", "there are too many releases");
	if (rc == ERR_OK)
		rc = tidy_folder(a, &all, e);
	free(all.digest);
	return rc;
}
