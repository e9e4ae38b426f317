#include "bigint/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <gmp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bigint/witness.h"

/* Heights below this are made again on the way down: they are cheap and as large as the others. */
#define TREE_BLOCK 5
#define HEIGHTS_MAX 64
/*
 * How far v * N may be from a whole number at a leaf, in 2^-64: two units for each height and at
 * most 16 from the root's fraction are below 2^8.  What is wrong for another reason is as good as
 * random there, and found but for one time in 2^49.
 */
#define LEAF_ERROR ((uint64_t)1 << 14)
#define HUGE_PAGE ((size_t)1 << 21)

#define WRONGLY                                                                                    \
	"came out wrong: this machine computed wrongly (memory, processor or its kernel of "       \
	"transforms); run it again, elsewhere"

struct height {
	uint64_t *p;
	size_t bytes; /* mapped */
	bool spilled;
};

struct tree {
	struct mul *m;
	const struct moduli *moduli;
	const uint64_t *order;
	uint64_t first, count;
	struct tree_options o;
	uint64_t *at;        /* in limbs: where each modulus would stand; count + 1 */
	unsigned base, root; /* heights */
	struct height products[HEIGHTS_MAX];
	struct height sums, next;
	uint64_t held; /* bytes of heights in memory */
	/* the step that is being done */
	unsigned height;
	bool with_sums;
	struct crew crew;
	const uint64_t *v;
	uint64_t *v_next;
	tree_hit hit;
	void *hit_arg;
	pthread_mutex_t hit_lock; /* of `hit` and: */
	uint64_t wrong;           /* leaves that cannot be right */
};

static uint64_t nodes(const struct tree *t, unsigned height)
{
	return (t->count + (((uint64_t)1 << height) - 1)) >> height;
}

/* The first modulus of a node; of the node after the last: count. */
static uint64_t node_first(const struct tree *t, unsigned height, uint64_t i)
{
	uint64_t j = i << height;
	return j < t->count ? j : t->count;
}

static size_t node_at(const struct tree *t, unsigned height, uint64_t i)
{
	return t->at[node_first(t, height, i)];
}

static size_t node_limbs(const struct tree *t, unsigned height, uint64_t i)
{
	return node_at(t, height, i + 1) - node_at(t, height, i);
}

static uint64_t modulus_number(const struct tree *t, uint64_t i)
{
	return t->order != NULL ? t->order[t->first + i] : t->first + i;
}

static const uint64_t *modulus(const struct tree *t, uint64_t i, size_t *n)
{
	return moduli_limbs(t->moduli, modulus_number(t, i), n);
}

/* ---- memory of heights
 * --------------------------------------------------------------------------- */

static void height_free(struct tree *t, struct height *h)
{
	if (h->p == NULL)
		return;
	(void)munmap(h->p, h->bytes);
	if (!h->spilled)
		t->held -= h->bytes;
	*h = (struct height){NULL, 0, false};
}

static bool no_space(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT;
}

/* Space is taken before it is used: a mapping that lacks it would end the process. */
static enum err_code spill_new(struct tree *t, struct height *h, struct err *e)
{
	const char *dir = t->o.spill_dir;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, no_space(errno) ? ERR_DISK_FULL : ERR_IO, dir, errno,
			"no file can be made in it");
	int errnum;
	do /* many gigabytes take long enough for a signal to come */
		errnum = posix_fallocate(fd, 0, (off_t)h->bytes);
	while (errnum == EINTR);
	if (errnum != 0) {
		(void)close(fd);
		return err_sys(e, no_space(errnum) ? ERR_DISK_FULL : ERR_IO, dir, errnum,
			"%zu bytes of the product tree", h->bytes);
	}
	void *p = mmap(NULL, h->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	errnum = errno;
	(void)close(fd);
	if (p == MAP_FAILED)
		return err_sys(e, ERR_NO_MEMORY, dir, errnum, "mapping %zu bytes", h->bytes);
	h->p = p;
	h->spilled = true;
	return ERR_OK;
}

static enum err_code height_new(
	struct tree *t, struct height *h, size_t limbs, bool may_spill, struct err *e)
{
	size_t unit = limbs * sizeof(uint64_t) >= 4 * HUGE_PAGE ? HUGE_PAGE : 4096;
	h->bytes = (limbs * sizeof(uint64_t) + unit - 1) / unit * unit;
	if (may_spill && t->o.spill_dir != NULL && t->held + h->bytes > t->o.memory)
		return spill_new(t, h, e);
	void *p = mmap(NULL, h->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return err_sys(e, ERR_NO_MEMORY, "product tree", errno, "%zu bytes", h->bytes);
	if (unit == HUGE_PAGE)
		(void)madvise(p, h->bytes, MADV_HUGEPAGE);
	h->p = p;
	h->spilled = false;
	t->held += h->bytes;
	return ERR_OK;
}

/* What was written to a spilled height need not stay in memory. */
static void height_rest(const struct height *h)
{
	if (h->p != NULL && h->spilled)
		(void)madvise(
			h->p, h->bytes, MADV_DONTNEED); /* of a shared mapping: kept in the file */
}

static void step_done(struct tree *t, double work)
{
	if (t->o.step != NULL)
		t->o.step(t->o.arg, work);
}

enum err_code tree_new(struct mul *m, const struct moduli *moduli, const uint64_t *order,
	uint64_t first, uint64_t count, const struct tree_options *o, struct tree **out,
	struct err *e)
{
	struct tree *t = calloc(1, sizeof(*t));
	uint64_t *at = malloc((count + 1) * sizeof(*at));
	if (t == NULL || at == NULL) {
		free(t);
		free(at);
		return err_set(e, ERR_NO_MEMORY, "product tree", "of %llu moduli",
			(unsigned long long)count);
	}
	*t = (struct tree){.m = m,
		.moduli = moduli,
		.order = order,
		.first = first,
		.count = count,
		.o = *o,
		.at = at};
	pthread_mutex_init(&t->hit_lock, NULL);
	at[0] = 0;
	for (uint64_t i = 0; i < count; i++) {
		size_t n;
		(void)modulus(t, i, &n);
		at[i + 1] = at[i] + n;
	}
	while (nodes(t, t->root) > 1)
		t->root++;
	t->base = t->root < TREE_BLOCK ? t->root : TREE_BLOCK;
	*out = t;
	return ERR_OK;
}

void tree_free(struct tree *t)
{
	if (t == NULL)
		return;
	for (unsigned h = 0; h < HEIGHTS_MAX; h++)
		height_free(t, &t->products[h]);
	height_free(t, &t->sums);
	height_free(t, &t->next);
	pthread_mutex_destroy(&t->hit_lock);
	free(t->at);
	free(t);
}

size_t tree_limbs(const struct tree *t)
{
	return t->at[t->count];
}

const uint64_t *tree_product(const struct tree *t)
{
	return t->products[t->root].p;
}

uint64_t *tree_sum(struct tree *t)
{
	return t->sums.p;
}

void tree_drop_root(struct tree *t)
{
	height_free(t, &t->products[t->root]);
	height_free(t, &t->sums);
}

/* ---- blocks: the lowest heights, by one thread
 * ----------------------------------------------------- */

/* A block's own little tree.  Height h is at p[h], node j of it at p[h] + (where its moduli are).
 */
struct block {
	uint64_t first, last; /* moduli */
	size_t at;            /* limbs before it */
	size_t n;             /* its limbs */
	uint64_t *p[TREE_BLOCK + 1];
};

static struct num block_node(const struct tree *t, const struct block *b, unsigned h, uint64_t j)
{
	uint64_t from = b->first + (j << h), to = from + ((uint64_t)1 << h);
	if (to > b->last)
		to = b->last;
	struct num x = {NULL, 0};
	if (from >= to)
		return x;
	if (h == 0) {
		/* The file is never written to: no product has it as its result. */
		const uint64_t *p = modulus(t, from, &x.n);
		x.p = (uint64_t *)(uintptr_t)p;
	} else {
		x = (struct num){b->p[h] + (t->at[from] - b->at), t->at[to] - t->at[from]};
	}
	return x;
}

static struct block block_of(const struct tree *t, uint64_t i)
{
	struct block b = {
		.first = node_first(t, t->base, i), .last = node_first(t, t->base, i + 1)};
	b.at = t->at[b.first];
	b.n = t->at[b.last] - b.at;
	return b;
}

static uint64_t pairs_of(const struct block *b, unsigned h)
{
	return (b->last - b->first + (((uint64_t)1 << (h + 1)) - 1)) >> (h + 1);
}

/* S of two moduli is their sum. */
static void sum_of_two(uint64_t *s, struct num l, struct num r)
{
	const struct num *a = l.n >= r.n ? &l : &r, *b = l.n >= r.n ? &r : &l;
	memset(s, 0, (l.n + r.n) * sizeof(*s));
	s[a->n] = mpn_add(
		(mp_ptr)s, (mp_srcptr)a->p, (mp_size_t)a->n, (mp_srcptr)b->p, (mp_size_t)b->n);
}

/* Heights up to `top`; sums, if wanted, end in s[top & 1]. */
static void block_up(
	struct tree *t, struct crew c, const struct block *b, unsigned top, uint64_t *s[2])
{
	for (unsigned h = 0; h < top; h++) {
		for (uint64_t j = 0; j < pairs_of(b, h); j++) {
			struct num l = block_node(t, b, h, 2 * j),
				   r = block_node(t, b, h, 2 * j + 1);
			size_t off = t->at[b->first + (j << (h + 1))] - b->at;
			uint64_t *p = b->p[h + 1] + off;
			uint64_t *sum = s != NULL ? s[(h + 1) & 1] + off : NULL;
			struct num sl = {NULL, l.n}, sr = {NULL, r.n};
			if (s != NULL && h > 0) {
				sl.p = s[h & 1] + off;
				sr.p = sl.p + l.n;
			}
			if (r.n == 0) {
				memcpy(p, l.p, l.n * sizeof(*p));
				if (s != NULL && h > 0)
					memcpy(sum, sl.p, l.n * sizeof(*p));
				else if (s != NULL)
					memset(sum, 0, l.n * sizeof(*p)), sum[0] = 1;
			} else if (h == 0) {
				mul_up(t->m, c, p, NULL, l, sl, r, sr);
				if (sum != NULL)
					sum_of_two(sum, l, r);
			} else {
				mul_up(t->m, c, p, sum, l, sl, r, sr);
			}
		}
	}
}

static void block_up_round(void *arg, size_t i, unsigned thread)
{
	struct tree *t = arg;
	struct crew c = {NULL, thread};
	struct block b = block_of(t, i);
	uint64_t *p = mul_scratch(t->m, c, 0, (t->base + 2) * b.n);
	if (p == NULL)
		return;
	for (unsigned h = 1; h < t->base; h++)
		b.p[h] = p + (h - 1) * b.n;
	b.p[t->base] = t->products[t->base].p + b.at;
	uint64_t *odd = p + t->base * b.n, *out = t->with_sums ? t->sums.p + b.at : NULL;
	uint64_t *s[2] = {t->base & 1 ? odd : out, t->base & 1 ? out : odd};
	if (t->base == 0) {
		size_t n;
		const uint64_t *one = modulus(t, b.first, &n);
		memcpy(b.p[0], one, n * sizeof(*one));
		if (out != NULL)
			memset(out, 0, n * sizeof(*out)), out[0] = 1;
		return;
	}
	block_up(t, c, &b, t->base, out != NULL ? s : NULL);
}

/* ---- up
 * -------------------------------------------------------------------------------------------- */

static void up_round(void *arg, size_t i, unsigned thread)
{
	struct tree *t = arg;
	struct crew c = t->crew.pool != NULL ? t->crew : (struct crew){NULL, thread};
	unsigned h = t->height; /* of the children */
	size_t at = node_at(t, h + 1, i);
	size_t ln = node_limbs(t, h, 2 * i), rn = node_limbs(t, h + 1, i) - ln;
	struct num pl = {t->products[h].p + at, ln}, pr = {pl.p + ln, rn};
	struct num sl = {NULL, ln}, sr = {NULL, rn};
	uint64_t *p = t->products[h + 1].p + at, *s = NULL;
	if (t->with_sums) {
		sl.p = t->sums.p + at;
		sr.p = sl.p + ln;
		s = t->next.p + at;
	}
	if (rn == 0) {
		memcpy(p, pl.p, ln * sizeof(*p));
		if (s != NULL)
			memcpy(s, sl.p, ln * sizeof(*s));
		return;
	}
	mul_up(t->m, c, p, s, pl, sl, pr, sr);
}

/* A thread takes a node by itself: of any of a height. */
static enum err_code prepare(struct tree *t, unsigned height, struct err *e)
{
	size_t most = 0;
	for (uint64_t i = 0; i < nodes(t, height); i++) {
		size_t n = node_limbs(t, height, i);
		if (n > most)
			most = n;
	}
	return mul_prepare(t->m, most + 1, e);
}

/*
 * Many nodes: each by one thread.  Few: all threads on one after the other, each node's work being
 * in many pieces itself.
 */
static enum err_code for_nodes(
	struct tree *t, unsigned height, void (*round)(void *, size_t, unsigned), struct err *e)
{
	struct pool *pool = mul_pool(t->m);
	uint64_t n = nodes(t, height);
	if (height == t->base || n >= 8 * (uint64_t)pool_threads(pool)) {
		enum err_code err = prepare(t, height, e);
		if (err != ERR_OK)
			return err;
		t->crew = (struct crew){NULL, 0};
		pool_run(pool, n, round, t);
	} else {
		t->crew = (struct crew){pool, 0};
		for (uint64_t i = 0; i < n; i++)
			round(t, i, 0);
	}
	return mul_end(t->m, e);
}

/* A product or sum that is wrong somewhere is wrong at the root; leaves would not find a sum. */
static enum err_code check_root(const struct tree *t, struct err *e)
{
	struct witness w = {1, 0};
	for (uint64_t i = 0; i < t->count; i++) {
		size_t n;
		const uint64_t *p = modulus(t, i, &n);
		witness_add(&w, p, n);
	}
	if (witness_of(t->products[t->root].p, tree_limbs(t)) == w.product &&
		(!t->with_sums || witness_of(t->sums.p, tree_limbs(t)) == w.sum))
		return ERR_OK;
	return err_set(e, ERR_INTERNAL, moduli_path(t->moduli),
		"a product or sum of %llu moduli " WRONGLY, (unsigned long long)t->count);
}

enum err_code tree_up(struct tree *t, bool sums, struct err *e)
{
	t->with_sums = sums;
	size_t n = tree_limbs(t);
	enum err_code err = height_new(t, &t->products[t->base], n, true, e);
	if (err == ERR_OK && sums)
		err = height_new(t, &t->sums, n, t->o.rest && t->base == t->root, e);
	if (err != ERR_OK)
		return err;
	err = for_nodes(t, t->base, block_up_round, e);
	if (err != ERR_OK)
		return err;
	step_done(t, t->base);
	for (t->height = t->base; t->height < t->root; t->height++) {
		bool root = t->height + 1 == t->root;
		err = height_new(t, &t->products[t->height + 1], n, !root || t->o.rest, e);
		if (err == ERR_OK && sums && (t->next.p == NULL || (root && t->o.rest))) {
			height_free(t, &t->next);
			err = height_new(t, &t->next, n, root && t->o.rest, e);
		}
		if (err != ERR_OK)
			return err;
		err = for_nodes(t, t->height + 1, up_round, e);
		if (err != ERR_OK)
			return err;
		height_rest(&t->products[t->height]);
		if (sums) {
			struct height used = t->sums;
			t->sums = t->next;
			t->next = used; /* written over by the height after the next */
		}
		step_done(t, 1);
	}
	height_free(t, &t->next);
	err = check_root(t, e);
	if (t->o.rest) {
		height_rest(&t->products[t->root]);
		height_rest(&t->sums);
	}
	return err;
}

/* ---- down
 * ------------------------------------------------------------------------------------------ */

/* Fractions have a limb more than their node, so node i of a height stands i limbs later. */
static void down_round(void *arg, size_t i, unsigned thread)
{
	struct tree *t = arg;
	struct crew c = t->crew.pool != NULL ? t->crew : (struct crew){NULL, thread};
	unsigned h = t->height; /* of the children */
	size_t at = node_at(t, h + 1, i);
	size_t ln = node_limbs(t, h, 2 * i), rn = node_limbs(t, h + 1, i) - ln;
	struct num pl = {t->products[h].p + at, ln}, pr = {pl.p + ln, rn};
	const uint64_t *v = t->v + at + i;
	uint64_t *vl = t->v_next + at + 2 * i;
	if (rn == 0) {
		memcpy(vl, v, (ln + 1) * sizeof(*v));
		return;
	}
	mul_down(t->m, c, vl, vl + ln + 1, v, pl, pr);
}

/*
 * The last step: v * N is the remainder of P / N modulo N, but for LEAF_ERROR; its gcd with N is
 * what N shares.  Anything farther from a whole number was computed wrongly on the way (a fault of
 * memory or of a kernel): then the tree has no answer.
 */
static void leaf(struct tree *t, struct crew c, uint64_t i, const uint64_t *v)
{
	size_t n;
	const uint64_t *p = modulus(t, i, &n);
	uint64_t *z = mul_scratch(t->m, c, 1, 4 * n + 4);
	if (z == NULL)
		return;
	uint64_t *y = z + 2 * n + 2, *g = y + n + 1;
	mpn_mul((mp_ptr)z, (mp_srcptr)v, (mp_size_t)(n + 1), (mp_srcptr)p, (mp_size_t)n);
	if (z[n] > LEAF_ERROR && z[n] < UINT64_MAX - LEAF_ERROR) {
		pthread_mutex_lock(&t->hit_lock);
		t->wrong++;
		pthread_mutex_unlock(&t->hit_lock);
		return;
	}
	/* Rounded: half a unit is the highest bit of limb n. */
	uint64_t *r = z + n + 1;
	if (z[n] >> 63)
		(void)mpn_add_1((mp_ptr)r, (mp_srcptr)r, (mp_size_t)n, 1);
	size_t rn = n, gn = n;
	while (rn > 0 && r[rn - 1] == 0)
		rn--;
	if (rn == 0 || (rn == n && mpn_cmp((mp_srcptr)r, (mp_srcptr)p, (mp_size_t)n) == 0)) {
		memcpy(g, p, n * sizeof(*g));
	} else {
		/* N is odd: factors 2 of the remainder are nothing, and mpn_gcd wants none. */
		size_t zeros = 0;
		while (r[zeros] == 0)
			zeros++;
		r += zeros;
		rn -= zeros;
		unsigned shift = (unsigned)__builtin_ctzll(r[0]);
		if (shift != 0)
			(void)mpn_rshift((mp_ptr)r, (mp_srcptr)r, (mp_size_t)rn, shift);
		rn -= r[rn - 1] == 0;
		memcpy(y, p, n * sizeof(*y));
		gn = (size_t)mpn_gcd((mp_ptr)g, (mp_ptr)y, (mp_size_t)n, (mp_ptr)r, (mp_size_t)rn);
	}
	if (gn == 1 && g[0] == 1)
		return;
	pthread_mutex_lock(&t->hit_lock);
	t->hit(t->hit_arg, modulus_number(t, i), g, gn);
	pthread_mutex_unlock(&t->hit_lock);
}

static void block_down_round(void *arg, size_t i, unsigned thread)
{
	struct tree *t = arg;
	struct crew c = {NULL, thread};
	struct block b = block_of(t, i);
	size_t vn = b.n + (b.last - b.first);
	uint64_t *p = mul_scratch(t->m, c, 0, (t->base + 1) * b.n + 2 * vn);
	if (p == NULL)
		return;
	for (unsigned h = 1; h <= t->base; h++)
		b.p[h] = p + (h - 1) * b.n;
	if (t->base > 0)
		block_up(t, c, &b, t->base - 1, NULL);
	uint64_t *v[2] = {p + t->base * b.n, p + t->base * b.n + vn};
	memcpy(v[t->base & 1], t->v + b.at + i, (b.n + 1) * sizeof(**v));
	for (unsigned h = t->base; h-- > 0;) {
		for (uint64_t j = 0; j < pairs_of(&b, h); j++) {
			struct num l = block_node(t, &b, h, 2 * j),
				   r = block_node(t, &b, h, 2 * j + 1);
			size_t off = t->at[b.first + (j << (h + 1))] - b.at;
			uint64_t *from = v[(h + 1) & 1] + off + j, *to = v[h & 1] + off + 2 * j;
			if (r.n == 0)
				memcpy(to, from, (l.n + 1) * sizeof(*to));
			else
				mul_down(t->m, c, to, to + l.n + 1, from, l, r);
		}
	}
	for (uint64_t j = b.first; j < b.last; j++)
		leaf(t, c, j, v[0] + (t->at[j] - b.at) + (j - b.first));
}

enum err_code tree_down(struct tree *t, uint64_t *v, tree_hit hit, void *arg, struct err *e)
{
	t->hit = hit;
	t->hit_arg = arg;
	size_t most = tree_limbs(t) + nodes(t, t->base); /* the lowest height has most fractions */
	uint64_t *other = NULL;
	t->v = v;
	tree_drop_root(t);
	enum err_code err = ERR_OK;
	for (unsigned h = t->root; err == ERR_OK && h-- > t->base;) {
		t->height = h;
		/* Two take turns; the root's own is too short for more than the root. */
		t->v_next = h + 2 < t->root ? other : limbs_new(most);
		if (t->v_next == NULL)
			err = err_set(e, ERR_NO_MEMORY, "product tree", "fractions of a height");
		else
			err = for_nodes(t, h + 1, down_round, e);
		height_free(t, &t->products[h]);
		if (h + 1 == t->root)
			free(v);
		else
			other = v;
		t->v = v = t->v_next;
		step_done(t, 1);
	}
	if (err == ERR_OK)
		err = for_nodes(t, t->base, block_down_round, e);
	if (err == ERR_OK && t->wrong > 0)
		err = err_set(e, ERR_INTERNAL, moduli_path(t->moduli),
			"%llu of %llu remainders " WRONGLY,
			(unsigned long long)t->wrong, (unsigned long long)t->count);
	free(v);
	free(other);
	step_done(t, t->base);
	return err;
}
