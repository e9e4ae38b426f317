/* The release statement: what is read must be exactly what is written back. */
#include <stdlib.h>

#include "firmware/release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct release r;
	struct buf again = buf_new(RELEASE_STATEMENT_MAX), text = buf_new(4096);
	if (release_parse(bytes_of(data, size), &r, NULL) == ERR_OK) {
		if (release_encode(&r, &again, NULL) != ERR_OK ||
			!bytes_equal(buf_view(&again), bytes_of(data, size)))
			abort();
		release_print(&r, &text);
		if (text.bad)
			abort();
	}
	buf_free(&again);
	buf_free(&text);
	return 0;
}
