/*
 * medseal init: a realm, its root, and its operators, in three folders that appear whole or not at
 * all.  The realm's folder never sees the root's key or an operator's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/log.h"
#include "authority/realm.h"
#include "cli/ceremony.h"
#include "cli/file.h"
#include "cli/out.h"
#include "crypto/passphrase.h"

/* One proposes and two others approve: fewer people cannot publish anything. */
#define OPERATORS_MIN 3

static struct {
	const char *name, *root_out, *operators_out, *passphrase_file, *root_passphrase_file;
	const char *operator_passphrases, *listen_est, *listen_est_compat, *listen_admin;
	const char *user, *crl_url, *log_origin, *admin_address;
	struct arg_list operators, server_names;
	bool few_operators;
} opt;

static const struct arg args[] = {
	{"name", 'n', ARG_TEXT, true, &opt.name, "NAME", "the realm's name, in every certificate"},
	{"operator", 0, ARG_LIST, true, &opt.operators, "NAME",
		"a person; three or more, each with this option"},
	{"few-operators", 0, ARG_FLAG, false, &opt.few_operators, NULL,
		"accept fewer than three: then no release can be published"},
	{"server-name", 0, ARG_LIST, false, &opt.server_names, "NAME",
		"DNS name or address of the server; else localhost, 127.0.0.1, ::1"},
	{"root-out", 0, ARG_TEXT, false, &opt.root_out, "DIR",
		"folder for the root's key; else the realm's name with -root"},
	{"operators-out", 0, ARG_TEXT, false, &opt.operators_out, "DIR",
		"folder for the operators' keys; else the realm's with -operators"},
	{"passphrase-file", 0, ARG_TEXT, false, &opt.passphrase_file, "FILE",
		"passphrase of the server's keys; else asked"},
	{"root-passphrase-file", 0, ARG_TEXT, false, &opt.root_passphrase_file, "FILE",
		"passphrase of the root's key; else asked"},
	{"operator-passphrases", 0, ARG_TEXT, false, &opt.operator_passphrases, "DIR",
		"folder with a file NAME for each operator's passphrase; else asked"},
	{"listen-est", 0, ARG_TEXT, false, &opt.listen_est, "HOST:PORT", "where devices enrol"},
	{"listen-est-compat", 0, ARG_TEXT, false, &opt.listen_est_compat, "HOST:PORT",
		"the same for clients that have only TLS 1.2; else off"},
	{"listen-admin", 0, ARG_TEXT, false, &opt.listen_admin, "HOST:PORT",
		"where operators connect"},
	{"admin-address", 0, ARG_TEXT, false, &opt.admin_address, "HOST:PORT",
		"what operators connect to; else the first server name and that port"},
	{"user", 0, ARG_TEXT, false, &opt.user, "USER",
		"whom the server becomes when root starts it; owns the realm"},
	{"crl-url", 0, ARG_TEXT, false, &opt.crl_url, "URL",
		"where the CRL is fetched, written into certificates"},
	{"log-origin", 0, ARG_TEXT, false, &opt.log_origin, "NAME",
		"the log's own name; else medseal/ and the realm's name"},
	{.name = NULL},
};

struct init {
	int64_t now;
	struct config config;
	char origin[NOTE_ORIGIN_MAX + 1];
	char admin_address[CONFIG_ADDRESS_MAX];
	struct folder realm, root_folder, operators;
	struct buf passphrase, root_passphrase;
	struct buf operator_passphrase[ARG_LIST_MAX];
	struct root root;
	struct key *issuing, *code_signing, *log, *tls;
	struct buf issuing_der, code_signing_der, tls_der;
	struct buf operator_der[ARG_LIST_MAX];
	struct note_key log_key;
	struct buf vkey;
};

/* ---- what was asked for ---- */

static enum err_code check_operators(struct err *e)
{
	for (size_t i = 0; i < opt.operators.n; i++) {
		enum err_code rc = operator_name_check(opt.operators.v[i], e);
		if (rc != ERR_OK)
			return rc;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(opt.operators.v[i], opt.operators.v[j]) == 0)
				return err_set(e, ERR_USAGE, opt.operators.v[i],
					"this operator is named twice");
		}
	}
	if (opt.operators.n < OPERATORS_MIN && !opt.few_operators)
		return err_set(e, ERR_USAGE, "--operator",
			"%zu operators cannot publish a release: one proposes, two others approve; "
			"name %d, or say --few-operators",
			opt.operators.n, OPERATORS_MIN);
	return ERR_OK;
}

/* "Acme Pumps (EU)" -> "medseal/acme-pumps-eu": a C2SP key name has no white space and no plus. */
static enum err_code make_origin(struct init *in, struct err *e)
{
	size_t n;

	if (opt.log_origin != NULL) {
		n = strlen(opt.log_origin);
		if (n == 0 || n > NOTE_ORIGIN_MAX || strcspn(opt.log_origin, " \t\r\n+") != n)
			return err_set(e, ERR_USAGE, "--log-origin",
				"1 to %d characters without white space and '+'", NOTE_ORIGIN_MAX);
		memcpy(in->origin, opt.log_origin, n + 1);
		return ERR_OK;
	}
	snprintf(in->origin, sizeof(in->origin), "medseal/");
	n = strlen(in->origin);
	for (const char *p = opt.name; *p != '\0' && n < NOTE_ORIGIN_MAX; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9');
		bool upper = *p >= 'A' && *p <= 'Z';
		if (plain || upper)
			in->origin[n++] = upper ? (char)(*p - 'A' + 'a') : *p;
		else if (in->origin[n - 1] != '-' && in->origin[n - 1] != '/')
			in->origin[n++] = '-';
	}
	while (in->origin[n - 1] == '-')
		n--;
	if (in->origin[n - 1] == '/')
		snprintf(in->origin + n, sizeof(in->origin) - n, "realm");
	else
		in->origin[n] = '\0';
	return ERR_OK;
}

static enum err_code set_text(char *out, size_t size, const char *value, const char *option,
	struct err *e)
{
	if (value == NULL)
		return ERR_OK;
	if (strlen(value) >= size)
		return err_set(e, ERR_USAGE, option, "longer than %zu characters", size - 1);
	snprintf(out, size, "%s", value);
	return ERR_OK;
}

static enum err_code set_server_names(struct config *c, struct err *e)
{
	static const char *const local[] = {"localhost", "127.0.0.1", "::1"};
	const char *const *names = opt.server_names.n > 0 ? opt.server_names.v : local;
	size_t n = opt.server_names.n > 0 ? opt.server_names.n : sizeof(local) / sizeof(local[0]);
	enum err_code rc = ERR_OK;

	if (n > CONFIG_NAMES_MAX)
		return err_set(e, ERR_USAGE, "--server-name", "more than %d", CONFIG_NAMES_MAX);
	for (size_t i = 0; i < n && rc == ERR_OK; i++)
		rc = set_text(c->server_names[i], sizeof(c->server_names[i]), names[i],
			"--server-name", e);
	c->server_names_n = n;
	return rc;
}

/* Where operators find the server: what they were told, else name and port of the listener. */
static enum err_code set_admin_address(struct init *in, struct err *e)
{
	const char *name = in->config.server_names[0];
	const char *port = strrchr(in->config.listen_admin, ':');
	bool v6 = strchr(name, ':') != NULL;

	if (opt.admin_address != NULL)
		return set_text(in->admin_address, sizeof(in->admin_address), opt.admin_address,
			"--admin-address", e);
	if (port == NULL)
		return err_set(e, ERR_USAGE, "--listen-admin", "it is HOST:PORT");
	int n = snprintf(in->admin_address, sizeof(in->admin_address), "%s%s%s%s", v6 ? "[" : "",
		name, v6 ? "]" : "", port);
	if (n < 0 || (size_t)n >= sizeof(in->admin_address))
		return err_set(e, ERR_USAGE, "--server-name", "too long");
	return ERR_OK;
}

/* The configuration as a file would be read: a value it refuses is refused now. */
static enum err_code config_recheck(const struct config *c, struct buf *text, struct err *e)
{
	struct config *again = malloc(sizeof(*again));
	enum err_code rc;

	if (again == NULL)
		return err_set(e, ERR_NO_MEMORY, NULL, "for the configuration");
	rc = config_print(c, text, e);
	if (rc == ERR_OK)
		rc = config_parse("medseal.conf", buf_view(text), again, e);
	free(again);
	return rc;
}

static enum err_code plan(struct init *in, struct err *e)
{
	struct config *c = &in->config;
	struct buf text = buf_new(CONFIG_FILE_MAX);
	enum err_code rc;

	in->now = clock_now(clock_system());
	if (!clock_believable(in->now))
		return err_set(e, ERR_CLOCK, NULL, "set it before making certificates");
	config_default(c);
	rc = check_operators(e);
	if (rc == ERR_OK)
		rc = set_text(c->name, sizeof(c->name), opt.name, "--name", e);
	if (rc == ERR_OK)
		rc = set_text(c->listen_est, sizeof(c->listen_est), opt.listen_est, "--listen-est", e);
	if (rc == ERR_OK)
		rc = set_text(c->listen_est_compat, sizeof(c->listen_est_compat),
			opt.listen_est_compat, "--listen-est-compat", e);
	if (rc == ERR_OK)
		rc = set_text(c->listen_admin, sizeof(c->listen_admin), opt.listen_admin,
			"--listen-admin", e);
	if (rc == ERR_OK)
		rc = set_text(c->user, sizeof(c->user), opt.user, "--user", e);
	if (rc == ERR_OK)
		rc = set_text(c->crl_url, sizeof(c->crl_url), opt.crl_url, "--crl-url", e);
	if (rc == ERR_OK)
		rc = set_server_names(c, e);
	if (rc == ERR_OK)
		rc = set_admin_address(in, e);
	if (rc == ERR_OK)
		rc = make_origin(in, e);
	if (rc == ERR_OK)
		rc = config_recheck(c, &text, e);
	buf_free(&text);
	return rc;
}

static enum err_code start_folders(struct init *in, const char *dir, struct err *e)
{
	char root[PATH_MAX], operators[PATH_MAX];
	size_t len = strlen(dir);
	enum err_code rc;

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (len + sizeof("-operators") >= PATH_MAX)
		return err_set(e, ERR_USAGE, dir, "the path is too long");
	snprintf(root, sizeof(root), "%.*s-root", (int)len, dir);
	snprintf(operators, sizeof(operators), "%.*s-operators", (int)len, dir);
	rc = folder_start(&in->realm, dir, e);
	if (rc == ERR_OK)
		rc = folder_start(&in->root_folder, opt.root_out != NULL ? opt.root_out : root, e);
	if (rc == ERR_OK)
		rc = folder_start(&in->operators,
			opt.operators_out != NULL ? opt.operators_out : operators, e);
	return rc;
}

/* ---- passphrases ---- */

static enum err_code one_passphrase(const char *file, const char *credential, const char *prompt,
	const char *whose, struct buf *out, struct err *e)
{
	enum err_code rc = passphrase_read(file, credential, prompt, true, out, e);

	if (rc == ERR_OK && out->len < PASSPHRASE_MIN)
		rc = err_set(e, ERR_PASSPHRASE_WEAK, whose, "%d characters or more", PASSPHRASE_MIN);
	return rc;
}

static enum err_code read_passphrases(struct init *in, struct err *e)
{
	enum err_code rc = one_passphrase(opt.passphrase_file, "medseal-passphrase",
		"New passphrase of the server's keys", "the server's keys", &in->passphrase, e);

	if (rc == ERR_OK)
		rc = one_passphrase(opt.root_passphrase_file, "medseal-root",
			"New passphrase of the root's key", "the root's key",
			&in->root_passphrase, e);
	/* What opens the root must not lie on the server. */
	if (rc == ERR_OK && bytes_equal(buf_view(&in->passphrase), buf_view(&in->root_passphrase)))
		rc = err_set(e, ERR_PASSPHRASE_WEAK, "the root's key",
			"it must not be the passphrase of the server's keys");
	for (size_t i = 0; i < opt.operators.n && rc == ERR_OK; i++) {
		char path[PATH_MAX], prompt[OPERATOR_MAX + 64], credential[OPERATOR_MAX + 64];
		const char *name = opt.operators.v[i];
		snprintf(prompt, sizeof(prompt), "New passphrase of operator %s", name);
		snprintf(credential, sizeof(credential), "medseal-operator-%s", name);
		if (opt.operator_passphrases != NULL)
			rc = path_join(path, opt.operator_passphrases, name, e);
		if (rc == ERR_OK)
			rc = one_passphrase(opt.operator_passphrases != NULL ? path : NULL,
				credential, prompt, name, &in->operator_passphrase[i], e);
	}
	return rc;
}

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

	for (size_t i = 0; i < opt.operators.n && rc == ERR_OK; i++) {
		struct ceremony_operator o = {.realm = in->config.name,
			.name = opt.operators.v[i],
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

	snprintf(row.name, sizeof(row.name), "%s", opt.operators.v[i]);
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
	for (size_t i = 0; i < opt.operators.n && rc == ERR_OK; i++)
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

/* ---- all of it ---- */

static enum err_code fill(struct init *in, struct err *e)
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
	if (rc == ERR_OK && opt.user != NULL && geteuid() == 0)
		rc = folder_chown(&in->realm, opt.user, e);
	return rc;
}

/* The realm comes last: where it is, the other two are. */
static enum err_code keep(struct init *in, struct err *e)
{
	enum err_code rc = folder_keep(&in->root_folder, e);

	if (rc == ERR_OK)
		rc = folder_keep(&in->operators, e);
	if (rc == ERR_OK)
		rc = folder_keep(&in->realm, e);
	return rc;
}

static void add_digest(yyjson_mut_doc *doc, yyjson_mut_val *o, const char *name,
	const struct buf *der)
{
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	sha256_of(buf_view(der), digest);
	hex_encode(digest, sizeof(digest), hex);
	yyjson_mut_obj_add_strcpy(doc, o, name, hex);
}

static enum err_code report(const struct cli *c, struct init *in, struct err *e)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc), *certs, *people;
	enum err_code rc;

	yyjson_mut_doc_set_root(doc, o);
	yyjson_mut_obj_add_str(doc, o, "realm", in->config.name);
	yyjson_mut_obj_add_str(doc, o, "dir", in->realm.path);
	yyjson_mut_obj_add_str(doc, o, "root_dir", in->root_folder.path);
	yyjson_mut_obj_add_str(doc, o, "operators_dir", in->operators.path);
	yyjson_mut_obj_add_str(doc, o, "admin", in->admin_address);
	yyjson_mut_obj_add_str(doc, o, "log_key", buf_cstr(&in->vkey));
	certs = yyjson_mut_obj_add_obj(doc, o, "certificates");
	add_digest(doc, certs, "root", &in->root.der);
	add_digest(doc, certs, "issuing", &in->issuing_der);
	add_digest(doc, certs, "code-signing", &in->code_signing_der);
	add_digest(doc, certs, "tls", &in->tls_der);
	people = yyjson_mut_obj_add_obj(doc, o, "operators");
	for (size_t i = 0; i < opt.operators.n; i++)
		add_digest(doc, people, opt.operators.v[i], &in->operator_der[i]);
	rc = out_doc(c, doc, e);
	out_note(c,
		"\nNext:\n"
		"  1. Carry %s away, onto media that are kept offline, in two places. It is needed\n"
		"     again only to add or revoke operators.\n"
		"  2. Give each operator their own folder below %s, and remove it here.\n"
		"  3. Write down the log's key and the root's digest where an auditor finds them without\n"
		"     this machine.\n"
		"  4. Start the server: medseald --realm %s",
		in->root_folder.path, in->operators.path, in->realm.path);
	return rc;
}

static void init_free(struct init *in)
{
	buf_free(&in->passphrase);
	buf_free(&in->root_passphrase);
	for (size_t i = 0; i < ARG_LIST_MAX; i++) {
		buf_free(&in->operator_passphrase[i]);
		buf_free(&in->operator_der[i]);
	}
	root_free(&in->root);
	key_free(in->issuing);
	key_free(in->code_signing);
	key_free(in->log);
	key_free(in->tls);
	buf_free(&in->issuing_der);
	buf_free(&in->code_signing_der);
	buf_free(&in->tls_der);
	buf_free(&in->vkey);
	free(in);
}

static struct init *init_new(void)
{
	struct init *in = calloc(1, sizeof(*in));

	if (in == NULL)
		return NULL;
	in->passphrase = buf_new_secret(PASSPHRASE_MAX);
	in->root_passphrase = buf_new_secret(PASSPHRASE_MAX);
	for (size_t i = 0; i < ARG_LIST_MAX; i++) {
		in->operator_passphrase[i] = buf_new_secret(PASSPHRASE_MAX);
		in->operator_der[i] = buf_new(CERT_DER_MAX);
	}
	in->issuing_der = buf_new(CERT_DER_MAX);
	in->code_signing_der = buf_new(CERT_DER_MAX);
	in->tls_der = buf_new(CERT_DER_MAX);
	in->vkey = buf_new(NOTE_ORIGIN_MAX + 128);
	return in;
}

static enum err_code run(struct cli *c, const struct arg_operands *operands, struct err *e)
{
	struct init *in = init_new();
	enum err_code rc;

	if (in == NULL)
		return err_set(e, ERR_NO_MEMORY, NULL, "to begin");
	rc = plan(in, e);
	if (rc == ERR_OK)
		rc = start_folders(in, operands->v[0], e);
	if (rc == ERR_OK)
		rc = read_passphrases(in, e);
	if (rc == ERR_OK)
		rc = fill(in, e);
	if (rc == ERR_OK)
		rc = keep(in, e);
	if (rc == ERR_OK) {
		rc = report(c, in, e);
	} else {
		folder_drop(&in->realm);
		folder_drop(&in->root_folder);
		folder_drop(&in->operators);
	}
	init_free(in);
	return rc;
}

const struct command command_init = {
	.words = "init",
	.operands = "DIR",
	.min = 1,
	.max = 1,
	.summary = "Make a realm: root, CA, keys, operators, database",
	.args = args,
	.run = run,
};
