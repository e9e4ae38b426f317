/* Certificates that the realm has issued, and the newest CRL. */
#include "store/sqlite.h"

#include <string.h>

enum err_code store_cert_add(struct store *s, const struct cert_row *c, struct bytes der,
	struct err *e)
{
	struct query q = query_start(s, Q_CERT_ADD,
		"INSERT INTO cert (fingerprint, serial, spki_id, device, profile, state, "
		"not_before, not_after, issued_at, revoked_at, reason, der, previous) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
		"coalesce((SELECT newest_cert FROM device WHERE serial = ?4), 0))");
	bind_fixed(&q, c->fingerprint, sizeof(c->fingerprint));
	bind_text(&q, c->serial);
	bind_fixed(&q, c->spki_id, sizeof(c->spki_id));
	bind_text(&q, c->device[0] != '\0' ? c->device : NULL);
	bind_num(&q, c->profile);
	bind_num(&q, c->state);
	bind_num(&q, c->not_before);
	bind_num(&q, c->not_after);
	bind_num(&q, c->issued_at);
	bind_num(&q, c->revoked_at);
	bind_num(&q, c->reason);
	bind_bytes(&q, der);
	enum err_code rc = query_change(&q, c->serial, NULL, e);
	struct device d;
	if (rc == ERR_STORE && store_device_get(s, c->device, &d, NULL) == ERR_OK &&
		d.state == DEVICE_IS_REVOKED)
		return err_set(e, ERR_DEVICE_REVOKED, c->device, "it gets no certificate");
	return rc;
}

#define CERT_COLUMNS                                                                               \
	"fingerprint, serial, spki_id, device, profile, state, not_before, not_after, "            \
	"issued_at, revoked_at, reason"

static void cert_read(struct query *q, struct cert_row *c)
{
	column_fixed(q, c->fingerprint, sizeof(c->fingerprint));
	column_text(q, c->serial, sizeof(c->serial));
	column_fixed(q, c->spki_id, sizeof(c->spki_id));
	column_text(q, c->device, sizeof(c->device));
	c->profile = (enum profile)column_num(q);
	c->state = (enum cert_state)column_num(q);
	c->not_before = column_num(q);
	c->not_after = column_num(q);
	c->issued_at = column_num(q);
	c->revoked_at = column_num(q);
	c->reason = (int)column_num(q);
}

enum err_code store_cert_get(struct store *s, const uint8_t fingerprint[SHA256_SIZE],
	struct cert_row *out, struct err *e)
{
	struct cert_row c;
	char name[17];
	object_hex(fingerprint, name);
	struct query q = query_start(s, Q_CERT_GET,
		"SELECT " CERT_COLUMNS " FROM cert WHERE fingerprint = ?");
	bind_fixed(&q, fingerprint, SHA256_SIZE);
	bool found = query_next(&q);
	if (found)
		cert_read(&q, &c);
	enum err_code rc = query_end_one(&q, found, name, e);
	if (rc == ERR_OK)
		*out = c;
	return rc;
}

enum err_code store_cert_der(struct store *s, const uint8_t fingerprint[SHA256_SIZE],
	struct buf *der, struct err *e)
{
	char name[17];
	object_hex(fingerprint, name);
	struct query q = query_start(s, Q_CERT_DER, "SELECT der FROM cert WHERE fingerprint = ?");
	bind_fixed(&q, fingerprint, SHA256_SIZE);
	bool found = query_next(&q);
	if (found)
		buf_bytes(der, column_bytes(&q));
	enum err_code rc = query_end_one(&q, found, name, e);
	return rc != ERR_OK ? rc : buf_end(der, e, name);
}

enum err_code store_cert_key_owner(struct store *s, const uint8_t spki_id[SHA256_SIZE],
	const char *not_this_device, char owner[DEVICE_SERIAL_MAX + 1], struct err *e)
{
	char found_owner[DEVICE_SERIAL_MAX + 1];
	char name[17];
	object_hex(spki_id, name);
	/* The first will do: a key that one device has is given to no other, so all have one owner. */
	struct query q = query_start(s, Q_CERT_KEY_OWNER,
		"SELECT device FROM cert WHERE spki_id = ? LIMIT 1");
	bind_fixed(&q, spki_id, SHA256_SIZE);
	bool found = query_next(&q);
	if (found)
		column_text(&q, found_owner, sizeof(found_owner));
	enum err_code rc = query_end_one(&q, found, name, e);
	if (rc == ERR_OK && not_this_device != NULL && strcmp(found_owner, not_this_device) == 0)
		return err_set(e, ERR_NOT_FOUND, name, "no other device has this key");
	if (rc == ERR_OK)
		memcpy(owner, found_owner, sizeof(found_owner));
	return rc;
}

enum err_code store_cert_set_state(struct store *s, const struct cert_row *c, struct err *e)
{
	int64_t changed;
	struct cert_row there;
	struct query q = query_start(s, Q_CERT_SET,
		"UPDATE cert SET state = ?, revoked_at = ?, reason = ? "
		"WHERE fingerprint = ? AND state <> 3");
	bind_num(&q, c->state);
	bind_num(&q, c->revoked_at);
	bind_num(&q, c->reason);
	bind_fixed(&q, c->fingerprint, sizeof(c->fingerprint));
	enum err_code rc = query_change(&q, c->serial, &changed, e);
	if (rc != ERR_OK || changed == 1)
		return rc;
	rc = store_cert_get(s, c->fingerprint, &there, e);
	return rc != ERR_OK ? rc : err_set(e, ERR_CERT_REVOKED, c->serial, "it stays so");
}

static enum err_code walk(struct query *q,
	enum err_code (*each)(void *arg, const struct cert_row *c), void *arg, struct err *e)
{
	enum err_code stopped = ERR_OK;
	while (stopped == ERR_OK && query_next(q)) {
		struct cert_row c;
		cert_read(q, &c);
		if (!q->damaged)
			stopped = each(arg, &c);
	}
	return query_end_each(q, stopped, "certificates", e);
}

enum err_code store_cert_of_device(struct store *s, const char *device,
	enum err_code (*each)(void *arg, const struct cert_row *c), void *arg, struct err *e)
{
	if (device[0] == '\0') {
		struct query q = query_start(s, Q_CERT_OF_SERVER,
			"SELECT " CERT_COLUMNS " FROM cert WHERE device IS NULL ORDER BY id");
		return walk(&q, each, arg, e);
	}
	struct query q = query_start(s, Q_CERT_OF_DEVICE,
		"WITH RECURSIVE chain (cert_id) AS ("
		"SELECT newest_cert FROM device WHERE serial = ? UNION ALL "
		"SELECT previous FROM cert JOIN chain ON id = cert_id) "
		"SELECT " CERT_COLUMNS " FROM chain CROSS JOIN cert ON id = cert_id ORDER BY id");
	bind_text(&q, device);
	return walk(&q, each, arg, e);
}

enum err_code store_cert_revoked(struct store *s, int64_t at,
	enum err_code (*each)(void *arg, const struct cert_row *c), void *arg, struct err *e)
{
	struct query q = query_start(s, Q_CERT_REVOKED,
		"SELECT " CERT_COLUMNS " FROM cert WHERE state = 3 AND not_after >= ? "
		"ORDER BY not_after, id");
	bind_num(&q, at);
	return walk(&q, each, arg, e);
}

enum err_code store_cert_keys(struct store *s, uint64_t after,
	enum err_code (*each)(void *arg, const struct store_cert_key *c, struct err *e), void *arg,
	struct err *e)
{
	struct query q = query_start(s, Q_CERT_KEYS,
		"SELECT cert.id, cert.device, device.product, cert.issued_at, cert.der FROM cert "
		"JOIN device ON device.serial = cert.device WHERE cert.id > ? ORDER BY cert.id");
	bind_num(&q, (int64_t)after);
	enum err_code stopped = ERR_OK;
	while (stopped == ERR_OK && query_next(&q)) {
		char device[DEVICE_SERIAL_MAX + 1];
		char product[PRODUCT_MAX + 1];
		struct store_cert_key c = {.device = device, .product = product};
		c.id = (uint64_t)column_num(&q);
		column_text(&q, device, sizeof(device));
		column_text(&q, product, sizeof(product));
		c.issued_at = column_num(&q);
		c.der = column_bytes(&q);
		if (!q.damaged)
			stopped = each(arg, &c, e);
	}
	return query_end_each(&q, stopped, "certificates", e);
}

enum err_code store_cert_all(struct store *s,
	enum err_code (*each)(void *arg, const struct cert_row *c, struct bytes der), void *arg,
	struct err *e)
{
	enum err_code stopped = ERR_OK;
	struct query q = query_start(s, Q_CERT_ALL,
		"SELECT " CERT_COLUMNS ", der FROM cert ORDER BY id");
	while (stopped == ERR_OK && query_next(&q)) {
		struct cert_row c;
		cert_read(&q, &c);
		struct bytes der = column_bytes(&q);
		if (!q.damaged)
			stopped = each(arg, &c, der);
	}
	return query_end_each(&q, stopped, "certificates", e);
}

enum err_code store_cert_count(struct store *s, uint64_t *n, struct err *e)
{
	struct query q = query_start(s, Q_CERT_COUNT, "SELECT coalesce(max(id), 0) FROM cert");
	bool found = query_next(&q);
	uint64_t count = found ? (uint64_t)column_num(&q) : 0;
	enum err_code rc = query_end_one(&q, found, "certificates", e);
	if (rc == ERR_OK)
		*n = count;
	return rc;
}

enum err_code store_crl_set(struct store *s, uint64_t number, int64_t next_update,
	struct bytes der, struct err *e)
{
	int64_t changed;
	struct query q = query_start(s, Q_CRL_SET,
		"INSERT INTO crl (id, number, next_update, der) VALUES (1, ?, ?, ?) "
		"ON CONFLICT (id) DO UPDATE SET number = excluded.number, "
		"next_update = excluded.next_update, der = excluded.der "
		"WHERE excluded.number > number");
	bind_num(&q, (int64_t)number);
	bind_num(&q, next_update);
	bind_bytes(&q, der);
	enum err_code rc = query_change(&q, "CRL", &changed, e);
	if (rc == ERR_OK && changed == 0)
		return err_set(e, ERR_EXISTS, "CRL", "number %llu or a later one is there",
			(unsigned long long)number);
	return rc;
}

enum err_code store_crl_get(struct store *s, uint64_t *number, int64_t *next_update,
	struct buf *der, struct err *e)
{
	uint64_t n = 0;
	int64_t next = 0;
	struct query q = query_start(s, Q_CRL_GET,
		"SELECT number, next_update, der FROM crl WHERE id = 1");
	bool found = query_next(&q);
	if (found) {
		n = (uint64_t)column_num(&q);
		next = column_num(&q);
		buf_bytes(der, column_bytes(&q));
	}
	enum err_code rc = query_end_one(&q, found, "CRL", e);
	if (rc == ERR_OK)
		rc = buf_end(der, e, "CRL");
	if (rc == ERR_OK) {
		*number = n;
		*next_update = next;
	}
	return rc;
}
