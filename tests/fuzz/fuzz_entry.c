/* A log entry from any bytes.  What is accepted encodes to the same bytes, and to no others. */
#include <stdlib.h>
#include <string.h>

#include "audit/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct entry en;
	struct buf again = buf_new(ENTRY_MAX);
	if (entry_parse(bytes_of(data, size), &en, NULL) == ERR_OK &&
		(entry_encode(&en, &again, NULL) != ERR_OK ||
			!bytes_equal(buf_view(&again), bytes_of(data, size)) ||
			memchr(data, '\n', size) != NULL))
		abort();
	buf_free(&again);
	return 0;
}
