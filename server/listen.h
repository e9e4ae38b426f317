/* Listening sockets, bound before anything is forked. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "server/process.h"

const char *listener_name(enum listener l); /* "est", "est_compat", "admin" */
/* "" when the listener is off. */
const char *listener_address(const struct config *c, enum listener l);

/* "HOST:PORT" or "[V6]:PORT"; a non-blocking socket that listens, and the port it got. */
MUST_USE enum err_code listen_open(const char *address, int *fd, unsigned *port, struct err *e);

#endif
