/* Lists of values for the fleet's watch, line by line, and the look at what came in. */
#include <stdlib.h>
#include <string.h>

#include "entropy/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *arg, const struct watch_finding *f)
{
	if (f->product == NULL || strlen(f->why) == 0)
		abort();
	++*(unsigned *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct watch *w = watch_new();
	unsigned found = 0;

	if (w == NULL)
		abort();
	for (uint64_t place = 1; size > 0; place++) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end != NULL ? (size_t)(end - data) : size;
		(void)!watch_add_text(w, bytes_of(data, len), place, NULL);
		len += end != NULL;
		data += len;
		size -= len;
	}
	if (watch_look(w, count, &found, NULL) != ERR_OK)
		abort();
	watch_free(w);
	return 0;
}
