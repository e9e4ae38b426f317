/* SHA-256 (FIPS 180-4), at once or in pieces. */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define SHA256_SIZE 32

struct sha256 {
	void *ctx; /* EVP_MD_CTX */
};

void sha256_of(struct bytes data, uint8_t out[SHA256_SIZE]);

/* sha256_start, any number of sha256_more, then sha256_end (which frees). */
MUST_USE enum err_code sha256_start(struct sha256 *h, struct err *e);
void sha256_more(struct sha256 *h, struct bytes data);
void sha256_end(struct sha256 *h, uint8_t out[SHA256_SIZE]);

/* Digest of the first `size` bytes of `fd`; its position is not moved. */
MUST_USE enum err_code sha256_fd(int fd, uint64_t size, uint8_t out[SHA256_SIZE], struct err *e);

#endif
