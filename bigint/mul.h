/*
 * Products of large numbers as the trees need them: little-endian limbs, lengths without the limits
 * of GMP's mpz (2^31 - 1 limbs).  Which of three ways is taken depends on the size: GMP's, one
 * transform for each operand shared by all products it is in (bigint/fft_kernel.h), or, where no
 * kernel is, FLINT's packaged multiplication.
 */
#ifndef BIGINT_MUL_H
#define BIGINT_MUL_H

#include <stdbool.h>

#include "bigint/fft_kernel.h"
#include "bigint/pool.h"

struct mul; /* scratch memory and threads for products */

/* `kernel` may be NULL; `pool` stays the caller's. */
MUST_USE enum err_code mul_new(
	struct pool *pool, const struct fft_kernel *kernel, struct mul **out, struct err *e);
void mul_free(struct mul *m);
struct pool *mul_pool(struct mul *m);
/*
 * Products of up to `limbs` limbs may follow by crews of one thread.  Not from within pool_run():
 * tables are made here.  A crew of all makes its own.
 */
MUST_USE enum err_code mul_prepare(struct mul *m, size_t limbs, struct err *e);
void mul_lack(struct mul *m); /* memory was lacking */
/* ERR_NO_MEMORY when any product since the last call lacked memory; its result is then garbage. */
MUST_USE enum err_code mul_end(struct mul *m, struct err *e);
/* At least `n` limbs of the thread's scratch memory, valid until its next call; NULL without
 * memory (then mul_end() says so).  `slot` is below MUL_SLOTS; products use none of them. */
#define MUL_SLOTS 4
uint64_t *mul_scratch(struct mul *m, struct crew c, unsigned slot, size_t n);

/*
 * Memory for a number of `n` limbs, in large pages where that is worth it: the first touch of a
 * small page costs as much as a transform's step over it.  NULL without memory; for free().
 */
uint64_t *limbs_new(size_t n);

struct num {
	uint64_t *p;
	size_t n;
};

/* z = a * b, an + bn limbs. */
void mul_full(struct mul *m, struct crew c, uint64_t *z, const uint64_t *a, size_t an,
	const uint64_t *b, size_t bn);
/*
 * The limbs [lo, hi) of a * b into z, limbs from hi on ignored: as a number modulo B^(hi - lo) it
 * is exact or 1 off, since carries from below lo may be missing or one too many.
 */
void mul_window(struct mul *m, struct crew c, uint64_t *z, size_t lo, size_t hi, const uint64_t *a,
	size_t an, const uint64_t *b, size_t bn);
/*
 * a * b - B^power (B = 2^64), known to be less than B^(zn - 1) in size: its absolute value into the
 * zn limbs of z, and whether it is negative.
 */
bool mul_near(struct mul *m, struct crew c, uint64_t *z, size_t zn, size_t power, const uint64_t *a,
	size_t an, const uint64_t *b, size_t bn);

/* One step up the tree: p = pl * pr; s = sl * pr + sr * pl (unless `s` is NULL), both ln + rn. */
void mul_up(struct mul *m, struct crew c, uint64_t *p, uint64_t *s, struct num pl, struct num sl,
	struct num pr, struct num sr);
/*
 * One step down.  v is a fraction of pl.n + pr.n + 1 limbs; vl = v * pr modulo 1, to pl.n + 1
 * limbs; vr = v * pl likewise.  Each is at most 2 units of its last limb off (one is cut off, one
 * mul_window's), besides what comes of v's own error: times a factor below B^(pr.n), in units that
 * are B^(pr.n) larger.
 */
void mul_down(struct mul *m, struct crew c, uint64_t *vl, uint64_t *vr, const uint64_t *v,
	struct num pl, struct num pr);

#endif
