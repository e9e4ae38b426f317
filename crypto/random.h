/* Random bytes from the library's DRBG, seeded by the kernel. */
#ifndef CRYPTO_RANDOM_H
#define CRYPTO_RANDOM_H

#include "base/bytes.h"

MUST_USE enum err_code random_bytes(void *out, size_t len, struct err *e);
/* Mix more noise into the DRBG; never makes it weaker. */
void random_stir(struct bytes noise);

#endif
