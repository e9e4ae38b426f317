/*
 * The key check (keycheck/door.h) as enrolment uses it: what is compared, what is written into the
 * log, and how the keys that were seen stay in step with the database.  docs/design/keycheck-door.md.
 *
 * Every certificate of a device is in the database, so the door's own folder needs no sync of its
 * own: what it lacks after a crash is given to it again when it is opened.
 */
#ifndef AUTHORITY_KEYDOOR_H
#define AUTHORITY_KEYDOOR_H

#include "authority/enrol.h"
#include "keycheck/door.h"

struct keydoor; /* opaque */

struct keydoor_options {
	enum door_policy policy;
	uint64_t inline_max; /* 0: the default */
	const char *lists;   /* folder of key lists; "": none */
	/* Damage that was found in the folder and mended; may be NULL. */
	void (*damage)(void *arg, const struct err *what);
	void *arg;
};

/*
 * Open folder `path` (made when it is not there) and give it every certificate that the database
 * has and it has not.  A folder of lists that cannot be read is an error that names it.
 */
MUST_USE enum err_code keydoor_open(struct store *s, const char *path,
	const struct keydoor_options *o, struct keydoor **out, struct err *e);
void keydoor_close(struct keydoor *k);
/* How many lists it asks, and how many keys and primes are on them: a folder may be empty. */
size_t keydoor_lists(const struct keydoor *k, uint64_t *entries);

/*
 * May this key be certified?  Called by enrol_decide in the keeper's transaction, when all else is
 * decided.  When an IDevID asks, its own key is judged in the same way, before: a device whose first
 * key is broken can be anybody.  A key that is turned away is an entry of the log (`key.refused`), once for each key; one
 * that is let in although something is known against it is `key.alarm`, and g->alarm says it.
 * ERR_KEY_WEAK, ERR_KEY_SHARED_PRIME, ERR_KEY_REUSED, ERR_KEY_QUARANTINED; ERR_KEY_PENDING: ask
 * again.  Nothing when the authority has no door.
 */
MUST_USE enum err_code keydoor_judge(struct authority *a, struct enrol_grant *g, struct err *e);

/* After the commit: the key of this grant has its certificate. */
MUST_USE enum err_code keydoor_add(struct authority *a, const struct enrol_grant *g,
	struct err *e);
/* The transaction is over: after keydoor_add for all of it, or when it was rolled back. */
MUST_USE enum err_code keydoor_settle(struct authority *a, bool committed, struct err *e);

/* A device that was set aside may enrol again: entry `device.released`.  ERR_NOT_FOUND. */
MUST_USE enum err_code keydoor_release(struct authority *a, const char *actor, const char *serial,
	struct err *e);

/* Tier 3 of many keys: is there work, do some, and when will it be done (seconds)? */
bool keydoor_busy(const struct keydoor *k);
MUST_USE enum err_code keydoor_sweep(struct keydoor *k, int64_t ms, struct err *e);
unsigned keydoor_patience(const struct keydoor *k);

#endif
