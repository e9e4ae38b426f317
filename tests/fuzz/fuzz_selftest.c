/* A target with a planted fault, to show that the driver finds one and fails. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= 6 && memcmp(data, "plan", 4) == 0 && data[4] == 0xff && data[5] != 't')
		abort();
	return 0;
}
