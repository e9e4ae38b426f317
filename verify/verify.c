#include "verify/verify.h"

#include <string.h>

#include "verify/image.h"

int verify_version_compare(const struct verify_version *a, const struct verify_version *b)
{
	if (a->major != b->major)
		return a->major < b->major ? -1 : 1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? -1 : 1;
	if (a->revision != b->revision)
		return a->revision < b->revision ? -1 : 1;
	if (a->build != b->build)
		return a->build < b->build ? -1 : 1;
	return 0;
}

/* SHA-256 of `a` and then `b`; `b_len` may be 0. */
static enum verify_code sha256(const struct verify_port *port, const uint8_t *a, size_t a_len,
	const uint8_t *b, size_t b_len, uint8_t digest[VERIFY_SHA256_SIZE])
{
	if (port->sha256_init(port->ctx) != VERIFY_OK)
		return VERIFY_PORT;
	if (port->sha256_update(port->ctx, a, a_len) != VERIFY_OK)
		return VERIFY_PORT;
	if (b_len != 0 && port->sha256_update(port->ctx, b, b_len) != VERIFY_OK)
		return VERIFY_PORT;
	if (port->sha256_final(port->ctx, digest) != VERIFY_OK)
		return VERIFY_PORT;
	return VERIFY_OK;
}

/*
 * The policy's key with this hash.  The hashes are made here rather than kept beside the keys, so
 * that a hash cannot point at a key that it is not of.
 */
static enum verify_code key_find(const struct verify_port *port,
	const struct verify_policy *policy, const uint8_t *keyhash, size_t *key)
{
	for (size_t i = 0; i < policy->n_keys; i++) {
		uint8_t hash[VERIFY_SHA256_SIZE];
		if (sha256(port, image_spki_prefix, IMAGE_SPKI_PREFIX_SIZE, policy->keys[i],
			    VERIFY_POINT_SIZE, hash) != VERIFY_OK)
			return VERIFY_PORT;
		if (memcmp(hash, keyhash, sizeof(hash)) == 0) {
			*key = i;
			return VERIFY_OK;
		}
	}
	return VERIFY_KEY;
}

/* Hash, key and signature. */
static enum verify_code authentic(const struct verify_port *port,
	const struct verify_policy *policy, const uint8_t *p, const struct image *img,
	struct verify_result *res)
{
	enum verify_code rc = sha256(port, p, img->signed_len, NULL, 0, res->digest);
	if (rc != VERIFY_OK)
		return rc;
	res->at = (size_t)(img->hash - p);
	if (memcmp(res->digest, img->hash, VERIFY_SHA256_SIZE) != 0)
		return VERIFY_HASH;

	res->at = (size_t)(img->keyhash - p);
	rc = key_find(port, policy, img->keyhash, &res->key);
	if (rc != VERIFY_OK)
		return rc;

	struct verify_signature sig;
	res->at = (size_t)(img->signature - p);
	rc = signature_parse(img->signature, img->signature_len, &sig);
	if (rc != VERIFY_OK)
		return rc;
	return port->ecdsa_p256(port->ctx, policy->keys[res->key], res->digest, &sig);
}

static bool same_id(const uint8_t *wanted, const uint8_t *found)
{
	return wanted == NULL || (found != NULL && memcmp(wanted, found, VERIFY_UUID_SIZE) == 0);
}

static bool is_installed(const struct verify_policy *policy, const struct verify_installed *need)
{
	for (size_t i = 0; i < policy->n_installed; i++) {
		const struct verify_installed *have = &policy->installed[i];
		if (have->image_id == need->image_id)
			return verify_version_compare(&have->version, &need->version) >= 0;
	}
	return false;
}

/* What the device asks of an authentic image. */
static enum verify_code allowed(const struct verify_policy *policy, const uint8_t *p,
	const struct image *img)
{
	if (!same_id(policy->vendor_id, img->vendor_id) ||
		!same_id(policy->class_id, img->class_id))
		return VERIFY_PRODUCT;
	struct verify_installed need;
	for (size_t i = 0; image_dependency(p, img, i, &need); i++) {
		if (!is_installed(policy, &need))
			return VERIFY_DEPENDENCY;
	}
	if (img->security_counter < policy->min_security_counter)
		return VERIFY_ROLLBACK;
	if (verify_version_compare(&img->version, &policy->min_version) < 0)
		return VERIFY_ROLLBACK;
	return VERIFY_OK;
}

enum verify_code verify_image(const struct verify_port *port, const struct verify_policy *policy,
	const uint8_t *image, size_t len, struct verify_result *out)
{
	struct image img;
	struct verify_result res = {0};

	memset(out, 0, sizeof(*out));
	enum verify_code rc = image_parse_signed(image, len, &img, &out->at);
	if (rc != VERIFY_OK)
		return rc;
	rc = image_parse_signatures(image, len, &img, &out->at);
	if (rc != VERIFY_OK)
		return rc;
	rc = authentic(port, policy, image, &img, &res);
	if (rc != VERIFY_OK) {
		out->at = res.at;
		return rc;
	}
	rc = allowed(policy, image, &img);
	if (rc != VERIFY_OK)
		return rc;

	res.at = 0;
	res.version = img.version;
	res.security_counter = img.security_counter;
	res.load_addr = img.load_addr;
	res.flags = img.flags;
	res.body = img.header_size;
	res.body_len = img.body_len;
	*out = res;
	return VERIFY_OK;
}
