#include "bigint/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigint/fft.h"
#include "bigint/hits.h"
#include "bigint/moduli.h"
#include "bigint/recip.h"
#include "bigint/subset.h"
#include "bigint/tree.h"

struct run {
	const struct moduli *moduli;
	const struct batch_options *o;
	struct pool *pool;
	struct mul *m;
	uint64_t *order; /* NULL: as the file has them */
	struct hits hits;
	bool begun; /* by an earlier call: the plan is there */
	double done, total;
};

/* ---- progress
 * -------------------------------------------------------------------------------------- */

static void step(void *arg, double work)
{
	struct run *r = arg;
	r->done += work;
	if (r->o->progress != NULL)
		r->o->progress(r->o->arg, r->done < r->total ? r->done : r->total, r->total);
}

/* ---- all moduli in one tree
 * ------------------------------------------------------------------------ */

static uint64_t memory_of(const struct batch_options *o)
{
	long pages = sysconf(_SC_AVPHYS_PAGES), size = sysconf(_SC_PAGESIZE);
	if (o->memory > 0)
		return o->memory;
	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 2 : 0;
}

static enum err_code one_tree(struct run *r, struct err *e)
{
	struct tree_options o = {.spill_dir = r->o->work_dir,
		.memory = subset_tree_memory(r->moduli, memory_of(r->o)),
		.step = step,
		.arg = r};
	struct tree *t = NULL;
	for (uint64_t n = moduli_count(r->moduli); n > 1; n = (n + 1) / 2)
		r->total += 2;
	enum err_code err =
		tree_new(r->m, r->moduli, r->order, 0, moduli_count(r->moduli), &o, &t, e);
	if (err != ERR_OK)
		return err;
	err = tree_up(t, true, e);
	uint64_t *v = NULL;
	if (err == ERR_OK) {
		size_t n = tree_limbs(t);
		v = limbs_new(n + 1);
		if (v == NULL)
			err = err_set(e, ERR_NO_MEMORY, "product tree", "the root's fraction");
	}
	if (err == ERR_OK) {
		recip_fraction(r->m, (struct crew){r->pool, 0}, v, tree_sum(t), tree_product(t),
			tree_limbs(t));
		err = mul_end(r->m, e);
	}
	if (err == ERR_OK)
		err = tree_down(t, v, hits_add, &r->hits, e); /* takes v */
	else
		free(v);
	tree_free(t);
	return err;
}

/* ---- subsets, each finished step in a file
 * --------------------------------------------------------- */

/* What was begun is gone on with, whatever was asked for. */
static enum err_code plan(struct run *r, uint32_t *subsets, struct err *e)
{
	struct checkpoint_id id = {moduli_sum(r->moduli), CHECKPOINT_PLAN, 0, 0};
	*subsets = 1;
	if (r->o->work_dir == NULL)
		return ERR_OK;
	enum err_code err = checkpoint_have(r->o->work_dir, &id, &r->begun, e);
	*subsets = r->begun ? id.subsets
			    : (r->o->subsets > 0 ? r->o->subsets
						 : subset_count_for(r->moduli, memory_of(r->o)));
	return err;
}

static enum err_code answer_one(struct subset_job *j, uint32_t i, uint32_t subsets, struct err *e)
{
	bool answered = false;
	enum err_code err = subset_answered(j, i, &answered, e);
	if (err != ERR_OK || answered)
		return err;
	err = subset_begin(j, i, e);
	for (uint32_t other = 0; err == ERR_OK && other < subsets; other++) {
		struct checkpoint c;
		if (other == i)
			continue;
		err = subset_product_open(j, other, &c, e);
		if (err == ERR_OK)
			err = subset_foreign(j, c.words, c.n, e);
		checkpoint_close(&c);
	}
	return err == ERR_OK ? subset_answer(j, e) : err;
}

static enum err_code all_answered(
	const struct subset_job *j, uint32_t subsets, bool *all, struct err *e)
{
	enum err_code err = ERR_OK;
	*all = true;
	for (uint32_t i = 0; err == ERR_OK && *all && i < subsets; i++)
		err = subset_answered(j, i, all, e);
	return err;
}

static enum err_code in_subsets(struct run *r, uint32_t subsets, struct err *e)
{
	struct checkpoint_id id = {moduli_sum(r->moduli), CHECKPOINT_PLAN, 0, subsets};
	struct subset_job *j = NULL;
	bool done = false;
	enum err_code err = subset_job_new(
		r->m, r->moduli, r->order, subsets, r->o->work_dir, step, r, &j, e);
	if (err != ERR_OK)
		return err;
	r->total = subset_total(j);
	/* Not again: a write that fails would take away the plan, and with it what was finished. */
	if (!r->begun)
		err = checkpoint_write(r->o->work_dir, &id, NULL, 0, e);
	if (err == ERR_OK)
		err = all_answered(j, subsets, &done, e);
	for (uint32_t i = 0; err == ERR_OK && !done && i < subsets; i++)
		err = subset_product(j, i, e);
	for (uint32_t i = 0; err == ERR_OK && !done && i < subsets; i++)
		err = answer_one(j, i, subsets, e);
	for (uint32_t i = 0; err == ERR_OK && i < subsets; i++)
		err = subset_hits(j, i, &r->hits, e);
	if (err == ERR_OK)
		subset_drop_products(j);
	subset_job_free(j);
	return err;
}

enum err_code batch_gcd(const struct moduli *m, const struct batch_options *o,
	enum err_code (*each)(void *arg, uint64_t i, struct bytes factor, struct err *e), void *arg,
	struct err *e)
{
	struct run r = {.moduli = m, .o = o};
	if (moduli_count(m) < 2)
		return ERR_OK; /* nobody to share with */
	uint32_t subsets = 1;
	enum err_code err = plan(&r, &subsets, e);
	if (err == ERR_OK)
		err = moduli_by_size(m, &r.order, e);
	if (err == ERR_OK)
		err = pool_new(o->threads, &r.pool, e);
	if (err == ERR_OK)
		err = mul_new(r.pool, fft_load(), &r.m, e);
	if (err == ERR_OK)
		err = subsets > 1 ? in_subsets(&r, subsets, e) : one_tree(&r, e);
	if (err == ERR_OK)
		err = hits_say(&r.hits, each, arg, e);
	hits_free(&r.hits);
	mul_free(r.m);
	pool_free(r.pool);
	free(r.order);
	return err;
}
