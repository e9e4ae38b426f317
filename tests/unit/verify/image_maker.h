/*
 * Images for tests, well formed or not: fields first, entries next, then image_make puts the
 * parts together, hashes and signs.  It knows the format on its own, apart from the code it tests.
 */
#ifndef TESTS_UNIT_VERIFY_IMAGE_MAKER_H
#define TESTS_UNIT_VERIFY_IMAGE_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/verify/openssl_port.h"

#define MAKER_AREA 1024
#define MAKER_IMAGE 4096

struct maker {
	uint32_t magic;
	uint32_t load_addr;
	uint16_t header_size;
	int32_t protected_size; /* -1: as it is */
	int64_t body_len;       /* in the header; -1: as it is */
	uint32_t flags;
	uint8_t version[8]; /* as in the header: u8, u8, u16, u32 little-endian */
	uint32_t pad;
	const uint8_t *body;
	size_t real_body_len;

	uint16_t protected_magic;
	int32_t protected_total; /* in the area's own header; -1: as it is */
	uint8_t prot[MAKER_AREA];
	size_t prot_len;

	uint16_t magic2;         /* of the unprotected area */
	int32_t unprotected_total;
	uint8_t unprot[MAKER_AREA]; /* put after hash, key hash and signature */
	size_t unprot_len;
	bool no_hash, no_keyhash, no_signature;
	bool flip_hash; /* a hash of something else, and a signature over that */
	bool no_protected; /* leave the area out altogether */
	const uint8_t *signature; /* this one in place of a true one */
	size_t signature_len;
};

/* 32-byte header, body of 40 bytes, version 1.2.3+4, SEC_CNT 7 when `counted`. */
struct maker maker_default(bool counted);
void maker_protect(struct maker *m, uint16_t type, const void *data, size_t len);
void maker_append(struct maker *m, uint16_t type, const void *data, size_t len);
/* Returns the length written to `out`. */
size_t image_make(const struct maker *m, const struct test_key *k, uint8_t out[MAKER_IMAGE]);

#endif
