/*
 * The image parser and verifier on any bytes.  The port answers what the image wants to hear
 * (every hash is zeros, every signature is good), so that mutations get past the cryptography; the
 * corpus holds images with such hashes.  What is accepted must account for every byte.  The same
 * bytes go through mcuboot_parse, which has the true hash and must agree about the form.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware/mcuboot.h"
#include "verify/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum verify_code init(void *ctx)
{
	(void)ctx;
	return VERIFY_OK;
}

/* Touches each byte, so that a length beyond the input is found. */
static enum verify_code update(void *ctx, const uint8_t *p, size_t len)
{
	uint8_t *sum = ctx;
	for (size_t i = 0; i < len; i++)
		*sum ^= p[i];
	return VERIFY_OK;
}

static enum verify_code final(void *ctx, uint8_t digest[VERIFY_SHA256_SIZE])
{
	(void)ctx;
	memset(digest, 0, VERIFY_SHA256_SIZE);
	return VERIFY_OK;
}

static enum verify_code ecdsa(void *ctx, const uint8_t point[VERIFY_POINT_SIZE],
	const uint8_t digest[VERIFY_SHA256_SIZE], const struct verify_signature *sig)
{
	uint8_t *sum = ctx;
	*sum ^= (uint8_t)(point[0] ^ digest[0] ^ sig->scalars[0] ^ sig->der[sig->der_len - 1]);
	return VERIFY_OK;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool is_refusal(enum verify_code code)
{
	return code == VERIFY_HEADER || code == VERIFY_LENGTH || code == VERIFY_TLV ||
		code == VERIFY_TLV_MISSING || code == VERIFY_TLV_UNPROTECTED ||
		code == VERIFY_HASH || code == VERIFY_KEY || code == VERIFY_SIGNATURE ||
		code == VERIFY_PRODUCT || code == VERIFY_DEPENDENCY || code == VERIFY_ROLLBACK;
}

/* An accepted image is nothing but the parts that were found in it. */
static void accounted_for(const uint8_t *p, size_t len)
{
	struct image img;
	size_t at = 0;
	must(image_parse_signed(p, len, &img, &at) == VERIFY_OK);
	must(image_parse_signatures(p, len, &img, &at) == VERIFY_OK);
	must(img.header_size + img.body_len == img.protected_at);
	must(img.protected_at + img.protected_size == img.signed_len);
	must(img.hash == p + img.signed_len + 8);
	must(img.keyhash == img.hash + 36);
	must(img.signature == img.keyhash + 36);
	must(img.signature + img.signature_len == p + len);
	/* and one byte less or more is another image */
	must(image_parse_signatures(p, len - 1, &img, &at) != VERIFY_OK);
}

static void parse_agrees(const uint8_t *p, size_t len, enum verify_code code)
{
	struct image img;
	struct mcuboot_info info;
	size_t at = 0;
	enum err_code rc = mcuboot_parse(bytes_of(p, len), &info, NULL);
	must(code != VERIFY_OK || rc == ERR_OK || rc == ERR_IMG_HASH);
	if (rc != ERR_OK)
		return;
	must(image_parse_signed(p, len, &img, &at) == VERIFY_OK);
	must(info.signed_len == img.signed_len && info.body_len == img.body_len);
	must(info.is_signed == (img.signed_len != len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[1][VERIFY_POINT_SIZE] = {{4}};
	static const struct verify_installed installed[] = {{0, {1, 0, 0, 0}}, {1, {9, 9, 9, 9}}};
	uint8_t sum = 0;
	struct verify_port port = {&sum, init, update, final, ecdsa};
	struct verify_policy policy = {
		.keys = key, .n_keys = 1, .installed = installed, .n_installed = 2};
	struct verify_result res;
	enum verify_code code = verify_image(&port, &policy, data, size, &res);
	if (code == VERIFY_OK) {
		must(res.at == 0 && res.body_len > 0 && res.body <= size);
		must(res.body_len < size - res.body);
		accounted_for(data, size);
	} else {
		must(is_refusal(code));
		must(res.at <= size || code == VERIFY_LENGTH);
		must(res.body_len == 0);
	}
	parse_agrees(data, size, code);
	return 0;
}
