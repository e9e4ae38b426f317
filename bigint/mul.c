#include "bigint/mul.h"

#include <gmp.h>
#include <flint/flint.h>
#include <flint/mpn_extras.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

_Static_assert(sizeof(mp_limb_t) == sizeof(uint64_t), "a limb has 64 bits");

/* From these sizes of a result on a transform is faster (measured). */
#define FFT_LIMBS_UP 512
#define FFT_LIMBS_DOWN 512
#define FFT_LIMBS_MUL 2048
/* Where there is no kernel, FLINT's product passes GMP's. */
#define FLINT_LIMBS 8192

/* Memory in pieces of this size costs one page fault each where the system has such pages. */
#define HUGE_PAGE ((size_t)1 << 21)

struct area {
	void *p;
	size_t size;
};

struct scratch {
	struct area transforms;
	struct area product;
	struct area slots[MUL_SLOTS];
};

struct mul {
	struct pool *pool;
	const struct fft_kernel *kernel;
	struct scratch *scratch; /* for each thread, and one for all together */
	atomic_bool lacked;      /* memory */
	unsigned depth;          /* prepared */
};

static void area_free(struct area *a)
{
	free(a->p);
	*a = (struct area){NULL, 0};
}

/* At least `*size` bytes; says how many. */
static void *memory_new(size_t *size)
{
	bool huge = *size >= 4 * HUGE_PAGE;
	size_t unit = huge ? HUGE_PAGE : 4096;
	if (*size > SIZE_MAX - unit)
		return NULL;
	*size = (*size + unit - 1) / unit * unit;
	void *p = aligned_alloc(unit, *size);
	if (p != NULL && huge)
		(void)madvise(p, *size, MADV_HUGEPAGE);
	return p;
}

uint64_t *limbs_new(size_t n)
{
	size_t size = (n + 1) * sizeof(uint64_t);
	return n < SIZE_MAX / sizeof(uint64_t) - 1 ? memory_new(&size) : NULL;
}

static void *area_fit(struct mul *m, struct area *a, size_t size)
{
	if (size <= a->size)
		return a->p;
	area_free(a);
	a->p = memory_new(&size);
	if (a->p == NULL) {
		atomic_store(&m->lacked, true);
		return NULL;
	}
	a->size = size;
	return a->p;
}

enum err_code mul_new(
	struct pool *pool, const struct fft_kernel *kernel, struct mul **out, struct err *e)
{
	struct mul *m = calloc(1, sizeof(*m));
	struct scratch *s = calloc(pool_threads(pool) + 1, sizeof(*s));
	if (m == NULL || s == NULL) {
		free(m);
		free(s);
		return err_set(e, ERR_NO_MEMORY, "products", "scratch memory");
	}
	*m = (struct mul){.pool = pool, .kernel = kernel, .scratch = s};
	*out = m;
	return ERR_OK;
}

void mul_free(struct mul *m)
{
	if (m == NULL)
		return;
	for (unsigned i = 0; i <= pool_threads(m->pool); i++) {
		area_free(&m->scratch[i].transforms);
		area_free(&m->scratch[i].product);
		for (unsigned j = 0; j < MUL_SLOTS; j++)
			area_free(&m->scratch[i].slots[j]);
	}
	free(m->scratch);
	free(m);
}

struct pool *mul_pool(struct mul *m)
{
	return m->pool;
}

enum err_code mul_prepare(struct mul *m, size_t limbs, struct err *e)
{
	struct fft_plan plan;
	if (m->kernel == NULL)
		return ERR_OK;
	/* A little smaller may choose another row of primes: one level more is enough for all. */
	if (limbs > SIZE_MAX / 256 || !m->kernel->choose((uint64_t)(limbs + 8) * 64, &plan) ||
		!m->kernel->prepare(plan.depth + 1, m->kernel->primes_max))
		return err_set(e, ERR_LIMIT, "products",
			"%zu limbs are more than the transforms take", limbs);
	if (plan.depth + 1 > m->depth)
		m->depth = plan.depth + 1;
	return ERR_OK;
}

void mul_lack(struct mul *m)
{
	atomic_store(&m->lacked, true);
}

enum err_code mul_end(struct mul *m, struct err *e)
{
	if (!atomic_exchange(&m->lacked, false))
		return ERR_OK;
	return err_set(e, ERR_NO_MEMORY, "products", "scratch memory for a product");
}

static struct scratch *scratch_of(struct mul *m, struct crew c)
{
	return &m->scratch[c.pool != NULL ? pool_threads(m->pool) : c.thread];
}

uint64_t *mul_scratch(struct mul *m, struct crew c, unsigned slot, size_t n)
{
	return area_fit(m, &scratch_of(m, c)->slots[slot], (n + 1) * sizeof(uint64_t));
}

/* ---- products without a kernel ------------------------------------------------------------------
 */

static void plain_mul(uint64_t *z, const uint64_t *a, size_t an, const uint64_t *b, size_t bn)
{
	if (an < bn) {
		plain_mul(z, b, bn, a, an);
		return;
	}
	if (bn >= FLINT_LIMBS)
		(void)_flint_mpn_mul(
			(mp_ptr)z, (mp_srcptr)a, (mp_size_t)an, (mp_srcptr)b, (mp_size_t)bn);
	else
		(void)mpn_mul((mp_ptr)z, (mp_srcptr)a, (mp_size_t)an, (mp_srcptr)b, (mp_size_t)bn);
}

static uint64_t *product_area(struct mul *m, struct crew c, size_t n)
{
	return area_fit(m, &scratch_of(m, c)->product, n * sizeof(uint64_t));
}

static void plain_window(struct mul *m, struct crew c, uint64_t *z, size_t lo, size_t hi,
	const uint64_t *a, size_t an, const uint64_t *b, size_t bn)
{
	uint64_t *t = product_area(m, c, an + bn);
	if (t == NULL)
		return;
	plain_mul(t, a, an, b, bn);
	size_t have = an + bn > lo ? an + bn - lo : 0;
	size_t want = hi - lo;
	memcpy(z, t + lo, (have < want ? have : want) * sizeof(*z));
	if (have < want)
		memset(z + have, 0, (want - have) * sizeof(*z));
}

static void plain_up(struct mul *m, struct crew c, uint64_t *p, uint64_t *s, struct num pl,
	struct num sl, struct num pr, struct num sr)
{
	size_t n = pl.n + pr.n;
	plain_mul(p, pl.p, pl.n, pr.p, pr.n);
	if (s == NULL)
		return;
	uint64_t *t = product_area(m, c, n);
	if (t == NULL)
		return;
	plain_mul(s, sl.p, sl.n, pr.p, pr.n);
	plain_mul(t, sr.p, sr.n, pl.p, pl.n);
	(void)mpn_add_n((mp_ptr)s, (mp_srcptr)s, (mp_srcptr)t, (mp_size_t)n);
}

/* ---- products by transforms ---------------------------------------------------------------------
 */

#define OPERANDS_MAX 4
#define PARTS_MAX 64

struct transforms {
	const struct fft_kernel *k;
	struct fft_plan plan;
	struct crew crew;
	unsigned parts;
	double *at[OPERANDS_MAX];
	const uint64_t *from[OPERANDS_MAX];
	size_t n[OPERANDS_MAX];
	unsigned count;
	/* what is put together again */
	unsigned out_count;
	unsigned out_of[2]; /* which transform */
	uint64_t *out[2];
	uint64_t lo[2], hi[2];
	uint64_t overhang[2][PARTS_MAX][FFT_OVERHANG];
	void (*point)(struct transforms *t, unsigned prime);
};

static void load_round(void *arg, size_t i, unsigned thread)
{
	struct transforms *t = arg;
	(void)thread;
	size_t op = i / t->parts;
	t->k->load(&t->plan, t->at[op], t->from[op], t->n[op], (unsigned)(i % t->parts), t->parts);
}

static void forward_round(void *arg, size_t i, unsigned thread)
{
	struct transforms *t = arg;
	(void)thread;
	size_t op = i / t->plan.primes;
	t->k->forward(&t->plan, (unsigned)(i % t->plan.primes), t->at[op], t->n[op]);
}

static void point_round(void *arg, size_t i, unsigned thread)
{
	struct transforms *t = arg;
	(void)thread;
	t->point(t, (unsigned)i);
}

static void inverse_round(void *arg, size_t i, unsigned thread)
{
	struct transforms *t = arg;
	(void)thread;
	t->k->inverse(
		&t->plan, (unsigned)(i % t->plan.primes), t->at[t->out_of[i / t->plan.primes]]);
}

static void store_round(void *arg, size_t i, unsigned thread)
{
	struct transforms *t = arg;
	(void)thread;
	size_t o = i / t->parts, part = i % t->parts;
	t->k->store(&t->plan, t->at[t->out_of[o]], t->out[o], t->lo[o], t->hi[o], (unsigned)part,
		t->parts, t->overhang[o][part]);
}

/* Room for `count` transforms that together hold products modulo at least B^limbs - 1. */
static bool transforms_begin(
	struct transforms *t, struct mul *m, struct crew c, size_t limbs, unsigned count)
{
	t->k = m->kernel;
	t->crew = c;
	t->parts = crew_size(c) < PARTS_MAX ? crew_size(c) : PARTS_MAX;
	bool ready = t->k->choose((uint64_t)limbs * 64, &t->plan) &&
		     (c.pool != NULL ? t->k->prepare(t->plan.depth, t->plan.primes) != 0
				     : t->plan.depth <= m->depth);
	if (!ready) {
		mul_lack(m);
		return false;
	}
	size_t one = (size_t)t->plan.primes * t->plan.stride;
	double *p = area_fit(m, &scratch_of(m, c)->transforms, count * one * sizeof(*p));
	if (p == NULL)
		return false;
	t->count = count;
	for (unsigned i = 0; i < count; i++)
		t->at[i] = p + i * one;
	return true;
}

static void transforms_run(struct transforms *t)
{
	crew_run(t->crew, (size_t)t->count * t->parts, load_round, t);
	crew_run(t->crew, (size_t)t->count * t->plan.primes, forward_round, t);
	crew_run(t->crew, t->plan.primes, point_round, t);
	crew_run(t->crew, (size_t)t->out_count * t->plan.primes, inverse_round, t);
	crew_run(t->crew, (size_t)t->out_count * t->parts, store_round, t);
	for (unsigned o = 0; o < t->out_count; o++)
		t->k->store_join(&t->plan, t->out[o], t->lo[o], t->hi[o], t->parts, t->overhang[o]);
}

static void point_one(struct transforms *t, unsigned prime)
{
	t->k->mul(&t->plan, prime, t->at[0], t->at[0], t->at[1]);
}

/* 0 and 1: the products; 2 and 3: the sums.  Leaves the product in 0, the sum in 3. */
static void point_up(struct transforms *t, unsigned prime)
{
	t->k->mul2(&t->plan, prime, t->at[3], t->at[2], t->at[1], t->at[3], t->at[0]);
	t->k->mul(&t->plan, prime, t->at[0], t->at[0], t->at[1]);
}

/* 2 is the fraction. */
static void point_down(struct transforms *t, unsigned prime)
{
	t->k->mul(&t->plan, prime, t->at[0], t->at[0], t->at[2]);
	t->k->mul(&t->plan, prime, t->at[1], t->at[1], t->at[2]);
}

static bool by_transform(const struct mul *m, size_t total, size_t shorter, size_t from)
{
	/* Of very unequal operands a transform of the sum of their lengths would waste most. */
	return m->kernel != NULL && total >= from && shorter >= total / 16;
}

void mul_full(struct mul *m, struct crew c, uint64_t *z, const uint64_t *a, size_t an,
	const uint64_t *b, size_t bn)
{
	if (!by_transform(m, an + bn, an < bn ? an : bn, FFT_LIMBS_MUL)) {
		plain_mul(z, a, an, b, bn);
		return;
	}
	struct transforms t = {.from = {a, b},
		.n = {an, bn},
		.point = point_one,
		.out_count = 1,
		.out = {z},
		.hi = {an + bn}};
	if (transforms_begin(&t, m, c, an + bn, 2))
		transforms_run(&t);
}

/* Run with results that may begin below what is wanted; the wanted limbs go to `to`. */
static void run_windows(struct mul *m, struct crew c, struct transforms *t, uint64_t *const to[2])
{
	uint64_t from[2] = {0, 0};
	size_t sizes[2] = {0, 0};
	for (unsigned o = 0; o < t->out_count; o++) {
		from[o] = t->k->store_from(&t->plan, t->lo[o], t->hi[o]);
		sizes[o] = (size_t)(t->hi[o] - from[o]);
	}
	uint64_t *p = product_area(m, c, sizes[0] + sizes[1]);
	if (p == NULL)
		return;
	t->out[0] = p;
	t->out[1] = p + sizes[0];
	transforms_run(t);
	for (unsigned o = 0; o < t->out_count; o++)
		memcpy(to[o], t->out[o] + (t->lo[o] - from[o]), (size_t)(t->hi[o] - t->lo[o]) * 8);
}

void mul_window(struct mul *m, struct crew c, uint64_t *z, size_t lo, size_t hi, const uint64_t *a,
	size_t an, const uint64_t *b, size_t bn)
{
	if (!by_transform(m, an + bn, an < bn ? an : bn, FFT_LIMBS_MUL)) {
		plain_window(m, c, z, lo, hi, a, an, b, bn);
		return;
	}
	/* The limbs from hi on may wrap around, as long as they fall below lo. */
	size_t modulus = an + bn > hi + lo ? an + bn - lo : hi;
	if (modulus < an)
		modulus = an;
	if (modulus < bn)
		modulus = bn;
	struct transforms t = {.from = {a, b},
		.n = {an, bn},
		.point = point_one,
		.out_count = 1,
		.lo = {lo},
		.hi = {hi}};
	if (transforms_begin(&t, m, c, modulus, 2))
		run_windows(m, c, &t, (uint64_t *const[2]){z, NULL});
}

/* |z| = |z - B^power| for a z below 2 B^power. */
static bool take_power(uint64_t *z, size_t n, size_t power)
{
	mp_limb_t below =
		mpn_sub_1((mp_ptr)z + power, (mp_srcptr)z + power, (mp_size_t)(n - power), 1);
	if (!below)
		return false;
	mpn_neg((mp_ptr)z, (mp_srcptr)z, (mp_size_t)n);
	return true;
}

static bool plain_near(struct mul *m, struct crew c, uint64_t *z, size_t zn, size_t power,
	const uint64_t *a, size_t an, const uint64_t *b, size_t bn)
{
	size_t n = an + bn > power + 1 ? an + bn : power + 1;
	uint64_t *t = product_area(m, c, n);
	if (t == NULL)
		return false;
	memset(t + an + bn, 0, (n - an - bn) * sizeof(*t));
	plain_mul(t, a, an, b, bn);
	bool negative = take_power(t, n, power);
	size_t have = zn < n ? zn : n;
	memcpy(z, t, have * sizeof(*z));
	memset(z + have, 0, (zn - have) * sizeof(*z));
	return negative;
}

bool mul_near(struct mul *m, struct crew c, uint64_t *z, size_t zn, size_t power, const uint64_t *a,
	size_t an, const uint64_t *b, size_t bn)
{
	if (!by_transform(m, an + bn, an < bn ? an : bn, FFT_LIMBS_MUL))
		return plain_near(m, c, z, zn, power, a, an, b, bn);
	size_t modulus = zn + 1;
	if (modulus < an)
		modulus = an;
	if (modulus < bn)
		modulus = bn;
	struct transforms t = {.from = {a, b}, .n = {an, bn}, .point = point_one, .out_count = 1};
	if (!transforms_begin(&t, m, c, modulus, 2))
		return false;
	/* All of it modulo B^w - 1: what is stored beyond limb w belongs to limb 0. */
	size_t w = (size_t)((uint64_t)t.plan.bits << t.plan.depth) / 64;
	t.hi[0] = w + FFT_OVERHANG;
	t.out[0] = product_area(m, c, w + FFT_OVERHANG);
	if (t.out[0] == NULL)
		return false;
	transforms_run(&t);
	mp_ptr p = (mp_ptr)t.out[0];
	mp_limb_t carry = mpn_add(p, p, (mp_size_t)w, p + w, FFT_OVERHANG);
	while (carry)
		carry = mpn_add_1(p, p, (mp_size_t)w, carry);
	size_t at = power % w; /* B^power */
	if (mpn_sub_1(p + at, p + at, (mp_size_t)(w - at), 1))
		while (mpn_sub_1(p, p, (mp_size_t)w, 1)) /* -1 modulo B^w is -B^w: one less */
			;
	/* Small, or B^w - 1 less something small. */
	bool negative = (p[w - 1] >> 63) != 0;
	if (negative)
		mpn_com(p, p, (mp_size_t)w);
	size_t have = zn < w ? zn : w;
	memcpy(z, p, have * sizeof(*z));
	memset(z + have, 0, (zn - have) * sizeof(*z));
	return negative;
}

void mul_up(struct mul *m, struct crew c, uint64_t *p, uint64_t *s, struct num pl, struct num sl,
	struct num pr, struct num sr)
{
	size_t n = pl.n + pr.n;
	if (!by_transform(m, n, pl.n < pr.n ? pl.n : pr.n, FFT_LIMBS_UP)) {
		plain_up(m, c, p, s, pl, sl, pr, sr);
		return;
	}
	struct transforms t = {.from = {pl.p, pr.p, sl.p, sr.p},
		.n = {pl.n, pr.n, sl.n, sr.n},
		.point = s != NULL ? point_up : point_one,
		.out_count = s != NULL ? 2 : 1,
		.out_of = {0, 3},
		.out = {p, s},
		.hi = {n, n}};
	if (transforms_begin(&t, m, c, n, s != NULL ? 4 : 2))
		transforms_run(&t);
}

void mul_down(struct mul *m, struct crew c, uint64_t *vl, uint64_t *vr, const uint64_t *v,
	struct num pl, struct num pr)
{
	size_t n = pl.n + pr.n;
	if (!by_transform(m, n, pl.n < pr.n ? pl.n : pr.n, FFT_LIMBS_DOWN)) {
		plain_window(m, c, vl, pr.n, n + 1, v, n + 1, pr.p, pr.n);
		plain_window(m, c, vr, pl.n, n + 1, v, n + 1, pl.p, pl.n);
		return;
	}
	/* Modulo B^(n + 1) - 1: the limbs above the fraction fall upon limbs that are dropped. */
	struct transforms t = {.from = {pl.p, pr.p, v},
		.n = {pl.n, pr.n, n + 1},
		.point = point_down,
		.out_count = 2,
		.out_of = {0, 1},
		.lo = {pl.n, pr.n},
		.hi = {n + 1, n + 1}};
	if (transforms_begin(&t, m, c, n + 1, 3))
		run_windows(m, c, &t, (uint64_t *const[2]){vr, vl});
}
