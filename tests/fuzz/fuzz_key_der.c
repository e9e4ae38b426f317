/* DER and BER objects, one after the other. */
#include "tests/fuzz/keyread_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_format(data, size, KEYREAD_DER);
}
