/*
 * The image verifier: one signed MCUboot image in memory, a policy and a crypto port in; a verdict
 * out.  Freestanding C11: stdint, stddef, stdbool and string only, no heap, no recursion, no state
 * of its own, so that the same code stands in a bootloader, in the device agent and on the server.
 * The form of an image and the rule behind each refusal stand in docs/spec/image.md.
 *
 * Not done here: reading flash, choosing a slot, jumping.  The caller must not change the image
 * between this call and its use.
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#define VERIFY_MUST_USE __attribute__((warn_unused_result))

/*
 * The verdicts.  VERIFY_OK differs from each refusal in at least 16 bits, and refusals differ from
 * one another in at least 12, so that a few flipped bits do not make a verdict of another: a test
 * holds this.  Compare with `== VERIFY_OK` only; every other value, known or not, refuses.
 */
enum verify_code {
	VERIFY_OK = 0x5ac3963c,
	VERIFY_HEADER = 0x609ed2c5,          /* a header field has a value that is not accepted */
	VERIFY_LENGTH = 0x49b16d2e,          /* a length does not fit, or bytes are left over */
	VERIFY_TLV = 0x1631c447,             /* an unknown, repeated or malformed TLV */
	VERIFY_TLV_MISSING = 0x0b5e0b99,     /* a TLV that must be there is not */
	VERIFY_TLV_UNPROTECTED = 0x4508cdcf, /* a TLV stands where no signature covers it */
	VERIFY_HASH = 0x6d33cfc0,            /* the bytes do not match the image's own hash */
	VERIFY_KEY = 0x3656726a,             /* no key of the policy has this key hash */
	VERIFY_SIGNATURE = 0x0e2cc4f8,       /* the signature is malformed or false */
	VERIFY_PRODUCT = 0x24162c87,         /* made for another vendor or device class */
	VERIFY_DEPENDENCY = 0x79748d63,      /* needs an image that is not installed */
	VERIFY_ROLLBACK = 0x07c53d5f,        /* version or security counter below the floor */
	VERIFY_PORT = 0x7d8a3147,            /* the crypto port failed: nothing is known */
};

#define VERIFY_SHA256_SIZE 32
#define VERIFY_POINT_SIZE 65  /* uncompressed P-256 point: 04 || x || y (SEC 1, 2.3.3) */
#define VERIFY_SCALARS_SIZE 64 /* r || s, big-endian, 32 bytes each */
#define VERIFY_UUID_SIZE 16

/* An ECDSA signature whose DER was found strict; a port takes the form it needs. */
struct verify_signature {
	const uint8_t *der;
	size_t der_len;
	uint8_t scalars[VERIFY_SCALARS_SIZE];
};

/*
 * What the platform lends: SHA-256 in a context that the caller owns (`ctx`, of the port's own
 * type), and P-256 verification.  Each function answers VERIFY_OK, or VERIFY_PORT when it could
 * not do its work; ecdsa_p256 answers VERIFY_SIGNATURE when the signature is false, when r or s is
 * not in [1, n-1], or when the point is not on the curve.
 */
struct verify_port {
	void *ctx;
	enum verify_code (*sha256_init)(void *ctx);
	enum verify_code (*sha256_update)(void *ctx, const uint8_t *p, size_t len);
	enum verify_code (*sha256_final)(void *ctx, uint8_t digest[VERIFY_SHA256_SIZE]);
	enum verify_code (*ecdsa_p256)(void *ctx, const uint8_t point[VERIFY_POINT_SIZE],
		const uint8_t digest[VERIFY_SHA256_SIZE], const struct verify_signature *sig);
};

struct verify_version {
	uint8_t major;
	uint8_t minor;
	uint16_t revision;
	uint32_t build;
};

/* Negative, 0 or positive as `a` is older than, equal to or newer than `b`; build counts last. */
int verify_version_compare(const struct verify_version *a, const struct verify_version *b);

/* An image that the device already has, for the DEPENDENCY entries of another. */
struct verify_installed {
	uint8_t image_id;
	struct verify_version version;
};

/* What the device asks of an image.  Everything pointed at is the caller's. */
struct verify_policy {
	const uint8_t (*keys)[VERIFY_POINT_SIZE]; /* trusted signers; none trusts nobody */
	size_t n_keys;
	struct verify_version min_version;
	uint32_t min_security_counter;
	const uint8_t *vendor_id; /* VERIFY_UUID_SIZE bytes that UUID_VID must equal; NULL: any */
	const uint8_t *class_id;  /* the same for UUID_CID */
	const struct verify_installed *installed; /* what DEPENDENCY entries may lean on */
	size_t n_installed;
};

/*
 * What is known of an image.  After VERIFY_OK all is set and all of it was signed, but for `at`.
 * After a refusal only `at` is set: the offset of the byte or field that was refused (the start of
 * the image when the refusal is not about one place).
 */
struct verify_result {
	size_t at;
	struct verify_version version;
	uint32_t security_counter;
	uint32_t load_addr;
	uint32_t flags;
	size_t body;     /* offset of the first byte after the header */
	size_t body_len; /* what runs: the image without header and TLVs */
	uint8_t digest[VERIFY_SHA256_SIZE]; /* of header, body and protected TLVs: what was signed */
	size_t key;      /* index into policy->keys */
};

/*
 * Is `image`, `len` bytes and not one more, a signed image that the policy allows?  Pointers are
 * not NULL.  The order is: form, hash, key, signature, and only then product, dependencies and
 * floor, so that VERIFY_PRODUCT, VERIFY_DEPENDENCY and VERIFY_ROLLBACK speak of authentic images.
 */
VERIFY_MUST_USE enum verify_code verify_image(const struct verify_port *port,
	const struct verify_policy *policy, const uint8_t *image, size_t len,
	struct verify_result *out);

#endif
