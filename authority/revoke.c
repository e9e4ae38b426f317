#include "authority/revoke.h"

#include <stdlib.h>
#include <string.h>

#include "authority/certs.h"
#include "authority/device.h"
#include "base/utf8.h"

/* A CRL is read by devices with little memory; past this, it must be partitioned. */
#define CRL_ENTRIES_MAX 100000
#define CRL_SIZE_MAX BUF_MAX_DEFAULT
#define REASON_UNSPECIFIED 0 /* CRLReason, RFC 5280 §5.3.1: our reason is text, in the log */

struct crl_rows {
	struct crl_entry *entry;
	size_t n;
	size_t room;
};

static enum err_code collect(void *arg, const struct cert_row *c)
{
	struct crl_rows *all = arg;
	if (all->n == CRL_ENTRIES_MAX)
		return ERR_LIMIT;
	if (all->n == all->room) {
		size_t room = all->room == 0 ? 64 : 2 * all->room;
		struct crl_entry *more = realloc(all->entry, room * sizeof(*more));
		if (more == NULL)
			return ERR_NO_MEMORY;
		all->entry = more;
		all->room = room;
	}
	struct crl_entry *x = &all->entry[all->n++];
	*x = (struct crl_entry){.revoked_at = c->revoked_at, .reason = c->reason};
	memcpy(x->serial, c->serial, sizeof(x->serial));
	return ERR_OK;
}

/*
 * Numbers only grow (RFC 5280 §5.2.3) and follow the clock: one that was signed in a transaction
 * that then failed, or before a backup was put back, is not signed again for another list.
 */
static uint64_t crl_number(uint64_t last, int64_t now)
{
	return last < (uint64_t)now ? (uint64_t)now : last + 1;
}

/* The next CRL, signed and stored, and named in `en`. */
static enum err_code crl_make(struct authority *a, int64_t now, struct entry *en, struct err *e)
{
	uint64_t number = 0;
	int64_t ends = 0;
	uint8_t digest[SHA256_SIZE];
	struct crl_rows all = {0};
	struct buf der = buf_new(CRL_SIZE_MAX);
	enum err_code rc = store_crl_get(a->store, &number, &ends, &der, e);
	buf_reset(&der);
	if (rc == ERR_OK || rc == ERR_NOT_FOUND)
		rc = store_cert_revoked(a->store, now, collect, &all, e);
	if (rc != ERR_OK)
		goto out;
	struct crl_fields f = {
		.number = crl_number(number, now),
		.this_update = now,
		.next_update = now + a->policy.crl_lifetime,
		.entries = all.entry,
		.entries_n = all.n,
	};
	rc = a->signer.crl(a->signer.arg, &f, &der, e);
	if (rc == ERR_OK)
		rc = store_crl_set(a->store, f.number, f.next_update, buf_view(&der), e);
	if (rc != ERR_OK)
		goto out;
	sha256_of(buf_view(&der), digest);
	entry_detail_hex(en, "crl", bytes_of(digest, sizeof(digest)));
	entry_detail_num(en, "crl_number", f.number);
out:
	free(all.entry);
	buf_free(&der);
	return rc;
}

static enum err_code reason_set(struct device *d, const char *reason, struct err *e)
{
	size_t n = strlen(reason);
	if (n == 0 || n > REASON_MAX || !utf8_is_text(bytes_str(reason)))
		return err_set(e, ERR_USAGE, "reason",
			"say why, in 1 to %d bytes of UTF-8 without control characters",
			REASON_MAX);
	memcpy(d->revoked_reason, reason, n + 1);
	return ERR_OK;
}

enum err_code revoke_device(struct authority *a, const char *actor, const char *serial,
	const char *reason, struct device *out, struct err *e)
{
	struct device d;
	struct entry en;
	uint64_t certs = 0;
	enum err_code rc = device_open(a, serial, &d, e);
	if (rc == ERR_OK)
		rc = reason_set(&d, reason, e);
	if (rc == ERR_OK)
		rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	d.state = DEVICE_IS_REVOKED;
	d.revoked_at = clock_now(a->clock);
	entry_start(&en, d.revoked_at, "device.revoked", actor, d.serial);
	entry_detail(&en, "reason", d.revoked_reason);
	rc = certs_revoke(a, d.serial, d.revoked_at, REASON_UNSPECIFIED, &certs, e);
	entry_detail_num(&en, "certs", certs);
	if (rc == ERR_OK)
		rc = store_device_set_state(a->store, &d, e);
	if (rc == ERR_OK)
		rc = crl_make(a, d.revoked_at, &en, e);
	if (rc != ERR_OK) {
		act_undo(a);
		return rc;
	}
	rc = act_end(a, &en, e);
	if (rc == ERR_OK)
		*out = d;
	return rc;
}

/* Half of its life is left to everybody who fetches it, before the next one comes. */
static enum err_code refresh_due(struct authority *a, int64_t now, bool *due, struct err *e)
{
	uint64_t number;
	int64_t ends;
	struct buf der = buf_new(CRL_SIZE_MAX);
	enum err_code rc = store_crl_get(a->store, &number, &ends, &der, e);
	buf_free(&der);
	if (rc != ERR_OK && rc != ERR_NOT_FOUND)
		return rc;
	err_clear(e);
	*due = rc == ERR_NOT_FOUND || ends - now < a->policy.crl_lifetime / 2;
	return ERR_OK;
}

enum err_code revoke_refresh(struct authority *a, bool *made, struct err *e)
{
	struct entry en;
	bool due = false;
	int64_t now = clock_now(a->clock);
	enum err_code rc = refresh_due(a, now, &due, e);
	if (rc != ERR_OK || !due) {
		*made = false;
		return rc;
	}
	rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	entry_start(&en, now, "crl.issued", "medseald", "issuing");
	rc = crl_make(a, now, &en, e);
	if (rc != ERR_OK) {
		act_undo(a);
		return rc;
	}
	rc = act_end(a, &en, e);
	if (rc == ERR_OK)
		*made = true;
	return rc;
}
