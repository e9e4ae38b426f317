/* JWK sets and answers of get-entries: one reader. */
#include "tests/fuzz/keyread_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_format(data, size, KEYREAD_JWK);
}
