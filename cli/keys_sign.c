/* Step 3: the ECDSA signatures of each key together. */
#include "cli/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "keycheck/nonce.h"

/* Places of signatures that the reason of a finding names. */
#define PLACES_SHOWN 4u

struct named {
	uint8_t id[SHA256_SIZE];
	uint32_t key;
};

struct judging {
	struct audit *a;
	struct nonce_set *set;
	struct named *by_id; /* EC keys in order of ids, to find a finding's key again */
	size_t by_id_n, by_id_room;
};

static enum err_code give(void *arg, const struct keyset_signer *r, uint64_t id, struct err *e)
{
	struct judging *j = arg;
	struct pubkey k;

	if (r->key != KEYSET_NONE) {
		enum err_code rc = keyset_key(j->a->set, r->key, &k, e);
		if (rc != ERR_OK)
			return rc;
	}
	if (!r->is_signature)
		return nonce_key(j->set, &k, r->name, r->key_id, e);
	struct nonce_signature s = {.signer = r->key != KEYSET_NONE ? &k : NULL,
		.issuer = r->name,
		.issuer_key_id = r->key_id,
		.sig_alg = r->sig_alg,
		.tbs = r->tbs,
		.sig = r->sig,
		.source = id};
	return nonce_add(j->set, &s, e);
}

static int by_id(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return memcmp(x->id, y->id, SHA256_SIZE);
}

/* Findings are rare, and most runs never come here: the order of the EC keys' ids is made now. */
static enum err_code sort_keys(struct judging *j, struct err *e)
{
	uint32_t n = keyset_count(j->a->set);

	for (uint32_t i = 0; i < n; i++) {
		struct pubkey k;
		enum err_code rc = keyset_key(j->a->set, i, &k, e);
		if (rc != ERR_OK)
			return rc;
		if (k.kind != PUBKEY_EC)
			continue;
		if (j->by_id_n == j->by_id_room) {
			size_t room = j->by_id_room == 0 ? 256 : 2 * j->by_id_room;
			struct named *p = reallocarray(j->by_id, room, sizeof(*p));
			if (p == NULL)
				return err_set(e, ERR_NO_MEMORY, "keys", "%zu to sort", room);
			j->by_id = p;
			j->by_id_room = room;
		}
		j->by_id[j->by_id_n].key = i;
		memcpy(j->by_id[j->by_id_n++].id, k.id, SHA256_SIZE);
	}
	if (j->by_id_n > 0)
		qsort(j->by_id, j->by_id_n, sizeof(*j->by_id), by_id);
	return ERR_OK;
}

static enum err_code find_key(
	struct judging *j, const uint8_t id[SHA256_SIZE], uint32_t *out, struct err *e)
{
	if (j->by_id == NULL) {
		enum err_code rc = sort_keys(j, e);
		if (rc != ERR_OK)
			return rc;
	}
	struct named want;
	memcpy(want.id, id, SHA256_SIZE);
	const struct named *found =
		j->by_id_n == 0 ? NULL
				: bsearch(&want, j->by_id, j->by_id_n, sizeof(*j->by_id), by_id);
	if (found == NULL)
		return err_set(e, ERR_INTERNAL, "signatures", "a finding of an unknown key");
	*out = found->key;
	return ERR_OK;
}

/* The reason, and where the signatures stand. */
static enum err_code reason(
	struct judging *j, const struct nonce_finding *f, struct buf *why, struct err *e)
{
	buf_str(why, f->finding.why);
	for (size_t i = 0; i < f->sources_n && i < PLACES_SHOWN; i++) {
		struct keyset_place at;
		enum err_code rc = keyset_signer_place(j->a->set, f->sources[i], &at, e);
		if (rc != ERR_OK)
			return rc;
		buf_str(why, i == 0 ? "; signed in " : ", ");
		place_print(j->a, &at, why);
	}
	if (f->sources_n > PLACES_SHOWN)
		buf_printf(why, " and %zu more", f->sources_n - PLACES_SHOWN);
	if (why->len >= FINDING_WHY_MAX) { /* long names: the check's own words are enough */
		buf_reset(why);
		buf_str(why, f->finding.why);
	}
	return buf_end(why, e, "finding");
}

static enum err_code found(
	void *arg, const struct nonce_finding *f, struct bytes private_key, struct err *e)
{
	struct judging *j = arg;
	struct buf why = buf_new(65536);
	uint32_t shared[KEYSET_SHARED_MAX];
	struct keyset_finding one = {.check = f->finding.check, .shared = shared};
	enum err_code rc = find_key(j, f->key, &one.key, e);

	for (size_t i = 0; rc == ERR_OK && i < f->finding.shared_n && i < KEYSET_SHARED_MAX; i++)
		rc = find_key(j, f->finding.shared_with[i], &shared[one.shared_n++], e);
	one.shared_total = f->finding.shared_n;
	if (rc == ERR_OK)
		rc = reason(j, f, &why, e);
	one.why = buf_view(&why);
	if (rc == ERR_OK)
		rc = keyset_finding(j->a->set, &one, e);
	if (rc == ERR_OK && j->a->private_out != NULL && private_key.len > 0)
		rc = private_ec(j->a->private_out, f->spki, private_key, e);
	buf_free(&why);
	return rc;
}

enum err_code audit_sign(struct audit *a, struct err *e)
{
	struct judging j = {.a = a};
	int64_t start = clock_monotonic_ms();
	enum err_code rc = nonce_set_new(0, &j.set, e);

	if (rc != ERR_OK)
		return rc;
	rc = keyset_signers(a->set, give, &j, e);
	if (rc == ERR_OK)
		rc = nonce_judge(j.set, found, &j, e);
	if (rc == ERR_OK) {
		struct nonce_counts n = nonce_counts(j.set);
		a->tally.signatures = n.signatures;
		a->tally.signatures_dropped = n.dropped;
	}
	nonce_set_free(j.set);
	free(j.by_id);
	a->tally.seconds[2] = (double)(clock_monotonic_ms() - start) / 1000;
	return rc;
}
