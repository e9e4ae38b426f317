/*
 * Opening the realm's keys.  Each rests under its own salt, so each costs a derivation (scrypt,
 * about 50 ms): they run side by side, in threads that are gone before the sandbox closes.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/files.h"
#include "server/signer.h"

/* The root revokes people and CAs, not devices: some hundred entries. */
#define ROOT_CRL_MAX ((size_t)1 << 20)

/* Blocks of this size, in bytes, are mapped each for itself; no request needs one. */
#define LARGE_BLOCK (1 << 20)

struct opening {
	const char *part; /* "keys/issuing.pem" */
	const char *dir;
	struct bytes passphrase;
	struct key **out;
	bool started;
	pthread_t thread;
	enum err_code rc;
	struct err err;
};

static void *open_key(void *arg)
{
	struct opening *o = arg;
	char path[PATH_MAX];

	o->rc = realm_path(o->dir, o->part, path, &o->err);
	if (o->rc == ERR_OK)
		o->rc = key_load(path, o->passphrase, o->out, &o->err);
	return NULL;
}

/* All keys, or none and the first error. */
static enum err_code open_keys(const char *dir, struct bytes passphrase, struct signer *s,
	struct err *e)
{
	struct opening all[] = {
		{.part = "keys/issuing.pem", .out = &s->issuing},
		{.part = "keys/code-signing.pem", .out = &s->code_signing},
		{.part = "keys/log.pem", .out = &s->log},
		{.part = "keys/tls.pem", .out = &s->tls},
	};
	size_t n = sizeof(all) / sizeof(all[0]);
	enum err_code rc = ERR_OK;

	/* A derivation's 16 MiB are mapped and go back to the kernel; without a fixed threshold the
	 * second one may come from a heap that keeps them. */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
	for (size_t i = 0; i < n; i++) {
		all[i].dir = dir;
		all[i].passphrase = passphrase;
		all[i].started = pthread_create(&all[i].thread, NULL, open_key, &all[i]) == 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (all[i].started)
			(void)pthread_join(all[i].thread, NULL);
		else
			open_key(&all[i]); /* no thread to be had: one after the other */
		if (all[i].rc != ERR_OK && rc == ERR_OK) {
			rc = all[i].rc;
			if (e != NULL)
				*e = all[i].err;
		}
	}
	return rc;
}

/* Is this the key of that certificate? */
static enum err_code check_pair(const struct key *k, const struct cert *c, const char *name,
	struct err *e)
{
	uint8_t id[SHA256_SIZE];
	enum err_code rc = key_id(k, id, e);
	if (rc == ERR_OK && memcmp(id, c->spki_id, sizeof(id)) != 0)
		rc = err_set(e, ERR_KEY_FORMAT, name, "key and certificate are not of one pair");
	return rc;
}

/* Does everything in the folder belong together?  A mistake is found now, not at a signature. */
static enum err_code check_realm(const struct signer *s, const struct cert *tls, struct err *e)
{
	int64_t now = clock_now(s->clock);
	/* A clock that stands at 1970 is no reason not to start: nothing is signed then. */
	int64_t issuing_at = clock_believable(now) ? now : s->issuing_cert.not_before;
	int64_t code_at = clock_believable(now) ? now : s->code_signing_cert.not_before;

	enum err_code rc = check_pair(s->issuing, &s->issuing_cert, "issuing", e);
	if (rc == ERR_OK)
		rc = check_pair(s->code_signing, &s->code_signing_cert, "code-signing", e);
	if (rc == ERR_OK)
		rc = check_pair(s->tls, tls, "tls", e);
	if (rc == ERR_OK)
		rc = cert_check_chain(&s->issuing_cert, NULL, 0, &s->root, 1, issuing_at,
			PROFILE_COUNT, true, ERR_PEER_UNTRUSTED, e);
	if (rc == ERR_OK)
		rc = cert_check_chain(&s->code_signing_cert, NULL, 0, &s->root, 1, code_at,
			PROFILE_CODE_SIGNING, true, ERR_PEER_UNTRUSTED, e);
	return rc;
}

/* The log's name, and that it is this log key's. */
static enum err_code check_log_key(const char *dir, struct signer *s, struct err *e)
{
	struct note_key known, ours;
	enum err_code rc = files_log_key(dir, &known, e);
	if (rc == ERR_OK)
		rc = note_key_make(known.name, s->log, &ours, e);
	if (rc == ERR_OK && memcmp(known.pub, ours.pub, sizeof(known.pub)) != 0)
		rc = err_set(e, ERR_KEY_FORMAT, "log", "certs/log.vkey is not of keys/log.pem");
	if (rc == ERR_OK)
		memcpy(s->origin, known.name, sizeof(s->origin));
	return rc;
}

static enum err_code open_certs(const char *dir, struct signer *s, struct err *e)
{
	struct cert tls = {0};
	enum err_code rc = files_cert(dir, "certs/root.pem", &s->root, e);
	if (rc == ERR_OK)
		rc = files_cert(dir, "certs/issuing.pem", &s->issuing_cert, e);
	if (rc == ERR_OK)
		rc = files_cert(dir, "certs/code-signing.pem", &s->code_signing_cert, e);
	if (rc == ERR_OK)
		rc = files_cert(dir, "certs/tls.pem", &tls, e);
	if (rc == ERR_OK)
		rc = files_root_crl(dir, &s->root_crl, e);
	if (rc == ERR_OK)
		rc = check_realm(s, &tls, e);
	if (rc == ERR_OK)
		rc = key_spki(s->tls, &s->tls_spki, e);
	cert_free(&tls);
	return rc;
}

enum err_code signer_open(const struct realm *r, struct bytes passphrase, struct clock clock,
	struct signer *out, struct err *e)
{
	const struct config *c = &r->config;
	struct signer s = {
		.root_crl = buf_new(ROOT_CRL_MAX),
		.tls_spki = buf_new(KEY_SPKI_MAX),
		.server_names_n = c->server_names_n,
		.approvals = c->approvals > SIGNER_APPROVALS_FLOOR ? c->approvals
								    : SIGNER_APPROVALS_FLOOR,
		.clock = clock,
		.released = calloc(SIGNER_PRODUCTS_MAX, sizeof(*s.released)),
	};
	enum err_code rc = ERR_OK;

	memcpy(s.realm, c->name, sizeof(s.realm));
	memcpy(s.server_names, c->server_names, sizeof(s.server_names));
	if (s.released == NULL)
		rc = err_set(e, ERR_NO_MEMORY, "signer", "%d products", SIGNER_PRODUCTS_MAX);
	if (rc == ERR_OK)
		rc = open_keys(r->dir, passphrase, &s, e);
	if (rc == ERR_OK)
		rc = open_certs(r->dir, &s, e);
	if (rc == ERR_OK)
		rc = check_log_key(r->dir, &s, e);
	if (rc != ERR_OK) {
		signer_free(&s);
		return rc;
	}
	*out = s;
	return ERR_OK;
}

void signer_free(struct signer *s)
{
	if (s == NULL)
		return;
	key_free(s->issuing);
	key_free(s->code_signing);
	key_free(s->log);
	key_free(s->tls);
	cert_free(&s->root);
	cert_free(&s->issuing_cert);
	cert_free(&s->code_signing_cert);
	buf_free(&s->root_crl);
	buf_free(&s->tls_spki);
	free(s->released);
	memset(s, 0, sizeof(*s));
}
