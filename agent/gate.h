/* The gate before a key: no tested noise source, no key (SP 800-90B §4). */
#ifndef AGENT_GATE_H
#define AGENT_GATE_H

#include "base/err.h"

/*
 * Run the start-up health tests on the noise source at `path` (a device such as /dev/hwrng; NULL:
 * the jitter of the processor's timer) and stir tested samples into the DRBG that keys come from.
 * ERR_ENTROPY_HEALTH or ERR_ENTROPY_SOURCE: no key may be made.
 */
MUST_USE enum err_code gate_open(const char *path, struct err *e);

#endif
