#include "authority/certs.h"

#include <stdlib.h>
#include <string.h>

/* The rows are collected first: a walk over a table that changes meanwhile promises nothing. */
struct rows {
	struct cert_row *row;
	size_t n;
	size_t room;
};

static enum err_code collect(void *arg, const struct cert_row *c)
{
	struct rows *all = arg;
	if (all->n == CERTS_MAX)
		return ERR_LIMIT;
	if (all->n == all->room) {
		size_t room = all->room == 0 ? 8 : 2 * all->room;
		struct cert_row *more = realloc(all->row, room * sizeof(*more));
		if (more == NULL)
			return ERR_NO_MEMORY;
		all->row = more;
		all->room = room;
	}
	all->row[all->n++] = *c;
	return ERR_OK;
}

static enum err_code rows_read(struct authority *a, const char *device, struct rows *all,
	struct err *e)
{
	*all = (struct rows){0};
	enum err_code rc = store_cert_of_device(a->store, device, collect, all, e);
	if (rc == ERR_LIMIT || rc == ERR_NO_MEMORY)
		rc = err_set(e, rc, device, "too many certificates");
	return rc;
}

static bool same(const struct cert_row *x, const struct cert_row *y)
{
	return memcmp(x->fingerprint, y->fingerprint, SHA256_SIZE) == 0;
}

enum err_code certs_use(struct authority *a, struct cert_row *row, struct entry *en,
	struct err *e)
{
	struct rows all;
	uint64_t replaced = 0;
	const struct cert_row *newest = NULL;
	enum err_code rc = rows_read(a, row->device, &all, e);
	/* in order of issue: what stands before it is older */
	for (size_t i = 0; rc == ERR_OK && i < all.n && !same(&all.row[i], row); i++) {
		struct cert_row *old = &all.row[i];
		if (old->state != CERT_ISSUED && old->state != CERT_USED)
			continue;
		old->state = CERT_REPLACED;
		rc = store_cert_set_state(a->store, old, e);
		replaced++;
		newest = old;
	}
	struct cert_row used = *row;
	used.state = CERT_USED;
	if (rc == ERR_OK)
		rc = store_cert_set_state(a->store, &used, e);
	if (rc == ERR_OK) {
		row->state = CERT_USED;
		if (newest != NULL && entry_detail_get(en, "previous") == NULL)
			entry_detail_hex(en, "previous", bytes_of(newest->fingerprint, SHA256_SIZE));
		if (replaced > 0)
			entry_detail_num(en, "replaced", replaced);
	}
	free(all.row);
	return rc;
}

enum err_code certs_revoke(struct authority *a, const char *device, int64_t at, int reason,
	uint64_t *n, struct err *e)
{
	struct rows all;
	uint64_t done = 0;
	enum err_code rc = rows_read(a, device, &all, e);
	for (size_t i = 0; rc == ERR_OK && i < all.n; i++) {
		struct cert_row *c = &all.row[i];
		if (c->state == CERT_IS_REVOKED)
			continue;
		c->state = CERT_IS_REVOKED;
		c->revoked_at = at;
		c->reason = reason;
		rc = store_cert_set_state(a->store, c, e);
		done++;
	}
	if (rc == ERR_OK)
		*n = done;
	free(all.row);
	return rc;
}
