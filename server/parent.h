/*
 * The parent: forks signer, keeper and workers, watches them, and decides when all ends.  It reads
 * nothing but the configuration, signals, and the READY of its own children.
 *
 *            start          all ready            SIGTERM
 *   STARTING ------> (fork) ---------> SERVING ----------> STOPPING -> exit 0
 *                       \                 \  keeper or signer dies
 *                        \ one dies        ----------------> FAILED -> exit 70
 *                         --> exit with its status
 *
 * A worker that dies is replaced, after a pause that doubles while they keep dying.  Workers that a
 * reload replaces go when all of the new ones are ready.
 */
#ifndef SERVER_PARENT_H
#define SERVER_PARENT_H

#include "server/process.h"

struct parent_start {
	struct realm *realm;
	int listeners[LISTEN_COUNT];
	unsigned ports[LISTEN_COUNT];
	int lock_fd;
	struct buf *passphrase; /* wiped as soon as the signer has been forked */
};

/* Until the server has ended: its exit status.  In a child it does not return. */
int parent_run(struct parent_start *start);

#endif
