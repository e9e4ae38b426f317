/*
 * What a worker or a keeper that was taken over can send the signer: one byte of who sends, then a
 * datagram.  The rules run without keys: nothing may get as far as a signature.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/signer.h"
#include "server/signer_call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input may carry what stands in for a descriptor: the datagram's own bytes, sealed. */
static int make_fd(const uint8_t *data, size_t size)
{
	struct err e;
	int fd = -1;
	return memfd_make("fuzz", bytes_of(data, size), &fd, &e) == ERR_OK ? fd : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int64_t now = 1700000000; /* before any clock that is believed: every rule says no */
	static struct signer s = {.approvals = 2, .realm = "Fuzz", .origin = "fuzz"};
	struct message m, out;
	struct err e;

	if (size < 1 || size > MESSAGE_MAX)
		return 0;
	s.clock = clock_fixed(&now);
	enum role from = (data[0] & 1) != 0 ? ROLE_KEEPER : ROLE_WORKER;
	int fd = (data[0] & 2) != 0 ? make_fd(data + 1, size - 1) : -1;
	if (message_parse(bytes_of(data + 1, size - 1), fd, from, ROLE_SIGNER, &m, &e) == ERR_OK) {
		struct buf mem = buf_new(MESSAGE_BODY_MAX);
		bool tls = m.type == MSG_TLS_SIGN && tls_tbs_is_server(m.f[1].bytes);
		bool note = m.type == MSG_SIGN_CHECKPOINT;
		if (!tls && !note && signer_answer(&s, from, &m, &mem, &out, &e) == ERR_OK)
			abort();
		buf_free(&mem);
	}
	struct crl_fields f;
	struct message crl = {.type = MSG_SIGN_CRL, .fd = fd, .n = 3};
	if (fd >= 0 && call_crl_parse(&crl, &f, &e) == ERR_OK)
		free((void *)f.entries);
	struct bytes list[4];
	size_t n;
	if (call_approvals_parse(bytes_of(data + 1, size - 1), list, 4, &n, &e) == ERR_OK && n > 4)
		abort();
	if (fd >= 0)
		(void)close(fd);
	return 0;
}
