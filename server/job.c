/* One request of a worker: read, performed, answered. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authority/keydoor.h"
#include "base/mem.h"
#include "server/keeper.h"
#include "server/wire.h"

#define CRL_TYPE "application/pkix-crl" /* RFC 2585 §4.2 */
#define JSON_TYPE "application/json"
/* The largest CRL that is served; what the signer makes of CALL_CRL_MAX is smaller. */
#define CRL_MAX ((size_t)128 << 20)
#define SELF_MAX ((size_t)4096)
/* What a client is told to wait, in seconds, when it could work later. */
#define RETRY_AFTER 10

/* FNV-1a: only tells devices of one batch apart; equal hashes cost one batch's delay. */
static uint64_t hash_text(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (; s != NULL && *s != '\0'; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3u;
	return h;
}

static enum job_kind call_kind(enum api_op op)
{
	switch (op) {
	case API_IMAGE_ADD:
	case API_RELEASE_PUBLISH:
	case API_DEVICE_REVOKE: /* waits for the signer's CRL */
		return JOB_ALONE;
	case API_RELEASE_BUNDLE:
	case API_LOG_CHECKPOINT:
	case API_LOG_PROOF:
	case API_LOG_EXPORT:
		return JOB_AFTER;
	default:
		return JOB_SHARED;
	}
}

static enum err_code job_read(struct keeper *k, struct job *j, struct err *e)
{
	enum err_code rc = ERR_OK;
	switch (j->m.type) {
	case MSG_ENROL:
		rc = wire_enrol_get(&j->m, &j->enrol, e);
		if (rc == ERR_OK)
			j->who = hash_text(enrol_device_serial(&k->a, &j->enrol));
		return rc;
	case MSG_CALL:
		rc = wire_call_get(&j->m, &j->call, e);
		if (rc == ERR_OK)
			j->kind = call_kind(j->call.op);
		return rc;
	case MSG_SELF:
	case MSG_CRL:
		return ERR_OK;
	default:
		return err_set(e, ERR_PROTOCOL, message_name(j->m.type), "no worker asks this");
	}
}

static uint8_t *spare_take(struct keeper *k)
{
	return k->spare_n > 0 ? k->spare[--k->spare_n] : malloc(MESSAGE_MAX);
}

static void spare_give(struct keeper *k, uint8_t *p)
{
	if (p != NULL && k->spare_n < sizeof(k->spare) / sizeof(k->spare[0]))
		k->spare[k->spare_n++] = p;
	else
		free(p);
}

enum err_code job_new(struct keeper *k, struct seat *s, const struct message *m, struct job **out,
	struct err *e)
{
	struct job *j = calloc(1, sizeof(*j));
	uint8_t *next = spare_take(k);
	if (j == NULL || next == NULL) {
		free(j);
		free(next);
		if (m->fd >= 0)
			(void)close(m->fd);
		return err_set(e, ERR_NO_MEMORY, "request", "%s", message_name(m->type));
	}
	j->seat = s;
	j->sitting = s->sitting;
	j->m = *m;
	j->mem = s->channel.in;
	s->channel.in = next;
	j->made = buf_new(m->type == MSG_CRL ? CRL_MAX : SELF_MAX + CERT_DER_MAX);
	j->result.fd = -1;
	enum err_code rc = job_read(k, j, e);
	if (rc != ERR_OK) {
		job_free(k, j);
		return rc;
	}
	*out = j;
	return ERR_OK;
}

static enum err_code perform_crl(struct keeper *k, struct job *j)
{
	uint64_t number;
	int64_t next_update;
	return store_crl_get(k->a.store, &number, &next_update, &j->made, &j->err);
}

void job_perform(struct keeper *k, struct job *j)
{
	switch (j->m.type) {
	case MSG_SELF:
		j->rc = enrol_self(&k->a, j->m.f[0].bytes.p, &j->made, &j->err);
		break;
	case MSG_CRL:
		j->rc = perform_crl(k, j);
		break;
	case MSG_CALL:
		j->rc = api_perform(&k->a, &j->call, j->m.fd, &j->result, &j->err);
		break;
	default:
		break;
	}
}

/* Seconds after which trying again may help; 0: it will not. */
static unsigned retry_after(const struct keeper *k, enum err_code rc)
{
	if (rc == ERR_KEY_PENDING)
		return keydoor_patience(k->a.keys);
	int http = err_http(rc);
	return http == 503 || http == 507 ? RETRY_AFTER : 0;
}

static void answer_refused(const struct keeper *k, struct job *j)
{
	struct message out = wire_message(MSG_REFUSED, j->m.id);
	wire_refusal_put(&j->err, retry_after(k, j->rc), &out);
	seat_send(j->seat, &out);
}

/* Status, type and body; a body too large for a message travels as a descriptor. */
static void answer_result(const struct keeper *k, struct job *j, int status, const char *type, struct bytes body, int fd)
{
	struct message out = wire_message(MSG_RESULT, j->m.id);
	int made = -1;

	if (fd < 0 && body.len > MESSAGE_BODY_MAX) {
		j->rc = memfd_make("body", body, &made, &j->err);
		if (j->rc != ERR_OK) {
			answer_refused(k, j);
			return;
		}
		fd = made;
	}
	out.n = 3;
	out.f[0].num = (uint64_t)status;
	out.f[1].bytes = bytes_str(type);
	out.f[2].bytes = fd < 0 ? body : BYTES_NONE;
	out.fd = fd;
	seat_send(j->seat, &out);
	if (made >= 0)
		(void)close(made);
}

void job_answer(struct keeper *k, struct job *j)
{
	if (!j->seat->used || j->seat->sitting != j->sitting)
		return; /* whoever asked is gone */
	if (j->rc != ERR_OK) {
		answer_refused(k, j);
	} else if (j->m.type == MSG_ENROL) {
		struct message out = wire_message(MSG_ENROLLED, j->m.id);
		out.n = 1;
		out.f[0].bytes = buf_view(&j->made);
		seat_send(j->seat, &out);
	} else if (j->m.type == MSG_CALL) {
		answer_result(k, j, j->result.status, j->result.content_type,
			buf_view(&j->result.body), j->result.fd);
	} else {
		answer_result(k, j, 200, j->m.type == MSG_CRL ? CRL_TYPE : JSON_TYPE,
			buf_view(&j->made), -1);
	}
}

void job_free(struct keeper *k, struct job *j)
{
	if (j == NULL)
		return;
	if (j->m.fd >= 0)
		(void)close(j->m.fd);
	api_result_free(&j->result);
	api_call_free(&j->call);
	buf_free(&j->made);
	mem_wipe(j->enrol.ticket, sizeof(j->enrol.ticket));
	if (j->m.type == MSG_ENROL)
		mem_wipe((void *)(uintptr_t)j->m.f[8].bytes.p, j->m.f[8].bytes.len);
	spare_give(k, j->mem);
	free(j);
}
