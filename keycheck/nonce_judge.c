/*
 * A nonce that was used twice: two signatures with one r.  From k*s1 = z1 + r*d and
 * k*s2 = z2 + r*d follows d = (z1*s2 - z2*s1) / (r*(s1 - s2)); with -s2 for s2 where a library took
 * the smaller of s and n - s.  A private key once known gives every nonce of its signatures, and a
 * nonce that another key used too then gives that key: this is followed to its end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "keycheck/nonce_impl.h"

/* Signatures of one key that a finding names; the rest would say the same. */
#define SOURCES_MAX 16u
/* Rounds of following known keys to others: a chain of more keys than this is not one mistake. */
#define ROUNDS_MAX 64u
/* With fewer signatures a bias would have to be half of the nonce. */
#define BIAS_SIGNATURES_MIN 2u

struct judgement {
	struct nonce_set *set;
	const struct signed_once **by_r;
	size_t n;
	mpz_t *private; /* of each key; 0: not known */
	enum err_code (*each)(
		void *arg, const struct nonce_finding *f, struct bytes private_key, struct err *e);
	void *arg;
};

static int compare_bytes(struct bytes a, struct bytes b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.p, b.p, a.len);
}

struct order {
	const struct nonce_set *set;
	bool key_first;
};

static int compare_sigs(const void *a, const void *b, void *arg)
{
	const struct signed_once *const *x = a, *const *y = b;
	const struct order *o = arg;
	int cmp = 0;

	if (o->key_first)
		cmp = (*x)->key < (*y)->key ? -1 : (*x)->key > (*y)->key;
	if (cmp == 0)
		cmp = compare_bytes(sig_r(o->set, *x), sig_r(o->set, *y));
	if (cmp == 0)
		cmp = (*x)->key < (*y)->key ? -1 : (*x)->key > (*y)->key;
	if (cmp == 0)
		cmp = compare_bytes(sig_s(o->set, *x), sig_s(o->set, *y));
	if (cmp == 0)
		cmp = compare_bytes(sig_z(o->set, *x), sig_z(o->set, *y));
	return cmp;
}

/* The same signature, seen again. */
static bool is_again(
	const struct nonce_set *s, const struct signed_once *a, const struct signed_once *b)
{
	return a->key == b->key && bytes_equal(sig_r(s, a), sig_r(s, b)) &&
	       bytes_equal(sig_s(s, a), sig_s(s, b)) && bytes_equal(sig_z(s, a), sig_z(s, b));
}

static size_t gather(struct nonce_set *s, const struct signed_once **out, bool key_first)
{
	struct order o = {s, key_first};
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < s->sigs_n; i++) {
		if (s->sigs[i].key != NO_KEY)
			out[n++] = &s->sigs[i];
	}
	if (n > 0)
		qsort_r(out, n, sizeof(*out), compare_sigs, &o);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || !is_again(s, out[kept - 1], out[i]))
			out[kept++] = out[i];
	}
	return kept;
}

static enum err_code report(struct judgement *j, uint32_t key, enum check check, const char *why,
	const struct signed_once *const *sigs, size_t n, const uint8_t (*others)[SHA256_SIZE],
	size_t others_n, struct err *e)
{
	const struct signer_key *k = &j->set->keys[key];
	struct nonce_finding f = {.spki = key_spki(j->set, k),
		.finding = {.check = check, .shared_with = others, .shared_n = others_n}};
	uint64_t sources[SOURCES_MAX];
	uint8_t octets[NONCE_OCTETS_MAX];
	size_t size = 0;

	memcpy(f.key, k->id, sizeof(f.key));
	snprintf(f.finding.why, sizeof(f.finding.why), "%s", why);
	for (size_t i = 0; i < n && i < SOURCES_MAX; i++)
		sources[f.sources_n++] = sigs[i]->source;
	f.sources = sources;
	if (mpz_sgn(j->private[key]) != 0)
		mpz_export(octets, &size, 1, 1, 1, 0, j->private[key]);
	enum err_code rc = j->each(j->arg, &f, bytes_of(octets, size), e);
	mem_wipe(octets, sizeof(octets));
	return rc;
}

/* d from two signatures of one key with one r. */
static bool solve_pair(struct reckoner *k, const struct nonce_set *s, const struct signed_once *a,
	const struct signed_once *b, mpz_t d)
{
	mpz_t r, s1, s2, z1, z2, t;
	bool found = false;

	mpz_inits(r, s1, s2, z1, z2, t, NULL);
	if (reckoner_numbers(k, s, a, r, s1, z1) && reckoner_numbers(k, s, b, r, s2, z2)) {
		for (int sign = 0; sign < 2 && !found; sign++) {
			mpz_sub(t, s1, s2);
			mpz_mul(t, t, r);
			mpz_mod(t, t, k->n);
			if (mpz_invert(t, t, k->n) != 0) {
				mpz_mul(d, z1, s2);
				mpz_submul(d, z2, s1);
				mpz_mul(d, d, t);
				mpz_mod(d, d, k->n);
				found = reckoner_is_private(k, d);
			}
			mpz_sub(s2, k->n, s2);
		}
	}
	mpz_clears(r, s1, s2, z1, z2, t, NULL);
	return found;
}

/* d of the key of `g`, whose nonce is that of `known`, a signature of a key whose d is known. */
static bool solve_from(struct reckoner *k, const struct nonce_set *s,
	const struct signed_once *known, const mpz_t known_d, const struct signed_once *g, mpz_t d)
{
	mpz_t r, s1, z1, nonce;
	bool found = false;

	mpz_inits(r, s1, z1, nonce, NULL);
	if (reckoner_numbers(k, s, known, r, s1, z1) && mpz_invert(s1, s1, k->n) != 0) {
		mpz_mul(nonce, r, known_d);
		mpz_add(nonce, nonce, z1);
		mpz_mul(nonce, nonce, s1);
		mpz_mod(nonce, nonce, k->n);
		if (reckoner_numbers(k, s, g, r, s1, z1) && mpz_invert(r, r, k->n) != 0) {
			for (int sign = 0; sign < 2 && !found; sign++) {
				mpz_mul(d, s1, nonce);
				mpz_sub(d, d, z1);
				mpz_mul(d, d, r);
				mpz_mod(d, d, k->n);
				found = reckoner_is_private(k, d);
				mpz_sub(nonce, k->n, nonce);
			}
		}
	}
	mpz_clears(r, s1, z1, nonce, NULL);
	return found;
}

/* One r, `n` signatures.  Solves what can be solved now; true when that was something new. */
static bool solve_group(struct judgement *j, const struct signed_once *const *g, size_t n)
{
	const struct nonce_set *s = j->set;
	bool news = false;

	for (size_t i = 0; i < n; i++) {
		mpz_t *d = &j->private[g[i]->key];
		struct reckoner k;
		/* its neighbour in order of keys is of the same key, or one may be known */
		if (mpz_sgn(*d) != 0 || reckoner_start(&k, s, &s->keys[g[i]->key], NULL) != ERR_OK)
			continue;
		bool found = i + 1 < n && g[i + 1]->key == g[i]->key &&
			     solve_pair(&k, s, g[i], g[i + 1], *d);
		for (size_t o = 0; o < n && !found; o++) {
			const struct signed_once *known = g[o];
			found = known->key != g[i]->key &&
				s->keys[known->key].nid == s->keys[g[i]->key].nid &&
				mpz_sgn(j->private[known->key]) != 0 &&
				solve_from(&k, s, known, j->private[known->key], g[i], *d);
		}
		if (!found)
			mpz_set_ui(*d, 0);
		news |= found;
		reckoner_end(&k);
	}
	return news;
}

static size_t group_end(const struct judgement *j, size_t from)
{
	size_t to = from + 1;

	while (to < j->n && bytes_equal(sig_r(j->set, j->by_r[from]), sig_r(j->set, j->by_r[to])))
		to++;
	return to;
}

/* What a group with one r says of its `i`-th signature's key, when that is the first of the key. */
static enum err_code report_member(
	struct judgement *j, const struct signed_once *const *g, size_t n, size_t i, struct err *e)
{
	const struct nonce_set *s = j->set;
	const struct signed_once *same[SOURCES_MAX];
	uint8_t others[SOURCES_MAX][SHA256_SIZE];
	size_t same_n = 0, others_n = 0;
	bool known = mpz_sgn(j->private[g[i]->key]) != 0;

	for (size_t o = 0; o < n; o++) {
		if (g[o]->key == g[i]->key) {
			if (same_n < SOURCES_MAX)
				same[same_n++] = g[o];
		} else if (others_n < SOURCES_MAX &&
			   s->keys[g[o]->key].nid == s->keys[g[i]->key].nid &&
			   (o == 0 || g[o - 1]->key != g[o]->key) &&
			   (mpz_sgn(j->private[g[o]->key]) != 0 || nonce_verifies(s, g[o]))) {
			memcpy(others[others_n++], s->keys[g[o]->key].id, SHA256_SIZE);
		}
	}
	/* what no private key proves, a signature must: it was given to its key by name alone */
	if (!known && (others_n == 0 || !nonce_verifies(s, g[i])))
		return ERR_OK;
	const char *why =
		!known ? "one nonce was used under this key and under another: who has either "
			 "private key has both"
		: same_n > 1
			? "two signatures of this key use one nonce; the private key was computed"
			: "a nonce of this key was used under a key whose private half was "
			  "computed, "
			  "and so was this one's";
	return report(j, g[i]->key, CHECK_NONCE_REUSED, why, same, same_n, others, others_n, e);
}

static enum err_code judge_reuse(struct judgement *j, struct err *e)
{
	bool news = true;
	enum err_code rc = ERR_OK;

	for (unsigned round = 0; news && round < ROUNDS_MAX; round++) {
		news = false;
		for (size_t from = 0, to; from < j->n; from = to) {
			to = group_end(j, from);
			if (to - from > 1)
				news |= solve_group(j, j->by_r + from, to - from);
		}
	}
	for (size_t from = 0, to; from < j->n && rc == ERR_OK; from = to) {
		to = group_end(j, from);
		for (size_t i = from; i < to && to - from > 1 && rc == ERR_OK; i++) {
			if (i == from || j->by_r[i - 1]->key != j->by_r[i]->key)
				rc = report_member(j, j->by_r + from, to - from, i - from, e);
		}
	}
	return rc;
}

static enum err_code judge_bias(
	struct judgement *j, const struct signed_once *const *g, size_t n, struct err *e)
{
	uint32_t key = g[0]->key;
	struct reckoner k;
	const char *how = "";
	char why[FINDING_WHY_MAX];

	if (n < BIAS_SIGNATURES_MIN || mpz_sgn(j->private[key]) != 0 ||
		reckoner_start(&k, j->set, &j->set->keys[key], NULL) != ERR_OK)
		return ERR_OK;
	bool found = nonce_bias(&k, j->set, g, n, j->private[key], &how);
	reckoner_end(&k);
	if (!found) {
		mpz_set_ui(j->private[key], 0);
		return ERR_OK;
	}
	snprintf(why, sizeof(why),
		"the nonces of %zu signatures are not random (%s); the private key was computed", n,
		how);
	return report(j, key, CHECK_NONCE_BIASED, why, g, n, NULL, 0, e);
}

static enum err_code judge_all(struct judgement *j, struct err *e)
{
	j->n = gather(j->set, j->by_r, false);
	enum err_code rc = judge_reuse(j, e);
	if (rc != ERR_OK)
		return rc;
	j->n = gather(j->set, j->by_r, true);
	for (size_t from = 0, to; from < j->n && rc == ERR_OK; from = to) {
		for (to = from + 1; to < j->n && j->by_r[to]->key == j->by_r[from]->key;)
			to++;
		rc = judge_bias(j, j->by_r + from, to - from, e);
	}
	return rc;
}

enum err_code nonce_judge(struct nonce_set *s,
	enum err_code (*each)(
		void *arg, const struct nonce_finding *f, struct bytes private_key, struct err *e),
	void *arg, struct err *e)
{
	struct judgement j = {.set = s, .each = each, .arg = arg};
	enum err_code rc = nonce_attribute(s, e);

	if (rc != ERR_OK)
		return rc;
	j.by_r = calloc(s->sigs_n + 1, sizeof(*j.by_r));
	j.private = calloc(s->keys_n + 1, sizeof(*j.private));
	if (j.by_r == NULL || j.private == NULL) {
		free(j.by_r);
		free(j.private);
		return err_set(e, ERR_NO_MEMORY, "nonces", NULL);
	}
	for (size_t i = 0; i < s->keys_n; i++)
		mpz_init(j.private[i]);
	rc = judge_all(&j, e);
	for (size_t i = 0; i < s->keys_n; i++)
		mpz_clear(j.private[i]);
	free(j.by_r);
	free(j.private);
	return rc;
}
