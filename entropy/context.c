#include "entropy/context.h"

#include <stdlib.h>

#define SMALLEST_LOG2 10
/* A table of 2^30 slots is 8 GiB: no input within SAMPLES_MAX comes near. */
#define LARGEST_LOG2 30

bool map_init(struct map *m, unsigned size_log2)
{
	m->slots = calloc((size_t)1 << size_log2, sizeof(*m->slots));
	m->shift = 32 - size_log2;
	m->used = 0;
	return m->slots != NULL;
}

bool map_grow(struct map *m)
{
	size_t slots = (size_t)1 << (32 - m->shift);
	struct map larger;

	if (m->shift <= 32 - LARGEST_LOG2 || !map_init(&larger, 33 - m->shift))
		return false;
	for (size_t i = 0; i < slots; i++) {
		if (m->slots[i].key != 0)
			*map_add(&larger, m->slots[i].key) = m->slots[i].value;
	}
	free(m->slots);
	*m = larger;
	return true;
}

void map_free(struct map *m)
{
	free(m->slots);
	m->slots = NULL;
}

bool contexts_init(struct contexts *c, uint32_t more)
{
	bool ok;

	*c = (struct contexts){.n = 1 + 256, .cap = 1 + 256 + more};
	c->v = calloc(c->cap, sizeof(*c->v));
	ok = c->v != NULL;
	for (unsigned d = 1; d <= CONTEXT_DEPTH; d++) {
		ok = map_init(&c->longer[d], SMALLEST_LOG2) && ok;
		ok = map_init(&c->follow[d], SMALLEST_LOG2) && ok;
	}
	if (!ok)
		contexts_free(c);
	return ok;
}

void contexts_free(struct contexts *c)
{
	for (unsigned d = 1; d <= CONTEXT_DEPTH; d++) {
		map_free(&c->longer[d]);
		map_free(&c->follow[d]);
	}
	free(c->v);
	c->v = NULL;
}
