#include "tests/unit/cmocka_tap.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/message.h"

struct pair {
	struct channel worker;
	struct channel keeper;
};

static void open_pair(struct pair *p)
{
	int fds[2];
	struct err e;
	assert_int_equal(channel_pair(fds, &e), ERR_OK);
	assert_int_equal(channel_open(&p->worker, fds[0], ROLE_WORKER, ROLE_KEEPER, 0, &e), ERR_OK);
	assert_int_equal(channel_open(&p->keeper, fds[1], ROLE_KEEPER, ROLE_WORKER, 0, &e), ERR_OK);
}

static void close_pair(struct pair *p)
{
	channel_close(&p->worker);
	channel_close(&p->keeper);
}

static void a_message_with_a_descriptor_arrives(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	open_pair(&p);
	struct message m = {.type = MSG_TRUST, .id = 5, .n = 1, .f[0].num = 9};
	assert_int_equal(memfd_make("trust", bytes_str("abc"), &m.fd, &e), ERR_OK);
	assert_int_equal(channel_send(&p.keeper, &m, &e), ERR_OK);
	(void)close(m.fd);
	struct message got;
	assert_int_equal(channel_receive(&p.worker, true, &got, &e), ERR_OK);
	assert_int_equal(got.type, MSG_TRUST);
	assert_int_equal(got.f[0].num, 9);
	struct bytes data;
	assert_int_equal(memfd_map(got.fd, 3, &data, &e), ERR_OK);
	assert_true(bytes_equal(data, bytes_str("abc")));
	memfd_unmap(data);
	assert_int_equal(memfd_map(got.fd, 2, &data, &e), ERR_LIMIT);
	assert_int_equal(fcntl(got.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	(void)close(got.fd);
	assert_int_equal(channel_receive(&p.worker, false, &got, &e), ERR_BUSY);
	close_pair(&p);
}

static void the_end_of_a_peer_is_seen(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	struct message got;
	open_pair(&p);
	channel_close(&p.keeper);
	assert_int_equal(channel_receive(&p.worker, true, &got, &e), ERR_UNAVAILABLE);
	struct message m = {.type = MSG_CRL, .fd = -1};
	assert_int_equal(channel_send(&p.worker, &m, &e), ERR_UNAVAILABLE);
	close_pair(&p);
}

static void a_full_channel_is_busy_not_stuck(void **state)
{
	(void)state;
	static const uint8_t body[MESSAGE_BODY_MAX];
	struct pair p;
	struct err e;
	open_pair(&p);
	struct message m = {.type = MSG_RESULT, .fd = -1, .n = 3};
	m.f[2].bytes = bytes_of(body, sizeof(body));
	enum err_code rc = ERR_OK;
	int sent = 0;
	for (; sent < 1000 && (rc = channel_try_send(&p.keeper, &m, &e)) == ERR_OK; sent++)
		;
	assert_int_equal(rc, ERR_BUSY);
	struct message got;
	for (; sent > 0; sent--)
		assert_int_equal(channel_receive(&p.worker, false, &got, &e), ERR_OK);
	assert_int_equal(channel_receive(&p.worker, false, &got, &e), ERR_BUSY);
	close_pair(&p);
}

static int open_descriptors(void)
{
	int n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The worker's side is made to receive what its table forbids; nothing may stay open. */
static void refused_messages_leave_no_descriptor(void **state)
{
	(void)state;
	struct pair p;
	struct err e;
	struct message got;
	open_pair(&p);
	int before = open_descriptors();
	struct message m = {.type = MSG_PEER, .n = 2};
	assert_int_equal(memfd_make("x", BYTES_NONE, &m.fd, &e), ERR_OK);
	assert_int_equal(channel_send(&p.keeper, &m, &e), ERR_OK);
	(void)close(m.fd);
	assert_int_equal(channel_receive(&p.worker, true, &got, &e), ERR_PROTOCOL);
	assert_int_equal(open_descriptors(), before);

	/* Two descriptors in one datagram: the second is cut off by the kernel, the first by us. */
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	char bytes[8] = {0, MSG_TRUST, 0, 1};
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
		.msg_controllen = sizeof(control.space)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&hdr);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(2 * sizeof(int));
	int two[2] = {0, 1};
	memcpy(CMSG_DATA(h), two, sizeof(two));
	assert_int_equal(sendmsg(p.keeper.fd, &hdr, 0), (int)sizeof(bytes));
	assert_int_equal(channel_receive(&p.worker, true, &got, &e), ERR_PROTOCOL);
	assert_int_equal(open_descriptors(), before);

	/* No bytes at all, which reads like an end of file. */
	h->cmsg_len = CMSG_LEN(sizeof(int));
	hdr.msg_controllen = CMSG_SPACE(sizeof(int));
	hdr.msg_iovlen = 0;
	assert_int_equal(sendmsg(p.keeper.fd, &hdr, 0), 0);
	assert_int_equal(channel_receive(&p.worker, true, &got, &e), ERR_UNAVAILABLE);
	assert_int_equal(open_descriptors(), before);
	close_pair(&p);
}

static void an_unsealed_memfd_is_refused(void **state)
{
	(void)state;
	struct err e;
	struct bytes data;
	int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "abc", 3), 3);
	assert_int_equal(memfd_map(fd, 100, &data, &e), ERR_PROTOCOL);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	assert_int_equal(memfd_map(fd, 100, &data, &e), ERR_PROTOCOL);
	(void)close(fd);
	assert_int_equal(memfd_map(0, 100, &data, &e), ERR_PROTOCOL);
	assert_int_equal(memfd_make("sealed", bytes_str("abc"), &fd, &e), ERR_OK);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_with_a_descriptor_arrives),
		cmocka_unit_test(the_end_of_a_peer_is_seen),
		cmocka_unit_test(a_full_channel_is_busy_not_stuck),
		cmocka_unit_test(refused_messages_leave_no_descriptor),
		cmocka_unit_test(an_unsealed_memfd_is_refused),
	};
	return RUN_TAP(tests);
}
