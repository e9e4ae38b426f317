/* Who works in the folder, and how far they have come. */
#include "keycheck/keyset_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char state_magic[] = "medseal keyset\n";

/* Magic, version, call, position, lengths, and the SHA-256 of them all. */
#define STATE_MAX 512

const char *const keyset_log_name[LOG_COUNT] = {
	[LOG_KEYS] = "keys.log",
	[LOG_SOURCES] = "sources.log",
	[LOG_FLAWS] = "flaws.log",
	[LOG_FINDINGS] = "findings.log",
	[LOG_SIGNERS] = "signers.log",
};

static char *path_of(const struct keyset *s, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", s->dir, name) < 0 ? NULL : path;
}

enum err_code keyset_lock(struct keyset *s, struct err *e)
{
	char *path = path_of(s, "lock");
	enum err_code rc = ERR_OK;

	if (path == NULL)
		return err_set(e, ERR_NO_MEMORY, s->dir, "work folder");
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		rc = keylog_write_error(path, errno, e);
	else if (flock(s->lock, LOCK_EX | LOCK_NB) != 0)
		rc = err_set(e, ERR_BUSY, s->dir, "another audit works in this folder");
	free(path);
	return rc;
}

bool keyset_state_exists(const struct keyset *s)
{
	char *path = path_of(s, "state");
	bool there = path != NULL && access(path, F_OK) == 0;

	free(path);
	return there;
}

static enum err_code read_whole(const char *path, struct buf *out, struct err *e)
{
	uint8_t piece[STATE_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, errno,
			"there is no audit to go on with");
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		buf_bytes(out, bytes_of(piece, (size_t)n));
	int errnum = errno;
	(void)close(fd);
	if (n < 0)
		return err_sys(e, ERR_IO, path, errnum, "cannot read");
	return buf_end(out, e, path);
}

static bool digest_holds(struct bytes b)
{
	uint8_t digest[SHA256_SIZE];

	if (b.len < SHA256_SIZE)
		return false;
	sha256_of(bytes_of(b.p, b.len - SHA256_SIZE), digest);
	return memcmp(digest, b.p + b.len - SHA256_SIZE, SHA256_SIZE) == 0;
}

static enum err_code state_parse(struct keyset *s, const char *path, struct bytes b,
	struct keyset_position *at, uint64_t size[LOG_COUNT], struct err *e)
{
	struct reader r = reader_of(bytes_of(b.p, b.len - SHA256_SIZE));
	struct bytes magic = read_bytes(&r, sizeof(state_magic) - 1);
	uint32_t version = read_u32le(&r);

	if (!bytes_equal(magic, bytes_str(state_magic)) || version != KEYSET_VERSION)
		return err_set(e, ERR_MALFORMED, path, "it is of another version");
	struct bytes call = read_bytes(&r, SHA256_SIZE);
	struct keyset_position p;
	p.step = read_u32le(&r);
	p.file = read_u32le(&r);
	uint64_t *numbers[] = {&p.offset, &p.done, &p.skipped};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		*numbers[i] = (uint64_t)read_u32le(&r) | (uint64_t)read_u32le(&r) << 32;
	for (size_t i = 0; i < LOG_COUNT; i++)
		size[i] = (uint64_t)read_u32le(&r) | (uint64_t)read_u32le(&r) << 32;
	enum err_code rc = reader_end(&r, e, path);
	if (rc != ERR_OK)
		return rc;
	if (!bytes_equal(call, bytes_of(s->call, SHA256_SIZE)))
		return err_set(e, ERR_USAGE, s->dir,
			"that audit had other options, or its input has changed since; take "
			"another "
			"folder");
	*at = p;
	return ERR_OK;
}

enum err_code keyset_state_read(
	struct keyset *s, struct keyset_position *at, uint64_t size[LOG_COUNT], struct err *e)
{
	struct buf b = buf_new(STATE_MAX);
	char *path = path_of(s, "state");
	enum err_code rc;

	if (path == NULL)
		return err_set(e, ERR_NO_MEMORY, s->dir, "work folder");
	rc = read_whole(path, &b, e);
	if (rc == ERR_OK && !digest_holds(buf_view(&b)))
		rc = err_set(e, ERR_MALFORMED, path, "it is damaged");
	if (rc == ERR_OK)
		rc = state_parse(s, path, buf_view(&b), at, size, e);
	free(path);
	buf_free(&b);
	return rc;
}

static void put_u64(struct buf *b, uint64_t v)
{
	buf_u32le(b, (uint32_t)v);
	buf_u32le(b, (uint32_t)(v >> 32));
}

static void state_encode(const struct keyset *s, const struct keyset_position *at, struct buf *b)
{
	uint8_t digest[SHA256_SIZE];

	buf_str(b, state_magic);
	buf_u32le(b, KEYSET_VERSION);
	buf_bytes(b, bytes_of(s->call, SHA256_SIZE));
	buf_u32le(b, at->step);
	buf_u32le(b, at->file);
	put_u64(b, at->offset);
	put_u64(b, at->done);
	put_u64(b, at->skipped);
	for (size_t i = 0; i < LOG_COUNT; i++)
		put_u64(b, keylog_size(&s->log[i]));
	sha256_of(buf_view(b), digest);
	buf_bytes(b, bytes_of(digest, SHA256_SIZE));
}

static enum err_code write_file(const char *path, struct bytes b, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum err_code rc = ERR_OK;

	if (fd < 0)
		return keylog_write_error(path, errno, e);
	ssize_t n = write(fd, b.p, b.len);
	if (n != (ssize_t)b.len)
		rc = keylog_write_error(path, n < 0 ? errno : ENOSPC, e);
	else if (fsync(fd) != 0)
		rc = keylog_write_error(path, errno, e);
	(void)close(fd);
	return rc;
}

static enum err_code sync_dir(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err_code rc = ERR_OK;

	if (fd < 0 || fsync(fd) != 0)
		rc = err_sys(e, ERR_IO, dir, errno, "cannot sync the folder");
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

enum err_code keyset_state_write(struct keyset *s, const struct keyset_position *at, struct err *e)
{
	struct buf b = buf_new(STATE_MAX);
	char *path = path_of(s, "state");
	char *temp = path_of(s, "state.new");
	enum err_code rc = ERR_OK;

	state_encode(s, at, &b);
	if (path == NULL || temp == NULL)
		rc = err_set(e, ERR_NO_MEMORY, s->dir, "work folder");
	if (rc == ERR_OK)
		rc = buf_end(&b, e, "state");
	if (rc == ERR_OK)
		rc = write_file(temp, buf_view(&b), e);
	if (rc == ERR_OK && rename(temp, path) != 0)
		rc = err_sys(e, ERR_IO, path, errno, "cannot move it to its place");
	if (rc == ERR_OK)
		rc = sync_dir(s->dir, e);
	free(path);
	free(temp);
	buf_free(&b);
	return rc;
}
