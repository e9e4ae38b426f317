/* A crypto port for tests, straight on OpenSSL, and a P-256 key that signs. */
#ifndef TESTS_UNIT_VERIFY_OPENSSL_PORT_H
#define TESTS_UNIT_VERIFY_OPENSSL_PORT_H

#include <openssl/evp.h>

#include "verify/verify.h"

struct test_key {
	EVP_PKEY *pkey;
	uint8_t point[VERIFY_POINT_SIZE];
	uint8_t keyhash[VERIFY_SHA256_SIZE]; /* over the SPKI as OpenSSL writes it */
};

/* Aborts the test program when OpenSSL fails. */
void test_key_make(struct test_key *k);
void test_key_free(struct test_key *k);
/* DER signature of a digest; returns its length. */
size_t test_key_sign(const struct test_key *k, const uint8_t digest[VERIFY_SHA256_SIZE],
	uint8_t der[72]);
void test_sha256(const uint8_t *p, size_t len, uint8_t digest[VERIFY_SHA256_SIZE]);

/* port.ctx is an EVP_MD_CTX: port_free it. */
struct verify_port test_port(void);
void test_port_free(struct verify_port *port);

#endif
