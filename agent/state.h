/*
 * What a device keeps, in a folder of mode 0700:
 *
 *   agent.conf          server, serial (written once, by the first enrolment)
 *   ca.pem              the trust anchor; issuing.pem the CA that issued (from /cacerts)
 *   pending.pem         a key whose certificate has not come yet
 *   cred-N/             key.pem, cert.pem: a credential, complete before it is linked
 *   current -> cred-N   the credential in use
 *   next -> cred-M      a renewed one that has not been used yet
 *   retry               "attempts next-try"; clock: the latest time seen proven
 *
 * Invariants:
 *  1. once `current` exists it always leads to a complete credential whose key fits;
 *  2. a link is switched by rename, after everything behind it is on disk (fsync);
 *  3. cred-N is removed only when no link leads to it, after the switch is on disk;
 *  4. the old credential stays `current` until the server has accepted the new one once.
 *
 *   (none) --enrol--> current --renew--> current+next --next used--> current --...
 *                                  |
 *                                  +--next refused--> current+next (tried again later)
 */
#ifndef AGENT_STATE_H
#define AGENT_STATE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypto/key.h"
#include "x509/cert.h"

#define STATE_URL_MAX 256

struct state {
	char dir[PATH_MAX];
	char server[STATE_URL_MAX + 1]; /* "https://HOST:PORT" */
	char serial[DEVICE_SERIAL_MAX + 1];
};

struct credential {
	char cert_path[PATH_MAX];
	char key_path[PATH_MAX];
	struct cert cert;
};

struct retry {
	unsigned attempts;
	int64_t next_try; /* seconds since 1970; 0: at once */
};

/* Open the folder (made, mode 0700, when `create`); refuses one that others may enter. */
MUST_USE enum err_code state_open(const char *dir, bool create, struct state *out, struct err *e);
/* Who and where. ERR_EXISTS when it says something else and a certificate (for the serial: a key)
 * is there already. */
MUST_USE enum err_code state_configure(struct state *s, const char *server, const char *serial,
	struct bytes ca_pem, struct err *e);
MUST_USE enum err_code state_path(const struct state *s, const char *name, char out[PATH_MAX],
	struct err *e);
bool state_has(const struct state *s, const char *name);

/* The credential behind "current" or "next"; ERR_NOT_FOUND. */
MUST_USE enum err_code state_credential(const struct state *s, const char *link,
	struct credential *out, struct err *e);
void credential_free(struct credential *c);

/* The pending key, made by the caller when there is none (ERR_NOT_FOUND). */
MUST_USE enum err_code state_pending_load(const struct state *s, struct key **out, struct err *e);
MUST_USE enum err_code state_pending_save(const struct state *s, const struct key *k,
	struct err *e);
/* Pending key and this certificate become a credential behind `link`; the pending key goes. */
MUST_USE enum err_code state_install(struct state *s, const char *link, struct bytes cert_der,
	struct err *e);
/* `next` was used: it becomes `current`, and what no link leads to is removed. */
MUST_USE enum err_code state_promote(struct state *s, struct err *e);

MUST_USE enum err_code state_retry_get(const struct state *s, struct retry *out, struct err *e);
MUST_USE enum err_code state_retry_set(const struct state *s, const struct retry *r,
	struct err *e);
/* Write a small file whole or not at all (temporary, fsync, rename, fsync of the folder). */
MUST_USE enum err_code state_write(const struct state *s, const char *name, struct bytes data,
	struct err *e);
/* The latest time this device has seen proven (a certificate's notBefore); 0: none. */
int64_t state_clock_floor(const struct state *s);
MUST_USE enum err_code state_clock_proven(const struct state *s, int64_t at, struct err *e);

#endif
