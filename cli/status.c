/* medseal status: everything in a realm, from its folder (read only) or from its server. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/log.h"
#include "authority/realm.h"
#include "cli/call.h"
#include "cli/file.h"
#include "cli/trust.h"

struct status {
	const char *dir;
	struct realm *realm;
	struct store *store;
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;
	yyjson_mut_val *list; /* that a callback fills */
	uint64_t proposed, published;
	struct err *e;
};

static void add_hex(yyjson_mut_doc *doc, yyjson_mut_val *o, const char *key, const uint8_t *p,
	size_t len)
{
	char hex[2 * SHA256_SIZE + 1];

	hex_encode(p, len, hex);
	yyjson_mut_obj_add_strcpy(doc, o, key, hex);
}

static void add_time(yyjson_mut_doc *doc, yyjson_mut_val *o, const char *key, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	clock_print(at, text);
	yyjson_mut_obj_add_strcpy(doc, o, key, text);
}

static void add_config(struct status *s)
{
	const struct config *c = &s->realm->config;
	yyjson_mut_val *o;

	yyjson_mut_obj_add_str(s->doc, s->root, "realm", c->name);
	yyjson_mut_obj_add_str(s->doc, s->root, "dir", s->dir);
	yyjson_mut_obj_add_str(s->doc, s->root, "version", MEDSEAL_VERSION);
	o = yyjson_mut_obj_add_obj(s->doc, s->root, "listen");
	yyjson_mut_obj_add_str(s->doc, o, "est", c->listen_est);
	yyjson_mut_obj_add_str(s->doc, o, "est_compat", c->listen_est_compat);
	yyjson_mut_obj_add_str(s->doc, o, "admin", c->listen_admin);
	o = yyjson_mut_obj_add_obj(s->doc, s->root, "policy");
	yyjson_mut_obj_add_uint(s->doc, o, "approvals", c->approvals);
	yyjson_mut_obj_add_int(s->doc, o, "ticket_lifetime", c->ticket_lifetime);
	yyjson_mut_obj_add_int(s->doc, o, "ticket_lifetime_max", c->ticket_lifetime_max);
	yyjson_mut_obj_add_int(s->doc, o, "crl_lifetime", c->crl_lifetime);
	yyjson_mut_obj_add_uint(s->doc, o, "image_max", c->image_max);
}

static enum err_code add_keys(struct status *s, struct err *e)
{
	static const char *const names[] = {"issuing", "code-signing", "log", "tls"};
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(s->doc, s->root, "keys");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char part[64], path[PATH_MAX], mode[8];
		struct stat st;
		yyjson_mut_val *o;
		snprintf(part, sizeof(part), "keys/%s.pem", names[i]);
		enum err_code rc = path_join(path, s->dir, part, e);
		if (rc != ERR_OK)
			return rc;
		o = yyjson_mut_arr_add_obj(s->doc, list);
		yyjson_mut_obj_add_str(s->doc, o, "key", names[i]);
		yyjson_mut_obj_add_strcpy(s->doc, o, "file", part);
		if (stat(path, &st) != 0)
			return err_sys(e, ERR_NOT_FOUND, path, errno, "a key of the realm");
		snprintf(mode, sizeof(mode), "%04o", (unsigned)st.st_mode & 07777);
		yyjson_mut_obj_add_strcpy(s->doc, o, "mode", mode);
	}
	return ERR_OK;
}

static enum err_code add_certs(struct status *s, struct err *e)
{
	static const char *const names[] = {"root", "issuing", "code-signing", "tls"};
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(s->doc, s->root, "certificates");
	int64_t now = clock_now(clock_system());

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char part[64], path[PATH_MAX];
		struct cert c;
		yyjson_mut_val *o;
		snprintf(part, sizeof(part), "certs/%s.pem", names[i]);
		enum err_code rc = path_join(path, s->dir, part, e);
		if (rc == ERR_OK)
			rc = cert_load(path, &c, e);
		if (rc != ERR_OK)
			return rc;
		o = yyjson_mut_arr_add_obj(s->doc, list);
		yyjson_mut_obj_add_str(s->doc, o, "certificate", names[i]);
		yyjson_mut_obj_add_strcpy(s->doc, o, "subject", c.common_name);
		yyjson_mut_obj_add_strcpy(s->doc, o, "serial", c.serial);
		add_time(s->doc, o, "not_after", c.not_after);
		yyjson_mut_obj_add_int(s->doc, o, "days_left", (c.not_after - now) / 86400);
		add_hex(s->doc, o, "sha256", c.fingerprint, sizeof(c.fingerprint));
		cert_free(&c);
	}
	return ERR_OK;
}

static enum err_code each_operator(void *arg, const struct operator_row *row, struct bytes der)
{
	struct status *s = arg;
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(s->doc, s->list);
	struct cert c;
	enum err_code rc = cert_parse(der, &c, s->e);

	if (rc != ERR_OK)
		return rc;
	yyjson_mut_obj_add_strcpy(s->doc, o, "operator", row->name);
	yyjson_mut_obj_add_bool(s->doc, o, "revoked", row->revoked);
	add_time(s->doc, o, "added_at", row->added_at);
	add_time(s->doc, o, "not_after", c.not_after);
	add_hex(s->doc, o, "sha256", row->fingerprint, sizeof(row->fingerprint));
	cert_free(&c);
	return ERR_OK;
}

static enum err_code each_manufacturer(void *arg, const struct manufacturer *m)
{
	struct status *s = arg;
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(s->doc, s->list);
	uint8_t digest[SHA256_SIZE];

	sha256_of(m->cert_der, digest);
	yyjson_mut_obj_add_strcpy(s->doc, o, "manufacturer", m->name);
	add_time(s->doc, o, "added_at", m->added_at);
	add_hex(s->doc, o, "sha256", digest, sizeof(digest));
	return ERR_OK;
}

static enum err_code each_release(void *arg, const struct release_row *r)
{
	struct status *s = arg;

	if (r->state == RELEASE_PUBLISHED)
		s->published++;
	else
		s->proposed++;
	return ERR_OK;
}

static enum err_code add_counts(struct status *s, struct err *e)
{
	static const char *const states[] = {"registered", "enrolled", "revoked"};
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(s->doc, s->root, "devices");
	uint64_t n;
	enum err_code rc = ERR_OK;

	for (int i = 0; i < 3 && rc == ERR_OK; i++) {
		rc = store_device_count(s->store, (enum device_state)i, &n, e);
		if (rc == ERR_OK)
			yyjson_mut_obj_add_uint(s->doc, o, states[i], n);
	}
	if (rc == ERR_OK)
		rc = store_cert_count(s->store, &n, e);
	if (rc == ERR_OK) {
		yyjson_mut_obj_add_uint(s->doc, s->root, "certificates_issued", n);
		rc = store_release_list(s->store, each_release, s, e);
	}
	if (rc == ERR_OK) {
		o = yyjson_mut_obj_add_obj(s->doc, s->root, "releases");
		yyjson_mut_obj_add_uint(s->doc, o, "proposed", s->proposed);
		yyjson_mut_obj_add_uint(s->doc, o, "published", s->published);
	}
	return rc;
}

static enum err_code add_log(struct status *s, struct err *e)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(s->doc, s->root, "log");
	struct buf vkey = buf_new(NOTE_MAX), note = buf_new(NOTE_MAX);
	struct checkpoint cp;
	struct note_key k;
	char path[PATH_MAX];
	uint64_t size;
	enum err_code rc = path_join(path, s->dir, "certs/log.vkey", e);

	if (rc == ERR_OK)
		rc = trust_log_key(path, &k, e);
	if (rc == ERR_OK)
		rc = note_key_print(&k, &vkey, e);
	if (rc == ERR_OK)
		rc = store_log_size(s->store, &size, e);
	if (rc == ERR_OK) {
		yyjson_mut_obj_add_strcpy(s->doc, o, "origin", k.name);
		yyjson_mut_obj_add_strcpy(s->doc, o, "key", buf_cstr(&vkey));
		yyjson_mut_obj_add_uint(s->doc, o, "size", size);
		rc = store_checkpoint_newest(s->store, &size, &note, e);
	}
	if (rc == ERR_OK)
		rc = checkpoint_check(buf_view(&note), &k, &cp, e);
	if (rc == ERR_OK) {
		yyjson_mut_obj_add_uint(s->doc, o, "checkpoint_size", cp.size);
		add_hex(s->doc, o, "checkpoint_root", cp.root.b, sizeof(cp.root.b));
	}
	buf_free(&vkey);
	buf_free(&note);
	return rc;
}

static enum err_code add_lists(struct status *s, struct err *e)
{
	enum err_code rc;

	s->list = yyjson_mut_obj_add_arr(s->doc, s->root, "operators");
	rc = store_operator_list(s->store, each_operator, s, e);
	if (rc != ERR_OK)
		return rc;
	s->list = yyjson_mut_obj_add_arr(s->doc, s->root, "manufacturers");
	return store_manufacturer_list(s->store, each_manufacturer, s, e);
}

static enum err_code offline(const struct cli *c, const char *dir, struct err *e)
{
	struct status s = {.dir = dir, .e = e, .realm = calloc(1, sizeof(*s.realm))};
	char path[PATH_MAX];
	enum err_code rc;

	if (s.realm == NULL)
		return err_set(e, ERR_NO_MEMORY, NULL, "for the realm");
	s.doc = yyjson_mut_doc_new(NULL);
	s.root = yyjson_mut_obj(s.doc);
	yyjson_mut_doc_set_root(s.doc, s.root);
	rc = realm_open(dir, s.realm, e);
	if (rc == ERR_OK)
		rc = path_join(path, dir, "medseal.db", e);
	if (rc == ERR_OK)
		rc = store_open_read_only(path, &s.store, e);
	if (rc == ERR_OK) {
		add_config(&s);
		rc = add_keys(&s, e);
	}
	if (rc == ERR_OK)
		rc = add_certs(&s, e);
	if (rc == ERR_OK)
		rc = add_lists(&s, e);
	if (rc == ERR_OK)
		rc = add_counts(&s, e);
	if (rc == ERR_OK)
		rc = add_log(&s, e);
	store_close(s.store);
	if (rc == ERR_OK)
		rc = out_doc(c, s.doc, e);
	else
		yyjson_mut_doc_free(s.doc);
	free(s.realm);
	return rc;
}

/* One list of the API into the status that is being put together. */
static enum err_code add_reply(struct client *cl, const char *path, const char *key,
	yyjson_mut_doc *doc, yyjson_mut_val *o, struct err *e)
{
	yyjson_doc *reply = NULL;
	enum err_code rc = client_json(cl, path, BYTES_NONE, &reply, e);

	if (rc != ERR_OK)
		return rc;
	yyjson_mut_obj_add_val(doc, o, key,
		yyjson_val_mut_copy(doc, yyjson_obj_get(yyjson_doc_get_root(reply), key)));
	yyjson_doc_free(reply);
	return ERR_OK;
}

static enum err_code online(const struct cli *c, struct err *e)
{
	struct session s;
	yyjson_mut_doc *doc;
	yyjson_mut_val *o;
	yyjson_doc *reply = NULL;
	enum err_code rc = session_open(c, &s, e);

	if (rc != ERR_OK)
		return rc;
	rc = client_json(s.client, "/v1/status", BYTES_NONE, &reply, e);
	doc = yyjson_mut_doc_new(NULL);
	o = yyjson_val_mut_copy(doc, yyjson_doc_get_root(reply));
	yyjson_doc_free(reply);
	yyjson_mut_doc_set_root(doc, o);
	if (rc == ERR_OK)
		rc = add_reply(s.client, "/v1/operators", "operators", doc, o, e);
	if (rc == ERR_OK)
		rc = add_reply(s.client, "/v1/manufacturers", "manufacturers", doc, o, e);
	if (rc == ERR_OK)
		rc = add_reply(s.client, "/v1/releases", "releases", doc, o, e);
	session_close(&s);
	if (rc == ERR_OK)
		return out_doc(c, doc, e);
	yyjson_mut_doc_free(doc);
	return rc;
}

static enum err_code run(struct cli *c, const struct arg_operands *o, struct err *e)
{
	if (o->n == 1)
		return offline(c, o->v[0], e);
	if (c->operator_dir == NULL)
		return err_set(e, ERR_USAGE, "status",
			"name the realm's folder, or --operator to ask its server");
	return online(c, e);
}

const struct command command_status = {
	.words = "status",
	.operands = "[DIR]",
	.max = 1,
	.summary = "List everything in a realm, from its folder or from its server",
	.online = true,
	.run = run,
};
