#include "protocol/json.h"

#include <stdlib.h>
#include <string.h>

#include "ipc/message.h"

enum err_code json_start(struct json *j, struct err *e)
{
	j->doc = yyjson_mut_doc_new(NULL);
	j->root = yyjson_mut_obj(j->doc);
	if (j->root == NULL) {
		yyjson_mut_doc_free(j->doc);
		return err_set(e, ERR_NO_MEMORY, "answer", "there is no room for it");
	}
	yyjson_mut_doc_set_root(j->doc, j->root);
	return ERR_OK;
}

void json_drop(struct json *j)
{
	yyjson_mut_doc_free(j->doc);
	j->doc = NULL;
}

enum err_code json_end(struct json *j, int status, struct api_result *out, struct err *e)
{
	size_t n = 0;
	char *text = yyjson_mut_write(j->doc, YYJSON_WRITE_NEWLINE_AT_END, &n);
	json_drop(j);
	if (text == NULL)
		return err_set(e, ERR_NO_MEMORY, "answer", "there is no room for it");
	enum err_code rc = result_bytes(out, status, TYPE_JSON, bytes_of(text, n), e);
	free(text);
	return rc;
}

void json_text(struct json *j, yyjson_mut_val *obj, const char *key, const char *value)
{
	(void)yyjson_mut_obj_add_strcpy(j->doc, obj, key, value);
}

void json_bytes(struct json *j, yyjson_mut_val *obj, const char *key, struct bytes text)
{
	(void)yyjson_mut_obj_add_strncpy(j->doc, obj, key, (const char *)text.p, text.len);
}

void json_num(struct json *j, yyjson_mut_val *obj, const char *key, uint64_t value)
{
	(void)yyjson_mut_obj_add_uint(j->doc, obj, key, value);
}

void json_time(struct json *j, yyjson_mut_val *obj, const char *key, int64_t seconds)
{
	char text[CLOCK_TEXT_SIZE];
	clock_print(seconds, text);
	json_text(j, obj, key, text);
}

void json_hex(struct json *j, yyjson_mut_val *obj, const char *key, struct bytes value)
{
	char text[2 * SHA256_SIZE + 1];
	if (value.len > SHA256_SIZE)
		return;
	hex_encode(value.p, value.len, text);
	json_text(j, obj, key, text);
}

void json_device(struct json *j, yyjson_mut_val *obj, const struct device *d)
{
	static const char *const states[] = {
		[DEVICE_REGISTERED] = "registered",
		[DEVICE_ENROLLED] = "enrolled",
		[DEVICE_IS_REVOKED] = "revoked",
	};
	json_text(j, obj, "serial", d->serial);
	json_text(j, obj, "product", d->product);
	if (d->manufacturer[0] != '\0')
		json_text(j, obj, "manufacturer", d->manufacturer);
	json_text(j, obj, "state", states[d->state]);
	json_time(j, obj, "added_at", d->added_at);
	if (d->state == DEVICE_IS_REVOKED) {
		json_time(j, obj, "revoked_at", d->revoked_at);
		json_text(j, obj, "revoked_reason", d->revoked_reason);
	}
}

void json_cert(struct json *j, yyjson_mut_val *obj, const struct cert_row *c)
{
	static const char *const states[] = {
		[CERT_ISSUED] = "issued",
		[CERT_USED] = "used",
		[CERT_REPLACED] = "replaced",
		[CERT_IS_REVOKED] = "revoked",
	};
	json_text(j, obj, "serial", c->serial);
	json_hex(j, obj, "sha256", bytes_of(c->fingerprint, sizeof(c->fingerprint)));
	json_hex(j, obj, "key", bytes_of(c->spki_id, sizeof(c->spki_id)));
	json_text(j, obj, "state", states[c->state]);
	json_time(j, obj, "not_before", c->not_before);
	json_time(j, obj, "not_after", c->not_after);
	json_time(j, obj, "issued_at", c->issued_at);
	if (c->state == CERT_IS_REVOKED)
		json_time(j, obj, "revoked_at", c->revoked_at);
}

void json_release(struct json *j, yyjson_mut_val *obj, const struct release_row *r)
{
	json_text(j, obj, "id", r->id);
	json_text(j, obj, "product", r->product);
	json_text(j, obj, "version", r->version);
	json_num(j, obj, "security_counter", r->security_counter);
	json_text(j, obj, "format", r->format);
	json_hex(j, obj, "image_sha256", bytes_of(r->image_digest, sizeof(r->image_digest)));
	json_num(j, obj, "image_size", r->image_size);
	json_text(j, obj, "state", r->state == RELEASE_PUBLISHED ? "published" : "proposed");
	json_text(j, obj, "proposer", r->proposer);
	json_time(j, obj, "proposed_at", r->proposed_at);
	if (r->state == RELEASE_PUBLISHED)
		json_time(j, obj, "published_at", r->published_at);
}

enum err_code result_bytes(struct api_result *out, int status, const char *type,
	struct bytes data, struct err *e)
{
	int fd = -1;
	if (data.len > API_BODY_MAX) {
		enum err_code rc = memfd_make("answer", data, &fd, e);
		if (rc != ERR_OK)
			return rc;
		result_fd(out, status, type, fd);
		return ERR_OK;
	}
	struct buf body = buf_new(API_BODY_MAX);
	buf_bytes(&body, data);
	enum err_code rc = buf_end(&body, e, "answer");
	if (rc != ERR_OK) {
		buf_free(&body);
		return rc;
	}
	*out = (struct api_result){.status = status, .content_type = type, .body = body, .fd = -1};
	return ERR_OK;
}

void result_fd(struct api_result *out, int status, const char *type, int fd)
{
	*out = (struct api_result){.status = status, .content_type = type, .body = buf_new(0),
		.fd = fd};
}
