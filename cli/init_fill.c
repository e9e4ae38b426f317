/* What `medseal init` makes: keys, certificates, the operators' folders, configuration, database. */
#include <string.h>
#include <unistd.h>

#include "audit/log.h"
#include "cli/init.h"

/* ---- keys and certificates ---- */

static enum err_code certify(struct init *in, enum profile profile, const char *suffix,
	const struct key *subject, struct buf *der, struct err *e)
{
	char name[CERT_NAME_MAX + 1];
	struct ceremony_cert c = {.profile = profile, .realm = in->config.name,
		.common_name = name, .now = in->now};

	snprintf(name, sizeof(name), "%.*s %s", (int)(CERT_NAME_MAX - 1 - strlen(suffix)),
		in->config.name, suffix);
	return ceremony_cert(&c, subject, in->root.key, buf_view(&in->root.der), der, e);
}

static enum err_code certify_server(struct init *in, struct err *e)
{
	const char *names[CONFIG_NAMES_MAX + 1] = {NULL};
	struct ceremony_cert c = {.profile = PROFILE_SERVER, .realm = in->config.name,
		.common_name = in->config.server_names[0], .names = names, .now = in->now,
		.crl_url = in->config.crl_url[0] != '\0' ? in->config.crl_url : NULL};

	for (size_t i = 0; i < in->config.server_names_n; i++)
		names[i] = in->config.server_names[i];
	return ceremony_cert(&c, in->tls, in->issuing, buf_view(&in->issuing_der), &in->tls_der, e);
}

static enum err_code make_keys(struct init *in, struct err *e)
{
	enum err_code rc = root_make(in->config.name, in->now, &in->root, e);

	if (rc == ERR_OK)
		rc = key_generate(KEY_P256, &in->issuing, e);
	if (rc == ERR_OK)
		rc = key_generate(KEY_P256, &in->code_signing, e);
	if (rc == ERR_OK)
		rc = key_generate(KEY_P256, &in->tls, e);
	if (rc == ERR_OK)
		rc = key_generate(KEY_ED25519, &in->log, e);
	if (rc == ERR_OK)
		rc = certify(in, PROFILE_ISSUING, "issuing CA", in->issuing, &in->issuing_der, e);
	if (rc == ERR_OK)
		rc = certify(in, PROFILE_CODE_SIGNING, "code signing", in->code_signing,
			&in->code_signing_der, e);
	if (rc == ERR_OK)
		rc = certify_server(in, e);
	if (rc == ERR_OK)
		rc = note_key_make(in->origin, in->log, &in->log_key, e);
	if (rc == ERR_OK)
		rc = note_key_print(&in->log_key, &in->vkey, e);
	return rc;
}

static enum err_code save_keys(struct init *in, struct err *e)
{
	const struct {
		const struct key *key;
		const char *part;
	} all[] = {{in->issuing, "keys/issuing.pem"}, {in->code_signing, "keys/code-signing.pem"},
		{in->log, "keys/log.pem"}, {in->tls, "keys/tls.pem"}};
	char path[PATH_MAX];
	enum err_code rc = folder_mkdir(&in->realm, "keys", e);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && rc == ERR_OK; i++) {
		rc = path_join(path, in->realm.temp, all[i].part, e);
		if (rc == ERR_OK)
			rc = key_save(all[i].key, path, buf_view(&in->passphrase), e);
	}
	return rc;
}

static enum err_code save_certs(struct init *in, struct err *e)
{
	const char *dir = in->realm.temp;
	struct buf line = buf_new(NOTE_ORIGIN_MAX + 128);
	char path[PATH_MAX];
	enum err_code rc = folder_mkdir(&in->realm, "certs", e);

	if (rc == ERR_OK)
		rc = cert_write(dir, "certs/root.pem", buf_view(&in->root.der), e);
	if (rc == ERR_OK)
		rc = cert_write(dir, "certs/issuing.pem", buf_view(&in->issuing_der), e);
	if (rc == ERR_OK)
		rc = cert_write(dir, "certs/code-signing.pem", buf_view(&in->code_signing_der), e);
	if (rc == ERR_OK)
		rc = cert_write(dir, "certs/tls.pem", buf_view(&in->tls_der), e);
	buf_printf(&line, "%s\n", buf_cstr(&in->vkey));
	if (rc == ERR_OK)
		rc = buf_end(&line, e, "log.vkey");
	if (rc == ERR_OK)
		rc = path_join(path, dir, "certs/log.vkey", e);
	if (rc == ERR_OK)
		rc = disk_write_new(path, 0644, buf_view(&line), e);
	buf_free(&line);
	return rc;
}

static enum err_code save_operators(struct init *in, struct err *e)
{
	enum err_code rc = ERR_OK;

	for (size_t i = 0; i < in->people->n && rc == ERR_OK; i++) {
		struct ceremony_operator o = {.realm = in->config.name,
			.name = in->people->v[i],
			.server = in->admin_address,
			.log_vkey = buf_cstr(&in->vkey),
			.now = in->now,
			.passphrase = buf_view(&in->operator_passphrase[i])};
		char dir[PATH_MAX];
		rc = folder_mkdir(&in->operators, o.name, e);
		if (rc == ERR_OK)
			rc = path_join(dir, in->operators.temp, o.name, e);
		if (rc == ERR_OK)
			rc = ceremony_operator(&o, &in->root, dir, &in->operator_der[i], e);
	}
	return rc;
}

/* ---- the database ---- */

static void detail_fingerprint(struct entry *en, const char *key, const struct buf *der)
{
	uint8_t digest[SHA256_SIZE];

	sha256_of(buf_view(der), digest);
	entry_detail_hex(en, key, bytes_of(digest, sizeof(digest)));
}

static enum err_code log_realm(struct init *in, struct store *s, struct audit_state *log,
	struct err *e)
{
	struct entry en;

	entry_start(&en, in->now, "realm.created", "init", in->config.name);
	detail_fingerprint(&en, "root", &in->root.der);
	detail_fingerprint(&en, "issuing", &in->issuing_der);
	detail_fingerprint(&en, "code_signing", &in->code_signing_der);
	detail_fingerprint(&en, "tls", &in->tls_der);
	entry_detail(&en, "log_key", buf_cstr(&in->vkey));
	return audit_append(s, log, &en, e);
}

static enum err_code add_operator(struct init *in, struct store *s, struct audit_state *log,
	size_t i, struct err *e)
{
	struct operator_row row = {.added_at = in->now};
	struct entry en;
	enum err_code rc;

	snprintf(row.name, sizeof(row.name), "%s", in->people->v[i]);
	sha256_of(buf_view(&in->operator_der[i]), row.fingerprint);
	rc = store_operator_add(s, &row, buf_view(&in->operator_der[i]), e);
	if (rc != ERR_OK)
		return rc;
	entry_start(&en, in->now, "operator.added", "root", row.name);
	detail_fingerprint(&en, "cert", &in->operator_der[i]);
	return audit_append(s, log, &en, e);
}

/* The server's certificate is one that the realm has issued, so it stands among them. */
static enum err_code add_server_cert(struct init *in, struct store *s, struct err *e)
{
	struct cert c;
	struct cert_row row = {.profile = PROFILE_SERVER, .state = CERT_ISSUED,
		.issued_at = in->now};
	enum err_code rc = cert_parse(buf_view(&in->tls_der), &c, e);

	if (rc != ERR_OK)
		return rc;
	memcpy(row.serial, c.serial, sizeof(row.serial));
	memcpy(row.fingerprint, c.fingerprint, sizeof(row.fingerprint));
	memcpy(row.spki_id, c.spki_id, sizeof(row.spki_id));
	row.not_before = c.not_before;
	row.not_after = c.not_after;
	cert_free(&c);
	return store_cert_add(s, &row, buf_view(&in->tls_der), e);
}

static enum err_code add_checkpoint(struct init *in, struct store *s,
	const struct audit_state *log, struct err *e)
{
	struct checkpoint c;
	struct buf text = buf_new(NOTE_MAX), sig = buf_new(64), note = buf_new(NOTE_MAX);
	enum err_code rc;

	audit_checkpoint(log, &c);
	rc = checkpoint_encode(&c, &text, e);
	if (rc == ERR_OK)
		rc = key_sign(in->log, buf_view(&text), &sig, e);
	if (rc == ERR_OK && sig.len != 64)
		rc = err_set(e, ERR_INTERNAL, "checkpoint", "an Ed25519 signature has 64 bytes");
	if (rc == ERR_OK)
		rc = note_encode(buf_view(&text), &in->log_key, sig.p, &note, e);
	if (rc == ERR_OK)
		rc = store_checkpoint_add(s, c.size, buf_view(&note), e);
	buf_free(&text);
	buf_free(&sig);
	buf_free(&note);
	return rc;
}

static enum err_code fill_store(struct init *in, struct store *s, struct err *e)
{
	struct audit_state log;
	enum err_code rc = store_meta_set(s, "name", in->config.name, e);

	if (rc == ERR_OK)
		rc = store_meta_set(s, "log_origin", in->origin, e);
	if (rc == ERR_OK)
		rc = audit_open(s, &in->log_key, &log, e);
	if (rc == ERR_OK)
		rc = log_realm(in, s, &log, e);
	for (size_t i = 0; i < in->people->n && rc == ERR_OK; i++)
		rc = add_operator(in, s, &log, i, e);
	if (rc == ERR_OK)
		rc = add_server_cert(in, s, e);
	if (rc == ERR_OK)
		rc = add_checkpoint(in, s, &log, e);
	return rc;
}

static enum err_code save_root_crl(struct init *in, struct store *s, struct err *e)
{
	struct buf der = buf_new(BUF_MAX_DEFAULT);
	char path[PATH_MAX];
	enum err_code rc = ceremony_root_crl(&in->root, s, in->now, &der, e);

	if (rc == ERR_OK)
		rc = path_join(path, in->realm.temp, "certs/root.crl", e);
	if (rc == ERR_OK)
		rc = disk_write_new(path, 0644, buf_view(&der), e);
	buf_free(&der);
	return rc;
}

static enum err_code make_store(struct init *in, struct err *e)
{
	struct store *s = NULL;
	char path[PATH_MAX];
	enum err_code rc = path_join(path, in->realm.temp, "medseal.db", e);

	if (rc == ERR_OK)
		rc = store_create(path, &s, e);
	if (rc == ERR_OK)
		rc = store_begin(s, e);
	if (rc == ERR_OK) {
		rc = fill_store(in, s, e);
		if (rc == ERR_OK)
			rc = store_commit(s, e);
		else
			store_rollback(s);
	}
	if (rc == ERR_OK)
		rc = save_root_crl(in, s, e);
	store_close(s);
	return rc;
}

static enum err_code save_config(struct init *in, struct err *e)
{
	struct buf text = buf_new(CONFIG_FILE_MAX);
	char path[PATH_MAX];
	enum err_code rc = config_print(&in->config, &text, e);

	if (rc == ERR_OK)
		rc = path_join(path, in->realm.temp, "medseal.conf", e);
	if (rc == ERR_OK)
		rc = disk_write_new(path, 0600, buf_view(&text), e);
	buf_free(&text);
	return rc;
}

enum err_code init_fill(struct init *in, struct err *e)
{
	enum err_code rc = make_keys(in, e);

	if (rc == ERR_OK)
		rc = save_keys(in, e);
	if (rc == ERR_OK)
		rc = save_certs(in, e);
	if (rc == ERR_OK)
		rc = root_save(&in->root, in->root_folder.temp, buf_view(&in->root_passphrase), e);
	if (rc == ERR_OK)
		rc = save_operators(in, e);
	if (rc == ERR_OK)
		rc = folder_mkdir(&in->realm, "images", e);
	if (rc == ERR_OK)
		rc = save_config(in, e);
	if (rc == ERR_OK)
		rc = make_store(in, e);
	if (rc == ERR_OK && in->user != NULL && geteuid() == 0)
		rc = folder_chown(&in->realm, in->user, e);
	return rc;
}
