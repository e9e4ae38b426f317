/*
 * The keeper's process: open the realm, jail, serve (server/keeper.h).  All that is waiting on any
 * channel goes into one batch; what arrives meanwhile waits for the next.
 */
#include "server/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authority/image.h"
#include "authority/journal.h"
#include "authority/keydoor.h"
#include "authority/revoke.h"
#include "base/log.h"
#include "server/files.h"
#include "server/wire.h"

/* How long a batch waits for more when requests come close together: about what a commit takes, so
 * that under load half as many commits carry the same work. */
#define COMPANY_NS 2000000
/* Checkpoints while entries arrive: one a second, in milliseconds. */
#define CHECKPOINT_MS 1000
/* After a failed one. */
#define CHECKPOINT_RETRY_MS 5000
/* How often the age of the CRL is looked at. */
#define CRL_LOOK_MS 60000
/* How long the comparison of keys with all others may hold up everything else at a time. */
#define SWEEP_MS 20
/* At the stop, for answers that a worker has not read yet. */
#define FLUSH_MS 2000
/* At the stop, for what was asked before: workers stop first, so this is a bound for surprises. */
#define DRAIN_MS 5000
/* Some hundred entries: the root revokes people and CAs. */
#define ROOT_CRL_MAX ((size_t)1 << 20)

enum { POLL_PARENT, POLL_SIGNER, POLL_SEATS, POLL_MAX = POLL_SEATS + PROCESS_SLOTS_MAX };

struct polled {
	struct pollfd fds[POLL_MAX];
	unsigned slots[POLL_MAX]; /* of a seat */
	size_t n;
};

static enum err_code open_certs(struct keeper *k, const char *dir, struct err *e)
{
	enum err_code rc = files_cert(dir, "certs/root.pem", &k->root, e);
	if (rc == ERR_OK)
		rc = files_cert(dir, "certs/issuing.pem", &k->issuing, e);
	if (rc == ERR_OK)
		rc = files_cert(dir, "certs/code-signing.pem", &k->code_signing, e);
	if (rc == ERR_OK)
		rc = files_root_crl(dir, &k->root_crl, e);
	k->a.root_der = k->root.der;
	k->a.issuing_der = k->issuing.der;
	k->a.code_signing_der = k->code_signing.der;
	k->a.root_crl = buf_view(&k->root_crl);
	return rc;
}

static enum err_code open_images(struct keeper *k, const char *dir, struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = realm_path(dir, "images", path, e);
	if (rc != ERR_OK)
		return rc;
	k->a.images_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (k->a.images_dir < 0)
		return err_sys(e, ERR_IO, path, errno, "the folder cannot be opened");
	return image_tidy(&k->a, e);
}

static enum err_code open_store(struct keeper *k, const char *dir, struct err *e)
{
	char path[PATH_MAX];
	struct buf note = buf_new(NOTE_MAX);

	enum err_code rc = realm_path(dir, "medseal.db", path, e);
	if (rc == ERR_OK)
		rc = store_open(path, &k->a.store, e);
	if (rc == ERR_OK)
		rc = files_log_key(dir, &k->a.log_key, e);
	if (rc == ERR_OK)
		rc = audit_open(k->a.store, &k->a.log_key, &k->a.audit, e);
	if (rc == ERR_OK) {
		rc = store_checkpoint_newest(k->a.store, &k->checkpointed, &note, e);
		rc = rc == ERR_NOT_FOUND ? ERR_OK : rc;
	}
	buf_free(&note);
	return rc;
}

static void note_damage(void *arg, const struct err *what)
{
	(void)arg;
	log_err(LOG_WARN, "keeper.keys-damaged", what);
}

/* The lists that came with the program may not be installed: then it is said (say_lists), and the
 * rest is checked.  Lists that are named must be there. */
static const char *lists_of(const struct config *c)
{
	if (c->key_lists[0] != '\0')
		return c->key_lists;
	return access(lists_dir(), R_OK) == 0 ? lists_dir() : "";
}

/* At every start: which lists are asked, or that none is; a folder that is empty is none too. */
static void say_lists(const struct config *c, const struct keydoor *keys)
{
	uint64_t entries;
	size_t n = keydoor_lists(keys, &entries);
	const char *folder = c->key_lists[0] != '\0' ? c->key_lists : lists_dir();
	if (n == 0)
		LOG(LOG_WARN, "keeper.no-key-lists", LOG_STR("folder", folder),
			LOG_STR("meaning", "keys that are known to the public are not recognised"));
	else
		LOG(LOG_INFO, "keeper.key-lists", LOG_STR("folder", folder), LOG_NUM("lists", n),
			LOG_NUM("keys", entries));
}

static enum err_code open_keys(struct keeper *k, const struct realm *r, struct err *e)
{
	char path[PATH_MAX];
	struct keydoor_options o = {.policy = r->config.key_policy,
		.inline_max = r->config.keys_inline_max, .lists = lists_of(&r->config),
		.damage = note_damage};
	enum err_code rc = realm_path(r->dir, "keys-seen", path, e);
	if (rc == ERR_OK)
		rc = keydoor_open(k->a.store, path, &o, &k->a.keys, e);
	if (rc == ERR_OK)
		say_lists(&r->config, k->a.keys);
	return rc;
}

enum err_code keeper_open(const struct realm *r, struct clock clock, struct keeper *k,
	struct err *e)
{
	const struct config *c = &r->config;
	memset(k, 0, sizeof(*k));
	k->trust_fd = -1;
	k->parent.fd = -1;
	k->signer.fd = -1;
	k->root_crl = buf_new(ROOT_CRL_MAX);
	k->tls_spki = buf_new(KEY_SPKI_MAX);
	k->dir = r->dir;
	k->a.images_dir = -1;
	k->a.clock = clock;
	k->a.signer = signer_client_port(k);
	k->a.policy = (struct authority_policy){
		.ticket_lifetime = c->ticket_lifetime,
		.ticket_lifetime_max = c->ticket_lifetime_max,
		.crl_lifetime = c->crl_lifetime,
		.approvals = c->approvals,
		.image_max = c->image_max,
	};
	memcpy(k->a.realm, c->name, sizeof(k->a.realm));
	memcpy(k->a.crl_url, c->crl_url, sizeof(k->a.crl_url));
	enum err_code rc = open_certs(k, r->dir, e);
	if (rc == ERR_OK)
		rc = keeper_open_tls(k, c, e);
	if (rc == ERR_OK)
		rc = open_store(k, r->dir, e);
	if (rc == ERR_OK)
		rc = open_images(k, r->dir, e);
	if (rc == ERR_OK)
		rc = open_keys(k, r, e);
	return rc;
}

void keeper_close(struct keeper *k)
{
	for (size_t i = 0; i < k->waiting_n; i++)
		job_free(k, k->waiting[i]);
	k->waiting_n = 0;
	for (size_t i = 0; i < PROCESS_SLOTS_MAX; i++)
		seat_drop(&k->seats[i]);
	while (k->spare_n > 0)
		free(k->spare[--k->spare_n]);
	if (k->trust_fd >= 0)
		(void)close(k->trust_fd);
	if (k->a.images_dir >= 0)
		(void)close(k->a.images_dir);
	keydoor_close(k->a.keys);
	store_close(k->a.store);
	channel_close(&k->parent);
	channel_close(&k->signer);
	cert_free(&k->root);
	cert_free(&k->issuing);
	cert_free(&k->code_signing);
	buf_free(&k->root_crl);
	buf_free(&k->tls_spki);
	k->a.store = NULL;
	k->a.keys = NULL;
	k->trust_fd = -1;
	k->a.images_dir = -1;
}

enum err_code keeper_transact(struct keeper *k,
	enum err_code (*act)(struct authority *a, bool *made, struct err *e), bool *made,
	struct err *e)
{
	struct audit_state mark;
	authority_mark(&k->a, &mark);
	enum err_code rc = store_begin(k->a.store, e);
	if (rc != ERR_OK)
		return rc;
	rc = act(&k->a, made, e);
	if (rc == ERR_OK)
		rc = store_commit(k->a.store, e);
	if (rc != ERR_OK) {
		store_rollback(k->a.store);
		authority_reset(&k->a, &mark);
	}
	return rc;
}

enum err_code keeper_checkpoint(struct keeper *k, struct err *e)
{
	bool made;
	if (k->a.audit.edge.size == k->checkpointed)
		return ERR_OK;
	enum err_code rc = keeper_transact(k, journal_checkpoint, &made, e);
	k->checkpoint_due = clock_monotonic_ms() +
		(rc == ERR_OK ? CHECKPOINT_MS : CHECKPOINT_RETRY_MS);
	if (rc == ERR_OK)
		k->checkpointed = k->a.audit.edge.size;
	return rc;
}

enum err_code keeper_refresh_crl(struct keeper *k, struct err *e)
{
	bool made;
	k->crl_due = clock_monotonic_ms() + CRL_LOOK_MS;
	return keeper_transact(k, revoke_refresh, &made, e);
}

static void fail(struct keeper *k, const struct err *e)
{
	log_err(LOG_ERROR, "keeper.failed", e);
	k->stop = true;
	k->status = err_exit(e->code);
}

static void take_peer(struct keeper *k, struct message *m)
{
	struct err e;
	enum err_code rc;
	if (m->f[0].num != ROLE_WORKER || m->f[1].num >= PROCESS_SLOTS_MAX)
		rc = err_set(&e, ERR_INTERNAL, "peer", "not a worker");
	else
		rc = seat_take(k, (unsigned)m->f[1].num, m->fd, &e);
	if (rc == ERR_OK) {
		trust_send(k, &k->seats[m->f[1].num]);
	} else {
		(void)close(m->fd);
		fail(k, &e);
	}
}

static void take_policy(struct keeper *k, const struct message *m)
{
	k->a.policy.ticket_lifetime = (int64_t)m->f[0].num;
	k->a.policy.ticket_lifetime_max = (int64_t)m->f[1].num;
	k->a.policy.crl_lifetime = (int64_t)m->f[2].num;
	k->a.policy.image_max = m->f[3].num;
}

static void hear_parent(struct keeper *k)
{
	struct message m;
	struct err e;
	enum err_code rc = channel_receive(&k->parent, false, &m, &e);
	if (rc == ERR_BUSY)
		return;
	if (rc != ERR_OK)
		k->stop = true; /* it died: finish and go */
	else if (m.type == MSG_PEER)
		take_peer(k, &m);
	else if (m.type == MSG_POLICY)
		take_policy(k, &m);
	else
		k->stop = true;
}

/* Between batches the signer has nothing to say: a word, or its end, is a fault. */
static void hear_signer(struct keeper *k)
{
	struct err e;
	err_set(&e, ERR_INTERNAL, "signer", "it is gone, or speaks unasked");
	k->lost = true;
	fail(k, &e);
}

/* One request of this worker; false when there is none (any more). */
static bool hear_worker(struct keeper *k, struct seat *s)
{
	struct message m;
	struct job *j;
	struct err e;

	enum err_code rc = channel_receive(&s->channel, false, &m, &e);
	if (rc == ERR_BUSY)
		return false;
	if (rc == ERR_OK) {
		rc = job_new(k, s, &m, &j, &e);
		if (rc == ERR_OK) {
			batch_add(k, j);
			return true;
		}
	}
	log_err(rc == ERR_UNAVAILABLE ? LOG_INFO : LOG_ERROR, "keeper.worker-gone", &e);
	seat_drop(s);
	return false;
}

static bool full(const struct keeper *k)
{
	return k->batch_n == BATCH_MAX || k->waiting_n == WAITING_MAX;
}

/* In turns, one request of each worker, until the batch is full or nobody has any left. */
static void gather(struct keeper *k, const struct polled *p)
{
	bool silent[PROCESS_SLOTS_MAX] = {false};
	size_t seats = p->n - POLL_SEATS;
	bool any = seats > 0;

	while (any && !full(k)) {
		any = false;
		for (size_t i = 0; i < seats && !full(k); i++) {
			size_t at = POLL_SEATS + (k->next_seat + i) % seats;
			struct seat *s = &k->seats[p->slots[at]];
			if ((p->fds[at].revents & (POLLIN | POLLHUP | POLLERR)) == 0 || !s->used ||
				silent[p->slots[at]])
				continue;
			if (hear_worker(k, s))
				any = true;
			else
				silent[p->slots[at]] = true;
		}
	}
	k->next_seat++;
}

/* Milliseconds until something is to be done without being asked. */
static int patience(const struct keeper *k)
{
	if (k->waiting_n > 0 || keydoor_busy(k->a.keys))
		return 0;
	int64_t now = clock_monotonic_ms();
	int64_t due = k->crl_due < k->renew_due ? k->crl_due : k->renew_due;
	if (k->a.audit.edge.size != k->checkpointed && k->checkpoint_due < due)
		due = k->checkpoint_due;
	return due <= now ? 0 : (int)(due - now);
}

static void polled_set(struct keeper *k, struct polled *p)
{
	p->fds[POLL_PARENT] = (struct pollfd){.fd = k->parent.fd, .events = POLLIN};
	p->fds[POLL_SIGNER] = (struct pollfd){.fd = k->signer.fd, .events = POLLIN};
	p->n = POLL_SEATS;
	for (unsigned i = 0; i < PROCESS_SLOTS_MAX; i++) {
		const struct seat *s = &k->seats[i];
		if (!s->used)
			continue;
		p->slots[p->n] = i;
		p->fds[p->n++] = (struct pollfd){.fd = s->channel.fd,
			.events = (short)(s->first != NULL ? POLLIN | POLLOUT : POLLIN)};
	}
}

static void flush_seats(struct keeper *k, const struct polled *p)
{
	for (size_t i = POLL_SEATS; i < p->n; i++) {
		if ((p->fds[i].revents & POLLOUT) != 0)
			seat_flush(&k->seats[p->slots[i]]);
	}
}

static void do_timers(struct keeper *k)
{
	struct err e;
	int64_t now = clock_monotonic_ms();
	if (k->checkpoint_due <= now && keeper_checkpoint(k, &e) != ERR_OK)
		log_err(LOG_WARN, "keeper.checkpoint-failed", &e);
	if (k->crl_due <= now && keeper_refresh_crl(k, &e) != ERR_OK)
		log_err(LOG_WARN, "keeper.crl-failed", &e);
	if (k->renew_due <= now && keeper_renew(k, &e) != ERR_OK)
		log_err(LOG_WARN, "keeper.renew-failed", &e);
	if (keydoor_busy(k->a.keys) && keydoor_sweep(k->a.keys, SWEEP_MS, &e) != ERR_OK)
		log_err(LOG_ERROR, "keeper.keys-not-compared", &e);
}

static bool hear_all(struct keeper *k, struct polled *p, int wait)
{
	polled_set(k, p);
	if (poll(p->fds, (nfds_t)p->n, wait) < 0 && errno != EINTR) {
		struct err e;
		err_sys(&e, ERR_INTERNAL, "keeper", errno, "poll");
		fail(k, &e);
		return false;
	}
	return true;
}

static bool worker_speaks(const struct polled *p)
{
	for (size_t i = POLL_SEATS; i < p->n; i++)
		if ((p->fds[i].revents & POLLIN) != 0)
			return true;
	return false;
}

/* Several came together last time: those on their way may share this commit too.  A lone client
 * never waits. */
static bool wait_for_company(struct keeper *k, struct polled *p)
{
	if (!k->crowded || !worker_speaks(p) || p->fds[POLL_PARENT].revents != 0)
		return true;
	const struct timespec pause = {.tv_nsec = COMPANY_NS};
	(void)nanosleep(&pause, NULL);
	return hear_all(k, p, 0);
}

bool keeper_round(struct keeper *k, int wait)
{
	struct polled p;
	if (!hear_all(k, &p, wait) || !wait_for_company(k, &p))
		return false;
	flush_seats(k, &p);
	batch_start(k);
	gather(k, &p);
	bool worked = k->batch_n > 0;
	if (worked)
		k->crowded = k->batch_n > 1;
	batch_run(k);
	/* After the workers, whose slots `p` knows: a peer may take one of them. */
	if (p.fds[POLL_PARENT].revents != 0)
		hear_parent(k);
	if (k->lost || p.fds[POLL_SIGNER].revents != 0)
		hear_signer(k);
	return worked;
}

static void serve(struct keeper *k)
{
	while (!k->stop) {
		(void)keeper_round(k, patience(k));
		if (!k->stop)
			do_timers(k);
	}
}

/* What was asked before the stop is answered; then the log gets its last checkpoint. */
static void finish(struct keeper *k)
{
	struct err e;
	struct polled p;

	int64_t last = clock_monotonic_ms() + DRAIN_MS;
	while (!k->lost && clock_monotonic_ms() < last && keeper_round(k, 0))
		;
	int64_t until = clock_monotonic_ms() + FLUSH_MS;
	for (bool left = true; left && clock_monotonic_ms() < until;) {
		left = false;
		for (size_t i = 0; i < PROCESS_SLOTS_MAX; i++)
			left = left || k->seats[i].first != NULL;
		polled_set(k, &p);
		if (left && poll(p.fds + POLL_SEATS, (nfds_t)(p.n - POLL_SEATS), 10) > 0)
			flush_seats(k, &p);
	}
	if (!k->lost && keeper_checkpoint(k, &e) != ERR_OK)
		log_err(LOG_WARN, "keeper.checkpoint-failed", &e);
}

static enum err_code note_started(struct authority *a, bool *made, struct err *e)
{
	*made = true;
	return journal_note(a, "server.started", a->realm, e);
}

/* What can wait until the cause is gone: a full disk, a clock at 1970.  It is said, and served. */
static void begin(struct keeper *k)
{
	struct err e;
	bool made;
	if (!clock_believable(clock_now(k->a.clock))) {
		err_set(&e, ERR_CLOCK, "system clock", "no certificate is issued until it is set");
		log_err(LOG_WARN, "keeper.clock", &e);
		k->crl_due = k->renew_due = clock_monotonic_ms() + CRL_LOOK_MS;
		return;
	}
	if (keeper_transact(k, note_started, &made, &e) != ERR_OK)
		log_err(LOG_WARN, "keeper.start-not-logged", &e);
	if (keeper_refresh_crl(k, &e) != ERR_OK)
		log_err(LOG_WARN, "keeper.crl-failed", &e);
	if (keeper_renew(k, &e) != ERR_OK)
		log_err(LOG_WARN, "keeper.renew-failed", &e);
}

static enum err_code open_peers(struct process *p, struct keeper *k, struct err *e)
{
	enum err_code rc = channel_open(&k->parent, p->parent.fd, ROLE_KEEPER, ROLE_PARENT, 0, e);
	for (size_t i = 0; i < p->peers_n && rc == ERR_OK; i++) {
		const struct process_peer *peer = &p->peers[i];
		if (peer->role == ROLE_SIGNER)
			rc = channel_open(&k->signer, peer->fd, ROLE_KEEPER, ROLE_SIGNER, 0, e);
		else
			rc = seat_take(k, peer->slot, peer->fd, e);
	}
	if (rc == ERR_OK && k->signer.fd < 0)
		rc = err_set(e, ERR_INTERNAL, "keeper", "no channel to the signer");
	return rc;
}

/* A setting that lets bad keys in is said at every start. */
static void say_policy(const struct config *c)
{
	if (c->key_policy == DOOR_ALARM)
		LOG(LOG_WARN, "keeper.keys-policy", LOG_STR("policy", "alarm"),
			LOG_STR("meaning", "keys that are weak or share a prime are certified"));
}

static enum err_code start(struct process *p, struct keeper *k, struct err *e)
{
	struct message ready = wire_message(MSG_READY, 0);
	enum err_code rc = keeper_open(p->realm, clock_system(), k, e);
	if (rc == ERR_OK)
		rc = open_peers(p, k, e);
	if (rc == ERR_OK)
		rc = process_confine(p, e);
	if (rc == ERR_OK)
		rc = trust_refresh(k, e);
	if (rc == ERR_OK)
		rc = channel_send(&k->parent, &ready, e);
	return rc;
}

int keeper_run(struct process *p)
{
	struct err e;
	struct keeper *k = calloc(1, sizeof(*k));
	if (k == NULL)
		return err_exit(ERR_NO_MEMORY);
	err_clear(&e);
	if (start(p, k, &e) == ERR_OK) {
		say_policy(&p->realm->config);
		begin(k);
		serve(k);
		finish(k);
	} else {
		fail(k, &e);
	}
	int status = k->status;
	keeper_close(k);
	free(k);
	return status;
}
