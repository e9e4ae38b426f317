#include "cli/ceremony.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/entry.h"
#include "cli/file.h"
#include "crypto/passphrase.h"
#include "crypto/random.h"
#include "x509/crl.h"

/* The root is carried away, so its CRL lives long; `medseal operator crl` makes the next one. */
#define ROOT_CRL_LIFETIME ((int64_t)400 * 86400)

enum err_code ceremony_cert(const struct ceremony_cert *c, const struct key *subject,
	const struct key *issuer, struct bytes issuer_der, struct buf *der, struct err *e)
{
	struct buf spki = buf_new(KEY_SPKI_MAX);
	struct cert_fields f = {.profile = c->profile,
		.organization = c->realm,
		.common_name = c->common_name,
		.not_before = c->now,
		.names = c->names,
		.crl_url = c->crl_url};
	enum err_code rc = random_bytes(f.serial, sizeof(f.serial), e);

	if (rc == ERR_OK)
		rc = key_spki(subject, &spki, e);
	if (rc == ERR_OK) {
		f.spki = buf_view(&spki);
		rc = cert_build(&f, issuer, issuer_der, der, e);
	}
	buf_free(&spki);
	return rc;
}

enum err_code cert_write(const char *dir, const char *part, struct bytes der, struct err *e)
{
	struct buf pem = buf_new(2 * CERT_DER_MAX);
	char path[PATH_MAX];
	enum err_code rc = path_join(path, dir, part, e);

	if (rc == ERR_OK)
		rc = cert_to_pem(der, &pem, e);
	if (rc == ERR_OK)
		rc = disk_write_new(path, 0644, buf_view(&pem), e);
	buf_free(&pem);
	return rc;
}

enum err_code root_make(const char *realm, int64_t now, struct root *out, struct err *e)
{
	char name[CERT_NAME_MAX + 1];
	struct ceremony_cert c = {.profile = PROFILE_ROOT, .realm = realm, .common_name = name,
		.now = now};
	struct root r = {.der = buf_new(CERT_DER_MAX)};
	enum err_code rc;

	snprintf(name, sizeof(name), "%.57s root", realm);
	rc = key_generate(KEY_P384, &r.key, e);
	if (rc == ERR_OK)
		rc = ceremony_cert(&c, r.key, r.key, BYTES_NONE, &r.der, e);
	if (rc != ERR_OK) {
		root_free(&r);
		return rc;
	}
	*out = r;
	return ERR_OK;
}

enum err_code root_save(const struct root *r, const char *dir, struct bytes passphrase,
	struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = path_join(path, dir, ROOT_KEY_FILE, e);

	if (rc == ERR_OK)
		rc = key_save(r->key, path, passphrase, e);
	if (rc == ERR_OK)
		rc = cert_write(dir, ROOT_CERT_FILE, buf_view(&r->der), e);
	return rc;
}

enum err_code root_load(const char *dir, const char *passphrase_file, struct root *out,
	struct err *e)
{
	struct root r = {.der = buf_new(CERT_DER_MAX)};
	struct buf passphrase = buf_new_secret(PASSPHRASE_MAX);
	struct cert cert = {0};
	uint8_t id[SHA256_SIZE];
	char path[PATH_MAX];
	enum err_code rc = path_join(path, dir, ROOT_CERT_FILE, e);

	if (rc == ERR_OK)
		rc = cert_load(path, &cert, e);
	if (rc == ERR_OK)
		rc = passphrase_read(passphrase_file, "medseal-root", "Passphrase of the root key",
			false, &passphrase, e);
	if (rc == ERR_OK)
		rc = path_join(path, dir, ROOT_KEY_FILE, e);
	if (rc == ERR_OK)
		rc = key_load(path, buf_view(&passphrase), &r.key, e);
	if (rc == ERR_OK)
		rc = key_id(r.key, id, e);
	if (rc == ERR_OK && memcmp(id, cert.spki_id, sizeof(id)) != 0)
		rc = err_set(e, ERR_KEY_FORMAT, path, "it is not the key of %s", ROOT_CERT_FILE);
	if (rc == ERR_OK) {
		buf_bytes(&r.der, cert.der);
		rc = buf_end(&r.der, e, path);
	}
	cert_free(&cert);
	buf_free(&passphrase);
	if (rc != ERR_OK) {
		root_free(&r);
		return rc;
	}
	*out = r;
	return ERR_OK;
}

void root_free(struct root *r)
{
	key_free(r->key);
	r->key = NULL;
	buf_free(&r->der);
}

enum err_code operator_name_check(const char *name, struct err *e)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(name);

	if (len == 0 || len > OPERATOR_MAX || strchr(first, name[0]) == NULL ||
		strspn(name, rest) != len)
		return err_set(e, ERR_USAGE, name,
			"an operator's name is 1 to %d of a-z 0-9 . _ - and starts with a letter "
			"or digit",
			OPERATOR_MAX);
	return ERR_OK;
}

static enum err_code operator_texts(const struct ceremony_operator *o, const char *dir,
	struct err *e)
{
	struct buf text = buf_new(4096);
	char path[PATH_MAX];
	enum err_code rc = path_join(path, dir, "client.conf", e);

	buf_printf(&text,
		"# Where the server of this realm listens for operators: HOST:PORT. The host must be\n"
		"# one of the names in the server's certificate.\n"
		"server = %s\n",
		o->server);
	if (rc == ERR_OK)
		rc = buf_end(&text, e, path);
	if (rc == ERR_OK)
		rc = disk_write_new(path, 0644, buf_view(&text), e);
	buf_reset(&text);
	buf_printf(&text, "%s\n", o->log_vkey);
	if (rc == ERR_OK)
		rc = path_join(path, dir, "log.vkey", e);
	if (rc == ERR_OK)
		rc = buf_end(&text, e, path);
	if (rc == ERR_OK)
		rc = disk_write_new(path, 0644, buf_view(&text), e);
	buf_free(&text);
	return rc;
}

enum err_code ceremony_operator(const struct ceremony_operator *o, const struct root *root,
	const char *dir, struct buf *der, struct err *e)
{
	struct ceremony_cert c = {.profile = PROFILE_OPERATOR, .realm = o->realm,
		.common_name = o->name, .now = o->now};
	struct key *key = NULL;
	struct bytes chain = buf_view(&root->der);
	char path[PATH_MAX];
	enum err_code rc = key_generate(KEY_P256, &key, e);

	if (rc == ERR_OK)
		rc = ceremony_cert(&c, key, root->key, buf_view(&root->der), der, e);
	if (rc == ERR_OK)
		rc = path_join(path, dir, "key.pem", e);
	if (rc == ERR_OK)
		rc = key_save(key, path, o->passphrase, e);
	if (rc == ERR_OK)
		rc = cert_write(dir, "cert.pem", buf_view(der), e);
	if (rc == ERR_OK)
		rc = cert_write(dir, "ca.pem", buf_view(&root->der), e);
	if (rc == ERR_OK)
		rc = path_join(path, dir, "operator.p12", e);
	if (rc == ERR_OK)
		rc = cert_save_pkcs12(key, buf_view(der), &chain, 1, o->name, o->passphrase, path,
			e);
	if (rc == ERR_OK)
		rc = operator_texts(o, dir, e);
	key_free(key);
	return rc;
}

struct revoked_list {
	struct store *store;
	struct crl_entry *entries;
	size_t n, room;
	struct err *e;
};

/* When the log says that it happened. */
static enum err_code revoked_when(struct store *s, const char *name, int64_t *at, struct err *e)
{
	struct buf line = buf_new(ENTRY_MAX);
	struct merkle_hash leaf;
	struct entry en;
	uint64_t seq;
	enum err_code rc = store_log_find(s, "operator.revoked", name, &seq, e);

	if (rc == ERR_OK)
		rc = store_log_get(s, seq, &line, &leaf, e);
	if (rc == ERR_OK)
		rc = entry_parse(buf_view(&line), &en, e);
	if (rc == ERR_OK)
		*at = en.time;
	buf_free(&line);
	return rc;
}

static enum err_code each_operator(void *arg, const struct operator_row *o, struct bytes der)
{
	struct revoked_list *l = arg;
	struct cert cert;
	struct crl_entry *entry;
	enum err_code rc;

	if (!o->revoked)
		return ERR_OK;
	if (l->n == l->room) {
		size_t room = l->room == 0 ? 16 : 2 * l->room;
		struct crl_entry *more = reallocarray(l->entries, room, sizeof(*more));
		if (more == NULL)
			return err_set(l->e, ERR_NO_MEMORY, NULL, "for the root's CRL");
		l->entries = more;
		l->room = room;
	}
	entry = &l->entries[l->n];
	*entry = (struct crl_entry){.reason = 0};
	rc = revoked_when(l->store, o->name, &entry->revoked_at, l->e);
	if (rc != ERR_OK)
		return rc;
	rc = cert_parse(der, &cert, l->e);
	if (rc != ERR_OK)
		return rc;
	memcpy(entry->serial, cert.serial, sizeof(entry->serial));
	cert_free(&cert);
	l->n++;
	return ERR_OK;
}

enum err_code ceremony_root_crl(const struct root *root, struct store *s, int64_t now,
	struct buf *der, struct err *e)
{
	struct revoked_list list = {.store = s, .e = e};
	uint64_t number = 0;
	enum err_code rc = store_operator_list(s, each_operator, &list, e);

	if (rc == ERR_OK) /* every new CRL comes with an entry: the size only grows */
		rc = store_log_size(s, &number, e);
	if (rc == ERR_OK) {
		struct crl_fields f = {.number = number,
			.this_update = now,
			.next_update = now + ROOT_CRL_LIFETIME,
			.entries = list.entries,
			.entries_n = list.n};
		rc = crl_build(&f, root->key, buf_view(&root->der), der, e);
	}
	free(list.entries);
	return rc;
}
