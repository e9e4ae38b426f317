/* What all reports say in numbers, and how a place is named. */
#include "cli/keys.h"

#include <stdlib.h>
#include <string.h>

#include "report/text.h"

#define NAME_SHOWN 120u

static void count_size(struct tally *t, const struct pubkey *k)
{
	unsigned bits = pubkey_bits(k);

	for (size_t i = 0; i < t->size_n; i++) {
		if (t->size[i].kind == k->kind && t->size[i].bits == bits) {
			t->size[i].n++;
			return;
		}
	}
	if (t->size_n == TALLY_SIZES_MAX) {
		t->size_other++;
		return;
	}
	t->size[t->size_n++] = (struct tally_size){k->kind, bits, 1};
}

static int by_kind_and_bits(const void *a, const void *b)
{
	const struct tally_size *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->bits < y->bits ? -1 : x->bits > y->bits;
}

struct counting {
	struct tally *t;
	uint32_t key;
	enum severity worst;
	bool seen[CHECK_COUNT];
};

static void count_key(struct counting *c)
{
	if (c->key == KEYSET_NONE)
		return;
	c->t->keys_found++;
	c->t->keys_worst[c->worst]++;
	for (unsigned i = 0; i < CHECK_COUNT; i++)
		c->t->check[i] += c->seen[i];
}

static enum err_code count_finding(void *arg, const struct keyset_finding *f, struct err *e)
{
	struct counting *c = arg;

	(void)e;
	if (f->key != c->key) {
		count_key(c);
		*c = (struct counting){.t = c->t, .key = f->key};
	}
	if (check_severity(f->check) > c->worst)
		c->worst = check_severity(f->check);
	c->seen[f->check] = true;
	return ERR_OK;
}

static enum err_code count_flaw(
	void *arg, const struct keyset_place *at, const struct err *why, struct err *e)
{
	(void)at;
	(void)why;
	(void)e;
	((struct tally *)arg)->flaws++;
	return ERR_OK;
}

enum err_code tally_make(struct audit *a, struct err *e)
{
	struct tally *t = &a->tally;
	struct counting c = {.t = t, .key = KEYSET_NONE};
	enum err_code rc = ERR_OK;

	t->files = a->in.n;
	t->bytes = a->in.bytes;
	t->links = a->in.links;
	t->without_keys = a->at.skipped;
	t->keys = keyset_count(a->set);
	t->sources = keyset_source_count(a->set);
	t->moduli = keyset_modulus_count(a->set);
	for (uint32_t i = 0; rc == ERR_OK && i < keyset_count(a->set); i++) {
		struct pubkey k;
		rc = keyset_key(a->set, i, &k, e);
		if (rc == ERR_OK)
			count_size(t, &k);
	}
	qsort(t->size, t->size_n, sizeof(t->size[0]), by_kind_and_bits);
	if (rc == ERR_OK)
		rc = keyset_findings(a->set, count_finding, &c, e);
	count_key(&c);
	if (rc == ERR_OK)
		rc = keyset_flaws(a->set, count_flaw, t, e);
	return rc;
}

bool tally_fails(const struct audit *a)
{
	for (int s = a->fail_on; s <= SEVERITY_ERROR; s++) {
		if (a->tally.keys_worst[s] > 0)
			return true;
	}
	return false;
}

const char *place_file(const struct audit *a, const struct keyset_place *at)
{
	return at->file < a->in.n ? a->in.v[at->file].path : "?";
}

void place_print(const struct audit *a, const struct keyset_place *at, struct buf *out)
{
	text_clean(out, bytes_str(place_file(a, at)), PATH_MAX);
	if (at->line > 0)
		buf_printf(out, ", line %llu", (unsigned long long)at->line);
	else if (at->record > 0)
		buf_printf(out, ", byte %llu", (unsigned long long)at->offset);
	if (at->form.len == 0 || bytes_equal(at->form, bytes_str("file")))
		return;
	buf_str(out, " (");
	text_clean(out, at->form, NAME_SHOWN);
	if (at->name.len > 0) {
		buf_str(out, ": ");
		text_clean(out, at->name, NAME_SHOWN);
	}
	buf_str(out, ")");
}
