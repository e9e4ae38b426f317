/*
 * What predictors remember: contexts (the last few symbols) and how often each symbol followed.
 *
 * A context of d symbols is found from the one of d - 1 that ends in the same place and the symbol
 * before it, so a context is one number and one step of a search, never a string that is compared.
 * All in open hash tables of 32-bit keys that grow; the caller bounds how many contexts there are.
 */
#ifndef ENTROPY_CONTEXT_H
#define ENTROPY_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTEXT_DEPTH 16 /* the longest context of MultiMMC and LZ78Y */
#define CONTEXT_NONE 0

/* ---- a map of numbers above 0 to numbers ---- */

struct slot {
	uint32_t key; /* 0: free */
	uint32_t value;
};

struct map {
	struct slot *slots;
	unsigned shift; /* 32 - log2 of the number of slots */
	uint32_t used;
};

bool map_init(struct map *m, unsigned size_log2);
bool map_grow(struct map *m);
void map_free(struct map *m);

static inline uint32_t *map_find(const struct map *m, uint32_t key)
{
	uint32_t mask = UINT32_MAX >> m->shift;
	for (uint32_t i = key * 0x9e3779b1U >> m->shift;; i++) {
		struct slot *s = &m->slots[i & mask];
		if (s->key == key)
			return &s->value;
		if (s->key == 0)
			return NULL;
	}
}

/* `key` must not be there; its value is 0.  NULL without memory. */
static inline uint32_t *map_add(struct map *m, uint32_t key)
{
	uint32_t mask;
	if (m->used >= UINT32_MAX >> m->shift >> 1 && !map_grow(m))
		return NULL;
	mask = UINT32_MAX >> m->shift;
	for (uint32_t i = key * 0x9e3779b1U >> m->shift;; i++) {
		struct slot *s = &m->slots[i & mask];
		if (s->key != 0)
			continue;
		s->key = key;
		m->used++;
		return &s->value;
	}
}

/* ---- contexts ---- */

/* Most contexts of most sources are followed by one symbol only, which stands in the context. */
struct context {
	uint32_t best_count;
	uint32_t first_count;
	uint8_t best;  /* what followed most often; of equals the largest symbol */
	uint8_t first; /* what followed first */
	bool present;  /* false: only there so that longer ones can be found */
};

struct contexts {
	struct context *v; /* v[0] is no context; v[1 + s] are those of one symbol */
	uint32_t n, cap;
	struct map longer[CONTEXT_DEPTH + 1]; /* [d]: from (context of d-1, symbol) to one of d */
	struct map follow[CONTEXT_DEPTH + 1]; /* [d]: from (context of d, symbol) to a count */
};

/*
 * Room for those of one symbol and `more`; below 2^24 in all, so that with a symbol they fit in a
 * key.  False without memory; then there is nothing to free.
 */
bool contexts_init(struct contexts *c, uint32_t more);
void contexts_free(struct contexts *c);

/* The context of d symbols that extends `shorter` by the symbol before it; CONTEXT_NONE: unknown. */
static inline uint32_t contexts_longer(const struct contexts *c, unsigned d, uint32_t shorter,
	uint8_t symbol)
{
	uint32_t *id;
	if (d == 1)
		return 1U + symbol;
	id = map_find(&c->longer[d], shorter << 8 | symbol);
	return id != NULL ? *id : CONTEXT_NONE;
}

/* Add it (d > 1); CONTEXT_NONE without memory. */
static inline uint32_t contexts_add(struct contexts *c, unsigned d, uint32_t shorter,
	uint8_t symbol)
{
	uint32_t *id = c->n < c->cap ? map_add(&c->longer[d], shorter << 8 | symbol) : NULL;
	if (id == NULL)
		return CONTEXT_NONE;
	*id = c->n;
	return c->n++;
}

enum counted { COUNTED_OLD, COUNTED_NEW, COUNTED_NOT, COUNTED_NO_MEMORY };

/* `symbol` followed the context once more.  A symbol that never did is only counted if `may_add`. */
static inline enum counted contexts_count(struct contexts *c, unsigned d, uint32_t id,
	uint8_t symbol, bool may_add)
{
	struct context *x = &c->v[id];
	enum counted how = COUNTED_OLD;
	uint32_t *count = &x->first_count;

	if (x->first_count == 0 || x->first != symbol)
		count = x->first_count == 0 ? NULL : map_find(&c->follow[d], id << 8 | symbol);
	if (count == NULL) {
		if (!may_add)
			return COUNTED_NOT;
		how = COUNTED_NEW;
		if (x->first_count == 0) {
			x->first = symbol;
			count = &x->first_count;
		} else {
			count = map_add(&c->follow[d], id << 8 | symbol);
			if (count == NULL)
				return COUNTED_NO_MEMORY;
		}
	}
	++*count;
	if (*count > x->best_count || (*count == x->best_count && symbol > x->best)) {
		x->best_count = *count;
		x->best = symbol;
	}
	x->present = true;
	return how;
}

#endif
