/* Step 4: which moduli share factors, which with which, and what hangs together. */
#include "cli/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "bigint/batch.h"
#include "keycheck/keyindex.h"
#include "keycheck/keylog.h"

/* Moduli files and the batch's own checkpoints, in the work folder. */
#define MODULI_FILE "moduli"
#define BATCH_DIR "batch"

struct pairing {
	struct audit *a;
	struct keyindex by_factor; /* groups by the hash of their factor */
	struct keyindex by_member; /* edges by the hash of group and member */
	struct edge {
		uint32_t group, member;
	} * edge;
	size_t edge_n, edge_room;
	uint64_t *pair; /* the hits whose pairs say more than their factors do */
	size_t pair_n, pair_room;
	struct keys_progress progress;
};

static enum err_code room_for_one(void **p, size_t n, size_t *room, size_t size, struct err *e)
{
	if (n < *room)
		return ERR_OK;
	size_t more = *room == 0 ? 64 : 2 * *room;
	void *q = reallocarray(*p, more, size);
	if (q == NULL)
		return err_set(e, ERR_NO_MEMORY, "shared factors", "%zu of them", more);
	*p = q;
	*room = more;
	return ERR_OK;
}

/* KEYINDEX_NONE: there is none yet. */
static uint32_t group_find(const struct pairing *p, struct bytes factor)
{
	const struct shared *s = &p->a->shared;
	uint8_t hash[SHA256_SIZE];
	size_t cursor = 0;
	uint32_t g;

	sha256_of(factor, hash);
	while ((g = keyindex_next(&p->by_factor, hash, &cursor)) != KEYINDEX_NONE) {
		if (bytes_equal(buf_view(&s->group[g].factor), factor))
			break;
	}
	return g;
}

static enum err_code group_of(struct pairing *p, struct bytes factor, uint32_t *out, struct err *e)
{
	struct shared *s = &p->a->shared;
	uint8_t hash[SHA256_SIZE];

	*out = group_find(p, factor);
	if (*out != KEYINDEX_NONE)
		return ERR_OK;
	sha256_of(factor, hash);
	enum err_code rc =
		room_for_one((void **)&s->group, s->group_n, &s->group_room, sizeof(*s->group), e);
	if (rc == ERR_OK)
		rc = keyindex_add(&p->by_factor, hash, (uint32_t)s->group_n, e);
	if (rc != ERR_OK)
		return rc;
	struct group *new = &s->group[s->group_n];
	*new = (struct group){.factor = buf_new_secret(PUBKEY_BITS_MAX / 8)};
	buf_bytes(&new->factor, factor);
	*out = (uint32_t)s->group_n++;
	return buf_end(&new->factor, e, "shared factor");
}

/* One prime may come in many pairs; each modulus joins its group once. */
static enum err_code join(struct pairing *p, uint32_t group, uint32_t member, struct err *e)
{
	struct group *g = &p->a->shared.group[group];
	uint32_t mixed = group * 2654435761u ^ member * 2246822519u;
	uint8_t hash[4];
	size_t cursor = 0;
	uint32_t i;

	memcpy(hash, &mixed, sizeof(hash));
	while ((i = keyindex_next(&p->by_member, hash, &cursor)) != KEYINDEX_NONE) {
		if (p->edge[i].group == group && p->edge[i].member == member)
			return ERR_OK;
	}
	enum err_code rc =
		room_for_one((void **)&p->edge, p->edge_n, &p->edge_room, sizeof(*p->edge), e);
	if (rc == ERR_OK)
		rc = keyindex_add(&p->by_member, hash, (uint32_t)p->edge_n, e);
	if (rc != ERR_OK)
		return rc;
	p->edge[p->edge_n++] = (struct edge){group, member};
	size_t room = g->room;
	rc = room_for_one((void **)&g->member, g->n, &room, sizeof(*g->member), e);
	g->room = (uint32_t)room;
	if (rc == ERR_OK)
		g->member[g->n++] = member;
	return rc;
}

/*
 * A hit whose factor is a prime shares that prime and nothing else, so all hits of one such factor
 * are one group, and one of them tells who else has it: the pairs of many keys of one prime would
 * take the square of their number.  Where the factor is none, only the pairs tell it apart.
 */
static enum err_code take_hit(void *arg, uint64_t i, struct bytes factor, struct err *e)
{
	struct pairing *p = arg;
	struct shared *s = &p->a->shared;
	enum err_code rc =
		room_for_one((void **)&s->hit, s->hit_n, &s->hit_room, sizeof(*s->hit), e);

	if (rc != ERR_OK)
		return rc;
	s->hit[s->hit_n++] = (uint32_t)i;
	uint32_t g = group_find(p, factor); /* until the pairs come, of primes alone */
	if (g != KEYINDEX_NONE)
		return join(p, g, (uint32_t)i, e);
	if (batch_is_prime(factor)) {
		rc = group_of(p, factor, &g, e);
		if (rc == ERR_OK)
			rc = join(p, g, (uint32_t)i, e);
		if (rc != ERR_OK)
			return rc;
	}
	rc = room_for_one((void **)&p->pair, p->pair_n, &p->pair_room, sizeof(*p->pair), e);
	if (rc == ERR_OK)
		p->pair[p->pair_n++] = i;
	return rc;
}

static enum err_code take_pair(
	void *arg, uint64_t i, uint64_t j, struct bytes common, struct err *e)
{
	struct pairing *p = arg;
	uint32_t g = 0;
	enum err_code rc = group_of(p, common, &g, e);

	if (rc == ERR_OK)
		rc = join(p, g, (uint32_t)i, e);
	return rc != ERR_OK ? rc : join(p, g, (uint32_t)j, e);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int by_first_member(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->member[0] != y->member[0])
		return x->member[0] < y->member[0] ? -1 : 1;
	if (x->member[1] != y->member[1])
		return x->member[1] < y->member[1] ? -1 : 1;
	size_t n = x->factor.len < y->factor.len ? x->factor.len : y->factor.len;
	int cmp = memcmp(x->factor.p, y->factor.p, n);
	return cmp != 0 ? cmp : x->factor.len < y->factor.len ? -1 : x->factor.len > y->factor.len;
}

static size_t hit_index(const struct shared *s, uint32_t modulus)
{
	const uint32_t *at = bsearch(&modulus, s->hit, s->hit_n, sizeof(*s->hit), by_number);

	return at == NULL ? SIZE_MAX : (size_t)(at - s->hit);
}

static size_t root_of(size_t *parent, size_t i)
{
	while (parent[i] != i) {
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

/* Moduli that share a factor are in one cluster, and so on from one to the next. */
static enum err_code number_clusters(struct shared *s, struct err *e)
{
	size_t *parent = calloc(s->hit_n + 1, sizeof(*parent));
	uint32_t *number = calloc(s->hit_n + 1, sizeof(*number));

	if (parent == NULL || number == NULL) {
		free(parent);
		free(number);
		return err_set(e, ERR_NO_MEMORY, "clusters", "of %zu moduli", s->hit_n);
	}
	for (size_t i = 0; i < s->hit_n; i++)
		parent[i] = i;
	for (size_t g = 0; g < s->group_n; g++) {
		for (uint32_t m = 1; m < s->group[g].n; m++) {
			size_t a = root_of(parent, hit_index(s, s->group[g].member[0]));
			size_t b = root_of(parent, hit_index(s, s->group[g].member[m]));
			parent[a < b ? b : a] = a < b ? a : b;
		}
	}
	for (size_t g = 0; g < s->group_n; g++) {
		size_t root = root_of(parent, hit_index(s, s->group[g].member[0]));
		if (number[root] == 0)
			number[root] = ++s->cluster_n;
		s->group[g].cluster = number[root] - 1;
	}
	free(parent);
	free(number);
	return ERR_OK;
}

/* The groups of each hit, one hit's behind the other's. */
static enum err_code index_groups(struct shared *s, struct err *e)
{
	size_t edges = 0;

	for (size_t g = 0; g < s->group_n; g++)
		edges += s->group[g].n;
	s->of_first = calloc(s->hit_n + 2, sizeof(*s->of_first));
	s->of = calloc(edges + 1, sizeof(*s->of));
	if (s->of_first == NULL || s->of == NULL || edges > UINT32_MAX)
		return err_set(e, ERR_NO_MEMORY, "shared factors", "%zu edges", edges);
	for (size_t g = 0; g < s->group_n; g++)
		for (uint32_t m = 0; m < s->group[g].n; m++)
			s->of_first[hit_index(s, s->group[g].member[m]) + 2]++;
	for (size_t i = 2; i < s->hit_n + 2; i++)
		s->of_first[i] += s->of_first[i - 1];
	/* Filling moves each beginning to its end, which is the next one's beginning. */
	for (size_t g = 0; g < s->group_n; g++)
		for (uint32_t m = 0; m < s->group[g].n; m++)
			s->of[s->of_first[hit_index(s, s->group[g].member[m]) + 1]++] = (uint32_t)g;
	return ERR_OK;
}

/* One order, whatever the engine's was. */
static enum err_code put_in_order(struct shared *s, struct err *e)
{
	for (size_t g = 0; g < s->group_n; g++)
		qsort(s->group[g].member, s->group[g].n, sizeof(uint32_t), by_number);
	if (s->group_n > 0)
		qsort(s->group, s->group_n, sizeof(*s->group), by_first_member);
	enum err_code rc = index_groups(s, e);
	return rc != ERR_OK ? rc : number_clusters(s, e);
}

static unsigned bits_of(struct bytes b)
{
	unsigned n = b.len > 0 ? 8 * (unsigned)(b.len - 1) : 0;

	for (unsigned v = b.len > 0 ? b.p[0] : 0; v != 0; v >>= 1)
		n++;
	return n;
}

struct gathering {
	const struct audit *a;
	uint32_t modulus;
	uint32_t shared[KEYSET_SHARED_MAX];
	size_t n;
	uint64_t total;
	unsigned groups, bits;
	bool cut;
};

static void gather(void *arg, const struct group *g)
{
	struct gathering *x = arg;

	x->groups++;
	x->bits = bits_of(buf_view(&g->factor));
	for (uint32_t i = 0; i < g->n; i++) {
		if (g->member[i] == x->modulus)
			continue;
		for (uint32_t k = keyset_modulus_first(x->a->set, g->member[i]); k != KEYSET_NONE;
			k = keyset_modulus_next(x->a->set, k)) {
			x->total++;
			if (x->n < KEYSET_SHARED_MAX)
				x->shared[x->n++] = k;
			else
				x->cut = true;
		}
	}
}

/* Two groups may hold the same key: once is enough. */
static void sort_gathered(struct gathering *x)
{
	size_t n = 0;

	if (x->n > 0)
		qsort(x->shared, x->n, sizeof(*x->shared), by_number);
	for (size_t i = 0; i < x->n; i++) {
		if (n == 0 || x->shared[n - 1] != x->shared[i])
			x->shared[n++] = x->shared[i];
	}
	x->n = n;
	if (!x->cut)
		x->total = n;
}

static enum err_code find_of(struct audit *a, struct gathering *x, struct err *e)
{
	char why[FINDING_WHY_MAX];
	enum err_code rc = ERR_OK;

	shared_groups(&a->shared, x->modulus, gather, x);
	sort_gathered(x);
	if (x->groups == 1)
		snprintf(why, sizeof(why),
			"a factor of %u bits is in the modulus of %llu other key%s", x->bits,
			(unsigned long long)x->total, x->total == 1 ? "" : "s");
	else
		snprintf(why, sizeof(why), "%u factors are in the moduli of %llu other keys",
			x->groups, (unsigned long long)x->total);
	struct keyset_finding f = {.check = CHECK_SHARED_PRIME,
		.why = bytes_str(why),
		.shared = x->shared,
		.shared_n = x->n,
		.shared_total = x->total};
	for (f.key = keyset_modulus_first(a->set, x->modulus); rc == ERR_OK && f.key != KEYSET_NONE;
		f.key = keyset_modulus_next(a->set, f.key))
		rc = keyset_finding(a->set, &f, e);
	return rc;
}

static enum err_code find_all(struct audit *a, struct err *e)
{
	struct gathering *x = calloc(1, sizeof(*x));
	enum err_code rc = ERR_OK;

	if (x == NULL)
		return err_set(e, ERR_NO_MEMORY, "shared factors", "for a finding");
	for (size_t i = 0; rc == ERR_OK && i < a->shared.hit_n; i++) {
		*x = (struct gathering){.a = a, .modulus = a->shared.hit[i]};
		rc = find_of(a, x, e);
	}
	free(x);
	return rc;
}

static void show(void *arg, double done, double total)
{
	struct pairing *p = arg;
	struct err e;

	/* The batch cannot be asked to stop: --resume goes on from what it finished. */
	if (audit_stopped()) {
		progress_end(&p->progress);
		enum err_code rc = audit_stop(p->a, &e);
		fprintf(stderr, "medseal: %s: %s (%s)\n", e.object, err_sentence(rc), e.reason);
		private_drop(p->a->private_out);
		audit_remove_work(p->a);
		_exit(err_exit(rc));
	}
	progress_show(&p->progress, done, total);
}

static enum err_code run_batch(struct pairing *p, const char *path, const char *dir, struct err *e)
{
	struct audit *a = p->a;
	struct moduli *m = NULL;
	struct batch_options o = {.memory = a->memory,
		.threads = a->threads,
		.work_dir = dir,
		.progress = show,
		.arg = p};
	enum err_code rc = moduli_open(path, &m, e);

	if (rc != ERR_OK)
		return rc;
	progress_begin(&p->progress, a->c, "comparing moduli", "", 0);
	rc = batch_gcd(m, &o, take_hit, p, e);
	progress_end(&p->progress);
	if (rc == ERR_OK && p->pair_n > 0)
		rc = batch_pairs(m, p->pair, p->pair_n, take_pair, p, e);
	moduli_close(m);
	return rc;
}

enum err_code audit_shared(struct audit *a, struct err *e)
{
	struct pairing p = {.a = a};
	char moduli[PATH_MAX], dir[PATH_MAX];
	int64_t start = clock_monotonic_ms();
	enum err_code rc = path_join(moduli, a->work, MODULI_FILE, e);

	if (rc == ERR_OK)
		rc = path_join(dir, a->work, BATCH_DIR, e);
	if (rc != ERR_OK || keyset_modulus_count(a->set) < 2)
		return rc;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return keylog_write_error(dir, errno, e);
	/* An earlier run may have been stopped while it wrote it; the same keys give the same file.
	 */
	(void)unlink(moduli);
	rc = keyset_write_moduli(a->set, moduli, e);
	if (rc != ERR_OK || a->prepare)
		return rc;
	rc = run_batch(&p, moduli, dir, e);
	if (rc == ERR_OK)
		rc = put_in_order(&a->shared, e);
	if (rc == ERR_OK)
		rc = find_all(a, e);
	keyindex_free(&p.by_factor);
	keyindex_free(&p.by_member);
	free(p.edge);
	free(p.pair);
	a->tally.seconds[3] = (double)(clock_monotonic_ms() - start) / 1000;
	return rc;
}

void shared_groups(const struct shared *s, uint32_t modulus,
	void (*each)(void *arg, const struct group *g), void *arg)
{
	size_t h = hit_index(s, modulus);

	if (h == SIZE_MAX || s->of_first == NULL)
		return;
	for (uint32_t i = s->of_first[h]; i < s->of_first[h + 1]; i++)
		each(arg, &s->group[s->of[i]]);
}

void shared_free(struct shared *s)
{
	for (size_t g = 0; g < s->group_n; g++) {
		buf_free(&s->group[g].factor);
		free(s->group[g].member);
	}
	free(s->group);
	free(s->of_first);
	free(s->of);
	free(s->hit);
	*s = (struct shared){0};
}
