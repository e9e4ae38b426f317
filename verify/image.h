/*
 * The form of a MCUboot image (docs/spec/image.md): where each part lies, each byte accounted
 * for.  Nothing here is authentic until verify_image has said so.
 */
#ifndef VERIFY_IMAGE_H
#define VERIFY_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verify/verify.h"

#define IMAGE_MAGIC 0x96f3b83dU
#define IMAGE_HEADER_SIZE 32U
#define IMAGE_TLV_MAGIC 0x6907U
#define IMAGE_TLV_PROTECTED_MAGIC 0x6908U
#define IMAGE_TLV_HEADER_SIZE 4U /* of an area and of an entry alike */

/* Header flags that are understood; any other means an image of another kind. */
#define IMAGE_FLAG_RAM_LOAD 0x00000020U  /* load_addr is where to copy it to */
#define IMAGE_FLAG_ROM_FIXED 0x00000100U /* load_addr is where it must lie */

#define IMAGE_TLV_KEYHASH 0x01U
#define IMAGE_TLV_SHA256 0x10U
#define IMAGE_TLV_ECDSA 0x22U
#define IMAGE_TLV_DEPENDENCY 0x40U
#define IMAGE_TLV_SEC_CNT 0x50U
#define IMAGE_TLV_BOOT_RECORD 0x60U
#define IMAGE_TLV_UUID_VID 0x74U
#define IMAGE_TLV_UUID_CID 0x75U
#define IMAGE_TLV_VENDOR_FIRST 0xa0U /* types whose low byte is 0xa0 to 0xff are the vendor's */
#define IMAGE_TLV_ANY 0xffffU        /* but for this: MCUboot's wildcard, never an entry */

/* Entries of one protected area: repeats are searched for, so their number is bounded. */
#define IMAGE_TLV_MAX 32U
#define IMAGE_DEPENDENCY_SIZE 12U
/* DER of two integers of 1 to 33 bytes. */
#define IMAGE_ECDSA_MIN 8U
#define IMAGE_ECDSA_MAX 72U

/* SubjectPublicKeyInfo of a P-256 key up to its point (RFC 5480, section 2): KEYHASH is over both. */
#define IMAGE_SPKI_PREFIX_SIZE 26U
#define IMAGE_SPKI_SIZE (IMAGE_SPKI_PREFIX_SIZE + VERIFY_POINT_SIZE)
extern const uint8_t image_spki_prefix[IMAGE_SPKI_PREFIX_SIZE];

struct image {
	struct verify_version version;
	uint32_t load_addr;
	uint32_t flags;
	uint32_t security_counter;
	size_t header_size;
	size_t body_len;
	size_t protected_at;   /* offset of the protected TLV area */
	size_t protected_size; /* with its own header; never 0 in a parsed image */
	size_t signed_len;     /* header, body and protected area: what the digest covers */
	const uint8_t *vendor_id; /* into the image, or NULL */
	const uint8_t *class_id;
	const uint8_t *hash; /* the next three are set by image_parse_signatures alone */
	const uint8_t *keyhash;
	const uint8_t *signature;
	size_t signature_len;
};

/*
 * Header and protected area of the image that starts at `p`; `len` bytes may be read, and there
 * may be more of them than the signed part has.  `*at` is set to the offset of what was refused.
 */
VERIFY_MUST_USE enum verify_code image_parse_signed(const uint8_t *p, size_t len,
	struct image *img, size_t *at);

/* After it: the unprotected area, which must end exactly at `len`. */
VERIFY_MUST_USE enum verify_code image_parse_signatures(const uint8_t *p, size_t len,
	struct image *img, size_t *at);

/* The i-th dependency of a parsed image; false when there are no more. */
VERIFY_MUST_USE bool image_dependency(const uint8_t *p, const struct image *img, size_t i,
	struct verify_installed *need);

/*
 * Strict DER (X.690, section 10) of Ecdsa-Sig-Value (RFC 3279, section 2.2.3): minimal lengths,
 * minimal positive integers of at most 256 bits, not zero, nothing after them.  Whether r and s
 * are below the group order is the port's to check.
 */
VERIFY_MUST_USE enum verify_code signature_parse(const uint8_t *der, size_t len,
	struct verify_signature *sig);

#endif
