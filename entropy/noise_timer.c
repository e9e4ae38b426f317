#include "entropy/noise.h"

#include <string.h>
#include <time.h>

/* Accesses between two readings of the clock: some microseconds. */
#define TIMER_ACCESSES 512
/* Differences from which the clock's step is learnt. */
#define TIMER_LEARN 256
/* A clock that moves in steps above this (1 us) has no jitter in its low byte to speak of. */
#define TIMER_STEP_MAX 1000

static uint64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* Each place depends on what was read at the one before, so that no access can run ahead. */
static void memory_work(struct noise_timer *t)
{
	volatile uint8_t *m = t->memory;
	uint32_t place = t->place;
	for (unsigned i = 0; i < TIMER_ACCESSES; i++) {
		m[place]++;
		place = (place * 5 + 2 * (uint32_t)m[place] + 4099) % NOISE_TIMER_MEMORY;
	}
	t->place = place;
}

static uint64_t difference(struct noise_timer *t)
{
	memory_work(t);
	uint64_t now = now_ns();
	uint64_t d = now - t->last;
	t->last = now;
	return d;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static enum err_code timer_read(void *arg, uint8_t *out, size_t n, struct err *e)
{
	(void)e;
	struct noise_timer *t = arg;
	t->last = now_ns();
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(difference(t) / t->step);
	return ERR_OK;
}

enum err_code noise_timer_open(struct noise_timer *t, struct noise_source *out, struct err *e)
{
	memset(t, 0, sizeof(*t));
	t->last = now_ns();
	for (unsigned i = 0; i < TIMER_LEARN; i++)
		t->step = common_divisor(difference(t), t->step);
	if (t->step == 0 || t->step > TIMER_STEP_MAX)
		return err_set(e, ERR_ENTROPY_SOURCE, "timer",
			"the clock moves in steps of %llu ns", (unsigned long long)t->step);
	*out = (struct noise_source){"timer", 8, NOISE_TIMER_MIN_ENTROPY, timer_read, t};
	return ERR_OK;
}
