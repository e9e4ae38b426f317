#include "bigint/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigint/fft.h"
#include "bigint/hits.h"
#include "bigint/moduli.h"
#include "bigint/recip.h"
#include "bigint/tree.h"

struct run {
	const struct moduli *moduli;
	const struct batch_options *o;
	struct pool *pool;
	struct mul *m;
	uint64_t *order; /* NULL: as the file has them */
	struct hits hits;
	double done, total;
};

/* ---- order: neighbours of like size make products of like size
 * ------------------------------------- */

static int by_size(const void *a, const void *b, void *moduli)
{
	size_t x, y;
	(void)moduli_limbs(moduli, *(const uint64_t *)a, &x);
	(void)moduli_limbs(moduli, *(const uint64_t *)b, &y);
	if (x != y)
		return x < y ? -1 : 1;
	return *(const uint64_t *)a < *(const uint64_t *)b ? -1 : 1;
}

static enum err_code make_order(struct run *r, struct err *e)
{
	uint64_t n = moduli_count(r->moduli), i = 1;
	size_t first, size;
	(void)moduli_limbs(r->moduli, 0, &first);
	for (; i < n; i++) {
		(void)moduli_limbs(r->moduli, i, &size);
		if (size != first)
			break;
	}
	if (i == n)
		return ERR_OK;
	r->order = malloc(n * sizeof(*r->order));
	if (r->order == NULL)
		return err_set(e, ERR_NO_MEMORY, moduli_path(r->moduli), "an order of %llu moduli",
			(unsigned long long)n);
	for (i = 0; i < n; i++)
		r->order[i] = i;
	qsort_r(r->order, n, sizeof(*r->order), by_size, (void *)(uintptr_t)r->moduli);
	return ERR_OK;
}

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
	struct tree_options o = {
		.spill_dir = r->o->work_dir, .memory = memory_of(r->o), .step = step, .arg = r};
	struct tree *t = NULL;
	enum err_code err =
		tree_new(r->m, r->moduli, r->order, 0, moduli_count(r->moduli), &o, &t, e);
	if (err != ERR_OK)
		return err;
	err = tree_up(t, true, e);
	uint64_t *v = NULL;
	if (err == ERR_OK) {
		size_t n = tree_limbs(t);
		v = malloc((n + 1) * sizeof(*v));
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

enum err_code batch_gcd(const struct moduli *m, const struct batch_options *o,
	enum err_code (*each)(void *arg, uint64_t i, struct bytes factor, struct err *e), void *arg,
	struct err *e)
{
	struct run r = {.moduli = m, .o = o};
	if (moduli_count(m) < 2)
		return ERR_OK; /* nobody to share with */
	for (uint64_t n = moduli_count(m); n > 1; n = (n + 1) / 2)
		r.total += 2;
	enum err_code err = make_order(&r, e);
	if (err == ERR_OK)
		err = pool_new(o->threads, &r.pool, e);
	if (err == ERR_OK)
		err = mul_new(r.pool, fft_load(), &r.m, e);
	if (err == ERR_OK)
		err = one_tree(&r, e);
	if (err == ERR_OK)
		err = hits_say(&r.hits, each, arg, e);
	hits_free(&r.hits);
	mul_free(r.m);
	pool_free(r.pool);
	free(r.order);
	return err;
}
