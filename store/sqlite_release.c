/* Releases and approvals. */
#include "store/sqlite.h"

#include <string.h>

enum err_code store_release_add(struct store *s, const struct release_row *r,
	struct bytes statement, struct bytes proposal, struct err *e)
{
	if (r->state != RELEASE_PROPOSED || r->image_size > INT64_MAX)
		return err_set(e, ERR_RELEASE_STATE, r->id, "a release begins as a proposal");
	struct query q = query_start(s, Q_RELEASE_ADD,
		"INSERT INTO release (id, product, version, security_counter, format, "
		"image_digest, image_size, proposer, state, proposed_at, published_at, statement, "
		"proposal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, ?, ?)");
	bind_text(&q, r->id);
	bind_text(&q, r->product);
	bind_text(&q, r->version);
	bind_num(&q, r->security_counter);
	bind_text(&q, r->format);
	bind_fixed(&q, r->image_digest, sizeof(r->image_digest));
	bind_num(&q, (int64_t)r->image_size);
	bind_text(&q, r->proposer);
	bind_num(&q, r->proposed_at);
	bind_bytes(&q, statement);
	bind_bytes(&q, proposal);
	return query_change(&q, r->id, NULL, e);
}

#define RELEASE_COLUMNS                                                                            \
	"id, product, version, security_counter, format, image_digest, image_size, proposer, "     \
	"state, proposed_at, published_at"

static void release_read(struct query *q, struct release_row *r)
{
	column_text(q, r->id, sizeof(r->id));
	column_text(q, r->product, sizeof(r->product));
	column_text(q, r->version, sizeof(r->version));
	r->security_counter = (uint32_t)column_num(q);
	column_text(q, r->format, sizeof(r->format));
	column_fixed(q, r->image_digest, sizeof(r->image_digest));
	r->image_size = (uint64_t)column_num(q);
	column_text(q, r->proposer, sizeof(r->proposer));
	r->state = (enum release_state)column_num(q);
	r->proposed_at = column_num(q);
	r->published_at = column_num(q);
}

enum err_code store_release_get(struct store *s, const char *id, struct release_row *out,
	struct buf *statement, struct buf *proposal, struct err *e)
{
	struct release_row r;
	struct query q = query_start(s, Q_RELEASE_GET,
		"SELECT " RELEASE_COLUMNS ", statement, proposal FROM release WHERE id = ?");
	bind_text(&q, id);
	bool found = query_next(&q);
	if (found) {
		release_read(&q, &r);
		struct bytes stated = column_bytes(&q);
		if (statement != NULL)
			buf_bytes(statement, stated);
		struct bytes proposed = column_bytes(&q);
		if (proposal != NULL)
			buf_bytes(proposal, proposed);
	}
	enum err_code rc = query_end_one(&q, found, id, e);
	if (rc == ERR_OK && statement != NULL)
		rc = buf_end(statement, e, id);
	if (rc == ERR_OK && proposal != NULL)
		rc = buf_end(proposal, e, id);
	if (rc == ERR_OK)
		*out = r;
	return rc;
}

enum err_code store_release_list(struct store *s,
	enum err_code (*each)(void *arg, const struct release_row *r), void *arg, struct err *e)
{
	struct query q = query_start(s, Q_RELEASE_LIST,
		"SELECT " RELEASE_COLUMNS " FROM release ORDER BY rowid");
	enum err_code stopped = ERR_OK;
	while (stopped == ERR_OK && query_next(&q)) {
		struct release_row r;
		release_read(&q, &r);
		if (!q.damaged)
			stopped = each(arg, &r);
	}
	return query_end_each(&q, stopped, "releases", e);
}

enum err_code store_release_set_published(struct store *s, const char *id, int64_t at,
	struct bytes signature, struct err *e)
{
	int64_t changed;
	struct query q = query_start(s, Q_RELEASE_PUBLISH,
		"UPDATE release SET state = 1, published_at = ?, signature = ? "
		"WHERE id = ? AND state = 0");
	bind_num(&q, at);
	bind_bytes(&q, signature);
	bind_text(&q, id);
	enum err_code rc = query_change(&q, id, &changed, e);
	if (rc != ERR_OK || changed == 1)
		return rc;
	struct release_row r;
	rc = store_release_get(s, id, &r, NULL, NULL, e);
	return rc != ERR_OK ? rc : err_set(e, ERR_RELEASE_STATE, id, "it is published already");
}

enum err_code store_release_signature(struct store *s, const char *id, struct buf *out,
	struct err *e)
{
	struct query q = query_start(s, Q_RELEASE_SIGNATURE,
		"SELECT signature FROM release WHERE id = ? AND state = 1");
	bind_text(&q, id);
	bool found = query_next(&q);
	if (found)
		buf_bytes(out, column_bytes(&q));
	enum err_code rc = query_end_one(&q, found, id, e);
	return rc != ERR_OK ? rc : buf_end(out, e, id);
}

/* The run of digits at `*p` as a number, without leading zeros, for comparison by length. */
static size_t digits(const char **p)
{
	while (**p == '0' && (*p)[1] >= '0' && (*p)[1] <= '9')
		(*p)++;
	size_t n = 0;
	while ((*p)[n] >= '0' && (*p)[n] <= '9')
		n++;
	return n;
}

/* "1.10.0" is above "1.9.3": runs of digits compare as numbers, all else as bytes. */
static int version_compare(const char *a, const char *b)
{
	while (*a != '\0' && *b != '\0') {
		size_t na = digits(&a);
		size_t nb = digits(&b);
		int order = na != nb ? (na < nb ? -1 : 1) : memcmp(a, b, na);
		if (order != 0)
			return order;
		a += na;
		b += nb;
		if (na > 0)
			continue;
		if (*a != *b)
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		a++;
		b++;
	}
	return *a != '\0' ? 1 : *b != '\0' ? -1 : 0;
}

enum err_code store_release_newest(struct store *s, const char *product, struct release_row *out,
	struct err *e)
{
	struct release_row best = {0};
	bool found = false;
	struct query q = query_start(s, Q_RELEASE_NEWEST,
		"SELECT " RELEASE_COLUMNS " FROM release WHERE state = 1 AND product = ? "
		"ORDER BY security_counter DESC");
	bind_text(&q, product);
	while (query_next(&q)) {
		struct release_row r;
		release_read(&q, &r);
		if (found && r.security_counter < best.security_counter)
			break;
		if (!found || version_compare(r.version, best.version) > 0)
			best = r;
		found = true;
	}
	enum err_code rc = query_end_one(&q, found, product, e);
	if (rc == ERR_OK)
		*out = best;
	return rc;
}

enum err_code store_approval_add(struct store *s, const char *release_id,
	const char *operator_name, int64_t at, struct bytes envelope, struct err *e)
{
	struct query q = query_start(s, Q_APPROVAL_ADD,
		"INSERT INTO approval (release, operator, at, envelope) VALUES (?, ?, ?, ?)");
	bind_text(&q, release_id);
	bind_text(&q, operator_name);
	bind_num(&q, at);
	bind_bytes(&q, envelope);
	enum err_code rc = query_change(&q, release_id, NULL, e);
	return rc != ERR_EXISTS ? rc
				: err_set(e, ERR_APPROVAL_TWICE, release_id, "by %s",
					  operator_name);
}

enum err_code store_approval_list(struct store *s, const char *release_id,
	enum err_code (*each)(void *arg, const char *operator_name, int64_t at,
		struct bytes envelope),
	void *arg, struct err *e)
{
	struct query q = query_start(s, Q_APPROVAL_LIST,
		"SELECT operator, at, envelope FROM approval WHERE release = ? ORDER BY rowid");
	bind_text(&q, release_id);
	enum err_code stopped = ERR_OK;
	while (stopped == ERR_OK && query_next(&q)) {
		char name[OPERATOR_MAX + 1];
		column_text(&q, name, sizeof(name));
		int64_t at = column_num(&q);
		struct bytes envelope = column_bytes(&q);
		if (!q.damaged)
			stopped = each(arg, name, at, envelope);
	}
	return query_end_each(&q, stopped, release_id, e);
}
