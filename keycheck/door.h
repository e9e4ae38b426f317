/*
 * The key check at the door of an authority: may this public key have a certificate?
 *
 *   tier 1  the key alone: structure and lists (keycheck/check.h); every kind of key
 *   tier 2  an RSA modulus against the keys of the same product line and the newest ones: keys that
 *           share primes come from one kind of device, and soon after each other
 *   tier 3  an RSA modulus against every key ever seen: at once up to `inline_max` of them; beyond
 *           that the answer is DOOR_LATER, and door_sweep works on all such keys together
 *
 * What was seen is a folder of buckets (docs/spec/key-buckets.md); docs/design/keycheck-door.md
 * argues all of it.  The contract with the caller's database, whose certificates have numbers that
 * only grow ("marks"):
 *
 *   keycheck_admit ... the certificate is committed ... door_add for each, door_mark, door_settle
 *
 * door_add does not sync: after a crash everything with a number above door_marked() is given to
 * door_add again by the caller, who has it in its database.  Giving a key twice is harmless.
 *
 * One thread.  Memory for numbers is GMP's, which ends the process when there is none.
 */
#ifndef KEYCHECK_DOOR_H
#define KEYCHECK_DOOR_H

#include "bigint/residue.h"
#include "keycheck/check.h"

struct door;

/* What follows when a key is weak or shares a prime. */
enum door_policy {
	DOOR_REFUSE,     /* no certificate for this key */
	DOOR_QUARANTINE, /* nor for any other key of its owner, until door_release */
	DOOR_ALARM,      /* a certificate all the same; the caller says it loudly */
};

#define DOOR_INLINE_MAX 1000000
/* Keys that wait for tier 3 at once; one more is ERR_BUSY. */
#define DOOR_WAITING_MAX 4096

struct door_options {
	const struct checker *checker; /* tier 1; NULL: left out.  Outlives the door */
	unsigned rsa_bits_min;         /* of checker_key */
	enum door_policy policy;
	uint64_t inline_max; /* 0: DOOR_INLINE_MAX */
	enum residue_kernel kernel;
	/* Called while it opens, for each damage that was found and mended; may be NULL. */
	void (*damage)(void *arg, const struct err *what);
	void *arg;
};

/* Owner (a device's serial) and line (its product) of at most DOOR_NAME_MAX characters. */
struct door_request {
	const struct pubkey *key;
	const char *owner;
	const char *line;
	int64_t now;
};

enum door_answer { DOOR_ADMIT, DOOR_TURN_AWAY, DOOR_LATER };

struct door_verdict {
	enum door_answer answer;
	/*
	 * ERR_OK when nothing is known against the key; else ERR_KEY_WEAK, ERR_KEY_SHARED_PRIME,
	 * ERR_KEY_REUSED, ERR_KEY_QUARANTINED, ERR_KEY_PENDING.  With DOOR_ADMIT it is an alarm.
	 */
	enum err_code code;
	enum check check; /* of the first two */
	char why[FINDING_WHY_MAX];
	bool has_other; /* the key that it shares a prime with, or that it is */
	uint8_t other[SHA256_SIZE];
	char other_owner[64 + 1];
	bool known; /* the owner's own key, seen before: nothing to add */
};

/*
 * Open the folder (made when it is not there; its parent must be), take its lock (ERR_BUSY), check
 * every byte of every bucket, and mend what is damaged from the keys.  What cannot be mended from
 * them makes door_marked() 0, so that the caller gives everything again.
 */
MUST_USE enum err_code door_open(const char *path, const struct door_options *o, struct door **out,
	struct err *e);
void door_close(struct door *d);

/*
 * Judge a key.  An error is ours (memory, disk); whatever is said about the key is in `v`.
 *
 * A key that its owner has already (a renewal with the same key) was judged when it came and is
 * admitted at once, unless it has been broken since: greatest common divisors do not tell "the same
 * key" from "both primes shared", so equal moduli are found by their bytes, before.  The same
 * modulus for another owner is ERR_KEY_REUSED under every policy.
 *
 * An RSA key that is admitted is held: later calls see it, so that two keys that arrive together
 * are compared.  A key that shares a prime is remembered with the other one as broken, durably, also
 * when it is turned away.
 */
MUST_USE enum err_code keycheck_admit(struct door *d, const struct door_request *r,
	struct door_verdict *v, struct err *e);
/* The verdict as an error of `owner`: its code, and the reason for people. */
enum err_code door_verdict_err(const struct door_verdict *v, const char *owner, struct err *e);

/*
 * Its certificate exists and has number `mark` (0: it has none).  Nothing happens for keys of other
 * kinds than RSA, and for one that is there.  It is seen by keycheck_admit from now on whatever is
 * returned; ERR_DISK_FULL or ERR_IO: it is not yet on the disk, and door_marked() stays behind.
 */
MUST_USE enum err_code door_add(struct door *d, const struct door_request *r, uint64_t mark,
	struct err *e);
/* Every certificate up to number `mark` has been given to door_add. */
MUST_USE enum err_code door_mark(struct door *d, uint64_t mark, struct err *e);
uint64_t door_marked(const struct door *d);
/* Forget the keys that are held: their certificates exist and were added, or never will. */
void door_settle(struct door *d);
/* What was written is on the disk: for callers that cannot give keys again. */
MUST_USE enum err_code door_sync(struct door *d, struct err *e);

/* Does tier 3 have work to do? */
bool door_busy(const struct door *d);
/* Work on it for about so many milliseconds. */
MUST_USE enum err_code door_sweep(struct door *d, int64_t ms, struct err *e);
/* Seconds until a key that is DOOR_LATER now will have its answer, as far as can be told. */
unsigned door_patience(const struct door *d);

/* Is the owner set aside (DOOR_QUARANTINE)? */
bool door_set_aside(const struct door *d, const char *owner);
/* And no longer.  ERR_NOT_FOUND. */
MUST_USE enum err_code door_release(struct door *d, const char *owner, int64_t now,
	struct err *e);

uint64_t door_keys(const struct door *d); /* how many moduli it knows */

#endif
