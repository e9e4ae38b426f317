#include "keycheck/door_pile.h"

void pile_init(struct pile *p)
{
	p->n = 0;
	p->keys = 0;
}

static void merge_last(struct pile *p)
{
	size_t i = p->n - 2;
	mpz_mul(p->part[i], p->part[i], p->part[i + 1]);
	p->count[i] += p->count[i + 1];
	mpz_clear(p->part[i + 1]);
	p->n--;
}

void pile_add(struct pile *p, struct bytes modulus)
{
	mpz_init(p->part[p->n]);
	mpz_import(p->part[p->n], modulus.len, 1, 1, 0, 0, modulus.p);
	p->count[p->n++] = 1;
	p->keys++;
	while (p->n > 1 && p->count[p->n - 2] == p->count[p->n - 1])
		merge_last(p);
}

static struct limbs view(const mpz_t v)
{
	return (struct limbs){mpz_limbs_read(v), mpz_size(v)};
}

size_t pile_views(const struct pile *p, struct limbs out[PILE_PARTS_MAX])
{
	for (size_t i = 0; i < p->n; i++)
		out[i] = view(p->part[i]);
	return p->n;
}

struct limbs pile_whole(struct pile *p)
{
	while (p->n > 1)
		merge_last(p);
	return p->n == 0 ? (struct limbs){NULL, 0} : view(p->part[0]);
}

void pile_clear(struct pile *p)
{
	for (size_t i = 0; i < p->n; i++)
		mpz_clear(p->part[i]);
	pile_init(p);
}
