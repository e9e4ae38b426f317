/*
 * medseal init: a realm, its root, and its operators, in three folders that appear whole or not at
 * all.  The realm's folder never sees the root's key or an operator's.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/init.h"
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
			"a release takes %d: one proposes, two others approve; name that many, or "
			"say --few-operators",
			OPERATORS_MIN);
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

/* ---- all of it ---- */

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

static void note_user(const struct cli *c)
{
	if (geteuid() == 0 && opt.user == NULL)
		out_note(c,
			"  Note: the realm belongs to root and names no user, and medseald does not run as\n"
			"     root. Set server.user in medseal.conf and give the folder to that user, or make\n"
			"     the realm with --user.");
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
	in->people = &opt.operators;
	in->user = opt.user;
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
		rc = init_fill(in, e);
	if (rc == ERR_OK)
		rc = keep(in, e);
	if (rc == ERR_OK) {
		rc = report(c, in, e);
		note_user(c);
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
