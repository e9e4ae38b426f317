/* Moduli of the watched keys that share a prime: all against all (bigint/batch.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigint/batch.h"
#include "cli/entropy_watch.h"
#include "cli/file.h"

struct modulus {
	struct bytes value; /* a view into the watch */
	const char *product;
	uint64_t place;
};

struct moduli_list {
	const struct watch *w;
	struct modulus *v;
	size_t n, cap;
	bool no_memory;
	void (*each)(void *arg, const struct watch_finding *f);
	void *arg;
};

/* Even ones have no primes worth sharing; other checks name them. */
static void collect(
	void *arg, const char *product, const char *kind, struct bytes value, uint64_t place)
{
	struct moduli_list *l = arg;

	if (strcmp(kind, "modulus") != 0 || value.len == 0 || value.p[value.len - 1] % 2 == 0 ||
		(value.len == 1 && value.p[0] == 1))
		return;
	if (l->n == l->cap) {
		size_t cap = l->cap > 0 ? 2 * l->cap : 1024;
		struct modulus *v = realloc(l->v, cap * sizeof(*v));
		if (v == NULL) {
			l->no_memory = true;
			return;
		}
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = (struct modulus){value, product, place};
}

static int by_value(const void *a, const void *b)
{
	const struct modulus *x = a, *y = b;
	if (x->value.len != y->value.len)
		return x->value.len < y->value.len ? -1 : 1;
	return memcmp(x->value.p, y->value.p, x->value.len);
}

/* Each modulus once; that one is there twice is a finding of its own. */
static void drop_equal(struct moduli_list *l)
{
	size_t kept = 0;

	qsort(l->v, l->n, sizeof(*l->v), by_value);
	for (size_t i = 0; i < l->n; i++) {
		if (kept == 0 || !bytes_equal(l->v[i].value, l->v[kept - 1].value))
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

static enum err_code write_moduli(const struct moduli_list *l, const char *path, struct err *e)
{
	struct moduli_writer *w;
	enum err_code rc = moduli_create(path, &w, e);

	if (rc != ERR_OK)
		return rc;
	for (size_t i = 0; rc == ERR_OK && i < l->n; i++)
		rc = moduli_add(w, l->v[i].value, e);
	if (rc == ERR_OK)
		return moduli_end(w, e);
	moduli_abandon(w);
	return rc;
}

static enum err_code on_shared(void *arg, uint64_t i, struct bytes factor, struct err *e)
{
	struct moduli_list *l = arg;
	const struct modulus *m = &l->v[i];
	size_t shown = m->value.len < 16 ? m->value.len : 16;
	struct watch_finding f = {WATCH_SHARED_PRIME, m->product, "modulus", {0}};
	char hex[2 * 16 + 1], place[WATCH_PLACE_MAX];

	(void)e;
	hex_encode(m->value.p, shown, hex);
	watch_place_name(l->w, m->place, place);
	snprintf(f.why, sizeof(f.why),
		"%s%s, at %s, shares %s with another modulus: anyone can compute its private key",
		hex, shown < m->value.len ? "..." : "", place,
		factor.len < m->value.len ? "a prime" : "all its primes");
	l->each(l->arg, &f);
	return ERR_OK;
}

static enum err_code batch(struct moduli_list *l, const char *path, struct err *e)
{
	struct batch_options o = {.memory = 0};
	struct moduli *m;
	enum err_code rc = write_moduli(l, path, e);

	if (rc != ERR_OK)
		return rc;
	rc = moduli_open(path, &m, e);
	if (rc != ERR_OK)
		return rc;
	rc = batch_gcd(m, &o, on_shared, l, e);
	moduli_close(m);
	return rc;
}

enum err_code watch_shared_primes(const struct watch *w,
	void (*each)(void *arg, const struct watch_finding *f), void *arg, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	struct moduli_list l = {.w = w, .each = each, .arg = arg};
	char dir[PATH_MAX], path[PATH_MAX];
	enum err_code rc;

	watch_values(w, collect, &l);
	if (l.no_memory) {
		rc = err_set(e, ERR_NO_MEMORY, "moduli", "for %zu of them", l.n);
		goto out;
	}
	rc = ERR_OK;
	if (l.n > 1)
		drop_equal(&l);
	if (l.n < 2)
		goto out;
	rc = path_join(dir, tmp != NULL && tmp[0] == '/' ? tmp : "/tmp", "medseal-watch-XXXXXX", e);
	if (rc != ERR_OK)
		goto out;
	if (mkdtemp(dir) == NULL) {
		rc = err_set(e, ERR_IO, dir, "cannot make it");
		goto out;
	}
	rc = path_join(path, dir, "moduli", e);
	if (rc == ERR_OK)
		rc = batch(&l, path, e);
	unlink(path);
	rmdir(dir);
out:
	free(l.v);
	return rc;
}
