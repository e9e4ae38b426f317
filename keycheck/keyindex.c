#include "keycheck/keyindex.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST 1024u

static uint32_t tag_of(const uint8_t hash[4])
{
	uint32_t tag;

	memcpy(&tag, hash, sizeof(tag));
	return tag;
}

uint32_t keyindex_next(const struct keyindex *x, const uint8_t hash[4], size_t *cursor)
{
	uint32_t tag = tag_of(hash);

	if (x->size == 0)
		return KEYINDEX_NONE;
	for (;;) {
		const struct keyindex_slot *s = &x->slot[(tag + (*cursor)++) & (x->size - 1)];
		if (s->value == 0)
			return KEYINDEX_NONE;
		if (s->tag == tag)
			return s->value - 1;
	}
}

static void put(struct keyindex_slot *slot, size_t size, struct keyindex_slot s)
{
	size_t i = s.tag & (size - 1);

	while (slot[i].value != 0)
		i = (i + 1) & (size - 1);
	slot[i] = s;
}

/* The tag alone says where an entry belongs, so growing reads nothing else. */
static enum err_code grow(struct keyindex *x, struct err *e)
{
	size_t size = x->size == 0 ? SIZE_FIRST : 2 * x->size;
	struct keyindex_slot *slot = calloc(size, sizeof(*slot));

	if (slot == NULL)
		return err_set(e, ERR_NO_MEMORY, "key index", "%zu slots", size);
	for (size_t i = 0; i < x->size; i++) {
		if (x->slot[i].value != 0)
			put(slot, size, x->slot[i]);
	}
	free(x->slot);
	x->slot = slot;
	x->size = size;
	return ERR_OK;
}

enum err_code keyindex_add(
	struct keyindex *x, const uint8_t hash[4], uint32_t number, struct err *e)
{
	if (4 * (x->used + 1) > 3 * x->size) {
		enum err_code rc = grow(x, e);
		if (rc != ERR_OK)
			return rc;
	}
	put(x->slot, x->size, (struct keyindex_slot){tag_of(hash), number + 1});
	x->used++;
	return ERR_OK;
}

void keyindex_free(struct keyindex *x)
{
	free(x->slot);
	*x = (struct keyindex){0};
}
