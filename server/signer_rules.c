/*
 * What the signer makes for the keeper: device and server certificates, CRLs, checkpoints.  Each
 * rule holds whatever the keeper says; docs/design/signer.md gives the reason for each.
 */
#include <stdlib.h>
#include <string.h>

#include "server/signer.h"
#include "server/signer_call.h"
#include "server/wire.h"

static bool near(int64_t a, int64_t b)
{
	return a - b <= SIGNER_CLOCK_SLACK && b - a <= SIGNER_CLOCK_SLACK;
}

/* Is the time that the keeper names the signer's own time, and is that one believable? */
static enum err_code check_now(const struct signer *s, int64_t at, struct err *e)
{
	int64_t now = clock_now(s->clock);
	if (!clock_believable(now))
		return err_set(e, ERR_CLOCK, "signer", "the system clock says %lld", (long long)now);
	if (at < 0 || at > INT64_MAX / 2 || !near(at, now))
		return err_set(e, ERR_SIGNER_REFUSED, "time", "%lld is not now (%lld)",
			(long long)at, (long long)now);
	return ERR_OK;
}

static bool is_our_name(const struct signer *s, const char *name)
{
	for (size_t i = 0; i < s->server_names_n; i++) {
		if (strcmp(s->server_names[i], name) == 0)
			return true;
	}
	return false;
}

/* A server certificate is for this server: its own names, its own TLS key. */
static enum err_code check_server(const struct signer *s, const struct cert_fields *f,
	struct err *e)
{
	if (!bytes_equal(f->spki, buf_view(&s->tls_spki)))
		return err_set(e, ERR_PROTOCOL, "sign-cert", "a server certificate for a foreign key");
	for (const char *const *n = f->names; n != NULL && *n != NULL; n++) {
		if (!is_our_name(s, *n))
			return err_set(e, ERR_PROTOCOL, "sign-cert",
				"a server certificate for the foreign name %s", *n);
	}
	return ERR_OK;
}

static enum err_code check_validity(const struct signer *s, struct cert_fields *f, struct err *e)
{
	enum err_code rc = check_now(s, f->not_before, e);
	if (rc != ERR_OK)
		return rc;
	int64_t longest = f->not_before + profile_row(f->profile)->lifetime;
	if (f->not_after == 0)
		f->not_after = longest;
	if (f->not_after > s->issuing_cert.not_after)
		f->not_after = s->issuing_cert.not_after; /* RFC 5280 §6.1: no use after it */
	if (f->not_after <= f->not_before || f->not_after > longest)
		return err_set(e, ERR_SIGNER_REFUSED, "validity",
			"not within the lifetime of profile %s", profile_row(f->profile)->name);
	return ERR_OK;
}

enum err_code signer_sign_cert(struct signer *s, const struct message *in, struct buf *made,
	struct err *e)
{
	struct wire_cert c;
	enum err_code rc = wire_cert_get(in, &c, e);
	if (rc != ERR_OK)
		return rc;
	const struct profile_row *row = profile_row(c.fields.profile);
	if (!row->online || row->ca || row->issuer != PROFILE_ISSUING)
		return err_set(e, ERR_PROTOCOL, "sign-cert", "profile %s is made offline only",
			row->name);
	if (c.fields.organization == NULL || strcmp(c.fields.organization, s->realm) != 0)
		return err_set(e, ERR_PROTOCOL, "sign-cert", "the organization is not this realm");
	if (c.fields.profile == PROFILE_SERVER)
		rc = check_server(s, &c.fields, e);
	if (rc == ERR_OK)
		rc = check_validity(s, &c.fields, e);
	if (rc == ERR_OK)
		rc = cert_build(&c.fields, s->issuing, s->issuing_cert.der, made, e);
	return rc;
}

enum err_code signer_sign_crl(struct signer *s, const struct message *in, struct buf *made,
	struct err *e)
{
	struct crl_fields f;
	enum err_code rc = call_crl_parse(in, &f, e);
	if (rc != ERR_OK)
		return rc;
	if (f.number <= s->crl_number)
		rc = err_set(e, ERR_SIGNER_REFUSED, "crl", "number %llu after %llu",
			(unsigned long long)f.number, (unsigned long long)s->crl_number);
	else
		rc = check_now(s, f.this_update, e);
	if (rc == ERR_OK && (f.next_update <= f.this_update ||
		f.next_update - f.this_update > SIGNER_CRL_LIFETIME_MAX))
		rc = err_set(e, ERR_SIGNER_REFUSED, "crl", "next update outside the lifetime");
	if (rc == ERR_OK)
		rc = crl_build(&f, s->issuing, s->issuing_cert.der, made, e);
	if (rc == ERR_OK)
		s->crl_number = f.number;
	free((void *)f.entries);
	return rc;
}

/* One line of history: never smaller, never another tree of the same size. */
static enum err_code check_growth(const struct signer *s, const struct checkpoint *c,
	struct err *e)
{
	const struct checkpoint *last = &s->checkpoint;
	if (!s->has_checkpoint || c->size > last->size)
		return ERR_OK;
	if (c->size < last->size)
		return err_set(e, ERR_SIGNER_REFUSED, "checkpoint", "size %llu after %llu",
			(unsigned long long)c->size, (unsigned long long)last->size);
	if (memcmp(&c->root, &last->root, sizeof(c->root)) != 0)
		return err_set(e, ERR_SIGNER_REFUSED, "checkpoint",
			"another tree of the same size %llu", (unsigned long long)c->size);
	return ERR_OK;
}

enum err_code signer_sign_checkpoint(struct signer *s, const struct message *in, struct buf *made,
	struct err *e)
{
	struct checkpoint c = {.size = in->f[1].num};
	struct bytes origin = in->f[0].bytes;
	struct bytes root = in->f[2].bytes;
	struct buf text = buf_new(NOTE_MAX);

	if (!bytes_equal(origin, bytes_str(s->origin)))
		return err_set(e, ERR_PROTOCOL, "checkpoint", "another log's origin");
	if (root.len != sizeof(c.root.b))
		return err_set(e, ERR_PROTOCOL, "checkpoint", "a root of %zu bytes", root.len);
	memcpy(c.origin, s->origin, sizeof(c.origin));
	memcpy(c.root.b, root.p, sizeof(c.root.b));
	enum err_code rc = check_growth(s, &c, e);
	if (rc == ERR_OK)
		rc = checkpoint_encode(&c, &text, e);
	if (rc == ERR_OK)
		rc = key_sign(s->log, buf_view(&text), made, e);
	buf_free(&text);
	if (rc == ERR_OK) {
		s->checkpoint = c;
		s->has_checkpoint = true;
	}
	return rc;
}

/* Every request there is, who may make it, and what answers it. */
static const struct rule {
	enum message_type request;
	enum role from;
	enum message_type answer;
	enum err_code (*make)(struct signer *s, const struct message *in, struct buf *made,
		struct err *e);
} rules[] = {
	{MSG_TLS_SIGN, ROLE_WORKER, MSG_TLS_SIGNED, signer_tls_sign},
	{MSG_SIGN_CERT, ROLE_KEEPER, MSG_SIGNED, signer_sign_cert},
	{MSG_SIGN_CRL, ROLE_KEEPER, MSG_SIGNED, signer_sign_crl},
	{MSG_SIGN_RELEASE, ROLE_KEEPER, MSG_SIGNED, signer_sign_release},
	{MSG_SIGN_CHECKPOINT, ROLE_KEEPER, MSG_SIGNED, signer_sign_checkpoint},
};

enum err_code signer_answer(struct signer *s, enum role from, const struct message *in,
	struct buf *mem, struct message *out, struct err *e)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].request != in->type || rules[i].from != from)
			continue;
		buf_reset(mem);
		enum err_code rc = rules[i].make(s, in, mem, e);
		if (rc != ERR_OK)
			return rc;
		*out = (struct message){.type = rules[i].answer, .id = in->id, .fd = -1, .n = 1};
		out->f[0].bytes = buf_view(mem);
		return ERR_OK;
	}
	return err_set(e, ERR_PROTOCOL, message_name(in->type), "nobody of that role may ask this");
}
