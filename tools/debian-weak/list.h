/* The file of moduli that `debian-weak moduli` writes, and the key list that is made from it. */
#ifndef TOOLS_DEBIAN_WEAK_LIST_H
#define TOOLS_DEBIAN_WEAK_LIST_H

#include "base/bytes.h"
#include "tools/debian-weak/keygen.h"

/* Linux gave out process ids below 32768; 0 is never one. */
#define PID_MIN 1
#define PID_MAX 32767

/* Which keys. */
struct weak_set {
	enum weak_arch arch;
	enum weak_program program;
	unsigned bits;
};

/*
 * Write the moduli of all process ids to `path`, a line each: the id and the modulus in hex.  Lines
 * that are there already stay, one that was cut off is written anew.
 */
MUST_USE enum err_code weak_moduli(
	struct keygen *k, const struct weak_set *set, const char *path, struct err *e);
/*
 * The bytes of the key list (keycheck/lists.h) of a whole file of moduli; `date` is when they were
 * made.  ERR_MALFORMED when it is not whole or holds other keys than those of the set: some are
 * made again with `k`.
 */
MUST_USE enum err_code weak_list(struct keygen *k, const struct weak_set *set, const char *path,
	const char *date, struct buf *out, struct err *e);

#endif
