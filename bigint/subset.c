#include "bigint/subset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "bigint/recip.h"
#include "bigint/tree.h"

/*
 * Memory at the root of a tree, in lengths of its product: product, sum, reciprocal, residue and
 * transforms of two products (measured: bench/keys_batch with a budget of 1 MiB).
 */
#define ROOT_LENGTHS 30
/* Trees are kept on disk between the steps when that takes at most this part of what is free. */
#define KEEP_PART 2

/* Work in passes over all moduli, by the transforms of docs/design/keycheck-batch.md. */
#define WORK_FOREIGN 1.5
#define WORK_ROOT 3.0

struct subset_job {
	struct mul *m;
	const struct moduli *moduli;
	const uint64_t *order;
	uint32_t subsets;
	const char *dir;
	void (*step)(void *arg, double work);
	void *arg;
	uint64_t *first; /* of each subset; subsets + 1 */
	double *share;   /* of all limbs */
	struct tree **kept;
	bool keep;
	/* the subset that is worked on */
	uint32_t at;
	struct checkpoint own;
	struct recip_mod mod;
	uint64_t *residue; /* room for 2 lengths */
	bool have_residue; /* else it is 1 */
};

static size_t limbs_of(const struct subset_job *j, uint64_t place)
{
	size_t n;
	(void)moduli_limbs(j->moduli, j->order != NULL ? j->order[place] : place, &n);
	return n;
}

static uint64_t limbs_in_all(const struct moduli *moduli)
{
	uint64_t sum = 0;
	for (uint64_t i = 0; i < moduli_count(moduli); i++) {
		size_t n;
		(void)moduli_limbs(moduli, i, &n);
		sum += n;
	}
	return sum;
}

uint32_t subset_count_for(const struct moduli *moduli, uint64_t memory)
{
	uint64_t bytes = limbs_in_all(moduli) * sizeof(uint64_t), most = memory / ROOT_LENGTHS;
	uint64_t k = most == 0 ? bytes : (bytes + most - 1) / most;
	/* Two moduli a subset: a tree of one has nothing to say. */
	if (k > moduli_count(moduli) / 2)
		k = moduli_count(moduli) / 2;
	if (k > SUBSETS_MAX)
		k = SUBSETS_MAX;
	return k > 0 ? (uint32_t)k : 1;
}

uint64_t subset_tree_memory(const struct moduli *moduli, uint64_t memory)
{
	uint64_t root = limbs_in_all(moduli) * sizeof(uint64_t) * ROOT_LENGTHS;
	return memory > root ? memory - root : 0;
}

/* Neighbours, of about one length together. */
static void divide(struct subset_job *j, uint64_t limbs)
{
	uint64_t count = moduli_count(j->moduli), done = 0, from = 0, at = 0;
	for (uint32_t i = 0; i < j->subsets; i++) {
		uint64_t to = (uint64_t)((unsigned __int128)limbs * (i + 1) / j->subsets);
		/* At least one for each, and one left for each that follows. */
		uint64_t last = count - (j->subsets - 1 - i);
		j->first[i] = at;
		from = done;
		do
			done += limbs_of(j, at++);
		while (at < last && (done < to || i + 1 == j->subsets));
		j->share[i] = (double)(done - from) / (double)limbs;
	}
	j->first[j->subsets] = at;
}

static void step(void *arg, double work)
{
	struct subset_job *j = arg;
	if (j->step != NULL)
		j->step(j->arg, work * j->share[j->at]);
}

static unsigned heights(const struct subset_job *j)
{
	unsigned h = 0;
	while (((moduli_count(j->moduli) / j->subsets) >> h) > 0)
		h++;
	return h;
}

double subset_total(const struct subset_job *j)
{
	return (j->keep ? 2.0 : 2.5) * heights(j) + WORK_ROOT + WORK_FOREIGN * (j->subsets - 1);
}

static bool disk_suffices(const struct subset_job *j, uint64_t limbs)
{
	struct statvfs s;
	if (statvfs(j->dir, &s) != 0)
		return false;
	double need = (double)limbs * sizeof(uint64_t) * (heights(j) + 2);
	return need < (double)s.f_bavail * (double)s.f_frsize / KEEP_PART;
}

enum err_code subset_job_new(struct mul *m, const struct moduli *moduli, const uint64_t *order,
	uint32_t subsets, const char *dir, void (*step_fn)(void *arg, double work), void *arg,
	struct subset_job **out, struct err *e)
{
	if (subsets == 0 || subsets > moduli_count(moduli) || subsets > SUBSETS_MAX)
		return err_set(e, ERR_USAGE, "subsets", "%u of %llu moduli", subsets,
			(unsigned long long)moduli_count(moduli));
	struct subset_job *j = calloc(1, sizeof(*j));
	if (j == NULL)
		return err_set(e, ERR_NO_MEMORY, "subsets", "%u of them", subsets);
	*j = (struct subset_job){.m = m,
		.moduli = moduli,
		.order = order,
		.subsets = subsets,
		.dir = dir,
		.step = step_fn,
		.arg = arg,
		.first = calloc((size_t)subsets + 1, sizeof(*j->first)),
		.share = calloc(subsets, sizeof(*j->share)),
		.kept = calloc(subsets, sizeof(*j->kept))};
	if (j->first == NULL || j->share == NULL || j->kept == NULL) {
		subset_job_free(j);
		return err_set(e, ERR_NO_MEMORY, "subsets", "%u of them", subsets);
	}
	uint64_t limbs = limbs_in_all(moduli);
	divide(j, limbs);
	j->keep = disk_suffices(j, limbs);
	*out = j;
	return ERR_OK;
}

static void forget(struct subset_job *j)
{
	checkpoint_close(&j->own);
	recip_mod_free(&j->mod);
	free(j->residue);
	j->residue = NULL;
	j->have_residue = false;
}

void subset_job_free(struct subset_job *j)
{
	if (j == NULL)
		return;
	forget(j);
	for (uint32_t i = 0; j->kept != NULL && i < j->subsets; i++)
		tree_free(j->kept[i]);
	free(j->first);
	free(j->share);
	free(j->kept);
	free(j);
}

static struct checkpoint_id id_of(const struct subset_job *j, enum checkpoint_kind kind, uint32_t i)
{
	return (struct checkpoint_id){moduli_sum(j->moduli), kind, i, j->subsets};
}

enum err_code subset_answered(
	const struct subset_job *j, uint32_t i, bool *answered, struct err *e)
{
	struct checkpoint_id id = id_of(j, CHECKPOINT_ANSWER, i);
	return checkpoint_have(j->dir, &id, answered, e);
}

enum err_code subset_product_open(
	const struct subset_job *j, uint32_t i, struct checkpoint *out, struct err *e)
{
	struct checkpoint_id id = id_of(j, CHECKPOINT_PRODUCT, i);
	enum err_code err = checkpoint_open(j->dir, &id, out, e);
	if (err == ERR_OK && (out->n == 0 || out->words[out->n - 1] == 0)) {
		checkpoint_close(out);
		return err_set(e, ERR_MALFORMED, j->dir, "product %u has no highest limb", i);
	}
	return err;
}

/* Up its tree, on disk. */
static enum err_code grow(struct subset_job *j, uint32_t i, bool sums, struct err *e)
{
	struct tree_options o = {.spill_dir = j->dir, .rest = true, .step = step, .arg = j};
	struct tree *t = NULL;
	j->at = i;
	enum err_code err = tree_new(j->m, j->moduli, j->order, j->first[i],
		j->first[i + 1] - j->first[i], &o, &t, e);
	if (err == ERR_OK)
		err = tree_up(t, sums, e);
	if (err == ERR_OK)
		j->kept[i] = t;
	else
		tree_free(t);
	return err;
}

enum err_code subset_product(struct subset_job *j, uint32_t i, struct err *e)
{
	struct checkpoint_id id = id_of(j, CHECKPOINT_PRODUCT, i);
	bool have = false;
	enum err_code err = subset_answered(j, i, &have, e);
	if (err == ERR_OK && (!have || j->subsets > 1)) /* others still need the product */
		err = checkpoint_have(j->dir, &id, &have, e);
	if (err != ERR_OK || have)
		return err;
	err = grow(j, i, j->keep, e);
	if (err != ERR_OK)
		return err;
	struct tree *t = j->kept[i];
	size_t n = tree_limbs(t);
	const uint64_t *p = tree_product(t);
	while (n > 1 && p[n - 1] == 0)
		n--;
	err = checkpoint_write(j->dir, &id, p, n, e);
	if (err != ERR_OK || !j->keep) {
		tree_free(t);
		j->kept[i] = NULL;
	}
	return err;
}

enum err_code subset_begin(struct subset_job *j, uint32_t i, struct err *e)
{
	forget(j);
	j->at = i;
	enum err_code err = subset_product_open(j, i, &j->own, e);
	if (err != ERR_OK)
		return err;
	size_t n = j->own.n;
	struct crew all = {mul_pool(j->m), 0};
	j->residue = limbs_new(2 * n);
	if (j->residue == NULL || !recip_mod_new(j->m, all, j->own.words, n, &j->mod))
		return err_set(e, ERR_NO_MEMORY, "subset", "a residue of %zu limbs", n);
	return mul_end(j->m, e);
}

/* x mod P into z, which has room for 2 n limbs; x of any length, from its high end in pieces. */
static void reduce_long(struct subset_job *j, uint64_t *z, const uint64_t *x, size_t xn)
{
	struct crew all = {mul_pool(j->m), 0};
	size_t n = j->own.n, first = xn <= 2 * n ? xn : n + xn % n;
	memcpy(z, x + (xn - first), first * sizeof(*z));
	for (size_t left = xn - first;; left -= n) {
		if (first < n)
			memset(z + first, 0, (n - first) * sizeof(*z));
		else
			recip_mod_reduce(j->m, all, &j->mod, z, first);
		if (left == 0)
			return;
		memmove(z + n, z, n * sizeof(*z));
		memcpy(z, x + (left - n), n * sizeof(*z));
		first = 2 * n;
	}
}

/* The residue times x, of n limbs. */
static void multiply(struct subset_job *j, const uint64_t *x, uint64_t *z)
{
	struct crew all = {mul_pool(j->m), 0};
	size_t n = j->own.n;
	mul_full(j->m, all, z, j->residue, n, x, n);
	recip_mod_reduce(j->m, all, &j->mod, z, 2 * n);
	memcpy(j->residue, z, n * sizeof(*z));
}

enum err_code subset_foreign(
	struct subset_job *j, const uint64_t *product, size_t n, struct err *e)
{
	size_t own = j->own.n;
	if (!j->have_residue) {
		reduce_long(j, j->residue, product, n);
		j->have_residue = true;
	} else {
		uint64_t *z = limbs_new(4 * own);
		if (z == NULL)
			return err_set(e, ERR_NO_MEMORY, "subset", "a residue of %zu limbs", own);
		reduce_long(j, z + 2 * own, product, n);
		multiply(j, z + 2 * own, z);
		free(z);
	}
	step(j, WORK_FOREIGN);
	return mul_end(j->m, e);
}

/*
 * S, the sum of P / N over the subset, times the product of all foreign moduli: modulo a modulus N
 * of the subset it is the product of all others.  Divided by P it is the root's value.
 */
static enum err_code root_value(struct subset_job *j, struct tree *t, uint64_t **out, struct err *e)
{
	struct crew all = {mul_pool(j->m), 0};
	size_t limbs = tree_limbs(t), n = j->own.n;
	uint64_t *v = limbs_new(limbs + 1), *s = limbs_new(limbs);
	enum err_code err = ERR_OK;
	if (v == NULL || s == NULL)
		err = err_set(e, ERR_NO_MEMORY, "subset", "the root's fraction");
	if (err == ERR_OK && j->have_residue) {
		uint64_t *z = limbs_new(2 * n);
		if (z == NULL)
			err = err_set(e, ERR_NO_MEMORY, "subset", "the root's product");
		else {
			/* The sum may pass the product, by less than the number of moduli. */
			uint64_t *reduced = limbs_new(2 * n);
			if (reduced == NULL)
				mul_lack(j->m);
			else {
				reduce_long(j, reduced, tree_sum(t), limbs);
				multiply(j, reduced, z);
			}
			free(reduced);
			free(z);
			memcpy(s, j->residue, n * sizeof(*s));
			memset(s + n, 0, (limbs - n) * sizeof(*s));
		}
	} else if (err == ERR_OK) {
		memcpy(s, tree_sum(t), limbs * sizeof(*s));
	}
	if (err == ERR_OK) {
		recip_mod_free(&j->mod);
		free(j->residue);
		j->residue = NULL;
		recip_fraction(j->m, all, v, s, tree_product(t), limbs);
		err = mul_end(j->m, e);
	}
	free(s);
	if (err == ERR_OK)
		*out = v;
	else
		free(v);
	return err;
}

static enum err_code write_answer(struct subset_job *j, struct hits *h, struct err *e)
{
	struct checkpoint_id id = id_of(j, CHECKPOINT_ANSWER, j->at);
	size_t n = 0;
	if (h->lacked)
		return err_set(e, ERR_NO_MEMORY, "moduli that share", "%zu were kept", h->n);
	for (size_t i = 0; i < h->n; i++)
		n += 2 + h->p[i].n;
	uint64_t *words = malloc((n + 1) * sizeof(*words)), *w = words;
	if (words == NULL)
		return err_set(e, ERR_NO_MEMORY, "moduli that share", "%zu of them", h->n);
	for (size_t i = 0; i < h->n; i++) {
		*w++ = h->p[i].modulus;
		*w++ = h->p[i].n;
		memcpy(w, h->p[i].factor, h->p[i].n * sizeof(*w));
		w += h->p[i].n;
	}
	enum err_code err = checkpoint_write(j->dir, &id, words, n, e);
	free(words);
	return err;
}

enum err_code subset_answer(struct subset_job *j, struct err *e)
{
	struct hits hits = {NULL, 0, 0, false};
	uint64_t *v = NULL;
	uint32_t i = j->at;
	enum err_code err = j->kept[i] != NULL ? ERR_OK : grow(j, i, true, e);
	if (err == ERR_OK)
		err = root_value(j, j->kept[i], &v, e);
	forget(j);
	step(j, WORK_ROOT);
	if (err == ERR_OK)
		err = tree_down(j->kept[i], v, hits_add, &hits, e); /* takes v */
	if (err == ERR_OK)
		err = write_answer(j, &hits, e);
	tree_free(j->kept[i]);
	j->kept[i] = NULL;
	hits_free(&hits);
	return err;
}

enum err_code subset_read_hits(
	const uint64_t *words, size_t n, uint64_t count, struct hits *hits, struct err *e)
{
	while (n > 0) {
		if (n < 3 || words[0] >= count || words[1] == 0 || words[1] > n - 2 ||
			words[1] > MODULI_BYTES_MAX / 8 || words[1 + words[1]] == 0)
			return err_set(e, ERR_MALFORMED, "answer", "it names no modulus and factor");
		hits_add(hits, words[0], words + 2, (size_t)words[1]);
		n -= 2 + (size_t)words[1];
		words += 2 + words[1];
	}
	return ERR_OK;
}

enum err_code subset_hits(
	const struct subset_job *j, uint32_t i, struct hits *hits, struct err *e)
{
	struct checkpoint_id id = id_of(j, CHECKPOINT_ANSWER, i);
	struct checkpoint c;
	enum err_code err = checkpoint_open(j->dir, &id, &c, e);
	if (err == ERR_OK)
		err = subset_read_hits(c.words, c.n, moduli_count(j->moduli), hits, e);
	checkpoint_close(&c);
	return err;
}

void subset_drop_products(const struct subset_job *j)
{
	for (uint32_t i = 0; i < j->subsets; i++) {
		struct checkpoint_id id = id_of(j, CHECKPOINT_PRODUCT, i);
		checkpoint_remove(j->dir, &id);
	}
}
