/* medseal log verify: an exported log, a realm's folder, or one entry with its proof; no server. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/log_realm.h"
#include "cli/out.h"
#include "cli/trust.h"

#define PROOF_FILE_MAX 65536

static struct {
	const char *log_key, *realm, *proof, *entry;
} opt;

static const struct arg args[] = {
	{"log-key", 0, ARG_TEXT, true, &opt.log_key, "FILE",
		"the log's key (log.vkey), from where you trust it"},
	{"realm", 0, ARG_TEXT, false, &opt.realm, "DIR", "the log in a realm's folder"},
	{"proof", 0, ARG_TEXT, false, &opt.proof, "FILE", "one entry's proof; with --entry"},
	{"entry", 0, ARG_TEXT, false, &opt.entry, "FILE", "the entry; with --proof"},
	{.name = NULL},
};

static enum err_code report(const struct cli *c, const char *what, const struct audit_verdict *v,
	struct err *e)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc);

	yyjson_mut_doc_set_root(doc, o);
	yyjson_mut_obj_add_str(doc, o, "log", what);
	yyjson_mut_obj_add_bool(doc, o, "verified", true);
	yyjson_mut_obj_add_uint(doc, o, "entries", v->entries);
	yyjson_mut_obj_add_uint(doc, o, "checkpoints", v->checkpoints);
	yyjson_mut_obj_add_uint(doc, o, "signed_entries", v->signed_entries);
	enum err_code rc = out_doc(c, doc, e);
	/* Of a realm's folder only: a server that was killed signs them when it starts. */
	if (rc == ERR_OK && v->entries > v->signed_entries)
		out_note(c, "No checkpoint covers the entries from %" PRIu64 " on yet: they are linked, "
			    "and not signed.", v->signed_entries);
	return rc;
}

static enum err_code verify_file(const char *path, const struct note_key *k,
	struct audit_verdict *v, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum err_code rc;

	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, errno,
			"cannot open");
	rc = audit_verify_export(fd, k, v, e);
	close(fd);
	return rc;
}

static enum err_code verify_realm(const struct note_key *k, struct audit_verdict *v, struct err *e)
{
	struct log_realm r;
	enum err_code rc = log_realm_open(opt.realm, &r, e);

	if (rc != ERR_OK)
		return rc;
	rc = audit_verify_store(r.store, k, v, e);
	log_realm_close(&r);
	return rc;
}

static enum err_code verify_proof(const struct cli *c, const struct note_key *k, struct err *e)
{
	struct buf proof = buf_new(PROOF_FILE_MAX), entry = buf_new(ENTRY_MAX + 1);
	yyjson_mut_doc *doc;
	yyjson_mut_val *o;
	uint64_t seq = 0;
	enum err_code rc = disk_read(opt.proof, PROOF_FILE_MAX, &proof, e);

	if (rc == ERR_OK)
		rc = disk_read(opt.entry, ENTRY_MAX + 1, &entry, e);
	if (rc == ERR_OK && entry.len > 0 && entry.p[entry.len - 1] == '\n')
		entry.len--;
	if (rc == ERR_OK)
		rc = log_check_proof(buf_view(&proof), buf_view(&entry), k, &seq, e);
	if (rc == ERR_OK) {
		doc = yyjson_mut_doc_new(NULL);
		o = yyjson_mut_obj(doc);
		yyjson_mut_doc_set_root(doc, o);
		yyjson_mut_obj_add_str(doc, o, "log", k->name);
		yyjson_mut_obj_add_bool(doc, o, "verified", true);
		yyjson_mut_obj_add_uint(doc, o, "entry", seq);
		rc = out_doc(c, doc, e);
	}
	buf_free(&proof);
	buf_free(&entry);
	return rc;
}

static enum err_code run(struct cli *c, const struct arg_operands *o, struct err *e)
{
	bool by_proof = opt.proof != NULL || opt.entry != NULL;
	struct audit_verdict v = {0};
	struct note_key k;
	enum err_code rc;

	if ((o->n == 1) + (opt.realm != NULL) + by_proof != 1)
		return err_set(e, ERR_USAGE, "log verify",
			"name an exported file, or --realm, or --proof with --entry");
	if (by_proof && (opt.proof == NULL || opt.entry == NULL))
		return err_set(e, ERR_USAGE, "log verify", "--proof and --entry go together");
	rc = trust_log_key(opt.log_key, &k, e);
	if (rc != ERR_OK)
		return rc;
	if (by_proof)
		return verify_proof(c, &k, e);
	rc = opt.realm != NULL ? verify_realm(&k, &v, e) : verify_file(o->v[0], &k, &v, e);
	return rc == ERR_OK ? report(c, opt.realm != NULL ? opt.realm : o->v[0], &v, e) : rc;
}

const struct command command_log_verify = {
	.words = "log verify",
	.operands = "[FILE]",
	.max = 1,
	.summary = "Verify the whole log, or one entry, without any server",
	.args = args,
	.run = run,
};
