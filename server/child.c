#include "server/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "sandbox/sandbox.h"

const char *child_name(enum role r)
{
	static const char *const names[ROLE_COUNT] = {"parent", "worker", "keeper", "signer"};
	return names[r];
}

/* Only the parent decides about signals; a Ctrl-C on the terminal reaches all of them. */
static void settle_signals(void)
{
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static enum err_code keep_own(const struct process *p, int lock_fd, struct err *e)
{
	int keep[PROCESS_PEERS_MAX + LISTEN_COUNT + 2];
	size_t n = 0;
	keep[n++] = p->parent.fd;
	for (size_t i = 0; i < p->peers_n; i++)
		keep[n++] = p->peers[i].fd;
	for (int l = 0; l < LISTEN_COUNT; l++)
		keep[n++] = p->listeners[l];
	/* The realm stays locked until the last one that writes into it is gone. */
	keep[n++] = p->role == ROLE_KEEPER ? lock_fd : -1;
	return sandbox_close_others(keep, n, e);
}

static int run_role(struct process *p)
{
	switch (p->role) {
	case ROLE_WORKER:
		return worker_run(p);
	case ROLE_KEEPER:
		return keeper_run(p);
	default:
		return signer_run(p);
	}
}

static _Noreturn void become(const struct child_start *s, int parent_fd)
{
	static struct process p;
	static char name[32];
	struct err e;
	settle_signals();
	p = (struct process){.role = s->role, .slot = s->slot, .realm = s->realm,
		.parent = {ROLE_PARENT, 0, parent_fd}, .peers_n = s->peers_n,
		.passphrase = s->role == ROLE_SIGNER ? s->passphrase : NULL};
	for (size_t i = 0; i < s->peers_n; i++)
		p.peers[i] = s->peers[i];
	for (int l = 0; l < LISTEN_COUNT; l++)
		p.listeners[l] = s->role == ROLE_WORKER ? s->listeners[l] : -1;
	if (s->role == ROLE_WORKER)
		(void)snprintf(name, sizeof(name), "worker-%u", s->slot);
	else
		(void)snprintf(name, sizeof(name), "%s", child_name(s->role));
	log_setup(s->realm->config.log_format, s->realm->config.log_level, name);
	if (keep_own(&p, s->lock_fd, &e) != ERR_OK) {
		log_err(LOG_ERROR, "process.start", &e);
		_exit(err_exit(e.code));
	}
	/* No atexit handlers: they belong to the parent, and the sandbox forbids some of them. */
	_exit(run_role(&p));
}

enum err_code child_fork(const struct child_start *s, struct child *c, struct err *e)
{
	int fds[2];
	if (channel_pair(fds, e) != ERR_OK)
		return e->code;
	struct child made = {.role = s->role, .slot = s->slot, .started_ms = clock_monotonic_ms()};
	enum err_code rc = channel_open(&made.channel, fds[0], ROLE_PARENT, s->role, s->slot, e);
	if (rc != ERR_OK) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return rc;
	}
	/* Blocked over the fork: the parent's handlers must not run in the child. */
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	made.pid = fork();
	if (made.pid == 0)
		become(s, fds[1]);
	int why = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close(fds[1]);
	if (made.pid < 0) {
		channel_close(&made.channel);
		return err_sys(e, ERR_NO_MEMORY, child_name(s->role), why, "no process");
	}
	*c = made;
	return ERR_OK;
}

void child_forget(struct child *c)
{
	if (c->event != NULL)
		event_free(c->event);
	channel_close(&c->channel);
	*c = (struct child){.pid = 0};
}
