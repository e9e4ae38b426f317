/* The image verifier on our own crypto layer, and its verdicts in the words of base/err. */
#ifndef FIRMWARE_VERIFY_HOST_H
#define FIRMWARE_VERIFY_HOST_H

#include "base/bytes.h"
#include "crypto/hash.h"
#include "verify/verify.h"

/* A port whose hash lives in `hash`, which must outlive it. */
struct verify_port verify_host_port(struct sha256 *hash);

/*
 * verify_image on the host port.  `object` names the image in the error (a path), whose reason
 * says where in the image and, for a rollback, which versions.
 */
MUST_USE enum err_code verify_host_image(struct bytes image, const struct verify_policy *policy,
	const char *object, struct verify_result *out, struct err *e);

/*
 * The error of a verdict: ERR_OK for VERIFY_OK, ERR_CRYPTO for VERIFY_PORT and for any value that
 * is no verdict.
 */
enum err_code verify_host_err(enum verify_code code, size_t at, const char *object, struct err *e);

/* The point in a DER SubjectPublicKeyInfo of a P-256 key; ERR_KEY_ALGORITHM for any other. */
MUST_USE enum err_code verify_host_point(struct bytes spki, uint8_t point[VERIFY_POINT_SIZE],
	struct err *e);

#endif
