/*
 * Lists of keys and primes that are known to the public: data files in data/keys/, each with its
 * source and date (docs/spec/key-list.md).  What is not on a list is not thereby good.
 */
#ifndef KEYCHECK_LISTS_H
#define KEYCHECK_LISTS_H

#include "keycheck/finding.h"
#include "keycheck/pubkey.h"

struct lists;

/* All lists of a folder, mapped.  A damaged or unknown file is an error that names it. */
MUST_USE enum err_code lists_open(const char *dir, struct lists **out, struct err *e);
/* Is the key itself on a list?  Then *check and *source (static as long as `l`) are set. */
bool lists_find(const struct lists *l, const struct pubkey *k, enum check *check,
	const char **source);
/* The published primes, as one list of big-endian numbers; n may be 0. */
const struct bytes *lists_primes(const struct lists *l, size_t *n);
void lists_free(struct lists *l);

#endif
