/*
 * Which keys share a factor?  The products tell whether any does, at the speed of the kernels; only
 * when one does its keys are looked at one by one, 13 us each.
 */
#include <gmp.h>

#include "keycheck/door_impl.h"

/* Products handed to a kernel at once: a lane each, and some to spare. */
#define TOGETHER 64

void set_take(struct residue *r, const struct key_set *s)
{
	struct limbs part[PILE_PARTS_MAX];
	residue_take(r, part, pile_views(&s->pile, part));
}

void closed_take(const struct door *d, struct residue *r, size_t from, size_t to)
{
	struct limbs product[TOGETHER];
	while (from < to) {
		size_t n = 0;
		for (; n < TOGETHER && from < to; from++)
			product[n++] = d->closed[from].product;
		residue_take(r, product, n);
	}
}

struct one_by_one {
	mpz_t modulus;
	mpz_t other;
	record_fn each;
	void *arg;
};

static enum err_code compare(void *arg, const struct record *r, struct err *e)
{
	struct one_by_one *o = arg;
	mpz_import(o->other, r->modulus.len, 1, 1, 0, 0, r->modulus.p);
	if (mpz_cmp(o->other, o->modulus) == 0)
		return ERR_OK; /* the key itself */
	mpz_gcd(o->other, o->other, o->modulus);
	return mpz_cmp_ui(o->other, 1) == 0 ? ERR_OK : o->each(o->arg, r, e);
}

static enum err_code shares(struct residue *r, bool *yes, struct err *e)
{
	return residue_shares(r, yes, NULL, e);
}

static enum err_code search_set(const struct key_set *s, struct residue *r, struct one_by_one *o,
	struct err *e)
{
	bool yes = false;
	residue_start(r);
	set_take(r, s);
	enum err_code rc = shares(r, &yes, e);
	return rc == ERR_OK && yes ? set_each(s, compare, o, e) : rc;
}

enum err_code search_all(struct door *d, struct residue *r, struct bytes modulus, record_fn each,
	void *arg, struct err *e)
{
	struct one_by_one o = {.each = each, .arg = arg};
	mpz_inits(o.modulus, o.other, NULL);
	mpz_import(o.modulus, modulus.len, 1, 1, 0, 0, modulus.p);
	enum err_code rc = search_set(&d->held, r, &o, e);
	if (rc == ERR_OK)
		rc = search_set(&d->open, r, &o, e);
	for (size_t i = d->closed_n; i-- > 0 && rc == ERR_OK;) {
		bool yes = false;
		residue_start(r);
		closed_take(d, r, i, i + 1);
		rc = shares(r, &yes, e);
		if (rc == ERR_OK && yes)
			rc = bucket_each(&d->closed[i], compare, &o, e);
	}
	mpz_clears(o.modulus, o.other, NULL);
	return rc;
}
