#include "authority/keydoor.h"

#include <stdlib.h>
#include <string.h>

#include "authority/device.h"
#include "x509/view.h"

/* Keys that were turned away and are in the log already: a device that asks again and again writes
 * one entry.  After a restart it may write one more. */
#define TOLD_MAX 256
/* RSA enrolments that the door may have to be given again after a crash, at most, in numbers of
 * certificates of any kind. */
#define MARK_EVERY 4096

struct keydoor {
	struct door *door;
	struct lists *lists;
	struct checker *checker;
	uint8_t told[TOLD_MAX][SHA256_SIZE];
	size_t told_n; /* all in all; the place is its remainder */
	size_t told_committed;
	bool news;     /* a key was added since the last settling */
	struct err not_written; /* of an IDevID's key: told at the settling */
	unsigned since_mark;
};

/* ---- opening, and what is missing */

struct catching_up {
	struct keydoor *k;
	uint64_t last;
};

static enum err_code take_cert(void *arg, const struct store_cert_key *c, struct err *e)
{
	struct catching_up *up = arg;
	struct cert_view v;
	struct pubkey key;
	up->last = c->id;
	if (cert_view_parse(c->der, &v, e) != ERR_OK)
		return err_set(e, ERR_STORE_DAMAGED, "certificates", "number %llu is none",
			(unsigned long long)c->id);
	if (pubkey_parse(v.spki, &key, NULL) != ERR_OK)
		return ERR_OK; /* it was certified before anybody looked; nothing can be compared */
	struct door_request r = {&key, c->device, c->product, c->issued_at};
	return door_add(up->k->door, &r, c->id, e);
}

static enum err_code catch_up(struct keydoor *k, struct store *s, struct err *e)
{
	struct catching_up up = {k, door_marked(k->door)};
	enum err_code rc = store_cert_keys(s, up.last, take_cert, &up, e);
	return rc == ERR_OK ? door_mark(k->door, up.last, e) : rc;
}

enum err_code keydoor_open(struct store *s, const char *path, const struct keydoor_options *o,
	struct keydoor **out, struct err *e)
{
	enum err_code rc = ERR_OK;
	struct keydoor *k = calloc(1, sizeof(*k));
	if (k == NULL)
		return err_set(e, ERR_NO_MEMORY, path, "the key check");
	if (o->lists[0] != '\0')
		rc = lists_open(o->lists, &k->lists, e);
	if (rc == ERR_OK)
		rc = checker_new(k->lists, &k->checker, e);
	struct door_options d = {.checker = k->checker, .policy = o->policy,
		.inline_max = o->inline_max, .damage = o->damage, .arg = o->arg};
	if (rc == ERR_OK)
		rc = door_open(path, &d, &k->door, e);
	if (rc == ERR_OK)
		rc = catch_up(k, s, e);
	if (rc != ERR_OK) {
		keydoor_close(k);
		return rc;
	}
	*out = k;
	return ERR_OK;
}

void keydoor_close(struct keydoor *k)
{
	if (k == NULL)
		return;
	door_close(k->door);
	checker_free(k->checker);
	lists_free(k->lists);
	free(k);
}

size_t keydoor_lists(const struct keydoor *k, uint64_t *entries)
{
	struct list_about about;
	size_t n = 0;
	*entries = 0;
	while (k->lists != NULL && lists_about(k->lists, n, &about, NULL)) {
		*entries += about.count;
		n++;
	}
	return n;
}

/* ---- judging */

static bool told_before(struct keydoor *k, const uint8_t id[SHA256_SIZE])
{
	size_t n = k->told_n < TOLD_MAX ? k->told_n : TOLD_MAX;
	for (size_t i = 0; i < n; i++)
		if (memcmp(k->told[i], id, SHA256_SIZE) == 0)
			return true;
	memcpy(k->told[k->told_n++ % TOLD_MAX], id, SHA256_SIZE);
	return false;
}

/* A key that is asked about: the request's or its IDevID's. */
struct asked {
	struct pubkey key;
	bool idevid;
	struct door_verdict v;
};

static enum err_code write_entry(struct authority *a, const struct enrol_grant *g,
	const struct asked *q, struct err *e)
{
	struct entry en;
	const struct door_verdict *v = &q->v;
	char actor[ENTRY_ACTOR_MAX + 1] = "device:";
	memcpy(actor + strlen(actor), g->device.serial, sizeof(g->device.serial));
	enum err_code rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	entry_start(&en, g->at, v->answer == DOOR_ADMIT ? "key.alarm" : "key.refused", actor,
		g->device.serial);
	entry_detail_hex(&en, "key", bytes_of(q->key.id, SHA256_SIZE));
	if (q->idevid)
		entry_detail_hex(&en, "idevid", bytes_of(g->renewed, SHA256_SIZE));
	entry_detail(&en, "code", err_name(v->code));
	if (v->code == ERR_KEY_WEAK || v->code == ERR_KEY_SHARED_PRIME)
		entry_detail(&en, "check", check_name(v->check));
	if (v->has_other)
		entry_detail_hex(&en, "other", bytes_of(v->other, SHA256_SIZE));
	if (v->has_other && v->other_owner[0] != '\0')
		entry_detail(&en, "other_device", v->other_owner);
	if (door_set_aside(a->keys->door, g->device.serial))
		entry_detail(&en, "device", "set aside");
	return act_end(a, &en, e);
}

static enum err_code verdict_err(const struct asked *q, const char *serial, struct err *e)
{
	if (!q->idevid)
		return door_verdict_err(&q->v, serial, e);
	return err_set(e, q->v.code, serial, "the key of its IDevID: %s", q->v.why);
}

/* One key: ERR_OK to go on, an alarm or DOOR_LATER too. */
static enum err_code ask(struct authority *a, struct enrol_grant *g, struct bytes spki,
	struct asked *q, struct err *e)
{
	if (pubkey_parse(spki, &q->key, e) != ERR_OK)
		return err_set(e, ERR_KEY_INVALID, g->device.serial, "%sit is no SubjectPublicKeyInfo",
			q->idevid ? "the key of its IDevID: " : "");
	struct door_request r = {&q->key, g->device.serial, g->device.product, g->at};
	enum err_code rc = keycheck_admit(a->keys->door, &r, &q->v, e);
	if (rc != ERR_OK || q->v.answer == DOOR_LATER || q->v.code == ERR_OK)
		return rc;
	if (q->v.answer == DOOR_ADMIT) {
		(void)verdict_err(q, g->device.serial, &g->alarm);
		return write_entry(a, g, q, e);
	}
	if (!told_before(a->keys, q->key.id)) {
		rc = write_entry(a, g, q, e);
		if (rc != ERR_OK)
			return rc;
	}
	return verdict_err(q, g->device.serial, e);
}

/*
 * The key of an IDevID exists whatever becomes of this enrolment, and no certificate of ours stands
 * for it in the database: it is added at once.
 */
static void add_idevid(struct authority *a, const struct enrol_grant *g, const struct asked *q)
{
	struct err e;
	struct door_request r = {&q->key, g->device.serial, g->device.product, g->at};
	if (door_add(a->keys->door, &r, 0, &e) != ERR_OK)
		a->keys->not_written = e;
}

enum err_code keydoor_judge(struct authority *a, struct enrol_grant *g, struct err *e)
{
	struct asked idevid = {.idevid = true};
	struct asked own = {.idevid = false};
	enum err_code rc = ERR_OK;
	g->alarm.code = ERR_OK;
	if (a->keys == NULL)
		return ERR_OK;
	if (g->by_idevid)
		rc = ask(a, g, g->idevid_spki, &idevid, e);
	if (rc == ERR_OK && g->by_idevid && idevid.v.answer == DOOR_ADMIT)
		add_idevid(a, g, &idevid);
	/* Also when the IDevID's has to wait: then both wait for the same sweep. */
	if (rc == ERR_OK)
		rc = ask(a, g, g->spki, &own, e);
	if (rc == ERR_OK && g->by_idevid && idevid.v.answer == DOOR_LATER)
		rc = verdict_err(&idevid, g->device.serial, e);
	else if (rc == ERR_OK && own.v.answer == DOOR_LATER)
		rc = verdict_err(&own, g->device.serial, e);
	return rc;
}

/* ---- after the commit */

enum err_code keydoor_add(struct authority *a, const struct enrol_grant *g, struct err *e)
{
	struct pubkey key;
	uint64_t newest = 0;
	if (a->keys == NULL)
		return ERR_OK;
	a->keys->since_mark++;
	if (pubkey_parse(g->spki, &key, NULL) != ERR_OK || key.kind != PUBKEY_RSA)
		return ERR_OK;
	struct door_request r = {&key, g->device.serial, g->device.product, g->at};
	a->keys->news = true;
	enum err_code rc = store_cert_count(a->store, &newest, e);
	return rc == ERR_OK ? door_add(a->keys->door, &r, newest, e) : rc;
}

enum err_code keydoor_settle(struct authority *a, bool committed, struct err *e)
{
	struct keydoor *k = a->keys;
	uint64_t newest = 0;
	if (k == NULL)
		return ERR_OK;
	door_settle(k->door);
	if (committed)
		k->told_committed = k->told_n;
	else
		k->told_n = k->told_committed; /* those entries are gone with the transaction */
	if (k->not_written.code != ERR_OK) {
		struct err what = k->not_written;
		k->not_written.code = ERR_OK;
		if (e != NULL)
			*e = what;
		return what.code;
	}
	if (!k->news && k->since_mark < MARK_EVERY)
		return ERR_OK;
	k->news = false;
	k->since_mark = 0;
	enum err_code rc = store_cert_count(a->store, &newest, e);
	return rc == ERR_OK ? door_mark(k->door, newest, e) : rc;
}

enum err_code keydoor_release(struct authority *a, const char *actor, const char *serial,
	struct err *e)
{
	struct entry en;
	int64_t now = clock_now(a->clock);
	if (a->keys == NULL || !door_set_aside(a->keys->door, serial))
		return err_set(e, ERR_NOT_FOUND, serial, "it is not set aside");
	enum err_code rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	entry_start(&en, now, "device.released", actor, serial);
	rc = act_end(a, &en, e);
	/* Last, because it cannot be undone: an entry without a release is asked for again. */
	return rc == ERR_OK ? door_release(a->keys->door, serial, now, e) : rc;
}

bool keydoor_busy(const struct keydoor *k)
{
	return k != NULL && door_busy(k->door);
}

enum err_code keydoor_sweep(struct keydoor *k, int64_t ms, struct err *e)
{
	return door_sweep(k->door, ms, e);
}

unsigned keydoor_patience(const struct keydoor *k)
{
	return k == NULL ? 1 : door_patience(k->door);
}
