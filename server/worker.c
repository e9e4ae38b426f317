/* A worker: TLS, HTTP and the parsing of hostile bytes.  No keys, no files, no database. */
#include "server/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/wire.h"

/* A signer that is silent for so long is broken. */
#define SIGNER_PATIENCE_SECONDS 10
/* Connections taken at one event, so that those that are there get their turn. */
#define ACCEPT_AT_ONCE 16
#define TRUST_MAX ((uint64_t)16 << 20)

static void fail(struct worker *w, const char *event, const struct err *e)
{
	log_err(LOG_ERROR, event, e);
	w->status = err_exit(ERR_INTERNAL);
	(void)event_base_loopbreak(w->base);
}

/* ---- stopping ------------------------------------------------------------------------------ */

void worker_check_stop(struct worker *w)
{
	if (w->stopping && w->conns == 0)
		(void)event_base_loopexit(w->base, NULL);
}

static void stop_listening(struct worker *w)
{
	for (int l = 0; l < LISTEN_COUNT; l++) {
		if (w->listen_events[l] == NULL)
			continue;
		event_free(w->listen_events[l]);
		w->listen_events[l] = NULL;
		(void)close(w->p->listeners[l]);
	}
}

static void stop(struct worker *w, uint64_t grace_seconds)
{
	int64_t until = clock_monotonic_ms() + (int64_t)(grace_seconds <= 3600 ? grace_seconds : 3600) *
		1000;
	if (!w->stopping || until < w->grace_until)
		w->grace_until = until;
	w->stopping = true;
	stop_listening(w);
	if (grace_seconds == 0)
		conn_close_idle(w);
	worker_check_stop(w);
}

/* ---- the signer ---------------------------------------------------------------------------- */

/* The library waits for it in the middle of a handshake: ask and wait. */
static enum err_code sign(void *arg, unsigned scheme, struct bytes tbs, struct buf *signature,
	struct err *e)
{
	struct worker *w = arg;
	struct message m = wire_message(MSG_TLS_SIGN, ++w->next_id);
	struct message got;
	m.n = 2;
	m.f[0].num = scheme;
	m.f[1].bytes = tbs;
	enum err_code rc = channel_send(&w->signer, &m, e);
	if (rc == ERR_OK)
		rc = channel_receive(&w->signer, true, &got, e);
	if (rc == ERR_OK && got.id != m.id)
		rc = err_set(e, ERR_PROTOCOL, "signer", "an answer to something else");
	if (rc != ERR_OK) {
		/* Alone or out of step: nothing can be signed any more. */
		fail(w, "signer.lost", e);
		return rc;
	}
	if (got.type == MSG_REFUSED) {
		unsigned retry;
		return wire_refusal_get(&got, e, &retry);
	}
	buf_bytes(signature, got.f[0].bytes);
	return ERR_OK;
}

/* ---- the keeper ---------------------------------------------------------------------------- */

static void keeper_lost(struct worker *w, const struct err *e)
{
	log_err(LOG_ERROR, "keeper.lost", e);
	w->keeper_lost = true;
	w->status = err_exit(ERR_INTERNAL);
	(void)event_del(w->channel_events[1]);
	ask_fail_all(w);
	stop(w, 0);
}

static void on_accept(evutil_socket_t fd, short what, void *arg);

static bool start_listening(struct worker *w)
{
	for (int l = 0; l < LISTEN_COUNT; l++) {
		int fd = w->p->listeners[l];
		if (fd < 0)
			continue;
		w->listen_events[l] = event_new(w->base, fd, EV_READ | EV_PERSIST, on_accept, w);
		if (w->listen_events[l] == NULL || event_add(w->listen_events[l], NULL) != 0)
			return false;
	}
	return true;
}

/* Only now: before it knows the manufacturers it would turn their devices away. */
static void take_trust(struct worker *w, const struct message *m)
{
	struct err e;
	struct bytes list;
	enum err_code rc = memfd_map(m->fd, TRUST_MAX, &list, &e);
	(void)close(m->fd);
	if (rc == ERR_OK) {
		rc = peer_trust(list, &e);
		memfd_unmap(list);
	}
	if (rc != ERR_OK) {
		fail(w, "trust.refused", &e);
		return;
	}
	LOG(LOG_DEBUG, "trust.taken", LOG_NUM("generation", m->f[0].num),
		LOG_NUM("manufacturers", peer_manufacturers()));
	if (w->serving || w->stopping)
		return;
	struct message ready = wire_message(MSG_READY, 0);
	if (!start_listening(w) || channel_send(&w->parent, &ready, &e) != ERR_OK)
		fail(w, "worker.start", &e);
	w->serving = true;
}

static void on_keeper(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct worker *w = arg;
	struct message m;
	struct err e;
	enum err_code rc;
	while (!w->keeper_lost && (rc = channel_receive(&w->keeper, false, &m, &e)) != ERR_BUSY) {
		if (rc == ERR_OK && m.type == MSG_TRUST)
			take_trust(w, &m);
		else if (rc == ERR_OK)
			rc = ask_answered(w, &m, &e);
		if (rc != ERR_OK)
			keeper_lost(w, &e);
	}
}

static void on_parent(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct worker *w = arg;
	struct message m;
	struct err e;
	enum err_code rc = channel_receive(&w->parent, false, &m, &e);
	if (rc == ERR_BUSY)
		return;
	if (rc != ERR_OK || m.type != MSG_STOP) {
		/* Without a parent nobody replaces or stops this process: it ends itself. */
		if (rc == ERR_OK && m.fd >= 0)
			(void)close(m.fd);
		w->status = err_exit(ERR_INTERNAL);
		(void)event_base_loopbreak(w->base);
		return;
	}
	stop(w, m.f[0].num);
}

/* ---- connections --------------------------------------------------------------------------- */

static enum listener listener_of(const struct worker *w, int fd)
{
	int l = 0;
	while (w->p->listeners[l] != fd)
		l++;
	return (enum listener)l;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct worker *w = arg;
	enum listener l = listener_of(w, fd);
	int one = 1;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		int s = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (s < 0) {
			/* Out of descriptors: the client would wait for ever, and this event with it. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				conn_make_room(w);
			return; /* else taken by another worker, or the client went */
		}
		/* Answers go out whole; waiting for more only delays them. */
		(void)setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		conn_accept(w, l, s);
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_sweep(arg);
}

/* ---- start --------------------------------------------------------------------------------- */

static enum err_code open_channels(struct worker *w, struct err *e)
{
	struct process *p = w->p;
	enum err_code rc = channel_open(&w->parent, p->parent.fd, ROLE_WORKER, ROLE_PARENT, 0, e);
	for (size_t i = 0; i < p->peers_n && rc == ERR_OK; i++) {
		struct channel *c = p->peers[i].role == ROLE_KEEPER ? &w->keeper : &w->signer;
		rc = channel_open(c, p->peers[i].fd, ROLE_WORKER, p->peers[i].role, 0, e);
	}
	if (rc == ERR_OK && (w->keeper.in == NULL || w->signer.in == NULL))
		rc = err_set(e, ERR_INTERNAL, "worker", "it has no keeper or no signer");
	struct timeval patience = {.tv_sec = SIGNER_PATIENCE_SECONDS};
	if (rc == ERR_OK && setsockopt(w->signer.fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				    sizeof(patience)) != 0)
		rc = err_sys(e, ERR_IO, "worker", errno, "no time limit for the signer");
	return rc;
}

static enum err_code make_events(struct worker *w, struct err *e)
{
	struct timeval second = {.tv_sec = 1};
	w->base = event_base_new();
	if (w->base == NULL)
		return err_set(e, ERR_NO_MEMORY, "worker", "no event loop");
	w->channel_events[0] = event_new(w->base, w->parent.fd, EV_READ | EV_PERSIST, on_parent, w);
	w->channel_events[1] = event_new(w->base, w->keeper.fd, EV_READ | EV_PERSIST, on_keeper, w);
	w->tick = event_new(w->base, -1, EV_PERSIST, on_tick, w);
	if (w->channel_events[0] == NULL || w->channel_events[1] == NULL || w->tick == NULL ||
		event_add(w->channel_events[0], NULL) != 0 ||
		event_add(w->channel_events[1], NULL) != 0 || event_add(w->tick, &second) != 0)
		return err_set(e, ERR_NO_MEMORY, "worker", "no events");
	return ERR_OK;
}

int worker_run(struct process *p)
{
	static struct worker the; /* one a process */
	struct worker *w = &the;
	struct err e;
	*w = (struct worker){.p = p};
	TAILQ_INIT(&w->waiting);
	TAILQ_INIT(&w->timed);
	TAILQ_INIT(&w->asks);
	tls_key_signer(sign, w);
	enum err_code rc = peer_setup(p->realm, &e);
	if (rc == ERR_OK)
		rc = serve_setup(w, &e);
	if (rc == ERR_OK)
		rc = open_channels(w, &e);
	if (rc == ERR_OK)
		rc = make_events(w, &e);
	if (rc == ERR_OK)
		rc = process_confine(p, &e);
	if (rc != ERR_OK) {
		log_err(LOG_ERROR, "worker.start", &e);
		return err_exit(rc);
	}
	(void)event_base_dispatch(w->base);
	return w->status;
}
