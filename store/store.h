/*
 * What the keeper remembers.  Verbs for every object; SQL is behind them (store/sqlite*.c) and
 * nowhere else.  One connection, one owner, one thread.  All changes happen inside a transaction;
 * nothing that was not committed is ever told to a client.
 *
 * Invariants (kept by the schema and by tests):
 *  1. every state change has a log entry committed in the same transaction (authority/act.c);
 *  2. log entries are never changed or deleted; seq has no gap (triggers refuse it);
 *  3. a ticket goes from unused to used once; a revoked device or certificate stays revoked;
 *  4. a certificate row exists for every certificate that was handed out.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "merkle/tree.h"
#include "x509/cert.h"

struct store; /* opaque */

#define PRODUCT_MAX 64
#define MANUFACTURER_MAX 64
#define OPERATOR_MAX 64
#define RELEASE_ID_MAX 32
#define VERSION_MAX 31
#define REASON_MAX 128

/* Make a new database (ERR_EXISTS when there is one), or open one: checks integrity and version
 * and applies migrations.  WAL, synchronous=FULL, foreign keys on. */
MUST_USE enum err_code store_create(const char *path, struct store **out, struct err *e);
MUST_USE enum err_code store_open(const char *path, struct store **out, struct err *e);
MUST_USE enum err_code store_open_read_only(const char *path, struct store **out, struct err *e);
MUST_USE enum err_code store_begin(struct store *s, struct err *e);
MUST_USE enum err_code store_commit(struct store *s, struct err *e); /* durable when it returns */
void store_rollback(struct store *s);
/* A step inside the transaction that can be undone alone. */
MUST_USE enum err_code store_step_begin(struct store *s, struct err *e);
MUST_USE enum err_code store_step_end(struct store *s, struct err *e);
void store_step_undo(struct store *s);
void store_close(struct store *s);

/* Names and values of the realm itself: "name", "log_origin". */
MUST_USE enum err_code store_meta_get(struct store *s, const char *key, struct buf *value,
	struct err *e); /* ERR_NOT_FOUND */
MUST_USE enum err_code store_meta_set(struct store *s, const char *key, const char *value,
	struct err *e);

/* Devices. */
enum device_state { DEVICE_REGISTERED, DEVICE_ENROLLED, DEVICE_IS_REVOKED };

struct device {
	char serial[DEVICE_SERIAL_MAX + 1];
	char product[PRODUCT_MAX + 1];
	char manufacturer[MANUFACTURER_MAX + 1]; /* whose IDevID it may use; "": tickets only */
	enum device_state state;
	int64_t added_at;
	int64_t revoked_at; /* 0: not */
	char revoked_reason[REASON_MAX + 1];
};

MUST_USE enum err_code store_device_add(struct store *s, const struct device *d, struct err *e);
MUST_USE enum err_code store_device_get(struct store *s, const char *serial, struct device *out,
	struct err *e); /* ERR_NOT_FOUND */
MUST_USE enum err_code store_device_set_state(struct store *s, const struct device *d,
	struct err *e); /* state, revoked_at, revoked_reason */
/* Calls `each` in order of serial, after `after` (NULL: from the start), at most `limit` times;
 * `each` stops the walk by returning anything but ERR_OK, which is passed on. */
MUST_USE enum err_code store_device_list(struct store *s, const char *after, size_t limit,
	enum err_code (*each)(void *arg, const struct device *d), void *arg, struct err *e);
MUST_USE enum err_code store_device_count(struct store *s, enum device_state state, uint64_t *n,
	struct err *e);

/* Manufacturers: trust anchors for IDevIDs. */
struct manufacturer {
	char name[MANUFACTURER_MAX + 1];
	struct bytes cert_der; /* view */
	int64_t added_at;
};

MUST_USE enum err_code store_manufacturer_add(struct store *s, const struct manufacturer *m,
	struct err *e);
MUST_USE enum err_code store_manufacturer_list(struct store *s,
	enum err_code (*each)(void *arg, const struct manufacturer *m), void *arg, struct err *e);

/* Tickets: only the SHA-256 of the ticket is kept. */
struct ticket {
	uint8_t hash[SHA256_SIZE];
	char serial[DEVICE_SERIAL_MAX + 1];
	int64_t made_at;
	int64_t expires_at;
	int64_t used_at; /* 0: not yet */
};

MUST_USE enum err_code store_ticket_add(struct store *s, const struct ticket *t, struct err *e);
MUST_USE enum err_code store_ticket_get(struct store *s, const uint8_t hash[SHA256_SIZE],
	struct ticket *out, struct err *e); /* ERR_NOT_FOUND */
MUST_USE enum err_code store_ticket_use(struct store *s, const uint8_t hash[SHA256_SIZE],
	int64_t at, struct err *e); /* ERR_TICKET_USED when it was */

/* Certificates that the realm has issued. */
enum cert_state { CERT_ISSUED, CERT_USED, CERT_REPLACED, CERT_IS_REVOKED };

struct cert_row {
	char serial[CERT_SERIAL_HEX]; /* hex of the serialNumber */
	uint8_t fingerprint[SHA256_SIZE];
	uint8_t spki_id[SHA256_SIZE];
	char device[DEVICE_SERIAL_MAX + 1]; /* "" for a server's */
	enum profile profile;
	enum cert_state state;
	int64_t not_before;
	int64_t not_after;
	int64_t issued_at;
	int64_t revoked_at;
	int reason; /* CRLReason */
};

MUST_USE enum err_code store_cert_add(struct store *s, const struct cert_row *c, struct bytes der,
	struct err *e);
MUST_USE enum err_code store_cert_get(struct store *s, const uint8_t fingerprint[SHA256_SIZE],
	struct cert_row *out, struct err *e); /* ERR_NOT_FOUND */
MUST_USE enum err_code store_cert_der(struct store *s, const uint8_t fingerprint[SHA256_SIZE],
	struct buf *der, struct err *e);
/* Another device that has a certificate for this key, or ERR_NOT_FOUND. */
MUST_USE enum err_code store_cert_key_owner(struct store *s, const uint8_t spki_id[SHA256_SIZE],
	const char *not_this_device, char owner[DEVICE_SERIAL_MAX + 1], struct err *e);
MUST_USE enum err_code store_cert_set_state(struct store *s, const struct cert_row *c,
	struct err *e); /* state, revoked_at, reason */
MUST_USE enum err_code store_cert_of_device(struct store *s, const char *device,
	enum err_code (*each)(void *arg, const struct cert_row *c), void *arg, struct err *e);
/* Revoked ones that have not expired at `at`: what the next CRL holds. */
MUST_USE enum err_code store_cert_revoked(struct store *s, int64_t at,
	enum err_code (*each)(void *arg, const struct cert_row *c), void *arg, struct err *e);
/* What the key check needs of a device's certificate; views. */
struct store_cert_key {
	uint64_t id; /* in order of issue, without gaps: store_cert_count is the newest */
	const char *device;
	const char *product;
	int64_t issued_at;
	struct bytes der;
};
/* Those of devices with an id above `after`, in their order. */
MUST_USE enum err_code store_cert_keys(struct store *s, uint64_t after,
	enum err_code (*each)(void *arg, const struct store_cert_key *c, struct err *e), void *arg,
	struct err *e);
/* Every certificate in order of issue, with its DER (a view). */
MUST_USE enum err_code store_cert_all(struct store *s,
	enum err_code (*each)(void *arg, const struct cert_row *c, struct bytes der), void *arg,
	struct err *e);
MUST_USE enum err_code store_cert_count(struct store *s, uint64_t *n, struct err *e);
/* A CRL that was signed; only the newest is kept. */
MUST_USE enum err_code store_crl_set(struct store *s, uint64_t number, int64_t next_update,
	struct bytes der, struct err *e);
MUST_USE enum err_code store_crl_get(struct store *s, uint64_t *number, int64_t *next_update,
	struct buf *der, struct err *e); /* ERR_NOT_FOUND */

/* Operators, as certified by the root. */
struct operator_row {
	char name[OPERATOR_MAX + 1];
	uint8_t fingerprint[SHA256_SIZE];
	bool revoked;
	int64_t added_at;
};

MUST_USE enum err_code store_operator_add(struct store *s, const struct operator_row *o,
	struct bytes cert_der, struct err *e);
MUST_USE enum err_code store_operator_get(struct store *s,
	const uint8_t fingerprint[SHA256_SIZE], struct operator_row *out, struct err *e);
MUST_USE enum err_code store_operator_revoke(struct store *s, const char *name, struct err *e);
MUST_USE enum err_code store_operator_list(struct store *s,
	enum err_code (*each)(void *arg, const struct operator_row *o, struct bytes cert_der),
	void *arg, struct err *e);

/* Releases and the envelopes (proposal, approvals) that people signed. */
enum release_state { RELEASE_PROPOSED, RELEASE_PUBLISHED };

struct release_row {
	char id[RELEASE_ID_MAX + 1];
	char product[PRODUCT_MAX + 1];
	char version[VERSION_MAX + 1];
	uint32_t security_counter;
	char format[16]; /* "plain", "mcuboot" */
	uint8_t image_digest[SHA256_SIZE]; /* SHA-256 of the stored image file */
	uint64_t image_size;
	char proposer[OPERATOR_MAX + 1];
	enum release_state state;
	int64_t proposed_at;
	int64_t published_at;
};

MUST_USE enum err_code store_release_add(struct store *s, const struct release_row *r,
	struct bytes statement, struct bytes proposal, struct err *e);
MUST_USE enum err_code store_release_get(struct store *s, const char *id, struct release_row *out,
	struct buf *statement, struct buf *proposal, struct err *e); /* bufs may be NULL */
MUST_USE enum err_code store_release_list(struct store *s,
	enum err_code (*each)(void *arg, const struct release_row *r), void *arg, struct err *e);
MUST_USE enum err_code store_release_set_published(struct store *s, const char *id, int64_t at,
	struct bytes signature, struct err *e);
MUST_USE enum err_code store_release_signature(struct store *s, const char *id, struct buf *out,
	struct err *e); /* ERR_NOT_FOUND before publication */
/* The published release of a product with the highest counter and version; ERR_NOT_FOUND. */
MUST_USE enum err_code store_release_newest(struct store *s, const char *product,
	struct release_row *out, struct err *e);
MUST_USE enum err_code store_approval_add(struct store *s, const char *release_id,
	const char *operator_name, int64_t at, struct bytes envelope,
	struct err *e); /* ERR_APPROVAL_TWICE */
MUST_USE enum err_code store_approval_list(struct store *s, const char *release_id,
	enum err_code (*each)(void *arg, const char *operator_name, int64_t at,
		struct bytes envelope),
	void *arg, struct err *e);

/* The audit log's own rows. */
MUST_USE enum err_code store_log_size(struct store *s, uint64_t *size, struct err *e);
MUST_USE enum err_code store_log_add(struct store *s, uint64_t seq, struct bytes entry,
	const struct merkle_hash *leaf, const char *act, const char *object, struct err *e);
MUST_USE enum err_code store_log_get(struct store *s, uint64_t seq, struct buf *entry,
	struct merkle_hash *leaf, struct err *e);
/* Entries from <= seq < to. */
MUST_USE enum err_code store_log_list(struct store *s, uint64_t from, uint64_t to,
	enum err_code (*each)(void *arg, uint64_t seq, struct bytes entry,
		const struct merkle_hash *leaf),
	void *arg, struct err *e);
/* Seq of the newest entry about `object` with act `act`; ERR_NOT_FOUND. */
MUST_USE enum err_code store_log_find(struct store *s, const char *act, const char *object,
	uint64_t *seq, struct err *e);
/* Full tiles of 256 hashes (C2SP tlog-tiles): level 1 and up; level 0 is the leaf column. */
MUST_USE enum err_code store_tile_add(struct store *s, unsigned level, uint64_t n,
	struct bytes hashes, struct err *e);
MUST_USE enum err_code store_tile_get(struct store *s, unsigned level, uint64_t n,
	struct buf *hashes, struct err *e);
MUST_USE enum err_code store_checkpoint_add(struct store *s, uint64_t size, struct bytes note,
	struct err *e);
MUST_USE enum err_code store_checkpoint_newest(struct store *s, uint64_t *size, struct buf *note,
	struct err *e); /* ERR_NOT_FOUND */
MUST_USE enum err_code store_checkpoint_list(struct store *s,
	enum err_code (*each)(void *arg, uint64_t size, struct bytes note), void *arg,
	struct err *e);

#endif
