/* Operators. */
#include "store/sqlite.h"

#include <string.h>

enum err_code store_operator_add(struct store *s, const struct operator_row *o,
	struct bytes cert_der, struct err *e)
{
	struct query q = query_start(s, Q_OPERATOR_ADD,
		"INSERT INTO operator (name, fingerprint, revoked, added_at, cert) "
		"VALUES (?, ?, ?, ?, ?)");
	bind_text(&q, o->name);
	bind_fixed(&q, o->fingerprint, sizeof(o->fingerprint));
	bind_num(&q, o->revoked ? 1 : 0);
	bind_num(&q, o->added_at);
	bind_bytes(&q, cert_der);
	return query_change(&q, o->name, NULL, e);
}

static void operator_read(struct query *q, struct operator_row *o)
{
	column_text(q, o->name, sizeof(o->name));
	column_fixed(q, o->fingerprint, sizeof(o->fingerprint));
	o->revoked = column_num(q) != 0;
	o->added_at = column_num(q);
}

enum err_code store_operator_get(struct store *s, const uint8_t fingerprint[SHA256_SIZE],
	struct operator_row *out, struct err *e)
{
	struct operator_row o;
	char name[17];
	object_hex(fingerprint, name);
	struct query q = query_start(s, Q_OPERATOR_GET,
		"SELECT name, fingerprint, revoked, added_at FROM operator WHERE fingerprint = ?");
	bind_fixed(&q, fingerprint, SHA256_SIZE);
	bool found = query_next(&q);
	if (found)
		operator_read(&q, &o);
	enum err_code rc = query_end_one(&q, found, name, e);
	if (rc == ERR_OK)
		*out = o;
	return rc;
}

enum err_code store_operator_revoke(struct store *s, const char *name, struct err *e)
{
	int64_t changed;
	struct query q = query_start(s, Q_OPERATOR_REVOKE,
		"UPDATE operator SET revoked = 1 WHERE name = ?");
	bind_text(&q, name);
	enum err_code rc = query_change(&q, name, &changed, e);
	if (rc == ERR_OK && changed == 0)
		return err_set(e, ERR_NOT_FOUND, name, "no such operator");
	return rc;
}

enum err_code store_operator_list(struct store *s,
	enum err_code (*each)(void *arg, const struct operator_row *o, struct bytes cert_der),
	void *arg, struct err *e)
{
	struct query q = query_start(s, Q_OPERATOR_LIST,
		"SELECT name, fingerprint, revoked, added_at, cert FROM operator ORDER BY name");
	enum err_code stopped = ERR_OK;
	while (stopped == ERR_OK && query_next(&q)) {
		struct operator_row o;
		operator_read(&q, &o);
		struct bytes cert = column_bytes(&q);
		if (!q.damaged)
			stopped = each(arg, &o, cert);
	}
	return query_end_each(&q, stopped, "operators", e);
}
