/*
 * medseal keys lists, medseal keys import: the lists of public knowledge that the key checks ask
 * (docs/spec/key-list.md), and new ones made from what others publish.
 */
#include <stdio.h>
#include <string.h>

#include "cli/file.h"
#include "cli/out.h"
#include "keycheck/lists_import.h"

static struct {
	const char *lists;
	const char *source;
	const char *date;
	const char *licence;
	const char *kind;
	const char *hash;
	const char *name;
	bool replace;
} opt;

static const struct arg lists_args[] = {
	{"lists", 0, ARG_TEXT, false, &opt.lists, "DIR",
		"folder of key lists; else $MEDSEAL_KEY_LISTS"},
	{.name = NULL},
};

static const struct arg import_args[] = {
	{"lists", 0, ARG_TEXT, false, &opt.lists, "DIR",
		"folder of key lists; else $MEDSEAL_KEY_LISTS"},
	{"source", 0, ARG_TEXT, true, &opt.source, "TEXT", "where the file is from"},
	{"date", 0, ARG_TEXT, true, &opt.date, "DATE", "of what it says: 2026-11-24"},
	{"licence", 0, ARG_TEXT, false, &opt.licence, "TEXT", "of the file; else: not stated"},
	{"kind", 0, ARG_TEXT, false, &opt.kind, "KIND",
		"known-key (the default), debian-weak, rsa-keypair, known-prime"},
	{"hash", 0, ARG_TEXT, false, &opt.hash, "HASH",
		"of hex lines: spki, number, openssl-blacklist, openssh-blacklist"},
	{"name", 0, ARG_TEXT, false, &opt.name, "NAME", "of the new list; else that of the file"},
	{"replace", 0, ARG_FLAG, false, &opt.replace, NULL,
		"put it in the place of a list of that name"},
	{.name = NULL},
};

static const char *folder(void)
{
	return opt.lists != NULL ? opt.lists : lists_dir();
}

static const struct hash_name {
	const char *name;
	enum list_kind kind;
	const char *meaning;
} hashes[] = {
	{"spki", LIST_SPKI_SHA256, "SHA-256 of the public key"},
	{"number", LIST_NUMBER_SHA256, "SHA-256 of the key's number"},
	{"openssl-blacklist", LIST_OPENSSL_SHA1, "SHA-1 as in openssl-blacklist"},
	{"openssh-blacklist", LIST_SSH_MD5, "MD5 as in openssh-blacklist"},
	{NULL, LIST_PRIMES, "primes"},
};

#define HASHES (sizeof(hashes) / sizeof(hashes[0]))

static const char *meaning_of(enum list_kind kind)
{
	for (size_t i = 0; i < HASHES; i++) {
		if (hashes[i].kind == kind)
			return hashes[i].meaning;
	}
	return "";
}

/* ---- lists ---- */

static enum err_code run_lists(struct cli *c, const struct arg_operands *operands, struct err *e)
{
	struct list_about about;
	struct lists *l;
	const char *path;

	(void)operands;
	enum err_code rc = lists_open(folder(), &l, e);
	if (rc != ERR_OK)
		return rc;
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "folder", folder());
	yyjson_mut_val *all = yyjson_mut_obj_add_arr(doc, root, "lists");
	for (size_t i = 0; lists_about(l, i, &about, &path); i++) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, all);
		const char *name = strrchr(path, '/');
		yyjson_mut_obj_add_strcpy(doc, o, "file", name != NULL ? name + 1 : path);
		yyjson_mut_obj_add_str(doc, o, "check", check_name(about.check));
		yyjson_mut_obj_add_str(doc, o, "holds", meaning_of(about.kind));
		yyjson_mut_obj_add_uint(doc, o, "entries", about.count);
		yyjson_mut_obj_add_strcpy(doc, o, "date", about.date);
		yyjson_mut_obj_add_strcpy(doc, o, "source", about.source);
		yyjson_mut_obj_add_strcpy(doc, o, "licence", about.licence);
	}
	rc = out_doc(c, doc, e);
	lists_free(l);
	return rc;
}

const struct command command_keys_lists = {
	.words = "keys lists",
	.operands = "",
	.min = 0,
	.max = 0,
	.summary = "Show the lists of published keys that the checks ask",
	.args = lists_args,
	.run = run_lists,
};

/* ---- import ---- */

/* A day as 2026-11-24: it is shown to people who decide whether a list is too old. */
static bool is_date(const char *s)
{
	static const char form[] = "dddd-dd-dd";
	size_t i = 0;

	for (; s[i] != '\0' && form[i] != '\0'; i++) {
		bool digit = s[i] >= '0' && s[i] <= '9';
		if (form[i] == 'd' ? !digit : s[i] != form[i])
			return false;
	}
	return s[i] == '\0' && form[i] == '\0';
}

static enum err_code options(struct import_options *o, struct err *e)
{
	static const enum check kinds[] = {
		CHECK_KNOWN_KEY, CHECK_DEBIAN_WEAK, CHECK_RSA_KEYPAIR, CHECK_KNOWN_PRIME};
	const char *kind = opt.kind != NULL ? opt.kind : check_name(CHECK_KNOWN_KEY);
	bool known = false;

	*o = (struct import_options){
		.about = {.source = opt.source, .date = opt.date, .licence = opt.licence}};
	if (opt.licence == NULL)
		o->about.licence = "not stated";
	if (!is_date(opt.date))
		return err_set(e, ERR_USAGE, "--date", "a day is written 2026-11-24");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(check_name(kinds[i]), kind) == 0) {
			o->about.check = kinds[i];
			known = true;
		}
	}
	if (!known)
		return err_set(e, ERR_USAGE, "--kind",
			"known-key, debian-weak, rsa-keypair or known-prime");
	for (size_t i = 0; opt.hash != NULL && i < HASHES; i++) {
		if (hashes[i].name != NULL && strcmp(hashes[i].name, opt.hash) == 0)
			o->about.kind = hashes[i].kind;
	}
	if (opt.hash != NULL && o->about.kind == LIST_KIND_ANY)
		return err_set(e, ERR_USAGE, "--hash",
			"spki, number, openssl-blacklist or openssh-blacklist");
	return ERR_OK;
}

/* DIR/NAME.list, with the file's own name without its suffix for NAME. */
static enum err_code target(const char *file, char path[PATH_MAX], struct err *e)
{
	char name[NAME_MAX + 1];
	const char *base = opt.name != NULL ? opt.name : file;
	const char *slash = strrchr(base, '/');

	if (opt.name != NULL && (slash != NULL || base[0] == '.' || base[0] == '\0'))
		return err_set(e, ERR_USAGE, "--name", "a plain name, without folders");
	base = slash != NULL ? slash + 1 : base;
	size_t len = strcspn(base, ".");
	if (len == 0 || strcmp(base, "-") == 0)
		return err_set(e, ERR_USAGE, file, "say --name: the file has none");
	if (snprintf(name, sizeof(name), "%.*s%s", (int)len, base, LIST_SUFFIX) >=
		(int)sizeof(name))
		return err_set(e, ERR_USAGE, file, "the name is too long");
	return path_join(path, folder(), name, e);
}

static enum err_code write_list(const char *path, const struct buf *list, struct err *e)
{
	/* it is read by every program that checks keys: a server may run as another user */
	return opt.replace ? disk_replace(path, 0644, buf_view(list), e)
			   : disk_write_new(path, 0644, buf_view(list), e);
}

static enum err_code report(const struct cli *c, const char *path, const struct import_options *o,
	const struct import_counts *counts, struct err *e)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_strcpy(doc, root, "list", path);
	yyjson_mut_obj_add_str(doc, root, "check", check_name(o->about.check));
	yyjson_mut_obj_add_str(doc, root, "from", counts->form);
	yyjson_mut_obj_add_uint(doc, root, "entries", counts->taken);
	yyjson_mut_obj_add_uint(doc, root, "skipped", counts->skipped);
	return out_doc(c, doc, e);
}

static enum err_code run_import(struct cli *c, const struct arg_operands *operands, struct err *e)
{
	struct buf file = buf_new(LIST_FILE_MAX), list = buf_new(LIST_FILE_MAX);
	struct import_options o;
	struct import_counts counts;
	char path[PATH_MAX];
	enum err_code rc = options(&o, e);

	if (rc == ERR_OK)
		rc = target(operands->v[0], path, e);
	if (rc == ERR_OK)
		rc = disk_read(operands->v[0], LIST_FILE_MAX, &file, e);
	if (rc == ERR_OK) {
		rc = lists_import(buf_view(&file), &o, &list, &counts, e);
		if (rc != ERR_OK && e->object[0] != '\0')
			snprintf(e->object, sizeof(e->object), "%s", operands->v[0]);
	}
	if (rc == ERR_OK)
		rc = write_list(path, &list, e);
	if (rc == ERR_OK)
		rc = report(c, path, &o, &counts, e);
	buf_free(&file);
	buf_free(&list);
	return rc;
}

const struct command command_keys_import = {
	.words = "keys import",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.summary = "Make a list of published keys or primes for the checks",
	.args = import_args,
	.run = run_import,
};
