/* Samples of any bytes: the estimators, and what must hold of them whatever the input. */
#include <stdlib.h>

#include "entropy/assess.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Small, or one input takes seconds. */
#define FUZZ_MAX 6000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct assess_options full = {.depth = ASSESS_FULL}, quick = {.depth = ASSESS_QUICK};
	struct assessment a, b;
	struct samples s;
	unsigned bits;

	if (size < 1 || size > FUZZ_MAX)
		return 0;
	bits = data[0] % 9;
	if (samples_take(bytes_of(data + 1, size - 1), bits, "fuzz", &s, NULL) != ERR_OK)
		return 0;
	if (assess(&s, &full, &a, NULL) != ERR_OK || assess(&s, &quick, &b, NULL) != ERR_OK)
		abort();
	if (!(a.min_entropy >= 0 && a.min_entropy <= s.bits && b.min_entropy >= a.min_entropy))
		abort();
	samples_free(&s);
	return 0;
}
