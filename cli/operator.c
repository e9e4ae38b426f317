/*
 * medseal operator: the people.  Their certificates are the root's, so adding and revoking them is
 * done with the root's key, on the realm's folder, while the server is stopped.
 */
#include <stdlib.h>
#include <string.h>

#include "audit/log.h"
#include "authority/realm.h"
#include "cli/call.h"
#include "cli/ceremony.h"
#include "cli/file.h"
#include "cli/trust.h"
#include "crypto/passphrase.h"

static struct {
	const char *realm, *root, *out, *root_passphrase_file, *operator_passphrase;
	const char *admin_address;
} opt;

#define REALM_ARG                                                                                  \
	{"realm", 0, ARG_TEXT, true, &opt.realm, "DIR", "the realm's folder; its server is stopped"}
#define ROOT_ARGS                                                                                  \
	{"root", 0, ARG_TEXT, true, &opt.root, "DIR", "the folder with the root's key"},           \
	{                                                                                          \
		"root-passphrase-file", 0, ARG_TEXT, false, &opt.root_passphrase_file, "FILE",     \
			"passphrase of the root's key; else asked"                                 \
	}

static enum err_code run_list(struct cli *c, const struct arg_operands *o, struct err *e)
{
	(void)o;
	return call_print(c, "/v1/operators", BYTES_NONE, e);
}

const struct command command_operator_list = {
	.words = "operator list",
	.operands = "",
	.summary = "List the operators",
	.online = true,
	.run = run_list,
};

/* ---- an open realm ---- */

struct offline {
	struct realm *realm;
	struct store *store;
	struct root root;
	struct note_key log_key;
	struct audit_state log;
	struct buf vkey;
	int64_t now;
};

static void offline_close(struct offline *off)
{
	store_close(off->store);
	root_free(&off->root);
	buf_free(&off->vkey);
	free(off->realm);
}

static enum err_code read_vkey(const char *dir, struct buf *out, struct note_key *k, struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = path_join(path, dir, "certs/log.vkey", e);

	if (rc == ERR_OK)
		rc = trust_log_key(path, k, e);
	if (rc == ERR_OK)
		rc = note_key_print(k, out, e);
	return rc;
}

/* Is the root that we were given the one that this realm was made with? */
static enum err_code check_root(struct offline *off, struct err *e)
{
	struct cert cert;
	char path[PATH_MAX];
	enum err_code rc = path_join(path, opt.realm, "certs/root.pem", e);

	if (rc == ERR_OK)
		rc = cert_load(path, &cert, e);
	if (rc != ERR_OK)
		return rc;
	if (!bytes_equal(cert.der, buf_view(&off->root.der)))
		rc = err_set(e, ERR_PEER_UNTRUSTED, opt.root, "it is the root of another realm");
	cert_free(&cert);
	return rc;
}

static enum err_code offline_open(struct offline *off, struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc;

	*off = (struct offline){.vkey = buf_new(NOTE_MAX), .now = clock_now(clock_system())};
	if (!clock_believable(off->now))
		return err_set(e, ERR_CLOCK, NULL, "set it first");
	off->realm = calloc(1, sizeof(*off->realm));
	if (off->realm == NULL)
		return err_set(e, ERR_NO_MEMORY, NULL, "for the realm");
	rc = realm_open(opt.realm, off->realm, e);
	if (rc == ERR_OK)
		rc = path_join(path, opt.realm, "medseal.db", e);
	if (rc == ERR_OK)
		rc = store_open(path, &off->store, e);
	if (rc == ERR_OK)
		rc = read_vkey(opt.realm, &off->vkey, &off->log_key, e);
	if (rc == ERR_OK)
		rc = audit_open(off->store, &off->log_key, &off->log, e);
	if (rc == ERR_OK)
		rc = root_load(opt.root, opt.root_passphrase_file, &off->root, e);
	if (rc == ERR_OK)
		rc = check_root(off, e);
	if (rc != ERR_OK)
		offline_close(off);
	return rc;
}

/* ---- the root's CRL ---- */

static enum err_code write_crl(struct offline *off, struct err *e)
{
	struct buf der = buf_new(BUF_MAX_DEFAULT);
	char path[PATH_MAX];
	enum err_code rc = ceremony_root_crl(&off->root, off->store, off->now, &der, e);

	if (rc == ERR_OK)
		rc = path_join(path, opt.realm, "certs/root.crl", e);
	if (rc == ERR_OK)
		rc = disk_replace(path, 0644, buf_view(&der), e);
	buf_free(&der);
	return rc;
}

/* ---- add ---- */

static const struct arg add_args[] = {
	REALM_ARG,
	ROOT_ARGS,
	{"out", 0, ARG_TEXT, true, &opt.out, "DIR", "new folder for the operator's identity"},
	{"operator-passphrase-file", 0, ARG_TEXT, false, &opt.operator_passphrase, "FILE",
		"passphrase of the operator's new key; else asked"},
	{"admin-address", 0, ARG_TEXT, false, &opt.admin_address, "HOST:PORT",
		"what the operator connects to; else the first server name and that port"},
	{.name = NULL},
};

static enum err_code record_added(struct offline *off, const char *name, const struct buf *der,
	struct err *e)
{
	struct operator_row row = {.added_at = off->now};
	struct entry en;
	enum err_code rc;

	snprintf(row.name, sizeof(row.name), "%s", name);
	sha256_of(buf_view(der), row.fingerprint);
	entry_start(&en, off->now, "operator.added", "root", name);
	entry_detail_hex(&en, "cert", bytes_of(row.fingerprint, sizeof(row.fingerprint)));
	rc = store_operator_add(off->store, &row, buf_view(der), e);
	if (rc == ERR_OK)
		rc = audit_append(off->store, &off->log, &en, e);
	return rc;
}

static void admin_address(const struct config *c, char *out, size_t size)
{
	const char *port = strrchr(c->listen_admin, ':');
	const char *name = c->server_names_n > 0 ? c->server_names[0] : "localhost";
	bool v6 = strchr(name, ':') != NULL;

	snprintf(out, size, "%s%s%s%s", v6 ? "[" : "", name, v6 ? "]" : "",
		port != NULL ? port : "");
}

static enum err_code make_operator(struct offline *off, const char *name, struct folder *folder,
	struct buf *der, struct err *e)
{
	struct buf passphrase = buf_new_secret(PASSPHRASE_MAX);
	char address[2 * CONFIG_ADDRESS_MAX];
	struct ceremony_operator o = {.realm = off->realm->config.name,
		.name = name,
		.server = opt.admin_address != NULL ? opt.admin_address : address,
		.log_vkey = buf_cstr(&off->vkey),
		.now = off->now};
	enum err_code rc = passphrase_read(opt.operator_passphrase, NULL,
		"New passphrase of the operator", true, &passphrase, e);

	admin_address(&off->realm->config, address, sizeof(address));
	o.passphrase = buf_view(&passphrase);
	if (rc == ERR_OK)
		rc = ceremony_operator(&o, &off->root, folder->temp, der, e);
	buf_free(&passphrase);
	return rc;
}

static enum err_code report(const struct cli *c, const char *name, const struct buf *der,
	const char *dir, struct err *e)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc);
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	yyjson_mut_doc_set_root(doc, o);
	yyjson_mut_obj_add_str(doc, o, "name", name);
	if (der != NULL) {
		sha256_of(buf_view(der), digest);
		hex_encode(digest, sizeof(digest), hex);
		yyjson_mut_obj_add_str(doc, o, "cert", hex);
	}
	if (dir != NULL)
		yyjson_mut_obj_add_str(doc, o, "dir", dir);
	return out_doc(c, doc, e);
}

static enum err_code run_add(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct offline off;
	struct folder folder = {0};
	struct buf der = buf_new(CERT_DER_MAX);
	enum err_code rc = operator_name_check(o->v[0], e);

	if (rc == ERR_OK)
		rc = offline_open(&off, e);
	if (rc != ERR_OK)
		return rc;
	rc = folder_start(&folder, opt.out, e);
	if (rc == ERR_OK)
		rc = make_operator(&off, o->v[0], &folder, &der, e);
	if (rc == ERR_OK)
		rc = store_begin(off.store, e);
	if (rc == ERR_OK) {
		rc = record_added(&off, o->v[0], &der, e);
		if (rc == ERR_OK)
			rc = folder_keep(&folder, e);
		if (rc == ERR_OK)
			rc = store_commit(off.store, e);
		else
			store_rollback(off.store);
	}
	if (rc == ERR_OK)
		rc = report(c, o->v[0], &der, folder.path, e);
	else
		folder_drop(&folder);
	buf_free(&der);
	offline_close(&off);
	return rc;
}

const struct command command_operator_add = {
	.words = "operator add",
	.operands = "NAME",
	.min = 1,
	.max = 1,
	.summary = "Certify another operator, with the root's key",
	.args = add_args,
	.run = run_add,
};

/* ---- revoke, crl ---- */

static const struct arg crl_args[] = {
	REALM_ARG,
	ROOT_ARGS,
	{.name = NULL},
};

struct wanted {
	const char *name;
	bool revoked;
};

static enum err_code each_operator(void *arg, const struct operator_row *row, struct bytes der)
{
	struct wanted *w = arg;

	(void)der;
	if (strcmp(row->name, w->name) == 0)
		w->revoked = row->revoked;
	return ERR_OK;
}

static enum err_code record_revoked(struct offline *off, const char *name, struct err *e)
{
	struct wanted w = {name, false};
	struct entry en;
	enum err_code rc = store_operator_list(off->store, each_operator, &w, e);

	if (rc == ERR_OK && w.revoked)
		rc = err_set(e, ERR_OPERATOR_REVOKED, name, "already; nothing was changed");
	if (rc == ERR_OK)
		rc = store_operator_revoke(off->store, name, e);
	entry_start(&en, off->now, "operator.revoked", "root", name);
	if (rc == ERR_OK)
		rc = audit_append(off->store, &off->log, &en, e);
	return rc;
}

static enum err_code record_crl(struct offline *off, const char *name, struct err *e)
{
	struct entry en;

	entry_start(&en, off->now, "root.crl", "root", name);
	return audit_append(off->store, &off->log, &en, e);
}

/* The new CRL is written inside the transaction: there is never a row without it. */
static enum err_code change(const char *name,
	enum err_code (*record)(struct offline *, const char *, struct err *), struct err *e)
{
	struct offline off;
	enum err_code rc = offline_open(&off, e);

	if (rc != ERR_OK)
		return rc;
	rc = store_begin(off.store, e);
	if (rc == ERR_OK) {
		rc = record(&off, name != NULL ? name : off.realm->config.name, e);
		if (rc == ERR_OK)
			rc = write_crl(&off, e);
		if (rc == ERR_OK)
			rc = store_commit(off.store, e);
		else
			store_rollback(off.store);
	}
	offline_close(&off);
	return rc;
}

static enum err_code run_revoke(struct cli *c, const struct arg_operands *o, struct err *e)
{
	enum err_code rc = change(o->v[0], record_revoked, e);

	return rc == ERR_OK ? report(c, o->v[0], NULL, NULL, e) : rc;
}

const struct command command_operator_revoke = {
	.words = "operator revoke",
	.operands = "NAME",
	.min = 1,
	.max = 1,
	.summary = "Revoke an operator for good, with the root's key",
	.args = crl_args,
	.run = run_revoke,
};

static enum err_code run_crl(struct cli *c, const struct arg_operands *o, struct err *e)
{
	(void)o;
	(void)c;
	return change(NULL, record_crl, e);
}

const struct command command_operator_crl = {
	.words = "operator crl",
	.operands = "",
	.summary = "Make the root's next CRL, before the present one ends",
	.args = crl_args,
	.run = run_crl,
};
