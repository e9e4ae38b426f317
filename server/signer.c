/*
 * The signer's process: open keys, jail, serve (server/signer.h).  One poll for all channels; then
 * each ready channel is served a few requests, so that nobody starves the others.
 */
#include "server/signer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/process.h"
#include "server/wire.h"

/* Requests of one channel before the next channel's turn: a keeper's window of certificates. */
#define TURN_MAX 32
/* When the keeper is gone the parent says why: it stops the server, or it will find that it broke.
 * This long, in milliseconds, the signer waits for that word. */
#define ORPHAN_MS 5000
/* parent, keeper, workers */
#define CHANNELS_MAX (1 + PROCESS_PEERS_MAX)

struct signer_loop {
	struct signer signer;
	struct channel channels[CHANNELS_MAX];
	struct pollfd polled[CHANNELS_MAX];
	size_t n;
	struct buf made;
	bool orphan; /* without keeper, until `orphan_ms` of the monotonic clock */
	int64_t orphan_ms;
	bool stop;
	int status; /* exit */
};

static void fail(struct signer_loop *l, const struct err *e)
{
	log_err(LOG_ERROR, "signer.failed", e);
	l->stop = true;
	l->status = err_exit(e->code);
}

static enum err_code add_channel(struct signer_loop *l, const struct process_peer *p,
	struct err *e)
{
	if (l->n == CHANNELS_MAX)
		return err_set(e, ERR_LIMIT, "signer", "more than %d channels", CHANNELS_MAX);
	enum err_code rc = channel_open(&l->channels[l->n], p->fd, ROLE_SIGNER, p->role, p->slot,
		e);
	if (rc == ERR_OK)
		l->n++;
	return rc;
}

/* The last channel takes the place of the one that goes. */
static void drop_channel(struct signer_loop *l, size_t i)
{
	channel_close(&l->channels[i]);
	l->channels[i] = l->channels[--l->n];
	l->polled[i] = l->polled[l->n];
}

/* A worker that was started later takes the slot of the one before it. */
static void take_peer(struct signer_loop *l, struct message *m)
{
	struct err e;
	struct process_peer p = {.role = ROLE_WORKER, .slot = (unsigned)m->f[1].num, .fd = m->fd};

	if (m->f[0].num != ROLE_WORKER || m->f[1].num >= PROCESS_SLOTS_MAX) {
		err_set(&e, ERR_PROTOCOL, "peer", "not a worker");
		(void)close(m->fd);
		fail(l, &e);
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (l->channels[i].peer == ROLE_WORKER && l->channels[i].slot == p.slot) {
			drop_channel(l, i);
			break;
		}
	}
	if (add_channel(l, &p, &e) != ERR_OK) {
		(void)close(m->fd);
		fail(l, &e);
	}
}

static void hear_parent(struct signer_loop *l, struct message *m)
{
	if (m->type == MSG_PEER)
		take_peer(l, m);
	else
		l->stop = true; /* MSG_STOP: the table allows nothing else */
}

/* Answer one request.  Anything but ERR_OK means: this channel is done for. */
static enum err_code serve_one(struct signer_loop *l, struct channel *c, const struct message *in,
	struct err *e)
{
	struct message out;
	struct err why;

	err_clear(&why);
	enum err_code rc = signer_answer(&l->signer, c->peer, in, &l->made, &out, &why);
	if (rc == ERR_PROTOCOL) {
		*e = why;
		return rc;
	}
	if (rc != ERR_OK) {
		log_err(LOG_WARN, "signer.refused", &why);
		out = wire_message(MSG_REFUSED, in->id);
		wire_refusal_put(&why, 0, &out);
	}
	/* Who asks and does not read the answers would hold up everybody else. */
	return channel_try_send(c, &out, e);
}

/* What was waiting on channel `i`; false when the channel is gone. */
static bool serve_channel(struct signer_loop *l, size_t i)
{
	struct channel *c = &l->channels[i];
	struct message m;
	struct err e;
	enum err_code rc = ERR_OK;

	for (int turn = 0; turn < TURN_MAX && rc == ERR_OK && !l->stop; turn++) {
		err_clear(&e);
		rc = channel_receive(c, false, &m, &e);
		if (rc != ERR_OK)
			break;
		if (c->peer == ROLE_PARENT) {
			hear_parent(l, &m);
			return true; /* channels may have moved */
		}
		rc = serve_one(l, c, &m, &e);
		if (m.fd >= 0)
			(void)close(m.fd);
		if (rc == ERR_BUSY) /* it does not read */
			rc = err_set(&e, ERR_PROTOCOL, "signer", "answers are not read");
	}
	if (rc == ERR_OK || rc == ERR_BUSY)
		return true;
	if (c->peer == ROLE_WORKER) {
		log_err(rc == ERR_PROTOCOL ? LOG_ERROR : LOG_INFO, "signer.worker-gone", &e);
		drop_channel(l, i);
		return false;
	}
	if (c->peer == ROLE_PARENT) {
		l->stop = true; /* it died: nobody is left to serve for */
		return true;
	}
	if (rc == ERR_UNAVAILABLE) {
		l->orphan = true;
		l->orphan_ms = clock_monotonic_ms() + ORPHAN_MS;
		drop_channel(l, i);
		return false;
	}
	e.code = ERR_INTERNAL; /* a keeper that asks such things is no keeper: fail closed */
	fail(l, &e);
	return true;
}

static int patience(struct signer_loop *l)
{
	if (!l->orphan)
		return -1;
	int64_t left = l->orphan_ms - clock_monotonic_ms();
	if (left <= 0) {
		struct err e;
		err_set(&e, ERR_INTERNAL, "keeper", "it is gone and nobody said why");
		fail(l, &e);
		return 0;
	}
	return (int)left;
}

static void serve(struct signer_loop *l)
{
	while (!l->stop) {
		size_t n = l->n;
		for (size_t i = 0; i < n; i++)
			l->polled[i] = (struct pollfd){.fd = l->channels[i].fd, .events = POLLIN};
		if (poll(l->polled, (nfds_t)n, patience(l)) < 0 && errno != EINTR) {
			struct err e;
			err_sys(&e, ERR_INTERNAL, "signer", errno, "poll");
			fail(l, &e);
			return;
		}
		/* Downward: a dropped channel is replaced by one that was served already. */
		for (size_t i = n; i-- > 0 && !l->stop;) {
			if (l->polled[i].revents != 0 && i < l->n)
				(void)serve_channel(l, i);
		}
	}
}

static enum err_code start(struct process *p, struct signer_loop *l, struct err *e)
{
	enum err_code rc = mem_protect_process(e);
	if (rc == ERR_OK)
		rc = signer_open(p->realm, buf_view(p->passphrase), clock_system(), &l->signer, e);
	buf_free(p->passphrase); /* wiped, whether it was right or not */
	if (rc == ERR_OK)
		rc = add_channel(l, &p->parent, e);
	for (size_t i = 0; i < p->peers_n && rc == ERR_OK; i++)
		rc = add_channel(l, &p->peers[i], e);
	if (rc == ERR_OK)
		rc = process_confine(p, e);
	if (rc == ERR_OK) {
		struct message ready = wire_message(MSG_READY, 0);
		rc = channel_send(&l->channels[0], &ready, e);
	}
	return rc;
}

int signer_run(struct process *p)
{
	struct err e;
	struct signer_loop *l = calloc(1, sizeof(*l));
	if (l == NULL)
		return err_exit(ERR_NO_MEMORY);
	l->made = buf_new(MESSAGE_BODY_MAX);
	err_clear(&e);
	if (start(p, l, &e) != ERR_OK)
		fail(l, &e);
	serve(l);
	int status = l->status;
	while (l->n > 0)
		channel_close(&l->channels[--l->n]);
	signer_free(&l->signer);
	buf_free(&l->made);
	free(l);
	return status;
}
