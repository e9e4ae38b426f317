#include "bigint/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS_MAX 1024

struct member {
	struct pool *pool;
	pthread_t thread;
	unsigned number;
};

struct pool {
	unsigned threads;
	unsigned started; /* members whose thread runs */
	struct member *members;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	unsigned long round; /* counts loops, so that a member sees a new one */
	unsigned busy;
	int stop;
	void (*fn)(void *arg, size_t i, unsigned thread);
	void *arg;
	size_t n;
	atomic_size_t next;
};

static void take_rounds(struct pool *p, unsigned thread)
{
	for (;;) {
		size_t i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
		if (i >= p->n)
			return;
		p->fn(p->arg, i, thread);
	}
}

static void *member_main(void *arg)
{
	struct member *m = arg;
	struct pool *p = m->pool;
	unsigned long seen = 0;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->round == seen && !p->stop)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->stop)
			break;
		seen = p->round;
		pthread_mutex_unlock(&p->lock);
		take_rounds(p, m->number);
		pthread_mutex_lock(&p->lock);
		if (--p->busy == 0)
			pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static unsigned processors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	return n > 0 ? (unsigned)n : 1;
}

enum err_code pool_new(unsigned threads, struct pool **out, struct err *e)
{
	if (threads == 0)
		threads = processors();
	if (threads > THREADS_MAX)
		return err_set(e, ERR_LIMIT, "threads", "%u; at most %d", threads, THREADS_MAX);
	struct pool *p = calloc(1, sizeof(*p));
	struct member *members = calloc(threads, sizeof(*members));
	if (p == NULL || members == NULL) {
		free(p);
		free(members);
		return err_set(e, ERR_NO_MEMORY, "threads", "a pool of %u", threads);
	}
	p->threads = threads;
	p->members = members;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->done, NULL);
	for (unsigned i = 1; i < threads; i++) {
		members[i] = (struct member){.pool = p, .number = i};
		int errnum = pthread_create(&members[i].thread, NULL, member_main, &members[i]);
		if (errnum != 0) {
			pool_free(p);
			return err_sys(e, ERR_NO_MEMORY, "threads", errnum, "thread %u", i);
		}
		p->started++;
	}
	*out = p;
	return ERR_OK;
}

unsigned pool_threads(const struct pool *p)
{
	return p->threads;
}

void pool_run(struct pool *p, size_t n, void (*fn)(void *arg, size_t i, unsigned thread), void *arg)
{
	if (p->started == 0 || n <= 1) {
		for (size_t i = 0; i < n; i++)
			fn(arg, i, 0);
		return;
	}
	pthread_mutex_lock(&p->lock);
	p->fn = fn;
	p->arg = arg;
	p->n = n;
	atomic_store(&p->next, 0);
	p->busy = p->started;
	p->round++;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	take_rounds(p, 0);
	pthread_mutex_lock(&p->lock);
	while (p->busy > 0)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = 1;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 1; i <= p->started; i++)
		pthread_join(p->members[i].thread, NULL);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->done);
	pthread_mutex_destroy(&p->lock);
	free(p->members);
	free(p);
}

void crew_run(struct crew c, size_t n, void (*fn)(void *arg, size_t i, unsigned thread), void *arg)
{
	if (c.pool != NULL) {
		pool_run(c.pool, n, fn, arg);
		return;
	}
	for (size_t i = 0; i < n; i++)
		fn(arg, i, c.thread);
}

unsigned crew_size(struct crew c)
{
	return c.pool != NULL ? c.pool->threads : 1;
}
