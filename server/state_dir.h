/*
 * DIR/run of a realm: who runs it and where it listens.
 *
 *   lock            held (flock) while a parent or its keeper lives
 *   medseald.pid    the parent's process id
 *   medseald.ports  "est=8443" and so on, a line a listener
 */
#ifndef SERVER_STATE_DIR_H
#define SERVER_STATE_DIR_H

#include "server/process.h"

/* Make the folder, take the lock (ERR_REALM_LOCKED); the descriptor is the lock. */
MUST_USE enum err_code state_dir_lock(const char *realm_dir, int *lock_fd, struct err *e);
/* `ports`: 0 for a listener that is off. */
MUST_USE enum err_code state_dir_write(const char *realm_dir, const unsigned ports[LISTEN_COUNT],
	struct err *e);
void state_dir_clear(const char *realm_dir);

/* Tell the service manager (sd_notify(3), $NOTIFY_SOCKET), if there is one. */
void service_notify(const char *state);

#endif
