/* A crew of threads for loops whose rounds do not depend on each other. */
#ifndef BIGINT_POOL_H
#define BIGINT_POOL_H

#include "base/err.h"

struct pool;

/* `threads` of at least 1 count the caller; 0: one for each processor that this process may use. */
MUST_USE enum err_code pool_new(unsigned threads, struct pool **out, struct err *e);
unsigned pool_threads(const struct pool *p);
/*
 * fn(arg, i, thread) for each i below n, in any order; `thread` is below pool_threads() and no two
 * rounds have it at one time.  Returns when all are done.  Not from within a round.
 */
void pool_run(
	struct pool *p, size_t n, void (*fn)(void *arg, size_t i, unsigned thread), void *arg);
void pool_free(struct pool *p);

/* A pool, or (pool NULL) the one thread of it that calls. */
struct crew {
	struct pool *pool;
	unsigned thread;
};

/* As pool_run; a crew of one does the rounds itself, in order. */
void crew_run(struct crew c, size_t n, void (*fn)(void *arg, size_t i, unsigned thread), void *arg);
unsigned crew_size(struct crew c);

#endif
