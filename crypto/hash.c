#include "crypto/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/ossl.h"

/* One read of a file: large enough that the system call costs nothing beside the hash. */
#define READ_SIZE 65536

/*
 * A digest over memory fails only when memory for the context is gone; there is no result that
 * could be returned then and not be taken for a digest.
 */
static void must(int rc)
{
	if (rc != 1)
		abort();
}

void sha256_of(struct bytes data, uint8_t out[SHA256_SIZE])
{
	must(EVP_Digest(data.p != NULL ? (const void *)data.p : "", data.len, out, NULL,
		ossl_md(OSSL_SHA256), NULL));
}

enum err_code sha256_start(struct sha256 *h, struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (ctx == NULL || EVP_DigestInit_ex2(ctx, ossl_md(OSSL_SHA256), NULL) != 1) {
		EVP_MD_CTX_free(ctx);
		return ossl_err(e, ERR_NO_MEMORY, NULL, "no hash context");
	}
	h->ctx = ctx;
	return ERR_OK;
}

void sha256_more(struct sha256 *h, struct bytes data)
{
	if (data.len > 0)
		must(EVP_DigestUpdate(h->ctx, data.p, data.len));
}

void sha256_end(struct sha256 *h, uint8_t out[SHA256_SIZE])
{
	must(EVP_DigestFinal_ex(h->ctx, out, NULL));
	EVP_MD_CTX_free(h->ctx);
	h->ctx = NULL;
}

static enum err_code feed(struct sha256 *h, int fd, uint64_t size, struct err *e)
{
	static _Thread_local uint8_t chunk[READ_SIZE];
	for (uint64_t at = 0; at < size;) {
		size_t want = size - at < READ_SIZE ? (size_t)(size - at) : READ_SIZE;
		ssize_t n = pread(fd, chunk, want, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, ERR_IO, NULL, errno, "the file cannot be read");
		if (n == 0)
			return err_set(e, ERR_TRUNCATED, NULL, "at byte %llu of %llu",
				(unsigned long long)at, (unsigned long long)size);
		sha256_more(h, bytes_of(chunk, (size_t)n));
		at += (uint64_t)n;
	}
	return ERR_OK;
}

enum err_code sha256_fd(int fd, uint64_t size, uint8_t out[SHA256_SIZE], struct err *e)
{
	struct sha256 h;
	uint8_t digest[SHA256_SIZE];
	enum err_code rc = sha256_start(&h, e);
	if (rc != ERR_OK)
		return rc;
	rc = feed(&h, fd, size, e);
	sha256_end(&h, digest);
	for (size_t i = 0; rc == ERR_OK && i < SHA256_SIZE; i++)
		out[i] = digest[i];
	return rc;
}
