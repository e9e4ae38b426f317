#include "server/parent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "sandbox/sandbox.h"
#include "server/child.h"
#include "server/state_dir.h"
#include "server/tls.h"
#include "server/wire.h"

#define CHILDREN_MAX (2 + PROCESS_SLOTS_MAX)

/* Requests in flight have this long to finish; then a worker is killed. */
#define STOP_WORKERS_SECONDS 10
/* A commit that was begun has this long; a slow disk must not turn into lost work. */
#define STOP_KEEPER_SECONDS 30
/* Old workers of a reload: an idle connection may still make one request within this time. */
#define RELOAD_GRACE_SECONDS 30
/* A worker that lived so long died of something new: it is replaced at once. */
#define STABLE_MS 10000
#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 10000
/* So many that end by themselves before anything was served: it will not get better. */
#define STILLBORN_MAX 3

enum phase { STARTING, SERVING, STOPPING, FAILED };

struct parent {
	struct event_base *base;
	struct parent_start *start;
	enum phase phase;
	bool served; /* it was in SERVING once */
	int status;
	struct child children[CHILDREN_MAX];
	unsigned generation; /* of the configuration; workers of an older one are to go */
	bool renewed;        /* certs/tls.pem is another than its workers have */
	int64_t pause_ms;    /* before the next worker is forked in place of a dead one */
	unsigned stillborn;  /* workers that ended before the server ever served */
	struct event *retry;
	struct event *patience; /* ends a stop that takes too long */
	struct event *signals[4];
};

static void advance(struct parent *p);

static struct child *child_of(struct parent *p, enum role role)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (p->children[i].pid > 0 && p->children[i].role == role)
			return &p->children[i];
	return NULL;
}

static unsigned wanted_workers(const struct parent *p)
{
	unsigned n = p->start->realm->config.workers;
	if (n == 0) {
		long cpus = sysconf(_SC_NPROCESSORS_ONLN);
		n = cpus > 0 ? (unsigned)cpus : 1;
	}
	return n <= CONFIG_WORKERS_MAX ? n : CONFIG_WORKERS_MAX;
}

static unsigned count_workers(const struct parent *p, bool only_ready)
{
	unsigned n = 0;
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		const struct child *c = &p->children[i];
		if (c->pid > 0 && c->role == ROLE_WORKER && !c->stopping &&
			c->generation == p->generation && (c->ready || !only_ready))
			n++;
	}
	return n;
}

static void tell(struct child *c, enum message_type type, uint64_t number)
{
	struct message m = wire_message(type, 0);
	struct err e;
	if (type == MSG_STOP) {
		m.n = 1;
		m.f[0].num = number;
		c->stopping = true;
	}
	/* One that cannot be told is dead or stuck; its end, or patience, decides. */
	if (channel_try_send(&c->channel, &m, &e) != ERR_OK)
		log_err(LOG_WARN, "process.unreachable", &e);
}

static void kill_all(struct parent *p)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (p->children[i].pid > 0)
			(void)kill(p->children[i].pid, SIGKILL);
}

static void be_patient(struct parent *p, int seconds)
{
	struct timeval t = {.tv_sec = seconds};
	(void)evtimer_add(p->patience, &t);
}

static void stop_workers(struct parent *p, bool all, unsigned grace)
{
	for (size_t i = 0; i < CHILDREN_MAX; i++) {
		struct child *c = &p->children[i];
		if (c->pid > 0 && c->role == ROLE_WORKER && (all || c->generation != p->generation) &&
			(!c->stopping || all))
			tell(c, MSG_STOP, grace);
	}
}

static void begin_stop(struct parent *p, enum phase phase, int status)
{
	if (p->phase >= STOPPING)
		return;
	p->phase = phase;
	p->status = status;
	service_notify("STOPPING=1");
	for (int l = 0; l < LISTEN_COUNT; l++)
		if (p->start->listeners[l] >= 0) {
			(void)close(p->start->listeners[l]);
			p->start->listeners[l] = -1;
		}
	stop_workers(p, true, 0);
	be_patient(p, STOP_WORKERS_SECONDS);
	advance(p);
}

/*
 * A keeper or signer that is gone: nobody decides or signs any more, so nobody serves.  Before
 * anything was served its status says why; when one takes the other with it, in whatever order they
 * are seen, the status that says more stands.
 */
static void core_died(struct parent *p, int status)
{
	int fault = err_exit(ERR_INTERNAL);
	if (p->served || status == 0)
		status = fault;
	if (p->phase >= STOPPING && (p->status == 0 || p->status == fault))
		p->status = status;
	begin_stop(p, FAILED, status);
}

static void on_message(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct child *c = arg;
	struct message m;
	struct err e;
	enum err_code rc = channel_receive(&c->channel, false, &m, &e);
	if (rc == ERR_BUSY)
		return;
	if (rc != ERR_OK) {
		/* Its end is seen by SIGCHLD; a child that talks nonsense is ended. */
		(void)event_del(c->event);
		if (rc == ERR_PROTOCOL) {
			log_err(LOG_ERROR, "process.protocol", &e);
			(void)kill(c->pid, SIGKILL);
		}
		return;
	}
	if (m.type == MSG_RENEWED)
		c->parent->renewed = true;
	else
		c->ready = true; /* MSG_READY: the table allows a child nothing else */
	advance(c->parent);
}

/* Fork one child and watch it.  NULL: it could not be; logged. */
static struct child *start_child(struct parent *p, enum role role, unsigned slot,
	const struct process_peer *peers, size_t peers_n)
{
	struct child *c = NULL;
	for (size_t i = 0; i < CHILDREN_MAX && c == NULL; i++)
		if (p->children[i].pid == 0)
			c = &p->children[i];
	struct err e;
	struct child_start s = {.role = role, .slot = slot, .peers = peers, .peers_n = peers_n,
		.realm = p->start->realm, .listeners = p->start->listeners,
		.lock_fd = p->start->lock_fd, .passphrase = p->start->passphrase};
	if (c == NULL || child_fork(&s, c, &e) != ERR_OK) {
		log_err(LOG_ERROR, "process.fork", &e);
		return NULL;
	}
	c->parent = p;
	c->generation = p->generation;
	c->event = event_new(p->base, c->channel.fd, EV_READ | EV_PERSIST, on_message, c);
	if (c->event == NULL || event_add(c->event, NULL) != 0) {
		(void)kill(c->pid, SIGKILL);
		return NULL;
	}
	return c;
}

static bool start_core(struct parent *p)
{
	int fds[2];
	struct err e;
	if (channel_pair(fds, &e) != ERR_OK) {
		log_err(LOG_ERROR, "process.fork", &e);
		return false;
	}
	struct process_peer keeper = {ROLE_KEEPER, 0, fds[0]};
	struct process_peer signer = {ROLE_SIGNER, 0, fds[1]};
	bool ok = start_child(p, ROLE_SIGNER, 0, &keeper, 1) != NULL;
	buf_free(p->start->passphrase); /* the signer has it; nobody else will */
	ok = ok && start_child(p, ROLE_KEEPER, 0, &signer, 1) != NULL;
	(void)close(fds[0]);
	(void)close(fds[1]);
	return ok;
}

static bool free_slot(const struct parent *p, unsigned *slot)
{
	for (unsigned s = 0; s < PROCESS_SLOTS_MAX; s++) {
		bool taken = false;
		for (size_t i = 0; i < CHILDREN_MAX; i++)
			taken = taken || (p->children[i].pid > 0 &&
						 p->children[i].role == ROLE_WORKER &&
						 p->children[i].slot == s);
		if (!taken) {
			*slot = s;
			return true;
		}
	}
	return false;
}

/* Hand keeper or signer its end of a channel to the worker that is about to start. */
static bool introduce(struct parent *p, enum role to, unsigned slot, struct process_peer *worker_s)
{
	struct child *c = child_of(p, to);
	int fds[2];
	struct err e;
	if (c == NULL || channel_pair(fds, &e) != ERR_OK)
		return false;
	struct message m = wire_message(MSG_PEER, 0);
	m.fd = fds[0];
	m.n = 2;
	m.f[0].num = ROLE_WORKER;
	m.f[1].num = slot;
	enum err_code rc = channel_send(&c->channel, &m, &e);
	(void)close(fds[0]);
	if (rc != ERR_OK) {
		(void)close(fds[1]);
		return false;
	}
	*worker_s = (struct process_peer){to, 0, fds[1]};
	return true;
}

static bool start_worker(struct parent *p)
{
	unsigned slot;
	struct process_peer peers[2];
	size_t n = 0;
	bool ok = free_slot(p, &slot);
	if (ok && (ok = introduce(p, ROLE_KEEPER, slot, &peers[n])))
		n++;
	if (ok && (ok = introduce(p, ROLE_SIGNER, slot, &peers[n])))
		n++;
	ok = ok && start_child(p, ROLE_WORKER, slot, peers, n) != NULL;
	while (n > 0)
		(void)close(peers[--n].fd);
	return ok;
}

static void retry_later(struct parent *p)
{
	struct timeval t = {.tv_sec = p->pause_ms / 1000,
		.tv_usec = (p->pause_ms % 1000) * 1000};
	(void)evtimer_add(p->retry, &t);
}

static void fill_workers(struct parent *p)
{
	if (evtimer_pending(p->retry, NULL))
		return;
	while (count_workers(p, false) < wanted_workers(p))
		if (!start_worker(p)) {
			retry_later(p);
			return;
		}
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	advance(arg);
}

static void become_serving(struct parent *p)
{
	if (p->phase == STARTING) {
		struct err e;
		if (state_dir_write(p->start->realm->dir, p->start->ports, &e) != ERR_OK)
			log_err(LOG_WARN, "server.state", &e);
		p->phase = SERVING;
		p->served = true;
	}
	service_notify("READY=1");
	LOG(LOG_INFO, "server.ready", LOG_STR("realm", p->start->realm->config.name),
		LOG_NUM("workers", wanted_workers(p)), LOG_NUM("est", p->start->ports[LISTEN_EST]),
		LOG_NUM("est_compat", p->start->ports[LISTEN_EST_COMPAT]),
		LOG_NUM("admin", p->start->ports[LISTEN_ADMIN]));
}

static void advance_start(struct parent *p)
{
	struct child *keeper = child_of(p, ROLE_KEEPER);
	struct child *signer = child_of(p, ROLE_SIGNER);
	bool was_full = count_workers(p, true) >= wanted_workers(p);
	fill_workers(p);
	if (!was_full || keeper == NULL || !keeper->ready || signer == NULL || !signer->ready)
		return;
	bool fresh = false; /* the first of this generation to come so far */
	static unsigned announced;
	if (p->phase == STARTING || announced != p->generation)
		fresh = true;
	announced = p->generation;
	if (fresh)
		become_serving(p);
	stop_workers(p, false, RELOAD_GRACE_SECONDS);
}

/* Workers first, then the keeper (it commits what they asked), then the signer. */
static void advance_stop(struct parent *p)
{
	struct child *keeper = child_of(p, ROLE_KEEPER);
	struct child *signer = child_of(p, ROLE_SIGNER);
	if (child_of(p, ROLE_WORKER) != NULL)
		return;
	if (keeper != NULL) {
		if (!keeper->stopping) {
			tell(keeper, MSG_STOP, 0);
			be_patient(p, STOP_KEEPER_SECONDS);
		}
		return;
	}
	if (signer != NULL) {
		if (!signer->stopping)
			tell(signer, MSG_STOP, 0);
		return;
	}
	(void)event_base_loopbreak(p->base);
}

/* New workers with the certificate that the keeper has put into its file; the configuration stays. */
static bool take_certificate(struct parent *p)
{
	struct err e;
	if (!p->renewed || p->phase != SERVING)
		return false;
	p->renewed = false;
	if (tls_setup(p->start->realm, &e) != ERR_OK) {
		log_err(LOG_ERROR, "server.reload_refused", &e);
		return false;
	}
	p->generation++;
	LOG(LOG_INFO, "server.certificate_renewed", LOG_NUM("generation", p->generation));
	return true;
}

static void advance(struct parent *p)
{
	if (p->phase >= STOPPING) {
		advance_stop(p);
		return;
	}
	advance_start(p);
	if (take_certificate(p))
		advance_start(p);
}

static void worker_died(struct parent *p, const struct child *c, int status)
{
	if (p->phase == STARTING && status > 0 && ++p->stillborn >= STILLBORN_MAX) {
		begin_stop(p, FAILED, status);
		return;
	}
	bool stable = clock_monotonic_ms() - c->started_ms > STABLE_MS;
	p->pause_ms = stable ? 0 : p->pause_ms == 0 ? PAUSE_FIRST_MS : 2 * p->pause_ms;
	if (p->pause_ms > PAUSE_MAX_MS)
		p->pause_ms = PAUSE_MAX_MS;
	if (p->phase < STOPPING && p->pause_ms > 0)
		retry_later(p);
}

static void child_ended(struct parent *p, struct child *c, int wait_status)
{
	int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
	bool expected = c->stopping && status == 0;
	LOG(expected ? LOG_DEBUG : LOG_ERROR, "process.ended", LOG_STR("role", child_name(c->role)),
		LOG_NUM("slot", c->slot), LOG_NUM("pid", c->pid), LOG_NUM("status", status),
		LOG_NUM("signal", WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0));
	struct child was = *c;
	child_forget(c);
	if (was.role == ROLE_WORKER && !was.stopping)
		worker_died(p, &was, status);
	else if (was.role != ROLE_WORKER && !expected)
		core_died(p, status > 0 ? status : 0);
}

static void on_child(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	struct parent *p = arg;
	int wait_status;
	pid_t pid;
	while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0)
		for (size_t i = 0; i < CHILDREN_MAX; i++)
			if (p->children[i].pid == pid)
				child_ended(p, &p->children[i], wait_status);
	advance(p);
}

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	struct parent *p = arg;
	LOG(LOG_INFO, "server.stopping", LOG_NUM("signal", sig));
	begin_stop(p, STOPPING, 0);
}

static void on_impatience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct parent *p = arg;
	LOG(LOG_WARN, "server.killing", LOG_STR("reason", "a process did not stop in time"));
	bool workers = child_of(p, ROLE_WORKER) != NULL;
	for (size_t i = 0; i < CHILDREN_MAX; i++)
		if (p->children[i].pid > 0 && (!workers || p->children[i].role == ROLE_WORKER))
			(void)kill(p->children[i].pid, SIGKILL);
	be_patient(p, STOP_KEEPER_SECONDS);
}

/* What the keeper or the signer learnt at their start, or what was bound, needs a new start. */
static enum err_code check_reload(const struct realm *was, const struct realm *now, struct err *e)
{
	const struct config *a = &was->config;
	const struct config *b = &now->config;
	static const char need[] = "it changes only with a restart";
	for (int l = 0; l < LISTEN_COUNT; l++)
		if (strcmp(listener_address(a, (enum listener)l),
			    listener_address(b, (enum listener)l)) != 0)
			return err_set(e, ERR_CONFIG_VALUE, "listen", "%s", need);
	if (strcmp(a->name, b->name) != 0)
		return err_set(e, ERR_CONFIG_VALUE, "name", "%s", need);
	if (strcmp(a->user, b->user) != 0)
		return err_set(e, ERR_CONFIG_VALUE, "user", "%s", need);
	if (strcmp(a->crl_url, b->crl_url) != 0)
		return err_set(e, ERR_CONFIG_VALUE, "crl_url", "%s", need);
	bool same = a->server_names_n == b->server_names_n;
	for (size_t i = 0; i < a->server_names_n && same; i++)
		same = strcmp(a->server_names[i], b->server_names[i]) == 0;
	if (!same)
		return err_set(e, ERR_CONFIG_VALUE, "server.names", "%s", need);
	if (a->approvals != b->approvals)
		return err_set(e, ERR_CONFIG_VALUE, "approvals", "%s", need);
	if (a->key_policy != b->key_policy || a->keys_inline_max != b->keys_inline_max ||
		strcmp(a->key_lists, b->key_lists) != 0)
		return err_set(e, ERR_CONFIG_VALUE, "keys.*", "%s", need);
	return ERR_OK;
}

static void send_policy(struct parent *p)
{
	const struct config *c = &p->start->realm->config;
	struct child *keeper = child_of(p, ROLE_KEEPER);
	struct message m = wire_message(MSG_POLICY, 0);
	struct err e;
	m.n = 4;
	m.f[0].num = (uint64_t)c->ticket_lifetime;
	m.f[1].num = (uint64_t)c->ticket_lifetime_max;
	m.f[2].num = (uint64_t)c->crl_lifetime;
	m.f[3].num = c->image_max;
	if (keeper != NULL && channel_send(&keeper->channel, &m, &e) != ERR_OK)
		log_err(LOG_WARN, "process.unreachable", &e);
}

static enum err_code reload(struct parent *p, struct err *e)
{
	struct realm *now = malloc(sizeof(*now));
	if (now == NULL)
		return err_set(e, ERR_NO_MEMORY, "reload", "%s", "");
	enum err_code rc = realm_open(p->start->realm->dir, now, e);
	if (rc == ERR_OK)
		rc = check_reload(p->start->realm, now, e);
	if (rc == ERR_OK)
		rc = tls_setup(now, e);
	if (rc == ERR_OK) {
		*p->start->realm = *now;
		p->generation++;
	}
	free(now);
	return rc;
}

static void on_reload(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	struct parent *p = arg;
	struct err e;
	if (p->phase != SERVING)
		return;
	enum err_code rc = reload(p, &e);
	if (rc != ERR_OK) {
		log_err(LOG_ERROR, "server.reload_refused", &e);
		return;
	}
	LOG(LOG_INFO, "server.reloading", LOG_NUM("generation", p->generation));
	log_setup(p->start->realm->config.log_format, p->start->realm->config.log_level, "medseald");
	send_policy(p);
	advance(p);
}

static bool watch_signals(struct parent *p)
{
	static const struct {
		int sig;
		event_callback_fn fn;
	} table[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload},
		{SIGCHLD, on_child}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		p->signals[i] = evsignal_new(p->base, table[i].sig, table[i].fn, p);
		if (p->signals[i] == NULL || evsignal_add(p->signals[i], NULL) != 0)
			return false;
	}
	p->retry = evtimer_new(p->base, on_retry, p);
	p->patience = evtimer_new(p->base, on_impatience, p);
	return p->retry != NULL && p->patience != NULL;
}

static void free_events(struct parent *p)
{
	for (size_t i = 0; i < sizeof(p->signals) / sizeof(p->signals[0]); i++)
		if (p->signals[i] != NULL)
			event_free(p->signals[i]);
	if (p->retry != NULL)
		event_free(p->retry);
	if (p->patience != NULL)
		event_free(p->patience);
	event_base_free(p->base);
}

int parent_run(struct parent_start *start)
{
	static struct parent the; /* large; one a program */
	struct parent *p = &the;
	*p = (struct parent){.start = start, .base = event_base_new()};
	if (p->base == NULL || !watch_signals(p) || !start_core(p)) {
		kill_all(p);
		return err_exit(ERR_INTERNAL);
	}
	advance(p);
	(void)event_base_dispatch(p->base);
	state_dir_clear(start->realm->dir);
	LOG(p->status == 0 ? LOG_INFO : LOG_ERROR, "server.stopped", LOG_NUM("status", p->status));
	free_events(p);
	return p->status;
}
