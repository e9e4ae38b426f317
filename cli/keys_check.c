/* Step 2: every key by itself, on all processors; what is found is kept in the order of the keys.
 */
#include "cli/keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* Keys between two looks at the clock: the checks of one take a millisecond or so. */
#define BLOCK 1024u
#define CHECKPOINT_MS 5000
#define THREADS_MAX 256u

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
	uint32_t first, n;
	atomic_uint next;
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

static void *work(void *arg)
{
	struct block *b = arg;
	struct err e;
	uint32_t i;

	while ((i = atomic_fetch_add(&b->next, 1)) < b->n) {
		enum err_code rc = check_one(b, i, &e);
		if (rc == ERR_OK)
			continue;
		pthread_mutex_lock(&b->failing);
		if (b->rc == ERR_OK) {
			b->rc = rc;
			b->e = e;
		}
		pthread_mutex_unlock(&b->failing);
		atomic_store(&b->next, b->n);
	}
	return NULL;
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
		free(b->of[i].v);
		b->of[i] = (struct found_of){0};
	}
	return rc;
}

static enum err_code check_block(struct block *b, unsigned threads, struct err *e)
{
	pthread_t thread[THREADS_MAX];
	unsigned n = 0;
	enum err_code rc;

	atomic_store(&b->next, 0);
	b->rc = ERR_OK;
	while (n + 1 < threads && n + 1 < b->n && pthread_create(&thread[n], NULL, work, b) == 0)
		n++; /* fewer are slower, and that is all */
	(void)work(b);
	for (unsigned i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	if (b->rc != ERR_OK && e != NULL)
		*e = b->e;
	rc = b->rc;
	enum err_code kept = keep(b, rc == ERR_OK ? e : NULL);
	return rc != ERR_OK ? rc : kept;
}

static unsigned threads_of(const struct audit *a)
{
	long n = a->threads > 0 ? (long)a->threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > (long)THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

static enum err_code check_all(struct audit *a, struct block *b, struct err *e)
{
	uint32_t n = keyset_count(a->set);
	int64_t checkpoint_ms = clock_monotonic_ms();
	struct keys_progress progress;
	enum err_code rc = ERR_OK;

	progress_begin(&progress, a->c, "checking", "keys", (double)a->at.done);
	while (rc == ERR_OK && a->at.done < n) {
		b->first = (uint32_t)a->at.done;
		b->n = n - b->first < BLOCK ? n - b->first : BLOCK;
		rc = check_block(b, threads_of(a), e);
		if (rc != ERR_OK)
			break;
		a->at.done += b->n;
		progress_show(&progress, (double)a->at.done, (double)n);
		if (audit_stopped() || clock_monotonic_ms() - checkpoint_ms >= CHECKPOINT_MS) {
			checkpoint_ms = clock_monotonic_ms();
			rc = keyset_checkpoint(a->set, &a->at, e);
		}
		if (rc == ERR_OK && audit_stopped())
			rc = audit_stop(a, e);
	}
	progress_end(&progress);
	return rc;
}

enum err_code audit_check(struct audit *a, struct err *e)
{
	struct checker *checker = NULL;
	struct block *b = NULL;
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
		rc = check_all(a, b, e);
	if (rc == ERR_OK) {
		a->at.step = STEP_TOGETHER;
		a->at.done = 0;
		rc = keyset_checkpoint(a->set, &a->at, e);
	}
	checker_free(checker);
	pthread_mutex_destroy(&b->failing);
	free(b);
	a->tally.seconds[1] = (double)(clock_monotonic_ms() - start) / 1000;
	return rc;
}
