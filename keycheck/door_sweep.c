/*
 * Tier 3 of many keys: micro-batches.  All keys that wait when a sweep begins walk over the closed
 * buckets together, a step at a time, so that whoever calls can do other things between.  Keys that
 * come meanwhile wait for the next sweep.
 *
 *   WAITS --a sweep begins--> SWEPT --over all buckets--> DONE --keycheck_admit--> gone
 *
 * A few keys go one by one through the kernel.  Many are multiplied: each bucket's product is
 * reduced by the product Q of all keys, the remainders are multiplied modulo Q, and what is left of
 * all buckets goes down a tree of products to each key at the end.  That costs nearly the same for
 * any number of keys.
 */
#include <gmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "keycheck/door_impl.h"

/* From so many keys on the tree is cheaper; bench/keys_door measures both sides. */
static const size_t tree_from[RESIDUE_KERNELS] = {
	[RESIDUE_PORTABLE] = 12, [RESIDUE_AVX2] = 20, [RESIDUE_IFMA] = 64};
/* An answer that nobody fetches is dropped after so many seconds, on the request's clock. */
#define FETCH_SECONDS 3600

enum stage { WAITS, SWEPT, DONE };

struct guest {
	enum stage stage;
	char owner[DOOR_NAME_MAX + 1];
	uint8_t id[SHA256_SIZE];
	mpz_t modulus;
	mpz_t rest; /* with a tree: product of all buckets modulo the key, at the end */
	struct residue *residue;
	size_t since; /* closed buckets when its sweep began */
	bool shares;
	int64_t joined;
};

struct sweep {
	struct guest guest[DOOR_WAITING_MAX]; /* those under way first, in no other order */
	size_t n;
	size_t swept; /* guest[0..swept) are SWEPT; 0: no sweep is under way */
	size_t bucket; /* the next one */
	size_t end;
	size_t next;   /* guest, within the bucket; kernels only */
	bool by_tree;
	mpz_t *tree; /* 2 * leaves; tree[1] is the product of all keys */
	mpz_t rests; /* with the tree: the product of all buckets modulo that */
	size_t leaves;
	double bucket_ms; /* what the last bucket took */
};

static bool same(const struct guest *g, const struct door_request *r)
{
	return memcmp(g->id, r->key->id, SHA256_SIZE) == 0 && strcmp(g->owner, r->owner) == 0;
}

static struct guest *find(const struct door *d, const struct door_request *r)
{
	for (size_t i = 0; d->sweep != NULL && i < d->sweep->n; i++)
		if (same(&d->sweep->guest[i], r))
			return &d->sweep->guest[i];
	return NULL;
}

enum sweep_state sweep_look(const struct door *d, const struct door_request *r, bool *shares,
	size_t *since)
{
	const struct guest *g = find(d, r);
	if (g == NULL)
		return SWEEP_NONE;
	if (g->stage != DONE)
		return SWEEP_WAITS;
	*shares = g->shares;
	*since = g->since;
	return SWEEP_DONE;
}

static void guest_free(struct guest *g)
{
	mpz_clears(g->modulus, g->rest, NULL);
	residue_free(g->residue);
}

/* Only those that are not under way: their order does not matter. */
static void remove_guest(struct sweep *s, size_t i)
{
	guest_free(&s->guest[i]);
	s->guest[i] = s->guest[--s->n];
}

void sweep_drop(struct door *d, const struct door_request *r)
{
	struct guest *g = find(d, r);
	if (g != NULL)
		remove_guest(d->sweep, (size_t)(g - d->sweep->guest));
}

/* Those who never came back for their answer. */
static void forget_old(struct sweep *s, int64_t now)
{
	for (size_t i = s->n; i-- > s->swept;)
		if (now - s->guest[i].joined > FETCH_SECONDS)
			remove_guest(s, i);
}

enum err_code sweep_join(struct door *d, const struct door_request *r, struct err *e)
{
	struct residue *residue;
	if (d->sweep == NULL)
		d->sweep = calloc(1, sizeof(*d->sweep));
	if (d->sweep == NULL)
		return err_set(e, ERR_NO_MEMORY, "door", "keys that wait");
	struct sweep *s = d->sweep;
	forget_old(s, r->now);
	if (s->n == DOOR_WAITING_MAX)
		return err_set(e, ERR_BUSY, r->owner, "%d keys wait to be compared", DOOR_WAITING_MAX);
	enum err_code rc = residue_new(r->key->modulus, d->o.kernel, &residue, e);
	if (rc != ERR_OK)
		return rc;
	struct guest *g = &s->guest[s->n++];
	*g = (struct guest){.stage = WAITS, .residue = residue, .joined = r->now};
	(void)memcpy(g->owner, r->owner, strlen(r->owner) + 1); /* judged: DOOR_NAME_MAX at most */
	memcpy(g->id, r->key->id, SHA256_SIZE);
	mpz_init(g->modulus);
	mpz_import(g->modulus, r->key->modulus.len, 1, 1, 0, 0, r->key->modulus.p);
	mpz_init_set_ui(g->rest, 1);
	return ERR_OK;
}

static void tree_free(struct sweep *s)
{
	if (s->tree == NULL)
		return;
	for (size_t i = 0; i < 2 * s->leaves; i++)
		mpz_clear(s->tree[i]);
	mpz_clear(s->rests);
	free(s->tree);
	s->tree = NULL;
}

/* tree[leaves + i] is guest i's modulus, tree[i] = tree[2i] * tree[2i + 1]. */
static bool tree_make(struct sweep *s)
{
	s->leaves = s->swept;
	s->tree = calloc(2 * s->leaves, sizeof(*s->tree));
	if (s->tree == NULL)
		return false;
	mpz_init_set_ui(s->rests, 1);
	mpz_init(s->tree[0]);
	for (size_t i = 0; i < s->leaves; i++)
		mpz_init_set(s->tree[s->leaves + i], s->guest[i].modulus);
	for (size_t i = s->leaves - 1; i > 0; i--) {
		mpz_init(s->tree[i]);
		mpz_mul(s->tree[i], s->tree[2 * i], s->tree[2 * i + 1]);
	}
	return true;
}

/* The keys that wait begin: they come before those that are done. */
static void begin(struct door *d)
{
	struct sweep *s = d->sweep;
	for (size_t i = 0; i < s->n; i++) {
		struct guest g = s->guest[i];
		if (g.stage != WAITS)
			continue;
		g.stage = SWEPT;
		g.since = d->closed_n;
		s->guest[i] = s->guest[s->swept];
		s->guest[s->swept++] = g;
		residue_start(g.residue);
	}
	s->bucket = s->next = 0;
	s->end = d->closed_n;
	s->by_tree = s->swept >= tree_from[d->o.kernel] && tree_make(s);
}

/* `rest` modulo what stands at `node`, and down to the leaves. */
static void descend(struct sweep *s, size_t node, const mpz_t rest)
{
	mpz_t part;
	mpz_init(part);
	mpz_tdiv_r(part, rest, s->tree[node]);
	if (node >= s->leaves) {
		mpz_set(s->guest[node - s->leaves].rest, part);
	} else {
		descend(s, 2 * node, part);
		descend(s, 2 * node + 1, part);
	}
	mpz_clear(part);
}

static void step_tree(struct door *d)
{
	struct sweep *s = d->sweep;
	struct limbs product = d->closed[s->bucket].product;
	mpz_t p;
	mpz_t rest;
	mpz_init(rest);
	mpz_tdiv_r(rest, mpz_roinit_n(p, product.p, (mp_size_t)product.n), s->tree[1]);
	mpz_mul(s->rests, s->rests, rest);
	mpz_tdiv_r(s->rests, s->rests, s->tree[1]);
	mpz_clear(rest);
	s->bucket++;
}

static void step_kernel(struct door *d)
{
	struct sweep *s = d->sweep;
	residue_take(s->guest[s->next].residue, &d->closed[s->bucket].product, 1);
	if (++s->next == s->swept) {
		s->next = 0;
		s->bucket++;
	}
}

static enum err_code finish(struct sweep *s, struct err *e)
{
	enum err_code rc = ERR_OK;
	if (s->by_tree)
		descend(s, 1, s->rests);
	for (size_t i = 0; i < s->swept && rc == ERR_OK; i++) {
		struct guest *g = &s->guest[i];
		if (s->by_tree) {
			mpz_gcd(g->rest, g->rest, g->modulus);
			g->shares = mpz_cmp_ui(g->rest, 1) != 0;
		} else {
			rc = residue_shares(g->residue, &g->shares, NULL, e);
		}
		g->stage = DONE;
	}
	tree_free(s);
	s->swept = 0;
	return rc;
}

static size_t waiting(const struct sweep *s)
{
	size_t n = 0;
	for (size_t i = s->swept; i < s->n; i++)
		n += s->guest[i].stage == WAITS;
	return n;
}

bool door_busy(const struct door *d)
{
	return d->sweep != NULL && (d->sweep->swept > 0 || waiting(d->sweep) > 0);
}

enum err_code door_sweep(struct door *d, int64_t ms, struct err *e)
{
	int64_t start = clock_monotonic_ms();
	if (!door_busy(d))
		return ERR_OK;
	struct sweep *s = d->sweep;
	if (s->swept == 0)
		begin(d);
	size_t first = s->bucket;
	while (s->bucket < s->end) {
		if (s->by_tree)
			step_tree(d);
		else
			step_kernel(d);
		int64_t spent = clock_monotonic_ms() - start;
		if (s->bucket > first)
			s->bucket_ms = (double)spent / (double)(s->bucket - first);
		if (spent >= ms && s->bucket < s->end)
			return ERR_OK;
	}
	return finish(s, e);
}

unsigned door_patience(const struct door *d)
{
	const struct sweep *s = d->sweep;
	if (s == NULL || !door_busy(d))
		return 1;
	double each = s->bucket_ms > 0 ? s->bucket_ms : 1;
	double left = s->swept > 0 ? (double)(s->end - s->bucket) : 0;
	if (waiting(s) > 0)
		left += (double)d->closed_n;
	return 1 + (unsigned)(left * each / 1000);
}

void sweep_free(struct door *d)
{
	struct sweep *s = d->sweep;
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		guest_free(&s->guest[i]);
	tree_free(s);
	free(s);
}
