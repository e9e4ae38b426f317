#include "bigint/hits.h"

#include <stdlib.h>
#include <string.h>

void hits_add(void *hits, uint64_t modulus, const uint64_t *factor, size_t n)
{
	struct hits *h = hits;
	if (h->n == h->cap) {
		size_t cap = h->cap * 2 + 64;
		struct hit *p = reallocarray(h->p, cap, sizeof(*p));
		if (p == NULL) {
			h->lacked = true;
			return;
		}
		h->p = p;
		h->cap = cap;
	}
	uint64_t *copy = malloc(n * sizeof(*copy));
	if (copy == NULL) {
		h->lacked = true;
		return;
	}
	memcpy(copy, factor, n * sizeof(*copy));
	h->p[h->n++] = (struct hit){modulus, n, copy};
}

static int by_modulus(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	return x->modulus < y->modulus ? -1 : x->modulus > y->modulus;
}

struct bytes limbs_to_bytes(const uint64_t *p, size_t n, uint8_t *to)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned j = 0; j < 8; j++)
			to[8 * (n - 1 - i) + 7 - j] = (uint8_t)(p[i] >> (8 * j));
	struct bytes b = bytes_of(to, 8 * n);
	while (b.len > 0 && b.p[0] == 0)
		b = bytes_of(b.p + 1, b.len - 1);
	return b;
}

enum err_code hits_say(struct hits *h,
	enum err_code (*each)(void *arg, uint64_t i, struct bytes factor, struct err *e), void *arg,
	struct err *e)
{
	if (h->lacked)
		return err_set(e, ERR_NO_MEMORY, "moduli that share", "%zu were kept", h->n);
	if (h->n > 0)
		qsort(h->p, h->n, sizeof(*h->p), by_modulus);
	enum err_code err = ERR_OK;
	for (size_t i = 0; err == ERR_OK && each != NULL && i < h->n; i++) {
		uint8_t *b = malloc(8 * h->p[i].n);
		if (b == NULL)
			return err_set(e, ERR_NO_MEMORY, "moduli that share", "a factor");
		err = each(arg, h->p[i].modulus, limbs_to_bytes(h->p[i].factor, h->p[i].n, b), e);
		free(b);
	}
	return err;
}

void hits_free(struct hits *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->p[i].factor);
	free(h->p);
	*h = (struct hits){NULL, 0, 0, false};
}
