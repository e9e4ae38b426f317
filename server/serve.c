/* What stands at which path, on which listener: from a request to an answer or a question. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "server/wire.h"
#include "server/worker.h"

#define CRL_PATH "/crl/issuing.crl"
#define SELF_PATH "/v1/self"
#define CRL_TYPE "application/pkix-crl" /* RFC 2585 §4.2 */
#define REPLY_MAX ((size_t)1 << 16)

/* Who it is, asked of the certificate once a connection. */
static const struct peer *peer_of(struct conn *c)
{
	if (c->peer == NULL) {
		c->peer = calloc(1, sizeof(*c->peer));
		if (c->peer != NULL)
			peer_identify(c->tls, c->listener, clock_now(clock_system()), c->peer);
	}
	return c->peer;
}

static enum err_code need_peer(struct conn *c, const struct peer **out, struct err *e)
{
	*out = peer_of(c);
	if (*out == NULL)
		return err_set(e, ERR_NO_MEMORY, "client", "%s", "");
	return peer_check(*out, clock_now(clock_system()), e);
}

/* ---- heads --------------------------------------------------------------------------------- */

static enum err_code only_get(const struct http_head *h, const char **fields, struct err *e)
{
	if (strcmp(h->method, "GET") == 0)
		return ERR_OK;
	*fields = "Allow: GET\r\n";
	return err_set(e, ERR_HTTP_METHOD, h->target, "it takes GET");
}

static enum err_code head_device(struct request *r, const char **fields, struct err *e)
{
	const struct http_head *h = &r->head;
	const char *allow = NULL;
	r->body_max = EST_BODY_MAX;
	if (strcmp(h->target, CRL_PATH) == 0 || strcmp(h->target, SELF_PATH) == 0) {
		r->kind = strcmp(h->target, CRL_PATH) == 0 ? REQUEST_CRL : REQUEST_SELF;
		return only_get(h, fields, e);
	}
	r->kind = REQUEST_EST;
	enum err_code rc = est_route(h->method, h->target, &r->est, &allow, e);
	if (allow != NULL)
		*fields = strcmp(allow, "GET") == 0 ? "Allow: GET\r\n" : "Allow: POST\r\n";
	return rc;
}

static enum err_code head_operator(struct conn *c, struct err *e)
{
	struct request *r = c->request;
	const struct peer *peer;
	/* Before a body is read at all: strangers send none. */
	enum err_code rc = need_peer(c, &peer, e);
	if (rc != ERR_OK)
		return rc;
	r->kind = REQUEST_API;
	r->body_max = API_BODY_MAX;
	if (!api_takes_image(r->head.method, r->head.target))
		return ERR_OK;
	r->body_max = c->w->p->realm->config.image_max;
	return memfd_start("image", &r->image_fd, e);
}

enum err_code serve_head(struct conn *c, const char **fields, struct err *e)
{
	if (c->listener == LISTEN_ADMIN)
		return head_operator(c, e);
	return head_device(c->request, fields, e);
}

void serve_forget(struct request *r)
{
	if (r->has_csr)
		csr_free(&r->csr);
	if (r->has_call)
		api_call_free(&r->call);
	if (r->image_fd >= 0)
		(void)close(r->image_fd);
	/* A ticket was in it. */
	mem_wipe(&r->enrol, sizeof(r->enrol));
	mem_wipe(r->head.authorization, sizeof(r->head.authorization));
}

/* ---- devices ------------------------------------------------------------------------------- */

static enum err_code take_peer(struct conn *c, struct enrol_request *q, struct err *e)
{
	const struct peer *p;
	enum err_code rc = need_peer(c, &p, e);
	/* A ticket stands for itself: a device whose certificate has expired comes back with one. */
	if (rc != ERR_OK && q->ticket[0] != '\0') {
		q->peer = PEER_NONE;
		return ERR_OK;
	}
	if (rc != ERR_OK)
		return rc;
	q->peer = p->kind;
	memcpy(q->peer_fingerprint, p->cert.fingerprint, SHA256_SIZE);
	memcpy(q->peer_manufacturer, p->manufacturer, sizeof(q->peer_manufacturer));
	memcpy(q->peer_serial, p->cert.device_serial, sizeof(q->peer_serial));
	q->peer_subject = buf_view(&p->subject);
	q->peer_san = buf_view(&p->san);
	q->peer_spki = buf_view(&p->spki);
	return ERR_OK;
}

static enum err_code check_binding(struct conn *c, struct err *e)
{
	if (c->request->csr.challenge.len == 0)
		return ERR_OK;
	struct buf binding = buf_new(256);
	tls_binding(c->tls, &binding);
	enum err_code rc = est_check_channel(&c->request->csr, buf_view(&binding), e);
	buf_free(&binding);
	return rc;
}

static enum err_code start_enrol(struct conn *c, struct err *e)
{
	struct request *r = c->request;
	struct bytes body = bytes_of(c->in.p + c->head_len, (size_t)r->head.length);
	/* Cheap questions first: who is nobody costs no signature check. */
	enum err_code rc = est_read_ticket(r->head.authorization, &r->enrol, e);
	if (rc == ERR_OK)
		rc = take_peer(c, &r->enrol, e);
	if (rc == ERR_OK)
		rc = est_read_csr(r->head.content_type, body, clock_now(clock_system()), &r->csr, e);
	if (rc != ERR_OK)
		return rc;
	r->has_csr = true;
	rc = check_binding(c, e);
	if (rc == ERR_OK)
		rc = est_fill(r->est, &r->csr, &r->enrol, e);
	if (rc != ERR_OK)
		return rc;
	struct message m = wire_message(MSG_ENROL, 0);
	wire_enrol_put(&r->enrol, &m);
	ask_keeper(c, &m);
	return ERR_OK;
}

enum err_code serve_setup(struct worker *w, struct err *e)
{
	struct bytes ders[] = {peer_issuing_der(), peer_root_der()};
	w->cacerts = buf_new(REPLY_MAX);
	return est_reply(ders, 2, &w->cacerts, e);
}

static enum err_code reply_certs(struct conn *c, const struct bytes *ders, size_t n, struct err *e)
{
	struct buf b = buf_new(REPLY_MAX);
	enum err_code rc = est_reply(ders, n, &b, e);
	if (rc == ERR_OK)
		conn_answer(c, 200, EST_REPLY_TYPE, buf_view(&b), EST_REPLY_FIELDS);
	buf_free(&b);
	return rc;
}

static enum err_code serve_est(struct conn *c, struct err *e)
{
	switch (c->request->est) {
	case EST_CACERTS:
		conn_answer(c, 200, EST_REPLY_TYPE, buf_view(&c->w->cacerts), EST_REPLY_FIELDS);
		return ERR_OK;
	case EST_CSRATTRS:
		conn_answer(c, 204, NULL, BYTES_NONE, NULL);
		return ERR_OK;
	default:
		return start_enrol(c, e);
	}
}

static enum err_code serve_self(struct conn *c, struct err *e)
{
	const struct peer *p;
	enum err_code rc = need_peer(c, &p, e);
	if (rc != ERR_OK)
		return rc;
	if (p->kind != PEER_REALM)
		return err_set(e, ERR_CERT_UNKNOWN, "client", "come with the realm's certificate");
	struct message m = wire_message(MSG_SELF, 0);
	m.n = 1;
	m.f[0].bytes = bytes_of(p->cert.fingerprint, SHA256_SIZE);
	ask_keeper(c, &m);
	return ERR_OK;
}

/* ---- operators ----------------------------------------------------------------------------- */

static enum err_code serve_api(struct conn *c, struct err *e)
{
	struct request *r = c->request;
	const struct peer *p;
	struct bytes body = BYTES_NONE;
	enum err_code rc = need_peer(c, &p, e);
	if (rc != ERR_OK)
		return rc;
	if (r->image_fd < 0)
		body = bytes_of(c->in.p + c->head_len, (size_t)r->head.length);
	else if ((rc = memfd_seal(r->image_fd, e)) != ERR_OK)
		return rc;
	rc = api_parse(r->head.method, r->head.target, r->head.content_type, body, &r->call, e);
	if (rc != ERR_OK)
		return rc;
	r->has_call = true;
	memcpy(r->call.operator_fingerprint, p->cert.fingerprint, SHA256_SIZE);
	struct message m = wire_message(MSG_CALL, 0);
	wire_call_put(&r->call, &m);
	m.fd = r->image_fd;
	ask_keeper(c, &m);
	return ERR_OK;
}

void serve_request(struct conn *c)
{
	struct err e = {.code = ERR_OK};
	enum err_code rc = ERR_OK;
	struct message m = wire_message(MSG_CRL, 0);
	switch (c->request->kind) {
	case REQUEST_EST:
		rc = serve_est(c, &e);
		break;
	case REQUEST_SELF:
		rc = serve_self(c, &e);
		break;
	case REQUEST_CRL:
		ask_keeper(c, &m);
		break;
	case REQUEST_API:
		rc = serve_api(c, &e);
		break;
	}
	if (rc != ERR_OK)
		conn_refuse(c, &e, NULL);
}

/* ---- the keeper's answers ------------------------------------------------------------------ */

static enum err_code answer_result(struct conn *c, const struct message *m, struct err *e)
{
	struct bytes type = m->f[1].bytes;
	char text[MESSAGE_TEXT_MAX + 1];
	if (m->f[0].num < 200 || m->f[0].num > 599)
		return err_set(e, ERR_PROTOCOL, "result", "no HTTP status");
	if (type.len > 0)
		memcpy(text, type.p, type.len);
	text[type.len] = '\0';
	if (m->fd < 0) {
		conn_answer(c, (int)m->f[0].num, type.len > 0 ? text : NULL, m->f[2].bytes, NULL);
		return ERR_OK;
	}
	struct bytes mapped;
	enum err_code rc = memfd_map(m->fd, UINT32_MAX, &mapped, e);
	if (rc == ERR_OK)
		conn_answer_mapped(c, (int)m->f[0].num, text, mapped);
	return rc;
}

static void refused(struct conn *c, const struct message *m)
{
	struct err why;
	unsigned retry_after;
	char fields[64] = "";
	enum err_code code = wire_refusal_get(m, &why, &retry_after);
	if (retry_after > 0 && err_http(code) != 503)
		(void)snprintf(fields, sizeof(fields), "Retry-After: %u\r\n", retry_after);
	conn_refuse(c, &why, fields);
}

enum err_code serve_answer(struct conn *c, const struct message *m, struct err *e)
{
	const struct request *r = c->request;
	bool enrols = r->kind == REQUEST_EST;
	enum err_code rc = ERR_OK;
	if (m->type == MSG_REFUSED)
		refused(c, m);
	else if (m->type == MSG_ENROLLED && enrols)
		rc = reply_certs(c, &m->f[0].bytes, 1, e);
	else if (m->type == MSG_RESULT && !enrols)
		rc = answer_result(c, m, e);
	else
		rc = err_set(e, ERR_PROTOCOL, message_name(m->type), "it was not asked for");
	if (m->fd >= 0)
		(void)close(m->fd);
	if (rc == ERR_OK)
		return ERR_OK;
	struct err said;
	(void)err_set(&said, ERR_INTERNAL, "request", "%s", "");
	conn_refuse(c, &said, NULL);
	return rc == ERR_PROTOCOL ? rc : ERR_OK;
}
