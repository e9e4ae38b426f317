#include "server/peer.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/key.h"
#include "ipc/message.h"
#include "x509/view.h"

struct maker {
	char name[MANUFACTURER_MAX + 1];
	struct cert cert;
};

static struct cert root;
static struct cert issuing;
static struct maker *makers;
static size_t makers_n;

#define SUBJECT_MAX MESSAGE_NAME_MAX

enum err_code peer_setup(const struct realm *r, struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = realm_path(r->dir, "certs/root.pem", path, e);
	if (rc == ERR_OK)
		rc = cert_load(path, &root, e);
	if (rc == ERR_OK)
		rc = realm_path(r->dir, "certs/issuing.pem", path, e);
	if (rc == ERR_OK)
		rc = cert_load(path, &issuing, e);
	return rc;
}

struct bytes peer_root_der(void)
{
	return root.der;
}

struct bytes peer_issuing_der(void)
{
	return issuing.der;
}

size_t peer_manufacturers(void)
{
	return makers_n;
}

static void makers_free(struct maker *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cert_free(&m[i].cert);
	free(m);
}

static enum err_code read_maker(struct reader *in, struct maker *out, struct err *e)
{
	struct bytes name = read_field(in, MANUFACTURER_MAX);
	struct bytes der = read_field(in, CERT_DER_MAX);
	if (in->bad || name.len == 0)
		return err_set(e, ERR_PROTOCOL, "trust", "the list is not well formed");
	*out = (struct maker){.name = ""};
	memcpy(out->name, name.p, name.len);
	enum err_code rc = cert_parse(der, &out->cert, e);
	if (rc == ERR_OK)
		rc = cert_prepare(&out->cert, e);
	if (rc != ERR_OK)
		cert_free(&out->cert);
	return rc;
}

enum err_code peer_trust(struct bytes list, struct err *e)
{
	struct reader in = reader_of(list);
	struct maker *made = NULL;
	size_t n = 0;
	size_t room = 0;
	enum err_code rc = ERR_OK;
	while (rc == ERR_OK && reader_left(&in) > 0) {
		if (n == room) {
			room = room == 0 ? 16 : 2 * room;
			struct maker *more = realloc(made, room * sizeof(*made));
			if (more == NULL) {
				rc = err_set(e, ERR_NO_MEMORY, "trust", "%zu entries", room);
				break;
			}
			made = more;
		}
		rc = read_maker(&in, &made[n], e);
		if (rc == ERR_OK)
			n++;
	}
	if (rc != ERR_OK) {
		makers_free(made, n);
		return rc;
	}
	makers_free(makers, makers_n);
	makers = made;
	makers_n = n;
	return ERR_OK;
}

/* A stranger's certificate must not cost a check against each of a thousand manufacturers. */
static bool is_named(const struct maker *m, const struct cert *between, size_t between_n,
	const struct cert *leaf)
{
	bool named = cert_names_issuer(leaf, &m->cert);
	for (size_t i = 0; i < between_n && !named; i++)
		named = cert_names_issuer(&between[i], &m->cert);
	return named;
}

/* One manufacturer after the other: which one it was is part of the answer. */
static void try_makers(const struct cert *between, size_t between_n, int64_t now, struct peer *p)
{
	for (size_t i = 0; i < makers_n; i++) {
		struct err e;
		if (!is_named(&makers[i], between, between_n, &p->cert))
			continue;
		enum err_code rc = cert_check_chain(&p->cert, between, between_n, &makers[i].cert, 1,
			now, PROFILE_COUNT, false, ERR_PEER_UNTRUSTED, &e);
		if (rc == ERR_OK) {
			p->refusal = ERR_OK;
			p->kind = PEER_MANUFACTURER;
			memcpy(p->manufacturer, makers[i].name, sizeof(p->manufacturer));
			return;
		}
		/* "expired" says more than "unknown": the chain was right. */
		if (p->refusal == ERR_PEER_UNTRUSTED) {
			p->refusal = rc;
			p->why = e;
		}
	}
}

static void identify_device(const struct cert *between, size_t between_n, int64_t now,
	struct peer *p)
{
	p->refusal = cert_check_chain(&p->cert, NULL, 0, &issuing, 1, now, PROFILE_DEVICE, true,
		ERR_PEER_UNTRUSTED, &p->why);
	if (p->refusal == ERR_OK)
		p->kind = PEER_REALM;
	else if (p->refusal == ERR_PEER_UNTRUSTED)
		try_makers(between, between_n, now, p);
}

/* The keeper looks at an IDevID's key (authority/keydoor.h). */
static enum err_code take_spki(struct peer *p)
{
	struct cert_view v;
	enum err_code rc = cert_view_parse(p->cert.der, &v, NULL);
	if (rc == ERR_OK)
		buf_bytes(&p->spki, v.spki);
	return rc != ERR_OK ? rc : p->spki.bad ? ERR_LIMIT : ERR_OK;
}

void peer_identify(struct tls *t, enum listener l, int64_t now, struct peer *out)
{
	struct cert between[TLS_BETWEEN_MAX];
	size_t between_n = 0;
	*out = (struct peer){.kind = PEER_NONE, .subject = buf_new(SUBJECT_MAX),
		.san = buf_new(SUBJECT_MAX), .spki = buf_new(KEY_SPKI_MAX)};
	out->refusal = tls_client(t, &out->cert, between, &between_n, &out->why);
	if (out->refusal == ERR_NOT_FOUND) {
		out->refusal = err_set(&out->why, ERR_AUTH_REQUIRED, "client", "%s",
			"no certificate was sent");
		return;
	}
	if (out->refusal != ERR_OK) {
		out->refusal = err_set(&out->why, ERR_PEER_UNTRUSTED, "client",
			"its certificate cannot be read");
		return;
	}
	out->sent = true;
	if (l == LISTEN_ADMIN)
		out->refusal = cert_check_chain(&out->cert, NULL, 0, &root, 1, now, PROFILE_OPERATOR,
			true, ERR_PEER_UNTRUSTED, &out->why);
	else
		identify_device(between, between_n, now, out);
	for (size_t i = 0; i < between_n; i++)
		cert_free(&between[i]);
	if (out->refusal != ERR_OK)
		return;
	if (cert_subject(&out->cert, &out->subject, &out->why) != ERR_OK ||
		cert_san(&out->cert, &out->san, &out->why) != ERR_OK || out->subject.bad ||
		out->san.bad) {
		out->refusal = err_set(&out->why, ERR_PEER_UNTRUSTED, "client",
			"its subject is too large");
		out->kind = PEER_NONE;
	} else if (out->kind == PEER_MANUFACTURER && take_spki(out) != ERR_OK) {
		out->refusal = err_set(&out->why, ERR_PEER_UNTRUSTED, "client",
			"its key is longer than %d octets", KEY_SPKI_MAX);
		out->kind = PEER_NONE;
	}
}

enum err_code peer_check(const struct peer *p, int64_t now, struct err *e)
{
	if (p->refusal != ERR_OK) {
		*e = p->why;
		return p->refusal;
	}
	if (now < p->cert.not_before || now > p->cert.not_after)
		return err_set(e, ERR_PEER_EXPIRED, p->cert.common_name,
			"it was valid when the connection began");
	return ERR_OK;
}

void peer_free(struct peer *p)
{
	if (p == NULL)
		return;
	if (p->sent)
		cert_free(&p->cert);
	buf_free(&p->subject);
	buf_free(&p->san);
	buf_free(&p->spki);
}
