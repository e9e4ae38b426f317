/* One input through the readers, and what must hold whatever it is. */
#ifndef TESTS_FUZZ_KEYREAD_INPUT_H
#define TESTS_FUZZ_KEYREAD_INPUT_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "keyread/keyread.h"

struct fuzz_seen {
	size_t size;
	uint64_t from;
	uint64_t keys;
	uint64_t keys_from; /* of them at or behind `mark` */
	uint64_t mark;
	uint64_t last; /* the offset of the last key */
};

static inline enum err_code fuzz_key(void *arg, const struct pubkey *k, const struct key_place *at,
	struct bytes name_der, struct bytes subject_key_id, struct err *e)
{
	struct fuzz_seen *s = arg;
	struct pubkey again;
	(void)name_der;
	(void)subject_key_id;
	/* What is handed on is a whole key, from inside the input, and was not handed on before. */
	if (pubkey_parse(k->spki, &again, e) != ERR_OK || memcmp(again.id, k->id, SHA256_SIZE) != 0)
		abort();
	if (!bytes_equal(again.modulus, k->modulus) || !bytes_equal(again.point, k->point))
		abort();
	if (at->offset < s->from || at->record == 0 || at->name.len > 1024 || at->form == NULL)
		abort();
	s->keys++;
	s->keys_from += at->offset >= s->mark;
	s->last = at->offset;
	return ERR_OK;
}

static inline enum err_code fuzz_signature(void *arg, const struct signature_seen *seen,
	const struct key_place *at, struct err *e)
{
	struct fuzz_seen *s = arg;
	(void)at;
	(void)e;
	if (seen->sig_alg.len == 0 || seen->tbs.len == 0 || (seen->self && s->keys == 0))
		abort();
	return ERR_OK;
}

static inline void fuzz_flaw(void *arg, const struct key_place *at, const struct err *why)
{
	struct fuzz_seen *s = arg;
	if (why->code == ERR_OK || at->offset < s->from || at->record == 0)
		abort();
}

static inline void fuzz_once(int fd, enum keyread_format format, struct fuzz_seen *s)
{
	struct err e;
	struct key_sink sink = {s, fuzz_key, fuzz_signature, fuzz_flaw, NULL};
	if (lseek(fd, 0, SEEK_SET) != 0)
		abort();
	enum err_code rc = keyread_fd(fd, "input", format, s->from, &sink, &e);
	if (rc != ERR_OK && (rc != ERR_MALFORMED || format != KEYREAD_AUTO))
		abort();
}

/* As this format, and resumed at the last key; then as whatever it looks like. */
static inline int fuzz_format(const uint8_t *data, size_t size, enum keyread_format format)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	struct fuzz_seen first = {.size = size};
	fuzz_once(fd, format, &first);
	struct fuzz_seen second = {.size = size, .mark = first.last};
	fuzz_once(fd, format, &second);
	struct fuzz_seen resumed = {.size = size, .from = first.last};
	fuzz_once(fd, format, &resumed);
	if (first.keys != second.keys || resumed.keys < second.keys_from)
		abort();
	/* The issuers of a log are handed on once a run; everything else once. */
	if (resumed.keys > second.keys_from && format != KEYREAD_JWK)
		abort();
	struct fuzz_seen any = {.size = size};
	fuzz_once(fd, KEYREAD_AUTO, &any);
	(void)close(fd);
	return 0;
}

#endif
