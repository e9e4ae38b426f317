#include <string.h>
#include <unistd.h>

#include "authority/journal.h"
#include "ipc/message.h"
#include "protocol/api_ops.h"
#include "x509/profile.h"

#define ENTRIES_PAGE 1000
#define ENTRIES_BYTES_MAX ((size_t)ENTRIES_PAGE * (ENTRY_MAX + 1))

static void status_cert(struct json *j, yyjson_mut_val *list, const char *name, struct bytes der)
{
	struct cert c;
	if (cert_parse(der, &c, NULL) != ERR_OK)
		return;
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(j->doc, list);
	json_text(j, o, "certificate", name);
	json_text(j, o, "subject", c.common_name);
	json_text(j, o, "serial", c.serial);
	json_time(j, o, "not_after", c.not_after);
	json_hex(j, o, "sha256", bytes_of(c.fingerprint, sizeof(c.fingerprint)));
	cert_free(&c);
}

static enum err_code status_counts(struct authority *a, struct json *j, struct err *e)
{
	uint64_t registered = 0, enrolled = 0, revoked = 0, certs = 0, size = 0;
	enum err_code rc = store_device_count(a->store, DEVICE_REGISTERED, &registered, e);
	if (rc == ERR_OK)
		rc = store_device_count(a->store, DEVICE_ENROLLED, &enrolled, e);
	if (rc == ERR_OK)
		rc = store_device_count(a->store, DEVICE_IS_REVOKED, &revoked, e);
	if (rc == ERR_OK)
		rc = store_cert_count(a->store, &certs, e);
	if (rc == ERR_OK)
		rc = store_log_size(a->store, &size, e);
	if (rc != ERR_OK)
		return rc;
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(j->doc, j->root, "devices");
	json_num(j, o, "registered", registered);
	json_num(j, o, "enrolled", enrolled);
	json_num(j, o, "revoked", revoked);
	json_num(j, j->root, "certificates_issued", certs);
	o = yyjson_mut_obj_add_obj(j->doc, j->root, "log");
	json_text(j, o, "origin", a->audit.origin);
	json_num(j, o, "size", size);
	return ERR_OK;
}

enum err_code op_status(struct op *o, struct api_result *out, struct err *e)
{
	struct json j;
	uint64_t number = 0;
	int64_t ends = 0;
	struct buf der = buf_new(BUF_MAX_DEFAULT);
	enum err_code rc = json_start(&j, e);
	if (rc != ERR_OK)
		return rc;
	json_text(&j, j.root, "realm", o->a->realm);
	json_text(&j, j.root, "version", MEDSEAL_VERSION);
	json_time(&j, j.root, "time", clock_now(o->a->clock));
	rc = status_counts(o->a, &j, e);
	if (rc == ERR_OK && store_crl_get(o->a->store, &number, &ends, &der, NULL) == ERR_OK) {
		yyjson_mut_val *crl = yyjson_mut_obj_add_obj(j.doc, j.root, "crl");
		json_num(&j, crl, "number", number);
		json_time(&j, crl, "next_update", ends);
	}
	buf_free(&der);
	if (rc != ERR_OK) {
		json_drop(&j);
		return rc;
	}
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(j.doc, j.root, "certificates");
	status_cert(&j, list, "root", o->a->root_der);
	status_cert(&j, list, "issuing", o->a->issuing_der);
	status_cert(&j, list, "code-signing", o->a->code_signing_der);
	return json_end(&j, 200, out, e);
}

enum err_code op_log_checkpoint(struct op *o, struct api_result *out, struct err *e)
{
	uint64_t size = 0;
	struct buf note = buf_new(NOTE_MAX);
	enum err_code rc = store_checkpoint_newest(o->a->store, &size, &note, e);
	if (rc == ERR_OK)
		rc = result_bytes(out, 200, TYPE_TEXT, buf_view(&note), e);
	buf_free(&note);
	return rc;
}

/* An entry a line. */
static enum err_code entry_each(void *arg, uint64_t seq, struct bytes entry,
	const struct merkle_hash *leaf)
{
	struct buf *text = arg;
	(void)seq;
	(void)leaf;
	buf_bytes(text, entry);
	buf_u8(text, '\n');
	return text->bad ? ERR_LIMIT : ERR_OK;
}

enum err_code op_log_entries(struct op *o, struct api_result *out, struct err *e)
{
	uint64_t from = o->c->n, to = o->c->m;
	struct buf text = buf_new(ENTRIES_BYTES_MAX);
	if (from > to)
		return err_set(e, ERR_USAGE, "from", "it is after the end");
	if (to - from > ENTRIES_PAGE)
		to = from + ENTRIES_PAGE;
	if (to > INT64_MAX)
		to = INT64_MAX; /* the store counts in signed numbers */
	enum err_code rc = from < to ?
		store_log_list(o->a->store, from, to, entry_each, &text, e) : ERR_OK;
	if (rc == ERR_LIMIT)
		rc = err_set(e, ERR_LIMIT, "entries", "ask for fewer");
	if (rc == ERR_OK)
		rc = result_bytes(out, 200, TYPE_TEXT, buf_view(&text), e);
	buf_free(&text);
	return rc;
}

enum err_code op_log_proof(struct op *o, struct api_result *out, struct err *e)
{
	struct buf text = buf_new(2 * NOTE_MAX);
	enum err_code rc = journal_proof(o->a, o->c->n, &text, e);
	if (rc == ERR_OK)
		rc = result_bytes(out, 200, TYPE_TEXT, buf_view(&text), e);
	buf_free(&text);
	return rc;
}

enum err_code op_log_export(struct op *o, struct api_result *out, struct err *e)
{
	int fd = -1;
	enum err_code rc = memfd_start("log", &fd, e);
	if (rc != ERR_OK)
		return rc;
	rc = audit_export(o->a->store, &o->a->audit, fd, e);
	if (rc == ERR_OK)
		rc = memfd_seal(fd, e);
	if (rc == ERR_OK)
		result_fd(out, 200, TYPE_TEXT, fd);
	else
		(void)close(fd);
	return rc;
}
