#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/message.h"

enum err_code channel_pair(int fds[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return err_sys(e, ERR_IO, "channel", errno, "no socket pair");
	return ERR_OK;
}

enum err_code channel_open(struct channel *c, int fd, enum role self, enum role peer, unsigned slot,
	struct err *e)
{
	uint8_t *in = malloc(MESSAGE_MAX);
	if (in == NULL)
		return err_set(e, ERR_NO_MEMORY, "channel", "%s", "");
	*c = (struct channel){.fd = fd, .self = self, .peer = peer, .slot = slot, .in = in,
		.scratch = buf_new(MESSAGE_MAX)};
	return ERR_OK;
}

/*
 * Room for one descriptor.  CMSG_SPACE is rounded up so far that two would fit; a receiver says
 * CMSG_LEN, the kernel drops any more and says so (MSG_CTRUNC).
 */
union control {
	char space[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static enum err_code send_datagram(struct channel *c, const struct message *m, int flags,
	struct err *e)
{
	enum err_code rc = message_encode(m, &c->scratch, e);
	if (rc != ERR_OK)
		return rc;
	struct iovec iov = {c->scratch.p, c->scratch.len};
	union control control;
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};
	if (m->fd >= 0) {
		memset(&control, 0, sizeof(control));
		hdr.msg_control = control.space;
		hdr.msg_controllen = sizeof(control.space);
		struct cmsghdr *h = CMSG_FIRSTHDR(&hdr);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &m->fd, sizeof(int));
	}
	ssize_t n;
	do {
		n = sendmsg(c->fd, &hdr, flags | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)c->scratch.len)
		return ERR_OK;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return err_set(e, ERR_BUSY, message_name(m->type), "the other process reads slowly");
	return err_sys(e, ERR_UNAVAILABLE, message_name(m->type), errno,
		"the other process is gone");
}

enum err_code channel_send(struct channel *c, const struct message *m, struct err *e)
{
	return send_datagram(c, m, 0, e);
}

enum err_code channel_try_send(struct channel *c, const struct message *m, struct err *e)
{
	return send_datagram(c, m, MSG_DONTWAIT, e);
}

static int take_fd(struct msghdr *hdr)
{
	int fd = -1;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(hdr); h != NULL; h = CMSG_NXTHDR(hdr, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
			h->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(h), sizeof(int));
	return fd;
}

enum err_code channel_receive(struct channel *c, bool wait, struct message *out, struct err *e)
{
	struct iovec iov = {c->in, MESSAGE_MAX};
	union control control;
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
		.msg_controllen = CMSG_LEN(sizeof(int))};
	ssize_t n;
	do {
		n = recvmsg(c->fd, &hdr, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	} while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return err_set(e, ERR_BUSY, "channel", "nothing there");
	if (n < 0)
		return err_sys(e, ERR_UNAVAILABLE, "channel", errno, "the other process is gone");
	/* An empty datagram may carry one too. */
	int fd = take_fd(&hdr);
	enum err_code rc;
	if (n == 0)
		rc = err_set(e, ERR_UNAVAILABLE, "channel", "the other process is gone");
	else if ((hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		rc = err_set(e, ERR_PROTOCOL, "channel", "a datagram was larger than %d bytes or "
			"carried several descriptors", MESSAGE_MAX);
	else
		rc = message_parse(bytes_of(c->in, (size_t)n), fd, c->peer, c->self, out, e);
	if (rc != ERR_OK && fd >= 0)
		(void)close(fd);
	return rc;
}

void channel_close(struct channel *c)
{
	if (c == NULL)
		return;
	if (c->in != NULL && c->fd >= 0)
		(void)close(c->fd);
	free(c->in);
	buf_free(&c->scratch);
	*c = (struct channel){.fd = -1};
}
