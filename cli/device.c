/* medseal device: the register of devices and their tickets. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"

#define PATH_SIZE 1024
#define BODY_SIZE 4096
#define PAGE 1000 /* the API's most */

static struct {
	const char *product, *manufacturer, *reason;
	struct arg_number lifetime;
} opt;

/* ---- add ---- */

static const struct arg add_args[] = {
	{"product", 'p', ARG_TEXT, true, &opt.product, "NAME", "what it is; releases are for a product"},
	{"manufacturer", 'm', ARG_TEXT, false, &opt.manufacturer, "NAME",
		"whose IDevID it may enrol with; else tickets only"},
	{.name = NULL},
};

static enum err_code run_add(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct buf body = buf_new(BODY_SIZE);
	enum err_code rc = call_body(&body, e, "serial", o->v[0], "product", opt.product,
		"manufacturer", opt.manufacturer, NULL);

	if (rc == ERR_OK)
		rc = call_print(c, "/v1/devices", buf_view(&body), e);
	buf_free(&body);
	return rc;
}

const struct command command_device_add = {
	.words = "device add",
	.operands = "SERIAL",
	.min = 1,
	.max = 1,
	.summary = "Register a device, so that it may enrol",
	.args = add_args,
	.online = true,
	.run = run_add,
};

/* ---- list ---- */

static enum err_code collect(struct client *cl, yyjson_mut_doc *all, yyjson_mut_val *devices,
	struct err *e)
{
	char *after = NULL;
	enum err_code rc = ERR_OK;
	bool more = true;

	while (rc == ERR_OK && more) {
		struct buf path = buf_new(PATH_SIZE);
		yyjson_doc *page = NULL;
		yyjson_val *d;
		size_t i, max;
		char suffix[32];
		snprintf(suffix, sizeof(suffix), "%slimit=%d", after != NULL ? "&" : "", PAGE);
		rc = client_path(after != NULL ? "/v1/devices?after=" : "/v1/devices?",
			after != NULL ? after : "", suffix, &path, e);
		if (rc == ERR_OK)
			rc = client_json(cl, buf_cstr(&path), BYTES_NONE, &page, e);
		buf_free(&path);
		if (rc != ERR_OK)
			break;
		yyjson_val *root = yyjson_doc_get_root(page);
		yyjson_arr_foreach(yyjson_obj_get(root, "devices"), i, max, d)
			yyjson_mut_arr_append(devices, yyjson_val_mut_copy(all, d));
		const char *next = yyjson_get_str(yyjson_obj_get(root, "next"));
		free(after);
		after = next != NULL ? strdup(next) : NULL;
		more = after != NULL;
		yyjson_doc_free(page);
	}
	free(after);
	return rc;
}

static enum err_code run_list(struct cli *c, const struct arg_operands *o, struct err *e)
{
	yyjson_mut_doc *all;
	yyjson_mut_val *root, *devices;
	struct session s;
	enum err_code rc = session_open(c, &s, e);

	(void)o;
	if (rc != ERR_OK)
		return rc;
	all = yyjson_mut_doc_new(NULL);
	root = yyjson_mut_obj(all);
	yyjson_mut_doc_set_root(all, root);
	devices = yyjson_mut_obj_add_arr(all, root, "devices");
	rc = collect(s.client, all, devices, e);
	session_close(&s);
	if (rc == ERR_OK)
		return out_doc(c, all, e);
	yyjson_mut_doc_free(all);
	return rc;
}

const struct command command_device_list = {
	.words = "device list",
	.operands = "",
	.summary = "List the devices and their states",
	.online = true,
	.run = run_list,
};

/* ---- show ---- */

static enum err_code run_show(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct buf path = buf_new(PATH_SIZE);
	enum err_code rc = client_path("/v1/devices/", o->v[0], "", &path, e);

	if (rc == ERR_OK)
		rc = call_print(c, buf_cstr(&path), BYTES_NONE, e);
	buf_free(&path);
	return rc;
}

const struct command command_device_show = {
	.words = "device show",
	.operands = "SERIAL",
	.min = 1,
	.max = 1,
	.summary = "Show one device with its certificates",
	.online = true,
	.run = run_show,
};

/* ---- ticket ---- */

static const struct arg ticket_args[] = {
	{"lifetime", 0, ARG_DURATION, false, &opt.lifetime, "TIME",
		"how long it may be used: 15m, 12h, 7d; else the realm's default"},
	{.name = NULL},
};

static enum err_code run_ticket(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct buf path = buf_new(PATH_SIZE);
	char body[64] = "{}";
	enum err_code rc = client_path("/v1/devices/", o->v[0], "/ticket", &path, e);

	if (opt.lifetime.set)
		snprintf(body, sizeof(body), "{\"lifetime\":%" PRIu64 "}", opt.lifetime.v);
	if (rc == ERR_OK)
		rc = call_print(c, buf_cstr(&path), bytes_str(body), e);
	buf_free(&path);
	return rc;
}

const struct command command_device_ticket = {
	.words = "device ticket",
	.operands = "SERIAL",
	.min = 1,
	.max = 1,
	.summary = "Make a ticket with which the device enrols once; it is said only now",
	.args = ticket_args,
	.online = true,
	.run = run_ticket,
};

/* ---- release ---- */

static enum err_code run_release(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct buf path = buf_new(PATH_SIZE);
	enum err_code rc = client_path("/v1/devices/", o->v[0], "/release", &path, e);

	if (rc == ERR_OK)
		rc = call_print(c, buf_cstr(&path), bytes_str("{}"), e);
	buf_free(&path);
	return rc;
}

const struct command command_device_release = {
	.words = "device release",
	.operands = "SERIAL",
	.min = 1,
	.max = 1,
	.summary = "Let a device enrol again that was set aside because of a bad key",
	.online = true,
	.run = run_release,
};

/* ---- revoke ---- */

static const struct arg revoke_args[] = {
	{"reason", 'r', ARG_TEXT, true, &opt.reason, "TEXT", "why; it goes into the log"},
	{.name = NULL},
};

static enum err_code run_revoke(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct buf path = buf_new(PATH_SIZE), body = buf_new(BODY_SIZE);
	enum err_code rc = client_path("/v1/devices/", o->v[0], "/revoke", &path, e);

	if (rc == ERR_OK)
		rc = call_body(&body, e, "reason", opt.reason, NULL);
	if (rc == ERR_OK)
		rc = call_print(c, buf_cstr(&path), buf_view(&body), e);
	buf_free(&path);
	buf_free(&body);
	return rc;
}

const struct command command_device_revoke = {
	.words = "device revoke",
	.operands = "SERIAL",
	.min = 1,
	.max = 1,
	.summary = "Revoke a device and all its certificates, for good",
	.args = revoke_args,
	.online = true,
	.run = run_revoke,
};
