#include "server/process.h"

#include "sandbox/sandbox.h"

/* Beside connections: channels, epoll, memfds on their way, and what a library may hold. */
#define FILES_SPARE 64
#define KEEPER_FILES 512 /* a database, a channel a worker, an image a request in flight */
#define SIGNER_FILES 256

enum err_code process_confine(const struct process *p, struct err *e)
{
	struct sandbox s = {.folder = NULL};
	switch (p->role) {
	case ROLE_WORKER:
		s.kind = SANDBOX_WORKER;
		s.files_max = p->realm->config.connections_max + FILES_SPARE;
		break;
	case ROLE_KEEPER:
		s.kind = SANDBOX_KEEPER;
		s.folder = p->realm->dir;
		s.files_max = KEEPER_FILES;
		break;
	case ROLE_SIGNER:
		s.kind = SANDBOX_SIGNER;
		s.files_max = SIGNER_FILES;
		break;
	default:
		return err_set(e, ERR_INTERNAL, "process", "role %d has no sandbox", (int)p->role);
	}
	return sandbox_enter(&s, e);
}
