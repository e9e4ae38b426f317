/* A request as a stranger sends it; what is accepted must come back the same. */
#include <stdlib.h>

#include "x509/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct csr c;
	struct err e;
	if (csr_parse(bytes_of(data, size), &c, &e) != ERR_OK)
		return 0;
	if (!bytes_equal(c.der, bytes_of(data, size)) || c.spki.len == 0 || c.subject.len == 0)
		abort();
	if (csr_check(&c, 1795000000, &e) == ERR_OK && c.sig.len == 0)
		abort();
	csr_free(&c);
	return 0;
}
