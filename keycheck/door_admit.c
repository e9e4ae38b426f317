/* One key at the door: the three tiers in turn, and what follows from what they find. */
#include <stdio.h>
#include <string.h>

#include "keycheck/door_impl.h"

/*
 * Tier 2, besides the product line: these newest closed buckets, the open one, and what is held.
 * With the fast kernel that is up to 37,000 keys in 3 ms; the others look at the open bucket and the
 * younger half of the product line, up to 12,000 keys in 7 ms.
 */
#define NEWEST_BUCKETS 4

static bool fast(const struct door *d)
{
	return d->o.kernel == RESIDUE_IFMA;
}
/* Keys remembered of one owner in one bucket although they were turned away: a device that is told
 * no and makes another bad key does not fill the folder. */
#define TURNED_AWAY_MAX 16

static void because(struct door_verdict *v, enum err_code code, enum check check, const char *why)
{
	v->code = code;
	v->check = check;
	(void)snprintf(v->why, sizeof(v->why), "%s", why);
}

static void names_other(struct door_verdict *v, const uint8_t id[SHA256_SIZE], struct bytes owner)
{
	v->has_other = true;
	memcpy(v->other, id, SHA256_SIZE);
	memset(v->other_owner, 0, sizeof(v->other_owner));
	if (owner.len > 0)
		memcpy(v->other_owner, owner.p, owner.len);
}

/* ---- tier 1 */

static void take_finding(void *arg, const struct finding *f)
{
	struct door_verdict *v = arg;
	if (check_severity(f->check) != SEVERITY_ERROR || v->code != ERR_OK)
		return;
	char why[FINDING_WHY_MAX];
	(void)snprintf(why, sizeof(why), "%s: %.200s", check_name(f->check), f->why);
	because(v, ERR_KEY_WEAK, f->check, why);
}

static enum err_code tier_1(const struct door *d, const struct door_request *r,
	struct door_verdict *v, struct err *e)
{
	if (d->o.checker == NULL)
		return ERR_OK;
	return checker_key(d->o.checker, r->key, d->o.rsa_bits_min, take_finding, v, e);
}

/* What tiers 2 and 3 cannot compute with is no RSA key, or larger than any. */
static bool computable(const struct pubkey *k, struct door_verdict *v)
{
	if (modulus_fits(k->modulus))
		return true;
	because(v, ERR_KEY_WEAK, CHECK_RSA_FORM, k->modulus.len > DOOR_MODULUS_MAX ?
		"rsa-form: the modulus is too long to check" : "rsa-form: the modulus is even, or 1");
	return false;
}

/* ---- what follows */

struct sharing {
	struct door *d;
	const struct door_request *r;
	struct door_verdict *v;
};

static enum err_code write_broken(struct door *d, const uint8_t id[SHA256_SIZE],
	const uint8_t other[SHA256_SIZE], int64_t at, struct err *e)
{
	uint8_t known[SHA256_SIZE];
	struct record r = {.kind = RECORD_BROKEN, .at = at};
	if (is_broken(d, id, known))
		return ERR_OK;
	memcpy(r.id, id, SHA256_SIZE);
	memcpy(r.other, other, SHA256_SIZE);
	enum err_code rc = remember(d, &r, e);
	return rc == ERR_OK ? log_append(d, &r, e) : rc;
}

/* Another key that shares a factor: both are broken from now on. */
static enum err_code note_sharing(void *arg, const struct record *other, struct err *e)
{
	struct sharing *s = arg;
	char why[FINDING_WHY_MAX];
	char hex[2 * SHA256_SIZE + 1];
	const uint8_t *id = s->r->key->id;
	if (!s->v->has_other) {
		hex_encode(other->id, SHA256_SIZE, hex);
		(void)snprintf(why, sizeof(why), "it shares a prime with key %s of %.*s", hex,
			(int)other->owner.len, (const char *)other->owner.p);
		because(s->v, ERR_KEY_SHARED_PRIME, CHECK_SHARED_PRIME, why);
		names_other(s->v, other->id, other->owner);
	}
	enum err_code rc = write_broken(s->d, id, other->id, s->r->now, e);
	return rc == ERR_OK ? write_broken(s->d, other->id, id, s->r->now, e) : rc;
}

static size_t turned_away_before(const struct door *d, struct bytes owner)
{
	size_t n = 0;
	struct reader in = reader_of(buf_view(&d->open.records));
	struct record r;
	while (reader_left(&in) > 0 && record_parse(&in, &r, NULL) == ERR_OK)
		n += r.mark == 0 && bytes_equal(r.owner, owner);
	return n;
}

/* A key that shares a prime is remembered whether it gets a certificate or not: the next one may
 * share its other prime. */
static enum err_code keep_sharing(struct door *d, const struct door_request *r, struct err *e)
{
	if (turned_away_before(d, bytes_str(r->owner)) >= TURNED_AWAY_MAX)
		return ERR_OK;
	return door_add(d, r, 0, e);
}

static enum err_code set_owner_aside(struct door *d, const struct door_request *r, struct err *e)
{
	struct record a = {.kind = RECORD_SET_ASIDE, .at = r->now, .owner = bytes_str(r->owner)};
	if (door_set_aside(d, r->owner))
		return ERR_OK;
	memcpy(a.id, r->key->id, SHA256_SIZE);
	enum err_code rc = remember(d, &a, e);
	return rc == ERR_OK ? log_append(d, &a, e) : rc;
}

/* Something was found: the policy decides, and what must not be forgotten is made durable. */
static enum err_code decide(struct door *d, const struct door_request *r, struct door_verdict *v,
	struct err *e)
{
	enum err_code rc = ERR_OK;
	v->answer = d->o.policy == DOOR_ALARM ? DOOR_ADMIT : DOOR_TURN_AWAY;
	if (v->code == ERR_KEY_SHARED_PRIME && d->o.policy != DOOR_ALARM && !v->known)
		rc = keep_sharing(d, r, e);
	if (rc == ERR_OK && d->o.policy == DOOR_QUARANTINE)
		rc = set_owner_aside(d, r, e);
	if (rc == ERR_OK && (v->code == ERR_KEY_SHARED_PRIME || d->o.policy == DOOR_QUARANTINE))
		rc = door_sync(d, e);
	return rc;
}

static enum err_code hold(struct door *d, const struct door_request *rq, struct err *e)
{
	struct record r = {.kind = RECORD_KEY, .at = rq->now, .owner = bytes_str(rq->owner),
		.line = bytes_str(rq->line), .modulus = rq->key->modulus};
	memcpy(r.id, rq->key->id, SHA256_SIZE);
	return set_add(&d->held, &r, e);
}

/* ---- the same modulus */

/* True when it is there already; then `v` says what that means. */
static bool seen_before(const struct door *d, const struct door_request *r, struct door_verdict *v)
{
	struct record there;
	uint8_t other[SHA256_SIZE];
	if (!door_find(d, r->key->modulus, &there))
		return false;
	if (!bytes_equal(there.owner, bytes_str(r->owner))) {
		because(v, ERR_KEY_REUSED, CHECK_SHARED_PRIME,
			"another device has a key of the same modulus");
		names_other(v, there.id, there.owner);
		return true;
	}
	v->known = true;
	if (is_broken(d, there.id, other)) {
		char why[FINDING_WHY_MAX];
		char hex[2 * SHA256_SIZE + 1];
		hex_encode(other, SHA256_SIZE, hex);
		(void)snprintf(why, sizeof(why), "it shares a prime with key %s", hex);
		because(v, ERR_KEY_SHARED_PRIME, CHECK_SHARED_PRIME, why);
		names_other(v, other, BYTES_NONE);
	}
	return true;
}

/* ---- tiers 2 and 3 */

static enum err_code all_inline(struct door *d, struct residue *r, bool *shares, struct err *e)
{
	set_take(r, &d->held);
	set_take(r, &d->open);
	closed_take(d, r, 0, d->closed_n);
	return residue_shares(r, shares, NULL, e);
}

static enum err_code cohort_and_newest(struct door *d, const struct door_request *rq,
	struct residue *r, size_t since, bool *shares, struct err *e)
{
	struct limbs part[PILE_PARTS_MAX];
	const struct cohort *c = cohort_of(d, rq->line);
	size_t n = fast(d) ? NEWEST_BUCKETS : 0;
	size_t newest = d->closed_n > n ? d->closed_n - n : 0;
	set_take(r, &d->held);
	set_take(r, &d->open);
	if (c != NULL)
		residue_take(r, part, pile_views(&c->young, part));
	if (c != NULL && fast(d))
		residue_take(r, part, pile_views(&c->old, part));
	closed_take(d, r, since < newest ? since : newest, d->closed_n);
	return residue_shares(r, shares, NULL, e);
}

/* Tier 3 of many keys: what is known by now of this one. */
static enum err_code later(struct door *d, const struct door_request *rq, struct residue *r,
	struct door_verdict *v, bool *shares, struct err *e)
{
	size_t since = d->closed_n;
	bool swept = false;
	enum sweep_state state = sweep_look(d, rq, &swept, &since);
	/* A key whose sweep is done is compared with all that came since it began. */
	enum err_code rc = cohort_and_newest(d, rq, r, since, shares, e);
	if (rc != ERR_OK)
		return rc;
	*shares = *shares || swept;
	if (*shares || state == SWEEP_DONE) {
		if (state != SWEEP_WAITS)
			sweep_drop(d, rq);
		return ERR_OK;
	}
	if (state == SWEEP_NONE)
		rc = sweep_join(d, rq, e);
	v->answer = DOOR_LATER;
	because(v, ERR_KEY_PENDING, CHECK_SHARED_PRIME, "it is compared with all keys; ask again");
	return rc;
}

static enum err_code compare_rsa(struct door *d, const struct door_request *rq,
	struct door_verdict *v, struct err *e)
{
	struct residue *r;
	bool shares = false;
	struct door_verdict late = {.answer = DOOR_ADMIT};
	enum err_code rc = residue_new(rq->key->modulus, d->o.kernel, &r, e);
	if (rc != ERR_OK)
		return rc;
	if (door_keys(d) <= d->o.inline_max)
		rc = all_inline(d, r, &shares, e);
	else
		rc = later(d, rq, r, &late, &shares, e);
	if (rc == ERR_OK && shares) {
		struct sharing s = {d, rq, v};
		rc = search_all(d, r, rq->key->modulus, note_sharing, &s, e);
		if (rc == ERR_OK && !v->has_other)
			rc = err_set(e, ERR_INTERNAL, "key check", "it shares a factor, and with "
				"no key that is known: this machine computes wrongly");
	} else if (rc == ERR_OK && late.answer == DOOR_LATER && v->code == ERR_OK) {
		*v = late;
	}
	residue_free(r);
	return rc;
}

/* A weak key that the policy lets through is still compared; what sharing finds is worse. */
static enum err_code judge(struct door *d, const struct door_request *r, struct door_verdict *v,
	struct err *e)
{
	enum err_code rc = tier_1(d, r, v, e);
	if (rc != ERR_OK || r->key->kind != PUBKEY_RSA)
		return rc;
	if (!computable(r->key, v) || (v->code != ERR_OK && d->o.policy != DOOR_ALARM))
		return ERR_OK;
	return seen_before(d, r, v) ? ERR_OK : compare_rsa(d, r, v, e);
}

enum err_code keycheck_admit(struct door *d, const struct door_request *r, struct door_verdict *v,
	struct err *e)
{
	struct door_verdict made = {.answer = DOOR_ADMIT};
	if (door_set_aside(d, r->owner)) {
		made.answer = DOOR_TURN_AWAY;
		because(&made, ERR_KEY_QUARANTINED, CHECK_SHARED_PRIME,
			"a key of this device was bad; an operator must release it");
		*v = made;
		return ERR_OK;
	}
	enum err_code rc = judge(d, r, &made, e);
	if (rc != ERR_OK)
		return rc;
	if (made.code == ERR_KEY_REUSED)
		made.answer = DOOR_TURN_AWAY;
	else if (made.code != ERR_OK && made.code != ERR_KEY_PENDING)
		rc = decide(d, r, &made, e);
	if (rc == ERR_OK && made.answer == DOOR_ADMIT && r->key->kind == PUBKEY_RSA && !made.known &&
		modulus_fits(r->key->modulus))
		rc = hold(d, r, e);
	if (rc == ERR_OK)
		*v = made;
	return rc;
}

enum err_code door_verdict_err(const struct door_verdict *v, const char *owner, struct err *e)
{
	return err_set(e, v->code, owner, "%s", v->why);
}
