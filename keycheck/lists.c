#include "keycheck/lists.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keycheck/lists_impl.h"

struct lists {
	struct list *list;
	size_t n;
	struct bytes *primes;
	const char **prime_source;
	size_t primes_n;
};

/*
 * The folder of the sources, for a program that runs from a build tree inside them
 * (BUILD/cli/medseal, with Meson's build.ninja in BUILD); "" elsewhere.
 */
static const char *source_dir(void)
{
	static char dir[PATH_MAX];
	char build[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", build, sizeof(build) - sizeof("/build.ninja"));

	dir[0] = '\0';
	for (int up = 0; up < 2 && len > 0; up++)
		while (len > 0 && build[--len] != '/')
			;
	if (len <= 0)
		return dir;
	memcpy(build + len, "/build.ninja", sizeof("/build.ninja"));
	if (access(build, F_OK) != 0)
		return dir;
	build[len] = '\0';
	int n = snprintf(dir, sizeof(dir), "%s/../data/keys", build);
	if (n < 0 || (size_t)n >= sizeof(dir) || access(dir, R_OK) != 0)
		dir[0] = '\0';
	return dir;
}

const char *lists_dir(void)
{
	const char *dir = getenv("MEDSEAL_KEY_LISTS");

	if (dir != NULL && dir[0] != '\0')
		return dir;
	const char *source = access(MEDSEAL_LISTS_DIR, F_OK) != 0 ? source_dir() : "";
	return source[0] != '\0' ? source : MEDSEAL_LISTS_DIR;
}

static enum err_code map_file(
	int dir, const char *name, const char *path, struct list *l, struct err *e)
{
	struct stat st;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, ERR_IO, path, errno, "cannot open");
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
		st.st_size > LIST_FILE_MAX) {
		close(fd);
		return err_set(
			e, ERR_MALFORMED, path, "not a file of 1 to %u octets", LIST_FILE_MAX);
	}
	size_t size = (size_t)st.st_size;
	void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return err_sys(e, ERR_IO, path, errno, "cannot map");
	enum err_code rc = list_parse(bytes_of(map, size), path, l, e);
	if (rc != ERR_OK) {
		munmap(map, size);
		return rc;
	}
	l->map = map;
	l->map_size = size;
	return ERR_OK;
}

static void drop_list(struct list *l)
{
	munmap(l->map, l->map_size);
	list_clear(l);
}

static int is_list(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return len > strlen(LIST_SUFFIX) &&
	       strcmp(d->d_name + len - strlen(LIST_SUFFIX), LIST_SUFFIX) == 0;
}

static enum err_code append(
	struct lists *l, int dir, const char *dir_name, const char *name, struct err *e)
{
	char path[PATH_MAX];
	struct list *more = realloc(l->list, (l->n + 1) * sizeof(*more));

	if (more == NULL)
		return err_set(e, ERR_NO_MEMORY, dir_name, NULL);
	l->list = more;
	snprintf(path, sizeof(path), "%s/%s", dir_name, name);
	enum err_code rc = map_file(dir, name, path, &l->list[l->n], e);
	if (rc == ERR_OK)
		l->n++;
	return rc;
}

/* All primes of all lists, as the one array that the product is made from. */
static enum err_code gather_primes(struct lists *l, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->list[i].hash_size == 0 ? (size_t)l->list[i].about.count : 0;
	struct bytes *primes = calloc(n + 1, sizeof(*primes));
	const char **source = calloc(n + 1, sizeof(*source));
	if (primes == NULL || source == NULL) {
		free(primes);
		free(source);
		return err_set(e, ERR_NO_MEMORY, "key lists", NULL);
	}
	size_t at = 0;
	for (size_t i = 0; i < l->n; i++) {
		struct reader r = reader_of(l->list[i].entries);
		unsigned s;
		while (l->list[i].hash_size == 0 && reader_left(&r) > 0) {
			primes[at] = list_next_prime(&r, &s);
			source[at++] = l->list[i].sources[s];
		}
	}
	free(l->primes);
	free(l->prime_source);
	l->primes = primes;
	l->prime_source = source;
	l->primes_n = at;
	return ERR_OK;
}

enum err_code lists_add(struct lists *l, const char *dir, struct err *e)
{
	struct dirent **name = NULL;
	size_t before = l->n;
	enum err_code rc = ERR_OK;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, dir, errno,
			"the folder of key lists cannot be opened");
	int n = scandirat(fd, ".", &name, is_list, alphasort);
	if (n < 0)
		rc = err_sys(e, ERR_IO, dir, errno, "the folder of key lists cannot be read");
	for (int i = 0; i < n; i++) {
		if (rc == ERR_OK)
			rc = append(l, fd, dir, name[i]->d_name, e);
		free(name[i]);
	}
	free(name);
	close(fd);
	if (rc == ERR_OK)
		rc = gather_primes(l, e);
	while (rc != ERR_OK && l->n > before)
		drop_list(&l->list[--l->n]);
	return rc;
}

enum err_code lists_open(const char *dir, struct lists **out, struct err *e)
{
	struct lists *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_set(e, ERR_NO_MEMORY, dir, NULL);
	enum err_code rc = lists_add(l, dir, e);
	if (rc != ERR_OK) {
		lists_free(l);
		return rc;
	}
	*out = l;
	return ERR_OK;
}

/* The source of the entry with this hash, or NULL. */
static const char *search(const struct list *l, const uint8_t *hash)
{
	size_t step = list_step(l);
	size_t low = 0, high = (size_t)l->about.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const uint8_t *at = l->entries.p + mid * step;
		int cmp = memcmp(hash, at, l->hash_size);
		if (cmp == 0 && l->sources_n == 1)
			return l->sources[0];
		if (cmp == 0)
			return l->sources[at[l->hash_size] << 8 | at[l->hash_size + 1]];
		if (cmp > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool lists_find(
	const struct lists *l, const struct pubkey *k, enum check *check, const char **source)
{
	uint8_t hash[LIST_PRIMES][SHA256_SIZE];
	size_t size[LIST_PRIMES] = {0};

	for (size_t i = 0; i < l->n; i++) {
		const struct list *one = &l->list[i];
		enum list_kind kind = one->about.kind;
		if (kind == LIST_PRIMES)
			continue;
		/* once for each kind: most of a look-up's time */
		if (size[kind] == 0 && !list_hash(kind, k, hash[kind], &size[kind]))
			continue;
		bool tail = kind == LIST_OPENSSL_SHA1 || kind == LIST_SSH_MD5;
		const char *found =
			search(one, hash[kind] + (tail ? size[kind] - one->hash_size : 0));
		if (found != NULL) {
			*check = one->about.check;
			*source = found;
			return true;
		}
	}
	return false;
}

const struct bytes *lists_primes(const struct lists *l, size_t *n)
{
	*n = l->primes_n;
	return l->primes;
}

const char *lists_prime_source(const struct lists *l, size_t i)
{
	return l->prime_source[i];
}

bool lists_about(const struct lists *l, size_t i, struct list_about *out, const char **path)
{
	if (i >= l->n)
		return false;
	*out = l->list[i].about;
	if (path != NULL)
		*path = l->list[i].path;
	return true;
}

void lists_free(struct lists *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n; i++)
		drop_list(&l->list[i]);
	free(l->list);
	free(l->primes);
	free(l->prime_source);
	free(l);
}
