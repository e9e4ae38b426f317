/* Where the bytes of a stream come from: a descriptor, or what gzip made of one. */
#ifndef KEYREAD_SOURCE_H
#define KEYREAD_SOURCE_H

#include "keyread/keyread.h"
#include "keyread/stream.h"

struct source {
	int fd;
	const struct key_sink *sink; /* is told of progress */
	uint64_t told;               /* the offset at which it was last told */
	uint64_t read;               /* bytes read of fd */
	uint8_t head[64];            /* what was looked at to tell gzip, and is to be given again */
	struct bytes first;          /* the rest of it */
	void *inflate;               /* z_stream, or NULL */
	uint8_t *packed;             /* what it reads from, behind the head */
	size_t packed_used;          /* so much of it has been written, and is wiped */
	bool member_ended;
	struct err *damage;          /* filled when the gzip data is damaged; it ends there */
};

/*
 * Begins to read `fd`.  A gzip stream (RFC 1952) is recognised by its first bytes and unpacked; all
 * its members are one input, as with gzip.  Damage in it is no error of the source: `damage` is
 * filled and the data ends.
 */
MUST_USE enum err_code source_open(struct source *src, int fd, const struct key_sink *sink,
	struct err *damage, struct err *e);
enum err_code source_pull(void *src, uint8_t *to, size_t room, size_t *got, struct err *e);
bool source_is_packed(const struct source *src);
void source_close(struct source *src);

#endif
