/*
 * What a batch over subsets has finished, in files of a folder (docs/spec/batch.md): the plan, a
 * product or an answer for each subset.  Each names the moduli file and the number of subsets that
 * it belongs to, and is whole or not there.
 */
#ifndef BIGINT_CHECKPOINT_H
#define BIGINT_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "bigint/disk.h"

#define CHECKPOINT_MAGIC "MSEALBAT"
#define CHECKPOINT_VERSION 1
#define CHECKPOINT_HEAD 64 /* bytes before the first word */

enum checkpoint_kind {
	CHECKPOINT_PLAN = 1,    /* no words: that there are so many subsets */
	CHECKPOINT_PRODUCT = 2, /* of a subset's moduli: limbs */
	CHECKPOINT_ANSWER = 3   /* its moduli that share: number, limbs of the factor, these limbs */
};

struct checkpoint_id {
	uint64_t input; /* moduli_sum() */
	enum checkpoint_kind kind;
	uint32_t subset;  /* below `subsets`; 0 for a plan */
	uint32_t subsets; /* how many there are */
};

/* Durable when it returns ERR_OK; otherwise there is no such file. */
MUST_USE enum err_code checkpoint_write(const char *dir, const struct checkpoint_id *id,
	const uint64_t *words, size_t n, struct err *e);

struct checkpoint {
	struct disk_map map;
	const uint64_t *words;
	size_t n;
};

/*
 * ERR_NOT_FOUND; ERR_TRUNCATED, ERR_TRAILING or ERR_MALFORMED for one that is damaged or belongs to
 * something else.  An `id` of a plan takes any number of subsets and is told it.
 */
MUST_USE enum err_code checkpoint_open(
	const char *dir, struct checkpoint_id *id, struct checkpoint *out, struct err *e);
void checkpoint_close(struct checkpoint *c);
/*
 * Is it there and whole?  One that is damaged is removed, to be made again; ERR_IO when it cannot be
 * removed.
 */
MUST_USE enum err_code checkpoint_have(
	const char *dir, struct checkpoint_id *id, bool *have, struct err *e);
void checkpoint_remove(const char *dir, const struct checkpoint_id *id);

#endif
