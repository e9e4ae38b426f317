/* The body of an enrolment, as a device sends it. */
#include <stdlib.h>

#include "protocol/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct csr c;
	struct err e;
	struct enrol_request q = {0};
	if (size > EST_BODY_MAX)
		return 0;
	if (est_read_csr(EST_REQUEST_TYPE, bytes_of(data, size), 1795000000, &c, &e) != ERR_OK)
		return 0;
	if (est_fill(EST_SIMPLEENROLL, &c, &q, &e) == ERR_OK && q.spki.len == 0)
		abort();
	csr_free(&c);
	return 0;
}
