/*
 * The greatest common divisor of each modulus with the product of all others, for as many moduli
 * as there are: docs/design/keycheck.md argues the method.
 *
 * Input is a moduli file (docs/spec/moduli.md): moduli of any sizes, each once, all odd and above
 * 1, mapped and never changed.
 */
#ifndef BIGINT_BATCH_H
#define BIGINT_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct moduli; /* a moduli file, open */

/* Writing one: begin, add in order (big-endian; index 0, 1, 2...), end (durable when it returns). */
struct moduli_writer;
MUST_USE enum err_code moduli_create(const char *path, struct moduli_writer **out, struct err *e);
MUST_USE enum err_code moduli_add(struct moduli_writer *w, struct bytes modulus, struct err *e);
MUST_USE enum err_code moduli_end(struct moduli_writer *w, struct err *e); /* frees w */
void moduli_abandon(struct moduli_writer *w); /* removes what was written */

/* ERR_MALFORMED or ERR_TRUNCATED for a file that is not whole (it is checksummed). */
MUST_USE enum err_code moduli_open(const char *path, struct moduli **out, struct err *e);
uint64_t moduli_count(const struct moduli *m);
/* Little-endian octets, a view, without leading (high) zeros. */
struct bytes moduli_get(const struct moduli *m, uint64_t i);
void moduli_close(struct moduli *m);

struct batch_options {
	/*
	 * Bytes that it may take, about; 0: half of what the machine has free.  With a work_dir, what
	 * is more goes there: heights of the product tree, then subsets.
	 */
	uint64_t memory;
	unsigned threads; /* 0: one for each processor */
	/*
	 * For what does not fit, a folder that is there; NULL: memory alone.  With subsets, it also
	 * holds what is finished (docs/spec/batch.md), and a call with the same moduli goes on there.
	 */
	const char *work_dir;
	uint32_t subsets; /* 0: as few as `memory` allows; needs a work_dir */
	/* `done` of `total` in the same unit of work; called from one thread.  May be NULL. */
	void (*progress)(void *arg, double done, double total);
	void *arg;
};

/*
 * Calls `each` for every modulus i whose gcd with the product of the others is above 1, in order of
 * i.  `factor` is that gcd, big-endian: a proper factor, or the whole modulus when all its primes
 * are shared.
 */
MUST_USE enum err_code batch_gcd(const struct moduli *m, const struct batch_options *o,
	enum err_code (*each)(void *arg, uint64_t i, struct bytes factor, struct err *e), void *arg,
	struct err *e);

/*
 * Which of the hits share what: pairs (i, j, common factor), each pair once, i < j.  `hits` are
 * indices that batch_gcd named.  Cost is quadratic in hits alone, within groups that share.
 */
MUST_USE enum err_code batch_pairs(const struct moduli *m, const uint64_t *hits, size_t hits_n,
	enum err_code (*each)(void *arg, uint64_t i, uint64_t j, struct bytes common, struct err *e),
	void *arg, struct err *e);

/*
 * Is this factor, big-endian, a prime (by GMP's test, which no composite is known to pass)?  Then
 * all hits of this very factor share it and nothing else: one of them is enough for batch_pairs.
 */
bool batch_is_prime(struct bytes factor);

#endif
