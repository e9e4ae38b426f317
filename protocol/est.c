#include "protocol/est.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "crypto/base64.h"
#include "ipc/message.h"
#include "x509/cms.h"

/* 64 characters a line: libest does not read one long line. */
#define REPLY_LINE 64
/* A binding is 12, 32 or 36 bytes. */
#define BINDING_TEXT_MAX 128

static const struct {
	const char *name;
	const char *method;
} ops[] = {
	[EST_CACERTS] = {"cacerts", "GET"},
	[EST_SIMPLEENROLL] = {"simpleenroll", "POST"},
	[EST_SIMPLEREENROLL] = {"simplereenroll", "POST"},
	[EST_CSRATTRS] = {"csrattrs", "GET"},
};

static bool is_label(const char *s, size_t len)
{
	if (len == 0 || len > EST_LABEL_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '_' || c == '.'))
			return false;
	}
	return true;
}

enum err_code est_route(const char *method, const char *target, enum est_op *op,
	const char **allow, struct err *e)
{
	*allow = NULL;
	if (strncmp(target, EST_PATH, strlen(EST_PATH)) != 0)
		return err_set(e, ERR_HTTP_PATH, target, "%s", "");
	const char *name = target + strlen(EST_PATH);
	const char *slash = strchr(name, '/');
	if (slash != NULL) {
		if (!is_label(name, (size_t)(slash - name)))
			return err_set(e, ERR_HTTP_PATH, target, "the label is not well formed");
		name = slash + 1;
	}
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(name, ops[i].name) != 0)
			continue;
		if (strcmp(method, ops[i].method) != 0) {
			*allow = ops[i].method;
			return err_set(e, ERR_HTTP_METHOD, name, "it takes %s", ops[i].method);
		}
		*op = (enum est_op)i;
		return ERR_OK;
	}
	return err_set(e, ERR_HTTP_PATH, target, "there is no such operation");
}

/* The type alone, without parameters (RFC 9110 §8.3.1). */
static bool is_type(const char *content_type, const char *type)
{
	size_t n = strlen(type);
	if (strncasecmp(content_type, type, n) != 0)
		return false;
	const char *rest = content_type + n + strspn(content_type + n, " \t");
	return *rest == '\0' || *rest == ';';
}

enum err_code est_read_csr(const char *content_type, struct bytes body, int64_t now,
	struct csr *out, struct err *e)
{
	if (!is_type(content_type, EST_REQUEST_TYPE))
		return err_set(e, ERR_HTTP_TYPE, content_type, "send " EST_REQUEST_TYPE);
	struct buf der = buf_new(CSR_DER_MAX);
	enum err_code rc = base64_decode(body, true, &der, e);
	if (rc == ERR_OK)
		rc = csr_parse(buf_view(&der), out, e);
	if (rc == ERR_OK) {
		rc = csr_check(out, now, e);
		if (rc != ERR_OK)
			csr_free(out);
	}
	buf_free(&der);
	return rc;
}

static enum err_code split_ticket(struct buf *text, struct enrol_request *out, struct err *e)
{
	const char *s = buf_cstr(text);
	const char *colon = strchr(s, ':');
	if (strlen(s) != text->len || colon == NULL)
		return err_set(e, ERR_HTTP_AUTH_FORM, "Authorization", "it is not SERIAL:TICKET");
	size_t serial_len = (size_t)(colon - s);
	size_t ticket_len = strlen(colon + 1);
	if (serial_len == 0 || serial_len > DEVICE_SERIAL_MAX || ticket_len == 0 ||
		ticket_len > TICKET_TEXT_MAX)
		return err_set(e, ERR_HTTP_AUTH_FORM, "Authorization",
			"serial or ticket has an impossible length");
	memcpy(out->ticket_serial, s, serial_len);
	out->ticket_serial[serial_len] = '\0';
	memcpy(out->ticket, colon + 1, ticket_len + 1);
	return ERR_OK;
}

enum err_code est_read_ticket(const char *authorization, struct enrol_request *out, struct err *e)
{
	out->ticket_serial[0] = '\0';
	out->ticket[0] = '\0';
	if (authorization[0] == '\0')
		return ERR_OK;
	if (strncasecmp(authorization, "Basic ", 6) != 0)
		return err_set(e, ERR_HTTP_AUTH_FORM, "Authorization", "only Basic is understood");
	const char *text = authorization + 6;
	text += strspn(text, " ");
	struct buf plain = buf_new_secret(DEVICE_SERIAL_MAX + 1 + TICKET_TEXT_MAX);
	enum err_code rc = base64_decode(bytes_str(text), false, &plain, e);
	if (rc == ERR_OK)
		rc = split_ticket(&plain, out, e);
	if (rc != ERR_OK)
		rc = err_set(e, ERR_HTTP_AUTH_FORM, "Authorization", "it is not SERIAL:TICKET in base64");
	buf_free(&plain);
	return rc;
}

enum err_code est_check_channel(const struct csr *csr, struct bytes binding, struct err *e)
{
	if (csr->challenge.len == 0)
		return ERR_OK;
	struct buf want = buf_new(BINDING_TEXT_MAX);
	base64_encode(binding, 0, &want);
	/* Some clients end the base64 with a newline. */
	struct bytes got = buf_view(&csr->challenge);
	while (got.len > 0 && (got.p[got.len - 1] == '\n' || got.p[got.len - 1] == '\r'))
		got.len--;
	bool same = binding.len > 0 && !want.bad && got.len == want.len &&
		mem_equal_ct(got.p, want.p, want.len);
	buf_free(&want);
	if (!same)
		return err_set(e, ERR_CSR_CHANNEL, "challengePassword",
			"it is not the binding of this TLS connection");
	return ERR_OK;
}

enum err_code est_fill(enum est_op op, const struct csr *csr, struct enrol_request *out,
	struct err *e)
{
	out->op = op == EST_SIMPLEREENROLL ? ENROL_RE : ENROL_SIMPLE;
	out->spki = buf_view(&csr->spki);
	out->csr_subject = buf_view(&csr->subject);
	out->csr_san = buf_view(&csr->san);
	/* Same sizes in both structs: nothing is cut. */
	_Static_assert(sizeof(out->csr_common_name) == sizeof(csr->common_name), "CN fits");
	_Static_assert(sizeof(out->csr_serial) == sizeof(csr->device_serial), "serial fits");
	memcpy(out->csr_common_name, csr->common_name, sizeof(out->csr_common_name));
	memcpy(out->csr_serial, csr->device_serial, sizeof(out->csr_serial));
	if (out->spki.len == 0)
		return err_set(e, ERR_CSR_FORM, "request", "it has no key");
	/* What the keeper cannot be sent is refused here: no other try would fare better. */
	if (out->csr_subject.len > MESSAGE_NAME_MAX)
		return err_set(e, ERR_CSR_SUBJECT, "request", "it has %zu bytes, at most %d",
			out->csr_subject.len, MESSAGE_NAME_MAX);
	if (out->csr_san.len > MESSAGE_NAME_MAX)
		return err_set(e, ERR_CSR_EXTENSION, "request",
			"a subjectAltName of %zu bytes, at most %d", out->csr_san.len,
			MESSAGE_NAME_MAX);
	return ERR_OK;
}

enum err_code est_reply(const struct bytes *certs_der, size_t n, struct buf *out, struct err *e)
{
	struct buf der = buf_new(BUF_MAX_DEFAULT);
	enum err_code rc = cms_certs_only(certs_der, n, &der, e);
	if (rc == ERR_OK)
		base64_encode(buf_view(&der), REPLY_LINE, out);
	buf_free(&der);
	return rc == ERR_OK ? buf_end(out, e, "reply") : rc;
}
