/* Step 2: every key by itself, on all processors; what is found is kept in the order of the keys.
 */
#include "cli/keys.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include "base/clock.h"
#include "bigint/pool.h"

/* Keys whose findings are kept at once, in their order: those of one take milliseconds, so that no
 * thread waits long for the others at the end. */
#define BLOCK 1024u
#define CHECKPOINT_MS 5000

struct found {
	enum check check;
	char why[FINDING_WHY_MAX];
};

/* What was found of one key of the block. */
struct found_of {
	struct found *v;
	size_t n;
	bool no_memory;
};

struct block {
	const struct audit *a;
	const struct checker *checker;
	struct keys_progress progress;
	uint32_t first, n, of_all;
	atomic_uint done; /* of n */
	atomic_bool over; /* a signal or an error: what is left of the block is not looked at */
	struct found_of of[BLOCK];
	pthread_mutex_t failing;
	enum err_code rc;
	struct err e;
};

static void take(void *arg, const struct finding *f)
{
	struct found_of *of = arg;
	struct found *v = reallocarray(of->v, of->n + 1, sizeof(*v));

	if (v == NULL) {
		of->no_memory = true;
		return;
	}
	of->v = v;
	v[of->n].check = f->check;
	memcpy(v[of->n].why, f->why, sizeof(f->why));
	of->n++;
}

static enum err_code check_one(struct block *b, uint32_t i, struct err *e)
{
	struct pubkey k;
	enum err_code rc = keyset_key(b->a->set, b->first + i, &k, e);

	if (rc == ERR_OK)
		rc = checker_key(b->checker, &k, b->a->bits_min, take, &b->of[i], e);
	if (rc == ERR_OK && b->of[i].no_memory)
		rc = err_set(e, ERR_NO_MEMORY, "findings", "of one key");
	return rc;
}

/* Key i of the block.  The thread that began the block says how far all of them are. */
static void work(void *arg, size_t i, unsigned thread)
{
	struct block *b = arg;
	struct err e;

	if (atomic_load(&b->over))
		return;
	enum err_code rc = check_one(b, (uint32_t)i, &e);
	unsigned done = atomic_fetch_add(&b->done, 1) + 1;
	if (thread == 0)
		progress_show(&b->progress, (double)b->first + done, (double)b->of_all);
	if (rc != ERR_OK || audit_stopped())
		atomic_store(&b->over, true);
	if (rc == ERR_OK)
		return;
	pthread_mutex_lock(&b->failing);
	if (b->rc == ERR_OK) {
		b->rc = rc;
		b->e = e;
	}
	pthread_mutex_unlock(&b->failing);
}

static void forget(struct block *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		free(b->of[i].v);
		b->of[i] = (struct found_of){0};
	}
}

static enum err_code keep(struct block *b, struct err *e)
{
	enum err_code rc = ERR_OK;

	for (uint32_t i = 0; i < b->n; i++) {
		for (size_t j = 0; rc == ERR_OK && j < b->of[i].n; j++) {
			const struct found *f = &b->of[i].v[j];
			struct keyset_finding one = {.key = b->first + i,
				.check = f->check,
				.why = bytes_of(f->why, strnlen(f->why, sizeof(f->why)))};
			rc = keyset_finding(b->a->set, &one, e);
		}
	}
	return rc;
}

/* `whole` false: a signal came, and nothing of the block was kept. */
static enum err_code check_block(struct block *b, struct pool *pool, bool *whole, struct err *e)
{
	enum err_code rc;

	atomic_store(&b->done, 0);
	atomic_store(&b->over, false);
	b->rc = ERR_OK;
	pool_run(pool, b->n, work, b);
	rc = b->rc;
	*whole = atomic_load(&b->done) == b->n;
	if (rc != ERR_OK && e != NULL)
		*e = b->e;
	if (rc == ERR_OK && *whole)
		rc = keep(b, e);
	forget(b);
	return rc;
}

static enum err_code check_all(struct audit *a, struct block *b, struct pool *pool, struct err *e)
{
	int64_t checkpoint_ms = clock_monotonic_ms();
	enum err_code rc = ERR_OK;
	bool whole = true;

	b->of_all = keyset_count(a->set);
	progress_begin(&b->progress, a->c, "checking", "keys", (double)a->at.done);
	while (rc == ERR_OK && a->at.done < b->of_all) {
		b->first = (uint32_t)a->at.done;
		b->n = b->of_all - b->first < BLOCK ? b->of_all - b->first : BLOCK;
		rc = check_block(b, pool, &whole, e);
		if (rc != ERR_OK)
			break;
		if (whole)
			a->at.done += b->n;
		if (audit_stopped() || clock_monotonic_ms() - checkpoint_ms >= CHECKPOINT_MS) {
			checkpoint_ms = clock_monotonic_ms();
			rc = keyset_checkpoint(a->set, &a->at, e);
		}
		if (rc == ERR_OK && audit_stopped())
			rc = audit_stop(a, e);
	}
	progress_end(&b->progress);
	return rc;
}

enum err_code audit_check(struct audit *a, struct err *e)
{
	struct checker *checker = NULL;
	struct block *b = NULL;
	struct pool *pool = NULL;
	int64_t start = clock_monotonic_ms();
	enum err_code rc;

	if (a->at.step != STEP_CHECK)
		return ERR_OK;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return err_set(e, ERR_NO_MEMORY, "key checks", "for a block of keys");
	pthread_mutex_init(&b->failing, NULL);
	rc = checker_new(a->lists, &checker, e);
	b->a = a;
	b->checker = checker;
	if (rc == ERR_OK)
		rc = pool_new(a->threads, &pool, e);
	if (rc == ERR_OK)
		rc = check_all(a, b, pool, e);
	if (rc == ERR_OK) {
		a->at.step = STEP_TOGETHER;
		a->at.done = 0;
		rc = keyset_checkpoint(a->set, &a->at, e);
	}
	pool_free(pool);
	checker_free(checker);
	pthread_mutex_destroy(&b->failing);
	free(b);
	a->tally.seconds[1] = (double)(clock_monotonic_ms() - start) / 1000;
	return rc;
}
