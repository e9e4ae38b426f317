/*
 * The signer as the authority sees it: one question, one answer; and for a batch's certificates a
 * window of questions, so that keeper and signer work at the same time.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "firmware/file.h"
#include "server/keeper.h"
#include "server/signer_call.h"
#include "server/wire.h"

/* From here on the signer cannot be trusted to answer: the keeper finishes and stops. */
static enum err_code lose(struct keeper *k, enum err_code rc)
{
	k->lost = true;
	return rc;
}

static enum err_code ask(struct keeper *k, struct message *m, struct err *e)
{
	if (k->lost)
		return err_set(e, ERR_UNAVAILABLE, "signer", "it is gone");
	m->id = ++k->sign_id;
	enum err_code rc = channel_send(&k->signer, m, e);
	return rc == ERR_OK || rc == ERR_PROTOCOL ? rc : lose(k, rc);
}

static enum err_code wait_for_answer(struct keeper *k, struct err *e)
{
	struct pollfd p = {.fd = k->signer.fd, .events = POLLIN};
	int n;

	do {
		n = poll(&p, 1, SIGNER_PATIENCE_MS);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return ERR_OK;
	return err_set(e, ERR_UNAVAILABLE, "signer", "no answer for %d ms", SIGNER_PATIENCE_MS);
}

/* The next answer, whoever's it is: MSG_SIGNED or MSG_REFUSED. */
static enum err_code hear(struct keeper *k, struct message *m, struct err *e)
{
	if (k->lost)
		return err_set(e, ERR_UNAVAILABLE, "signer", "it is gone");
	enum err_code rc = channel_receive(&k->signer, false, m, e);
	if (rc == ERR_BUSY) {
		rc = wait_for_answer(k, e);
		if (rc == ERR_OK)
			rc = channel_receive(&k->signer, true, m, e);
	}
	if (rc != ERR_OK)
		return lose(k, rc);
	if (m->type != MSG_SIGNED && m->type != MSG_REFUSED)
		return lose(k, err_set(e, ERR_PROTOCOL, "signer", "%s is no answer",
			message_name(m->type)));
	return ERR_OK;
}

/* What was made, appended to `out`; or why not. */
static enum err_code take(const struct message *m, struct buf *out, struct err *e)
{
	unsigned retry;
	if (m->type == MSG_REFUSED)
		return wire_refusal_get(m, e, &retry);
	buf_bytes(out, m->f[0].bytes);
	return buf_end(out, e, "signer");
}

static enum err_code call(struct keeper *k, struct message *m, struct buf *out, struct err *e)
{
	struct message answer;
	enum err_code rc = ask(k, m, e);
	if (rc == ERR_OK)
		rc = hear(k, &answer, e);
	if (rc != ERR_OK)
		return rc;
	if (answer.id != m->id)
		rc = lose(k, err_set(e, ERR_PROTOCOL, "signer", "an answer to another question"));
	else
		rc = take(&answer, out, e);
	if (answer.fd >= 0)
		(void)close(answer.fd);
	return rc;
}

static enum err_code call_cert(void *arg, const struct cert_fields *f, struct buf *der,
	struct err *e)
{
	struct buf names = buf_new(MESSAGE_NAME_MAX);
	struct message m = wire_message(MSG_SIGN_CERT, 0);
	wire_cert_put(f, &names, &m);
	enum err_code rc = buf_end(&names, e, "names");
	if (rc == ERR_OK)
		rc = call(arg, &m, der, e);
	buf_free(&names);
	return rc;
}

static enum err_code call_crl(void *arg, const struct crl_fields *f, struct buf *der, struct err *e)
{
	struct message m;
	enum err_code rc = call_crl_encode(f, &m, e);
	if (rc != ERR_OK)
		return rc;
	rc = call(arg, &m, der, e);
	(void)close(m.fd);
	return rc;
}

#define IMAGE_PIECE ((size_t)1 << 20)

static enum err_code copy_pieces(int from, uint64_t size, int to, struct err *e)
{
	struct buf piece = buf_new(IMAGE_PIECE);
	enum err_code rc = ERR_OK;
	for (uint64_t at = 0; at < size && rc == ERR_OK; at += piece.len) {
		uint64_t left = size - at;
		buf_reset(&piece);
		rc = file_read(from, at, left < IMAGE_PIECE ? (size_t)left : IMAGE_PIECE, &piece, e);
		if (rc == ERR_OK)
			rc = memfd_add(to, buf_view(&piece), e);
	}
	buf_free(&piece);
	return rc;
}

/* A copy in memory that nobody can change any more: the signer takes nothing else. */
static enum err_code seal_image(int fd, int *sealed, struct err *e)
{
	uint64_t size = 0;
	int made = -1;
	enum err_code rc = file_size(fd, &size, e);
	if (rc == ERR_OK)
		rc = memfd_start("image", &made, e);
	if (rc == ERR_OK)
		rc = copy_pieces(fd, size, made, e);
	if (rc == ERR_OK)
		rc = memfd_seal(made, e);
	if (rc != ERR_OK) {
		if (made >= 0)
			(void)close(made);
		return rc;
	}
	*sealed = made;
	return ERR_OK;
}

static enum err_code call_release(void *arg, struct bytes proposal, const struct bytes *approvals,
	size_t approvals_n, int64_t at, int image_fd, struct buf *signature, struct err *e)
{
	struct buf joined = buf_new(MESSAGE_MAX);
	struct message m = wire_message(MSG_SIGN_RELEASE, 0);
	m.n = 3;
	enum err_code rc = call_approvals_encode(approvals, approvals_n, &joined, e);
	m.f[0].bytes = proposal;
	m.f[1].bytes = buf_view(&joined);
	m.f[2].num = (uint64_t)at;
	if (rc == ERR_OK)
		rc = seal_image(image_fd, &m.fd, e);
	if (rc == ERR_OK) {
		rc = call(arg, &m, signature, e);
		(void)close(m.fd);
	}
	buf_free(&joined);
	return rc;
}

static enum err_code call_checkpoint(void *arg, const struct checkpoint *c, uint8_t sig[64],
	struct err *e)
{
	struct keeper *k = arg;
	struct buf out = buf_new(MESSAGE_SIG_MAX);
	struct message m = wire_message(MSG_SIGN_CHECKPOINT, 0);
	m.n = 3;
	m.f[0].bytes = bytes_str(c->origin);
	m.f[1].num = c->size;
	m.f[2].bytes = bytes_of(c->root.b, sizeof(c->root.b));
	enum err_code rc = call(k, &m, &out, e);
	if (rc == ERR_OK && out.len != 64)
		rc = lose(k, err_set(e, ERR_PROTOCOL, "signer", "a signature of %zu bytes",
			out.len));
	if (rc == ERR_OK)
		memcpy(sig, out.p, 64);
	buf_free(&out);
	return rc;
}

struct signer_port signer_client_port(struct keeper *k)
{
	return (struct signer_port){
		.arg = k,
		.cert = call_cert,
		.crl = call_crl,
		.release = call_release,
		.checkpoint = call_checkpoint,
	};
}

/* Whose answer is it?  They come in the order of the questions. */
static struct job *find_asked(struct job **jobs, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (jobs[i]->sign_id == id)
			return jobs[i];
	}
	return NULL;
}

static void hear_cert(struct keeper *k, struct job **jobs, size_t n)
{
	struct message m;
	struct err e;
	if (hear(k, &m, &e) != ERR_OK)
		return; /* k->lost: whoever has no certificate is refused below */
	struct job *j = find_asked(jobs, n, m.id);
	if (j == NULL)
		(void)lose(k, ERR_PROTOCOL);
	else
		j->rc = take(&m, &j->made, &j->err);
	if (m.fd >= 0)
		(void)close(m.fd);
	if (j != NULL)
		j->sign_id = 0;
}

void signer_client_certs(struct keeper *k, struct job **jobs, size_t n)
{
	struct buf names = buf_new(MESSAGE_NAME_MAX);
	size_t under_way = 0;

	for (size_t i = 0; i < n; i++) {
		struct job *j = jobs[i];
		struct message m = wire_message(MSG_SIGN_CERT, 0);
		if (j->rc != ERR_OK)
			continue;
		if (under_way == SIGN_WINDOW) {
			hear_cert(k, jobs, i);
			under_way--;
		}
		wire_cert_put(&j->fields, &names, &m);
		j->rc = ask(k, &m, &j->err);
		if (j->rc == ERR_OK) {
			j->sign_id = m.id;
			under_way++;
		}
	}
	for (; under_way > 0 && !k->lost; under_way--)
		hear_cert(k, jobs, n);
	for (size_t i = 0; i < n && k->lost; i++) {
		if (jobs[i]->rc == ERR_OK && jobs[i]->sign_id != 0)
			jobs[i]->rc = err_set(&jobs[i]->err, ERR_UNAVAILABLE, "signer",
				"it did not answer");
	}
	buf_free(&names);
}
