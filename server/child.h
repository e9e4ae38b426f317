/* One child of the parent: forked, watched, forgotten. */
#ifndef SERVER_CHILD_H
#define SERVER_CHILD_H

#include <sys/types.h>

#include "server/listen.h"
#include "server/process.h"

struct event;
struct parent;

struct child {
	pid_t pid; /* 0: this place is free */
	enum role role;
	unsigned slot;
	unsigned generation;
	bool ready;
	bool stopping; /* it was told to */
	int64_t started_ms;
	struct channel channel;
	struct event *event;
	struct parent *parent;
};

struct child_start {
	enum role role;
	unsigned slot;
	const struct process_peer *peers; /* the child's ends; the caller closes its copies */
	size_t peers_n;
	struct realm *realm;
	const int *listeners;
	int lock_fd;
	struct buf *passphrase;
};

const char *child_name(enum role r);
/* In the child this does not return: it becomes the role and exits. */
MUST_USE enum err_code child_fork(const struct child_start *s, struct child *c, struct err *e);
void child_forget(struct child *c);

#endif
