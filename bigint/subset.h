/*
 * The batch over subsets, for moduli whose tree does not fit into memory or that several machines
 * work on: the steps of one subset.  bigint/batch.c does them one after the other,
 * cluster/keys_mpi.c each rank its own.
 *
 *   1. subset_product() of each          the product of its moduli, into a file
 *   2. subset_begin(), subset_foreign()  the products of all others, multiplied up modulo its own
 *      for every other, subset_answer()  one way down its tree; what shares, into a file
 *
 * docs/design/keycheck-batch.md argues it.
 */
#ifndef BIGINT_SUBSET_H
#define BIGINT_SUBSET_H

#include "bigint/checkpoint.h"
#include "bigint/hits.h"
#include "bigint/moduli.h"
#include "bigint/mul.h"

struct subset_job;

#define SUBSETS_MAX 65536

/* The fewest subsets of which each can be worked on within `memory` bytes; at least 1. */
uint32_t subset_count_for(const struct moduli *moduli, uint64_t memory);
/* What is left of `memory` bytes for the heights of one tree of all. */
uint64_t subset_tree_memory(const struct moduli *moduli, uint64_t memory);
/*
 * All by reference; `dir` is there.  `order` as bigint/tree.h has it; NULL: as the file has them.
 * `step` is told work done, in passes over all moduli; subset_total() says of how many.
 */
MUST_USE enum err_code subset_job_new(struct mul *m, const struct moduli *moduli,
	const uint64_t *order, uint32_t subsets, const char *dir,
	void (*step)(void *arg, double work), void *arg, struct subset_job **out, struct err *e);
void subset_job_free(struct subset_job *j);
double subset_total(const struct subset_job *j);

/* Does nothing when the product or the answer is there. */
MUST_USE enum err_code subset_product(struct subset_job *j, uint32_t i, struct err *e);
MUST_USE enum err_code subset_product_open(
	const struct subset_job *j, uint32_t i, struct checkpoint *out, struct err *e);
MUST_USE enum err_code subset_answered(
	const struct subset_job *j, uint32_t i, bool *answered, struct err *e);

/* Of one subset at a time; the product of i is there. */
MUST_USE enum err_code subset_begin(struct subset_job *j, uint32_t i, struct err *e);
/* The product of another subset, n limbs, in any order, each once. */
MUST_USE enum err_code subset_foreign(
	struct subset_job *j, const uint64_t *product, size_t n, struct err *e);
MUST_USE enum err_code subset_answer(struct subset_job *j, struct err *e);

/* Adds what is in an answer; ERR_MALFORMED when its words are none. */
MUST_USE enum err_code subset_hits(
	const struct subset_job *j, uint32_t i, struct hits *hits, struct err *e);
/* When all have answers. */
void subset_drop_products(const struct subset_job *j);
/* Words of an answer into hits; `count` is how many moduli there are. */
MUST_USE enum err_code subset_read_hits(
	const uint64_t *words, size_t n, uint64_t count, struct hits *hits, struct err *e);

#endif
