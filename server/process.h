/*
 * One process of medseald, as the parent hands it over after the fork (docs/design/processes.md).
 *
 * A role's function opens what it needs, closes its sandbox (process_confine), says MSG_READY to the
 * parent, serves until MSG_STOP or until the parent is gone, finishes what was begun, and returns the
 * exit status: 0, or err_exit() of what went wrong (logged by the function).  Log, signals
 * (SIGPIPE, SIGHUP, SIGINT and SIGTERM ignored: only the parent decides), core limits and inherited
 * descriptors are settled by then.
 *
 * A peer that breaks off (end of file) or the protocol (ERR_PROTOCOL):
 *   a worker: the keeper and the signer close that channel and go on;
 *   the keeper or the signer: whoever sees it logs and exits with 70; the parent stops the server.
 * A worker started later arrives as MSG_PEER {ROLE_WORKER, slot} + fd from the parent; it takes the
 * place of the channel with the same slot, if there still is one.
 */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include "authority/realm.h"
#include "ipc/message.h"

/* While workers are exchanged, the old ones finish beside the new: slots are numbered afresh and
 * used again once free. */
#define PROCESS_SLOTS_MAX (2 * CONFIG_WORKERS_MAX)
#define PROCESS_PEERS_MAX (2 + PROCESS_SLOTS_MAX)

struct process_peer {
	enum role role;
	unsigned slot;
	int fd; /* this process's end: channel_open(&c, fd, self, role, slot, e) */
};

/* Listening sockets, made by the parent; a worker alone has them. */
enum listener { LISTEN_EST, LISTEN_EST_COMPAT, LISTEN_ADMIN, LISTEN_COUNT };

struct process {
	enum role role;
	unsigned slot;             /* of a worker; else 0 */
	const struct realm *realm; /* folder and configuration, already checked */
	struct process_peer parent;
	struct process_peer peers[PROCESS_PEERS_MAX];
	size_t peers_n;
	int listeners[LISTEN_COUNT]; /* -1: off */
	struct buf *passphrase;      /* the signer's alone; buf_free wipes it once the keys are open */
};

/*
 * Close the sandbox of this role: no new privileges, Landlock, seccomp, limits.  After this the
 * keeper reaches files below the realm only, worker and signer none.  Descriptors that are open
 * stay open.
 */
MUST_USE enum err_code process_confine(const struct process *p, struct err *e);

int worker_run(struct process *p);
int keeper_run(struct process *p);
int signer_run(struct process *p);

#endif
