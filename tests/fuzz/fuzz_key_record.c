/* Records of keys: whatever the bytes, a record that is taken is written again as it was. */
#include <stdlib.h>
#include <string.h>

#include "keycheck/door_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader in = reader_of(bytes_of(data, size));
	struct buf again = buf_new(DOOR_RECORD_MAX);
	struct record r;
	struct err e;
	for (size_t at = 0; reader_left(&in) > 0; at = in.pos) {
		if (record_parse(&in, &r, &e) != ERR_OK)
			break;
		buf_reset(&again);
		record_encode(&r, &again);
		if (buf_end(&again, &e, "record") != ERR_OK || in.pos - at != again.len ||
			memcmp(again.p, data + at, again.len) != 0)
			abort();
	}
	buf_free(&again);
	return 0;
}
