/* Devices, manufacturers, tickets. */
#include "store/sqlite.h"

#include <string.h>

enum err_code store_device_add(struct store *s, const struct device *d, struct err *e)
{
	struct query q = query_start(s, Q_DEVICE_ADD,
		"INSERT INTO device (serial, product, manufacturer, state, added_at, revoked_at, "
		"revoked_reason) VALUES (?, ?, ?, ?, ?, ?, ?)");
	bind_text(&q, d->serial);
	bind_text(&q, d->product);
	bind_text(&q, d->manufacturer);
	bind_num(&q, d->state);
	bind_num(&q, d->added_at);
	bind_num(&q, d->revoked_at);
	bind_text(&q, d->revoked_reason);
	return query_change(&q, d->serial, NULL, e);
}

#define DEVICE_COLUMNS                                                                             \
	"serial, product, manufacturer, state, added_at, revoked_at, revoked_reason"

static void device_read(struct query *q, struct device *d)
{
	column_text(q, d->serial, sizeof(d->serial));
	column_text(q, d->product, sizeof(d->product));
	column_text(q, d->manufacturer, sizeof(d->manufacturer));
	d->state = (enum device_state)column_num(q);
	d->added_at = column_num(q);
	d->revoked_at = column_num(q);
	column_text(q, d->revoked_reason, sizeof(d->revoked_reason));
}

enum err_code store_device_get(struct store *s, const char *serial, struct device *out,
	struct err *e)
{
	struct device d;
	struct query q = query_start(s, Q_DEVICE_GET,
		"SELECT " DEVICE_COLUMNS " FROM device WHERE serial = ?");
	bind_text(&q, serial);
	bool found = query_next(&q);
	if (found)
		device_read(&q, &d);
	enum err_code rc = query_end_one(&q, found, serial, e);
	if (rc == ERR_OK)
		*out = d;
	return rc;
}

enum err_code store_device_set_state(struct store *s, const struct device *d, struct err *e)
{
	int64_t changed;
	struct device there;
	struct query q = query_start(s, Q_DEVICE_SET,
		"UPDATE device SET state = ?, revoked_at = ?, revoked_reason = ? "
		"WHERE serial = ? AND state <> 2");
	bind_num(&q, d->state);
	bind_num(&q, d->revoked_at);
	bind_text(&q, d->revoked_reason);
	bind_text(&q, d->serial);
	enum err_code rc = query_change(&q, d->serial, &changed, e);
	if (rc != ERR_OK || changed == 1)
		return rc;
	rc = store_device_get(s, d->serial, &there, e);
	return rc != ERR_OK ? rc : err_set(e, ERR_DEVICE_REVOKED, d->serial, "it stays so");
}

enum err_code store_device_list(struct store *s, const char *after, size_t limit,
	enum err_code (*each)(void *arg, const struct device *d), void *arg, struct err *e)
{
	struct query q = query_start(s, Q_DEVICE_LIST,
		"SELECT " DEVICE_COLUMNS " FROM device WHERE serial > ? ORDER BY serial LIMIT ?");
	bind_text(&q, after != NULL ? after : "");
	bind_num(&q, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
	enum err_code stopped = ERR_OK;
	while (stopped == ERR_OK && query_next(&q)) {
		struct device d;
		device_read(&q, &d);
		if (!q.damaged)
			stopped = each(arg, &d);
	}
	return query_end_each(&q, stopped, "devices", e);
}

enum err_code store_device_count(struct store *s, enum device_state state, uint64_t *n,
	struct err *e)
{
	struct query q = query_start(s, Q_DEVICE_COUNT,
		"SELECT n FROM device_count WHERE state = ?");
	bind_num(&q, state);
	bool found = query_next(&q);
	uint64_t count = found ? (uint64_t)column_num(&q) : 0;
	enum err_code rc = query_end_one(&q, found, "device count", e);
	if (rc == ERR_OK)
		*n = count;
	return rc;
}

enum err_code store_manufacturer_add(struct store *s, const struct manufacturer *m, struct err *e)
{
	struct query q = query_start(s, Q_MANUFACTURER_ADD,
		"INSERT INTO manufacturer (name, cert, added_at) VALUES (?, ?, ?)");
	bind_text(&q, m->name);
	bind_bytes(&q, m->cert_der);
	bind_num(&q, m->added_at);
	return query_change(&q, m->name, NULL, e);
}

enum err_code store_manufacturer_list(struct store *s,
	enum err_code (*each)(void *arg, const struct manufacturer *m), void *arg, struct err *e)
{
	struct query q = query_start(s, Q_MANUFACTURER_LIST,
		"SELECT name, cert, added_at FROM manufacturer ORDER BY name");
	enum err_code stopped = ERR_OK;
	while (stopped == ERR_OK && query_next(&q)) {
		struct manufacturer m;
		column_text(&q, m.name, sizeof(m.name));
		m.cert_der = column_bytes(&q);
		m.added_at = column_num(&q);
		if (!q.damaged)
			stopped = each(arg, &m);
	}
	return query_end_each(&q, stopped, "manufacturers", e);
}

enum err_code store_ticket_add(struct store *s, const struct ticket *t, struct err *e)
{
	struct query q = query_start(s, Q_TICKET_ADD,
		"INSERT INTO ticket (hash, serial, made_at, expires_at, used_at) "
		"VALUES (?, ?, ?, ?, ?)");
	bind_fixed(&q, t->hash, sizeof(t->hash));
	bind_text(&q, t->serial);
	bind_num(&q, t->made_at);
	bind_num(&q, t->expires_at);
	bind_num(&q, t->used_at);
	return query_change(&q, t->serial, NULL, e);
}

enum err_code store_ticket_get(struct store *s, const uint8_t hash[SHA256_SIZE],
	struct ticket *out, struct err *e)
{
	struct ticket t;
	struct query q = query_start(s, Q_TICKET_GET,
		"SELECT serial, made_at, expires_at, used_at FROM ticket WHERE hash = ?");
	bind_fixed(&q, hash, SHA256_SIZE);
	bool found = query_next(&q);
	if (found) {
		memcpy(t.hash, hash, SHA256_SIZE);
		column_text(&q, t.serial, sizeof(t.serial));
		t.made_at = column_num(&q);
		t.expires_at = column_num(&q);
		t.used_at = column_num(&q);
	}
	enum err_code rc = query_end_one(&q, found, "ticket", e);
	if (rc == ERR_OK)
		*out = t;
	return rc;
}

enum err_code store_ticket_use(struct store *s, const uint8_t hash[SHA256_SIZE], int64_t at,
	struct err *e)
{
	int64_t changed;
	struct ticket t;
	struct query q = query_start(s, Q_TICKET_USE,
		"UPDATE ticket SET used_at = ? WHERE hash = ? AND used_at = 0");
	/* 0 means unused: a clock that stands at 1970-01-01T00:00:00Z still uses the ticket. */
	bind_num(&q, at != 0 ? at : 1);
	bind_fixed(&q, hash, SHA256_SIZE);
	enum err_code rc = query_change(&q, "ticket", &changed, e);
	if (rc != ERR_OK || changed == 1)
		return rc;
	rc = store_ticket_get(s, hash, &t, e);
	return rc != ERR_OK ? rc : err_set(e, ERR_TICKET_USED, t.serial, "a ticket works once");
}
