/* Calls to acts: who asks, what for, and the answer as JSON.  Decisions are authority/'s. */
#include "protocol/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authority/device.h"
#include "authority/image.h"
#include "authority/keydoor.h"
#include "authority/revoke.h"
#include "base/mem.h"
#include "protocol/api_ops.h"

#define PAGE_MAX 1000

/* An operator of this realm, who was not sent away.  TLS has checked the certificate itself. */
static enum err_code operator_get(struct authority *a, const struct api_call *c,
	struct operator_row *who, struct err *e)
{
	enum err_code rc = store_operator_get(a->store, c->operator_fingerprint, who, e);
	if (rc == ERR_NOT_FOUND)
		return err_set(e, ERR_OPERATOR_UNKNOWN, "operator",
			"the realm does not know this certificate");
	if (rc == ERR_OK && who->revoked)
		rc = err_set(e, ERR_OPERATOR_REVOKED, who->name, "nothing was done");
	return rc;
}

static enum err_code device_result(const struct device *d, int status, struct api_result *out,
	struct err *e)
{
	struct json j;
	enum err_code rc = json_start(&j, e);
	if (rc != ERR_OK)
		return rc;
	json_device(&j, j.root, d);
	return json_end(&j, status, out, e);
}

static enum err_code op_device_add(struct op *o, struct api_result *out, struct err *e)
{
	struct device d;
	enum err_code rc = device_add(o->a, o->actor, o->c->a, o->c->b, o->c->c, &d, e);
	return rc == ERR_OK ? device_result(&d, 201, out, e) : rc;
}

static enum err_code op_device_revoke(struct op *o, struct api_result *out, struct err *e)
{
	struct device d;
	enum err_code rc = revoke_device(o->a, o->actor, o->c->a, o->c->b, &d, e);
	return rc == ERR_OK ? device_result(&d, 200, out, e) : rc;
}

static enum err_code op_device_release(struct op *o, struct api_result *out, struct err *e)
{
	struct device d;
	enum err_code rc = store_device_get(o->a->store, o->c->a, &d, e);
	if (rc == ERR_OK)
		rc = keydoor_release(o->a, o->actor, d.serial, e);
	return rc == ERR_OK ? device_result(&d, 200, out, e) : rc;
}

static enum err_code op_device_ticket(struct op *o, struct api_result *out, struct err *e)
{
	struct json j;
	char text[TICKET_TEXT_SIZE];
	int64_t until = 0;
	if (o->c->n > INT64_MAX)
		return err_set(e, ERR_LIMIT, "lifetime", "it is too long");
	enum err_code rc = device_ticket(o->a, o->actor, o->c->a, (int64_t)o->c->n, text, &until, e);
	if (rc != ERR_OK)
		return rc;
	rc = json_start(&j, e);
	if (rc == ERR_OK) {
		json_text(&j, j.root, "serial", o->c->a);
		json_text(&j, j.root, "ticket", text);
		json_time(&j, j.root, "expires_at", until);
		rc = json_end(&j, 201, out, e);
	}
	mem_wipe(text, sizeof(text));
	return rc;
}

struct list {
	struct json j;
	yyjson_mut_val *arr;
	size_t n;
	char last[DEVICE_SERIAL_MAX + 1];
};

static enum err_code list_start(struct list *l, const char *name, struct err *e)
{
	*l = (struct list){0};
	enum err_code rc = json_start(&l->j, e);
	if (rc == ERR_OK)
		l->arr = yyjson_mut_obj_add_arr(l->j.doc, l->j.root, name);
	return rc;
}

static enum err_code list_end(struct list *l, enum err_code rc, struct api_result *out,
	struct err *e)
{
	if (rc == ERR_OK)
		return json_end(&l->j, 200, out, e);
	json_drop(&l->j);
	return rc;
}

static enum err_code device_each(void *arg, const struct device *d)
{
	struct list *l = arg;
	json_device(&l->j, yyjson_mut_arr_add_obj(l->j.doc, l->arr), d);
	memcpy(l->last, d->serial, sizeof(l->last));
	l->n++;
	return ERR_OK;
}

static enum err_code op_device_list(struct op *o, struct api_result *out, struct err *e)
{
	struct list l;
	size_t limit = o->c->n < PAGE_MAX ? (size_t)o->c->n : PAGE_MAX;
	if (limit == 0)
		return err_set(e, ERR_USAGE, "limit", "1 to %d", PAGE_MAX);
	enum err_code rc = list_start(&l, "devices", e);
	if (rc != ERR_OK)
		return rc;
	rc = store_device_list(o->a->store, o->c->a[0] != '\0' ? o->c->a : NULL, limit,
		device_each, &l, e);
	if (rc == ERR_OK && l.n == limit)
		json_text(&l.j, l.j.root, "next", l.last);
	else if (rc == ERR_OK)
		(void)yyjson_mut_obj_add_null(l.j.doc, l.j.root, "next");
	return list_end(&l, rc, out, e);
}

static enum err_code cert_each(void *arg, const struct cert_row *c)
{
	struct list *l = arg;
	json_cert(&l->j, yyjson_mut_arr_add_obj(l->j.doc, l->arr), c);
	return ERR_OK;
}

static enum err_code op_device_show(struct op *o, struct api_result *out, struct err *e)
{
	struct list l = {0};
	struct device d;
	enum err_code rc = store_device_get(o->a->store, o->c->a, &d, e);
	if (rc == ERR_OK)
		rc = json_start(&l.j, e);
	if (rc != ERR_OK)
		return rc;
	json_device(&l.j, l.j.root, &d);
	l.arr = yyjson_mut_obj_add_arr(l.j.doc, l.j.root, "certificates");
	rc = store_cert_of_device(o->a->store, d.serial, cert_each, &l, e);
	return list_end(&l, rc, out, e);
}

static enum err_code manufacturer_each(void *arg, const struct manufacturer *m)
{
	struct list *l = arg;
	uint8_t digest[SHA256_SIZE];
	yyjson_mut_val *obj = yyjson_mut_arr_add_obj(l->j.doc, l->arr);
	sha256_of(m->cert_der, digest);
	json_text(&l->j, obj, "name", m->name);
	json_hex(&l->j, obj, "sha256", bytes_of(digest, sizeof(digest)));
	json_time(&l->j, obj, "added_at", m->added_at);
	return ERR_OK;
}

static enum err_code op_manufacturer_list(struct op *o, struct api_result *out, struct err *e)
{
	struct list l;
	enum err_code rc = list_start(&l, "manufacturers", e);
	if (rc != ERR_OK)
		return rc;
	rc = store_manufacturer_list(o->a->store, manufacturer_each, &l, e);
	return list_end(&l, rc, out, e);
}

static enum err_code op_manufacturer_add(struct op *o, struct api_result *out, struct err *e)
{
	struct json j;
	uint8_t digest[SHA256_SIZE];
	enum err_code rc = manufacturer_add(o->a, o->actor, o->c->a, o->c->body, e);
	if (rc == ERR_OK)
		rc = json_start(&j, e);
	if (rc != ERR_OK)
		return rc;
	sha256_of(o->c->body, digest);
	json_text(&j, j.root, "name", o->c->a);
	json_hex(&j, j.root, "sha256", bytes_of(digest, sizeof(digest)));
	return json_end(&j, 201, out, e);
}

static enum err_code operator_each(void *arg, const struct operator_row *r, struct bytes cert_der)
{
	struct list *l = arg;
	(void)cert_der;
	yyjson_mut_val *obj = yyjson_mut_arr_add_obj(l->j.doc, l->arr);
	json_text(&l->j, obj, "name", r->name);
	json_hex(&l->j, obj, "sha256", bytes_of(r->fingerprint, sizeof(r->fingerprint)));
	(void)yyjson_mut_obj_add_bool(l->j.doc, obj, "revoked", r->revoked);
	json_time(&l->j, obj, "added_at", r->added_at);
	return ERR_OK;
}

static enum err_code op_operator_list(struct op *o, struct api_result *out, struct err *e)
{
	struct list l;
	enum err_code rc = list_start(&l, "operators", e);
	if (rc != ERR_OK)
		return rc;
	rc = store_operator_list(o->a->store, operator_each, &l, e);
	return list_end(&l, rc, out, e);
}

static enum err_code op_image_add(struct op *o, struct api_result *out, struct err *e)
{
	struct json j;
	uint8_t digest[SHA256_SIZE];
	uint64_t size = 0;
	if (o->fd < 0)
		return err_set(e, ERR_USAGE, "image", "there is none");
	enum err_code rc = image_add(o->a, o->fd, digest, &size, e);
	if (rc == ERR_OK)
		rc = json_start(&j, e);
	if (rc != ERR_OK)
		return rc;
	json_hex(&j, j.root, "sha256", bytes_of(digest, sizeof(digest)));
	json_num(&j, j.root, "size", size);
	return json_end(&j, 201, out, e);
}

typedef enum err_code (*op_function)(struct op *o, struct api_result *out, struct err *e);

static const op_function ops[API_OP_COUNT] = {
	[API_STATUS] = op_status,
	[API_DEVICE_LIST] = op_device_list,
	[API_DEVICE_ADD] = op_device_add,
	[API_DEVICE_SHOW] = op_device_show,
	[API_DEVICE_TICKET] = op_device_ticket,
	[API_DEVICE_REVOKE] = op_device_revoke,
	[API_DEVICE_RELEASE] = op_device_release,
	[API_MANUFACTURER_LIST] = op_manufacturer_list,
	[API_MANUFACTURER_ADD] = op_manufacturer_add,
	[API_OPERATOR_LIST] = op_operator_list,
	[API_IMAGE_ADD] = op_image_add,
	[API_RELEASE_LIST] = op_release_list,
	[API_RELEASE_PROPOSE] = op_release_propose,
	[API_RELEASE_SHOW] = op_release_show,
	[API_RELEASE_APPROVE] = op_release_approve,
	[API_RELEASE_PUBLISH] = op_release_publish,
	[API_RELEASE_IMAGE] = op_release_image,
	[API_RELEASE_BUNDLE] = op_release_bundle,
	[API_LOG_CHECKPOINT] = op_log_checkpoint,
	[API_LOG_ENTRIES] = op_log_entries,
	[API_LOG_PROOF] = op_log_proof,
	[API_LOG_EXPORT] = op_log_export,
};

enum err_code api_perform(struct authority *a, const struct api_call *c, int fd,
	struct api_result *out, struct err *e)
{
	struct op o = {.a = a, .c = c, .fd = fd};
	if ((unsigned)c->op >= API_OP_COUNT)
		return err_set(e, ERR_USAGE, "call", "there is no such call");
	enum err_code rc = operator_get(a, c, &o.who, e);
	if (rc != ERR_OK)
		return rc;
	(void)snprintf(o.actor, sizeof(o.actor), "operator:%s", o.who.name);
	return ops[c->op](&o, out, e);
}

void api_error_body(const struct err *e, struct buf *out)
{
	/* object and reason are printable ASCII (err_set), but quotes and backslashes may be there */
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	size_t n = 0;
	char *text = NULL;
	if (root != NULL) {
		yyjson_mut_doc_set_root(doc, root);
		(void)yyjson_mut_obj_add_str(doc, root, "error", err_name(e->code));
		(void)yyjson_mut_obj_add_str(doc, root, "message", err_sentence(e->code));
		(void)yyjson_mut_obj_add_str(doc, root, "object", e->object);
		(void)yyjson_mut_obj_add_str(doc, root, "reason", e->reason);
		text = yyjson_mut_write(doc, YYJSON_WRITE_NEWLINE_AT_END, &n);
	}
	if (text != NULL)
		buf_bytes(out, bytes_of(text, n));
	else
		buf_printf(out, "{\"error\":\"%s\"}\n", err_name(e->code));
	free(text);
	yyjson_mut_doc_free(doc);
}

void api_result_free(struct api_result *r)
{
	if (r == NULL)
		return;
	buf_free(&r->body);
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = -1;
}
