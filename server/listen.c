#include "server/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024 /* connections that wait while workers are replaced */

const char *listener_name(enum listener l)
{
	static const char *const names[LISTEN_COUNT] = {"est", "est_compat", "admin"};
	return names[l];
}

const char *listener_address(const struct config *c, enum listener l)
{
	switch (l) {
	case LISTEN_EST:
		return c->listen_est;
	case LISTEN_EST_COMPAT:
		return c->listen_est_compat;
	default:
		return c->listen_admin;
	}
}

static enum err_code split(const char *address, char host[CONFIG_ADDRESS_MAX], const char **port,
	struct err *e)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon != NULL ? (size_t)(colon - address) : 0;
	if (colon == NULL || len >= CONFIG_ADDRESS_MAX)
		return err_set(e, ERR_CONFIG_VALUE, address, "an address reads HOST:PORT");
	const char *from = address;
	if (len >= 2 && from[0] == '[' && from[len - 1] == ']') {
		from++;
		len -= 2;
	}
	memcpy(host, from, len);
	host[len] = '\0';
	*port = colon + 1;
	return ERR_OK;
}

static unsigned port_of(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		return 0;
	if (a.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&a)->sin6_port);
	return ntohs(((const struct sockaddr_in *)&a)->sin_port);
}

enum err_code listen_open(const char *address, int *fd, unsigned *port, struct err *e)
{
	char host[CONFIG_ADDRESS_MAX];
	const char *service = NULL;
	if (split(address, host, &service, e) != ERR_OK)
		return ERR_CONFIG_VALUE;
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(host[0] != '\0' ? host : NULL, service, &hints, &found);
	if (rc != 0)
		return err_set(e, ERR_CONFIG_VALUE, address, "%s", gai_strerror(rc));
	int s = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;
	/* A server that restarts takes its port back at once, whatever connections linger. */
	bool ok = s >= 0 && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
		bind(s, found->ai_addr, found->ai_addrlen) == 0 && listen(s, BACKLOG) == 0;
	int why = errno;
	freeaddrinfo(found);
	if (!ok) {
		if (s >= 0)
			(void)close(s);
		return err_sys(e, ERR_NETWORK, address, why, "it cannot listen there");
	}
	*fd = s;
	*port = port_of(s);
	return ERR_OK;
}
