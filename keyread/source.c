#include "keyread/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/mem.h"

/* One read: large enough that the system call costs nothing beside the bytes. */
#define PACKED_SIZE ((size_t)1 << 17)
/* A progress bar moves by no less. */
#define TELL_EVERY ((uint64_t)1 << 20)
/* RFC 1952 §2.3.1: ID1, ID2, and CM 8. */
#define GZIP_MAGIC "\x1f\x8b\x08"
/* zlib: window of 15 bits, 16 more for a gzip wrapper. */
#define GZIP_WINDOW_BITS (15 + 16)

static enum err_code read_some(
	struct source *src, uint8_t *to, size_t room, size_t *got, struct err *e)
{
	ssize_t n;
	do
		n = read(src->fd, to, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(
			e, ERR_IO, NULL, errno, "at byte %llu", (unsigned long long)src->read);
	*got = (size_t)n;
	src->read += (uint64_t)n;
	if (src->sink->progress != NULL && (n == 0 || src->read - src->told >= TELL_EVERY)) {
		src->told = src->read;
		src->sink->progress(src->sink->arg, src->read);
	}
	return ERR_OK;
}

static enum err_code begin_inflate(struct source *src, struct err *e)
{
	z_stream *z = calloc(1, sizeof(*z));
	src->packed = malloc(PACKED_SIZE);
	if (z == NULL || src->packed == NULL || inflateInit2(z, GZIP_WINDOW_BITS) != Z_OK) {
		free(z);
		return err_set(e, ERR_NO_MEMORY, NULL, "gzip");
	}
	z->next_in = src->head;
	z->avail_in = (uInt)src->first.len;
	src->inflate = z;
	return ERR_OK;
}

enum err_code source_open(
	struct source *src, int fd, const struct key_sink *sink, struct err *damage, struct err *e)
{
	*src = (struct source){.fd = fd, .sink = sink, .damage = damage};
	enum err_code rc = ERR_OK;
	size_t len = 0;
	size_t got = 1;
	while (rc == ERR_OK && len < sizeof(GZIP_MAGIC) - 1 && got > 0) {
		got = 0;
		rc = read_some(src, src->head + len, sizeof(src->head) - len, &got, e);
		len += got;
	}
	src->first = bytes_of(src->head, len);
	if (rc == ERR_OK && len >= sizeof(GZIP_MAGIC) - 1 &&
		memcmp(src->head, GZIP_MAGIC, sizeof(GZIP_MAGIC) - 1) == 0)
		rc = begin_inflate(src, e);
	if (rc != ERR_OK)
		source_close(src);
	return rc;
}

bool source_is_packed(const struct source *src)
{
	return src->inflate != NULL;
}

static void damaged(struct source *src, const char *how)
{
	(void)err_set(src->damage, ERR_MALFORMED, NULL,
		"the gzip data %s before byte %llu; what it held until there was read", how,
		(unsigned long long)src->read);
}

/* Refill z's input.  *more is false at the end of the file. */
static enum err_code refill(struct source *src, z_stream *z, bool *more, struct err *e)
{
	size_t got = 0;
	*more = true;
	if (z->avail_in > 0)
		return ERR_OK;
	enum err_code rc = read_some(src, src->packed, PACKED_SIZE, &got, e);
	z->next_in = src->packed;
	z->avail_in = (uInt)got;
	if (got > src->packed_used)
		src->packed_used = got;
	*more = got > 0;
	return rc;
}

static enum err_code pull_inflated(
	struct source *src, uint8_t *to, size_t room, size_t *got, struct err *e)
{
	z_stream *z = src->inflate;
	z->next_out = to;
	z->avail_out = (uInt)(room < UINT32_MAX ? room : UINT32_MAX);
	uInt asked = z->avail_out;
	while (z->avail_out == asked && src->damage->code == ERR_OK) {
		bool more;
		enum err_code rc = refill(src, z, &more, e);
		if (rc != ERR_OK)
			return rc;
		if (!more && src->member_ended)
			break;
		if (!more) {
			damaged(src, "ends");
			break;
		}
		/* RFC 1952 §2.2: members follow each other; zeros may pad the last (as on tapes).
		 */
		if (src->member_ended && z->next_in[0] == 0) {
			z->next_in++;
			z->avail_in--;
			continue;
		}
		if (src->member_ended && inflateReset(z) != Z_OK)
			return err_set(e, ERR_INTERNAL, NULL, "gzip");
		src->member_ended = false;
		int rv = inflate(z, Z_NO_FLUSH);
		src->member_ended = rv == Z_STREAM_END;
		if (rv != Z_OK && rv != Z_STREAM_END && rv != Z_BUF_ERROR)
			damaged(src, "is damaged");
	}
	*got = asked - z->avail_out;
	return ERR_OK;
}

enum err_code source_pull(void *ctx, uint8_t *to, size_t room, size_t *got, struct err *e)
{
	struct source *src = ctx;
	*got = 0;
	if (src->inflate != NULL)
		return pull_inflated(src, to, room, got, e);
	if (src->first.len == 0)
		return read_some(src, to, room, got, e);
	*got = src->first.len < room ? src->first.len : room;
	memcpy(to, src->first.p, *got);
	src->first.p += *got;
	src->first.len -= *got;
	return ERR_OK;
}

void source_close(struct source *src)
{
	if (src->inflate != NULL)
		(void)inflateEnd(src->inflate);
	free(src->inflate);
	src->inflate = NULL;
	mem_wipe(src->head, sizeof(src->head));
	if (src->packed != NULL)
		mem_wipe(src->packed, src->packed_used);
	free(src->packed);
	src->packed = NULL;
}
