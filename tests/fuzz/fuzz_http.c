/* A request head: what is accepted has one length, one target, and no line that could be two. */
#include <stdlib.h>
#include <string.h>

#include "protocol/est.h"
#include "protocol/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head h;
	struct err e;
	size_t scanned = 0;
	size_t end = 0;
	if (http_head_find(bytes_of(data, size), &scanned, &end, &e) != ERR_OK || end == 0)
		return 0;
	if (end > size || end > HTTP_HEAD_MAX || memcmp(data + end - 4, "\r\n\r\n", 4) != 0)
		abort();
	if (http_head_parse(bytes_of(data, end), &h, &e) != ERR_OK)
		return 0;
	if (h.target[0] != '/' || (h.length > 0 && !h.has_length))
		abort();
	enum est_op op;
	const char *allow;
	(void)!est_route(h.method, h.target, &op, &allow, &e);
	struct enrol_request q = {0};
	(void)!est_read_ticket(h.authorization, &q, &e);
	return 0;
}
