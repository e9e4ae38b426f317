/* One byte of direction, then a datagram: what is parsed is encoded again to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "ipc/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > MESSAGE_MAX)
		return 0;
	enum role from = (enum role)(data[0] & 3);
	enum role to = (enum role)(data[0] >> 2 & 3);
	int fd = (data[0] & 16) != 0 ? 0 : -1;
	struct message m;
	struct err e;
	struct bytes datagram = bytes_of(data + 1, size - 1);
	if (message_parse(datagram, fd, from, to, &m, &e) != ERR_OK)
		return 0;
	struct buf again = buf_new(MESSAGE_MAX);
	if (message_encode(&m, &again, &e) != ERR_OK || !bytes_equal(buf_view(&again), datagram))
		abort();
	buf_free(&again);
	return 0;
}
