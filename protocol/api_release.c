#include <string.h>

#include "authority/release.h"
#include "authority/release_parts.h"
#include "protocol/api_ops.h"

/* The release with what people signed, as text, byte for byte. */
static enum err_code shown(struct op *o, const char *id, int status, struct api_result *out,
	struct err *e)
{
	struct json j;
	struct parts p;
	enum err_code rc = parts_open(o->a, id, &p, e);
	if (rc != ERR_OK)
		return rc;
	rc = json_start(&j, e);
	if (rc != ERR_OK) {
		parts_close(&p);
		return rc;
	}
	json_release(&j, j.root, &p.row);
	json_num(&j, j.root, "approvals_needed", o->a->policy.approvals);
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(j.doc, j.root, "approvals");
	for (size_t i = 0; i < p.approvals.n; i++) {
		yyjson_mut_val *one = yyjson_mut_arr_add_obj(j.doc, list);
		json_text(&j, one, "name", p.approvals.name[i]);
		json_time(&j, one, "at", p.approvals.at[i]);
		json_bytes(&j, one, "envelope", p.approvals.view[i]);
	}
	json_bytes(&j, j.root, "statement", buf_view(&p.statement));
	json_bytes(&j, j.root, "proposal", buf_view(&p.proposal));
	parts_close(&p);
	return json_end(&j, status, out, e);
}

struct list {
	struct json j;
	yyjson_mut_val *arr;
};

static enum err_code release_each(void *arg, const struct release_row *r)
{
	struct list *l = arg;
	json_release(&l->j, yyjson_mut_arr_add_obj(l->j.doc, l->arr), r);
	return ERR_OK;
}

enum err_code op_release_list(struct op *o, struct api_result *out, struct err *e)
{
	struct list l;
	enum err_code rc = json_start(&l.j, e);
	if (rc != ERR_OK)
		return rc;
	l.arr = yyjson_mut_obj_add_arr(l.j.doc, l.j.root, "releases");
	rc = store_release_list(o->a->store, release_each, &l, e);
	if (rc == ERR_OK)
		return json_end(&l.j, 200, out, e);
	json_drop(&l.j);
	return rc;
}

enum err_code op_release_propose(struct op *o, struct api_result *out, struct err *e)
{
	struct release_row r;
	enum err_code rc = release_propose(o->a, &o->who, o->c->body, &r, e);
	return rc == ERR_OK ? shown(o, r.id, 201, out, e) : rc;
}

enum err_code op_release_show(struct op *o, struct api_result *out, struct err *e)
{
	return shown(o, o->c->a, 200, out, e);
}

enum err_code op_release_approve(struct op *o, struct api_result *out, struct err *e)
{
	struct release_row r;
	enum err_code rc = release_approve(o->a, &o->who, o->c->a, o->c->body, &r, e);
	return rc == ERR_OK ? shown(o, r.id, 201, out, e) : rc;
}

enum err_code op_release_publish(struct op *o, struct api_result *out, struct err *e)
{
	struct release_row r;
	enum err_code rc = release_publish(o->a, &o->who, o->c->a, &r, e);
	return rc == ERR_OK ? shown(o, r.id, 200, out, e) : rc;
}

enum err_code op_release_image(struct op *o, struct api_result *out, struct err *e)
{
	int fd = -1;
	enum err_code rc = release_image(o->a, o->c->a, &fd, e);
	if (rc == ERR_OK)
		result_fd(out, 200, TYPE_OCTETS, fd);
	return rc;
}

enum err_code op_release_bundle(struct op *o, struct api_result *out, struct err *e)
{
	int fd = -1;
	enum err_code rc = release_bundle(o->a, o->c->a, &fd, e);
	if (rc == ERR_OK)
		result_fd(out, 200, TYPE_OCTETS, fd);
	return rc;
}
