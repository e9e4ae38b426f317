/* The form of a list file, shared by lists.c and lists_make.c: docs/spec/key-list.md. */
#ifndef KEYCHECK_LISTS_IMPL_H
#define KEYCHECK_LISTS_IMPL_H

#include "keycheck/lists.h"

#define LIST_MAGIC "MEDSEALK"
#define LIST_MAGIC_SIZE 8
/* Behind each hash: the number of its source, where there is more than one. */
#define LIST_SOURCE_SIZE 2

/* One list in memory. */
struct list {
	struct list_about about; /* its texts are owned here */
	char *path;
	void *map;
	size_t map_size;
	unsigned hash_size;   /* 0: primes */
	struct bytes entries; /* view into the map */
	char **sources;
	unsigned sources_n;
};

/*
 * Take the bytes of a list file apart; `out->entries` points into them.  Every entry is looked at:
 * order, source, and the checksum of the whole.
 */
MUST_USE enum err_code list_parse(
	struct bytes file, const char *path, struct list *out, struct err *e);
/* Octets of an entry of a list of hashes. */
size_t list_step(const struct list *l);
/* May a list of that kind, for that check, have hashes of that many octets (0: primes)? */
bool list_fits(enum list_kind kind, enum check check, unsigned hash_size);
/* The next entry of a list of primes. */
struct bytes list_next_prime(struct reader *r, unsigned *source);
void list_clear(struct list *l);

#endif
