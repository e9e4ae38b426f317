/*
 * MCUboot images on the host: made from a raw binary, read for display, finished with a signature
 * that was made elsewhere.  The format is docs/spec/image.md; whether an image may run is for
 * verify/ alone to say (firmware/verify_host.h).
 */
#ifndef FIRMWARE_MCUBOOT_H
#define FIRMWARE_MCUBOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "verify/verify.h"

/* An image is handled in memory: flash of a microcontroller is far below this. */
#define MCUBOOT_IMAGE_MAX BUF_MAX_DEFAULT
/* Default and unit of the header: vector tables of Cortex-M want multiples of 32 at least. */
#define MCUBOOT_HEADER_UNIT 32

enum mcuboot_place {
	MCUBOOT_IN_PLACE,  /* runs wherever the slot lies; address is 0 */
	MCUBOOT_RAM_LOAD,  /* is copied to the address */
	MCUBOOT_ROM_FIXED, /* must lie at the address */
};

struct mcuboot_options {
	struct verify_version version;
	uint32_t security_counter;
	uint16_t header_size; /* a multiple of MCUBOOT_HEADER_UNIT; 0: one unit */
	bool header_room;     /* the binary starts with header_size bytes to be overwritten */
	enum mcuboot_place place;
	uint32_t address;
	const uint8_t *vendor_id; /* VERIFY_UUID_SIZE bytes, or NULL */
	const uint8_t *class_id;
};

struct mcuboot_info {
	struct verify_version version;
	uint32_t security_counter;
	enum mcuboot_place place;
	uint32_t address;
	size_t header_size;
	size_t body_len;
	size_t signed_len; /* header, body and protected TLVs */
	bool has_vendor_id;
	bool has_class_id;
	uint8_t vendor_id[VERIFY_UUID_SIZE];
	uint8_t class_id[VERIFY_UUID_SIZE];
	uint8_t digest[VERIFY_SHA256_SIZE]; /* computed here: what a signature is over */
	bool is_signed;                     /* it carries a signature; nothing was verified */
	uint8_t keyhash[VERIFY_SHA256_SIZE]; /* of the stated signer, when is_signed */
};

/* "1.2.3" or "1.2.3+4": decimal, no leading zeros, each in its field's range; else ERR_MALFORMED. */
MUST_USE enum err_code mcuboot_version_parse(const char *s, struct verify_version *v,
	struct err *e);
/* The inverse; a build of 0 is left out. */
#define MCUBOOT_VERSION_TEXT 32
void mcuboot_version_print(const struct verify_version *v, char out[MCUBOOT_VERSION_TEXT]);

/*
 * Append header, body and protected TLVs to `out`, which is empty: all that the digest covers and
 * nothing else.  ERR_IMAGE_FORMAT for options or a binary that make no valid image, ERR_LIMIT over
 * MCUBOOT_IMAGE_MAX.
 */
MUST_USE enum err_code mcuboot_prepare(struct bytes binary, const struct mcuboot_options *opt,
	struct buf *out, struct err *e);

/*
 * Read a prepared image (it ends with the protected area) or a signed one.  The form is checked
 * in full, and a signed image's own hash; errors are the ERR_IMG_ codes.
 */
MUST_USE enum err_code mcuboot_parse(struct bytes image, struct mcuboot_info *out, struct err *e);

/*
 * Append the signed image to `out`, which is empty: the prepared `image`, its hash, the hash of
 * `spki` (DER SubjectPublicKeyInfo of a P-256 key) and `sig` (DER ECDSA over the digest).  The
 * result must pass the verifier with that key, or nothing is written: ERR_IMG_SIGNATURE for a
 * signature by another key or over something else, ERR_RELEASE_STATE for an image that is signed
 * already, ERR_KEY_ALGORITHM for another kind of key.
 */
MUST_USE enum err_code mcuboot_finish(struct bytes image, struct bytes spki, struct bytes sig,
	struct buf *out, struct err *e);

#endif
