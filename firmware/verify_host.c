#include "firmware/verify_host.h"

#include <string.h>

#include "crypto/key.h"
#include "firmware/mcuboot.h"
#include "verify/image.h"

static enum verify_code port_init(void *ctx)
{
	return sha256_start(ctx, NULL) == ERR_OK ? VERIFY_OK : VERIFY_PORT;
}

static enum verify_code port_update(void *ctx, const uint8_t *p, size_t len)
{
	sha256_more(ctx, bytes_of(p, len));
	return VERIFY_OK;
}

static enum verify_code port_final(void *ctx, uint8_t digest[VERIFY_SHA256_SIZE])
{
	sha256_end(ctx, digest);
	return VERIFY_OK;
}

static enum verify_code port_ecdsa(void *ctx, const uint8_t point[VERIFY_POINT_SIZE],
	const uint8_t digest[VERIFY_SHA256_SIZE], const struct verify_signature *sig)
{
	(void)ctx;
	uint8_t spki[IMAGE_SPKI_SIZE];
	memcpy(spki, image_spki_prefix, IMAGE_SPKI_PREFIX_SIZE);
	memcpy(spki + IMAGE_SPKI_PREFIX_SIZE, point, VERIFY_POINT_SIZE);

	struct key *key = NULL;
	enum err_code rc = key_from_spki(bytes_of(spki, sizeof(spki)), &key, NULL);
	if (rc == ERR_OK)
		rc = key_verify_digest(key, digest, bytes_of(sig->der, sig->der_len),
			ERR_IMG_SIGNATURE, NULL);
	key_free(key);
	if (rc == ERR_OK)
		return VERIFY_OK;
	return rc == ERR_NO_MEMORY ? VERIFY_PORT : VERIFY_SIGNATURE;
}

struct verify_port verify_host_port(struct sha256 *hash)
{
	return (struct verify_port){hash, port_init, port_update, port_final, port_ecdsa};
}

enum err_code verify_host_err(enum verify_code code, size_t at, const char *object, struct err *e)
{
	static const struct {
		enum verify_code code;
		enum err_code err;
	} table[] = {
		{VERIFY_HEADER, ERR_IMG_HEADER},
		{VERIFY_LENGTH, ERR_IMG_LENGTH},
		{VERIFY_TLV, ERR_IMG_TLV},
		{VERIFY_TLV_MISSING, ERR_IMG_TLV_MISSING},
		{VERIFY_TLV_UNPROTECTED, ERR_IMG_TLV_UNPROTECTED},
		{VERIFY_HASH, ERR_IMG_HASH},
		{VERIFY_KEY, ERR_IMG_KEY},
		{VERIFY_SIGNATURE, ERR_IMG_SIGNATURE},
		{VERIFY_PRODUCT, ERR_IMG_PRODUCT},
		{VERIFY_DEPENDENCY, ERR_IMG_DEPENDENCY},
		{VERIFY_ROLLBACK, ERR_IMG_ROLLBACK},
	};
	if (code == VERIFY_OK)
		return ERR_OK;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].code != code)
			continue;
		if (at != 0)
			return err_set(e, table[i].err, object, "at byte %zu", at);
		return err_set(e, table[i].err, object, "%s", "");
	}
	return err_set(e, ERR_CRYPTO, object, "the image could not be verified");
}

/* A rollback with both sides of the comparison; the image is authentic at this point. */
static enum err_code rollback_err(struct bytes image, const struct verify_policy *policy,
	const char *object, struct err *e)
{
	struct image img;
	size_t at;
	char have[MCUBOOT_VERSION_TEXT];
	char least[MCUBOOT_VERSION_TEXT];
	if (image_parse_signed(image.p, image.len, &img, &at) != VERIFY_OK)
		return verify_host_err(VERIFY_ROLLBACK, 0, object, e);
	mcuboot_version_print(&img.version, have);
	mcuboot_version_print(&policy->min_version, least);
	return err_set(e, ERR_IMG_ROLLBACK, object,
		"it is version %s, security counter %u; the floor is %s, %u", have,
		img.security_counter, least, policy->min_security_counter);
}

enum err_code verify_host_image(struct bytes image, const struct verify_policy *policy,
	const char *object, struct verify_result *out, struct err *e)
{
	struct sha256 hash = {0};
	struct verify_port port = verify_host_port(&hash);
	enum verify_code code = verify_image(&port, policy, image.p, image.len, out);
	if (code == VERIFY_ROLLBACK)
		return rollback_err(image, policy, object, e);
	return verify_host_err(code, out->at, object, e);
}

enum err_code verify_host_point(struct bytes spki, uint8_t point[VERIFY_POINT_SIZE],
	struct err *e)
{
	if (spki.len != IMAGE_SPKI_SIZE ||
		memcmp(spki.p, image_spki_prefix, IMAGE_SPKI_PREFIX_SIZE) != 0)
		return err_set(e, ERR_KEY_ALGORITHM, "image key", "it must be an ECDSA P-256 key");
	memcpy(point, spki.p + IMAGE_SPKI_PREFIX_SIZE, VERIFY_POINT_SIZE);
	return ERR_OK;
}
