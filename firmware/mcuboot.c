#include "firmware/mcuboot.h"

#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "firmware/verify_host.h"
#include "verify/image.h"

/* One decimal number of a version, at most `max`. */
static bool number_parse(const char **s, uint64_t max, uint64_t *out)
{
	const char *p = *s;
	uint64_t v = 0;
	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > max)
			return false;
	}
	*s = p;
	*out = v;
	return true;
}

static bool skip(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

enum err_code mcuboot_version_parse(const char *s, struct verify_version *v, struct err *e)
{
	uint64_t major, minor, revision, build = 0;
	const char *p = s;
	bool ok = number_parse(&p, UINT8_MAX, &major) && skip(&p, '.') &&
		number_parse(&p, UINT8_MAX, &minor) && skip(&p, '.') &&
		number_parse(&p, UINT16_MAX, &revision);
	if (ok && skip(&p, '+'))
		ok = number_parse(&p, UINT32_MAX, &build);
	if (!ok || *p != '\0')
		return err_set(e, ERR_MALFORMED, s,
			"a version is major.minor.revision or major.minor.revision+build, up to "
			"255.255.65535+4294967295");
	*v = (struct verify_version){
		(uint8_t)major, (uint8_t)minor, (uint16_t)revision, (uint32_t)build};
	return ERR_OK;
}

void mcuboot_version_print(const struct verify_version *v, char out[MCUBOOT_VERSION_TEXT])
{
	int n = snprintf(out, MCUBOOT_VERSION_TEXT, "%u.%u.%u", v->major, v->minor, v->revision);
	if (v->build != 0)
		(void)snprintf(out + n, MCUBOOT_VERSION_TEXT - (size_t)n, "+%u", v->build);
}

static enum err_code options_check(struct bytes binary, const struct mcuboot_options *opt,
	uint16_t header_size, struct err *e)
{
	if (header_size % MCUBOOT_HEADER_UNIT != 0)
		return err_set(e, ERR_IMAGE_FORMAT, "header size", "%u is not a multiple of %u",
			header_size, MCUBOOT_HEADER_UNIT);
	if (opt->place == MCUBOOT_IN_PLACE && opt->address != 0)
		return err_set(e, ERR_IMAGE_FORMAT, "load address",
			"an address needs a meaning: RAM load or fixed ROM");
	if (binary.len == 0 || (opt->header_room && binary.len <= header_size))
		return err_set(e, ERR_IMAGE_FORMAT, "binary", "it is empty");
	for (size_t i = 0; opt->header_room && i < header_size; i++) {
		if (binary.p[i] != binary.p[0] || (binary.p[i] != 0 && binary.p[i] != 0xff))
			return err_set(e, ERR_IMAGE_FORMAT, "binary",
				"there is no room for a header of %u bytes at its start: byte %zu "
				"is in use", header_size, i);
	}
	return ERR_OK;
}

static void tlv_header(struct buf *b, uint16_t type_or_magic, size_t len)
{
	buf_u16le(b, type_or_magic);
	buf_u16le(b, (uint16_t)len);
}

static size_t protected_size(const struct mcuboot_options *opt)
{
	size_t n = 2 * IMAGE_TLV_HEADER_SIZE + 4;
	if (opt->vendor_id != NULL)
		n += IMAGE_TLV_HEADER_SIZE + VERIFY_UUID_SIZE;
	if (opt->class_id != NULL)
		n += IMAGE_TLV_HEADER_SIZE + VERIFY_UUID_SIZE;
	return n;
}

static void header_encode(const struct mcuboot_options *opt, uint16_t header_size, size_t body_len,
	struct buf *b)
{
	static const uint32_t flags[] = {[MCUBOOT_IN_PLACE] = 0,
		[MCUBOOT_RAM_LOAD] = IMAGE_FLAG_RAM_LOAD,
		[MCUBOOT_ROM_FIXED] = IMAGE_FLAG_ROM_FIXED};
	buf_u32le(b, IMAGE_MAGIC);
	buf_u32le(b, opt->address);
	buf_u16le(b, header_size);
	buf_u16le(b, (uint16_t)protected_size(opt));
	buf_u32le(b, (uint32_t)body_len);
	buf_u32le(b, flags[opt->place]);
	buf_u8(b, opt->version.major);
	buf_u8(b, opt->version.minor);
	buf_u16le(b, opt->version.revision);
	buf_u32le(b, opt->version.build);
	buf_u32le(b, 0);
}

/* Between the header's fields and the body: as imgtool fills it, so that images come out alike. */
static void header_fill(struct bytes binary, bool room, uint16_t header_size, struct buf *b)
{
	for (size_t i = IMAGE_HEADER_SIZE; i < header_size; i++)
		buf_u8(b, room ? binary.p[i] : 0xff);
}

static void uuid_encode(uint16_t type, const uint8_t *uuid, struct buf *b)
{
	if (uuid == NULL)
		return;
	tlv_header(b, type, VERIFY_UUID_SIZE);
	buf_bytes(b, bytes_of(uuid, VERIFY_UUID_SIZE));
}

enum err_code mcuboot_prepare(struct bytes binary, const struct mcuboot_options *opt,
	struct buf *out, struct err *e)
{
	uint16_t header_size = opt->header_size != 0 ? opt->header_size : MCUBOOT_HEADER_UNIT;
	enum err_code rc = options_check(binary, opt, header_size, e);
	if (rc != ERR_OK)
		return rc;
	if (binary.len > MCUBOOT_IMAGE_MAX - header_size - protected_size(opt))
		return err_set(e, ERR_LIMIT, "binary", "an image may have %zu bytes",
			MCUBOOT_IMAGE_MAX);
	size_t room = opt->header_room ? header_size : 0;
	struct bytes body = bytes_of(binary.p + room, binary.len - room);

	header_encode(opt, header_size, body.len, out);
	header_fill(binary, opt->header_room, header_size, out);
	buf_bytes(out, body);
	tlv_header(out, IMAGE_TLV_PROTECTED_MAGIC, protected_size(opt));
	tlv_header(out, IMAGE_TLV_SEC_CNT, 4);
	buf_u32le(out, opt->security_counter);
	uuid_encode(IMAGE_TLV_UUID_VID, opt->vendor_id, out);
	uuid_encode(IMAGE_TLV_UUID_CID, opt->class_id, out);
	return buf_end(out, e, "image");
}

static enum mcuboot_place place_of(uint32_t flags)
{
	if (flags == IMAGE_FLAG_RAM_LOAD)
		return MCUBOOT_RAM_LOAD;
	return flags == IMAGE_FLAG_ROM_FIXED ? MCUBOOT_ROM_FIXED : MCUBOOT_IN_PLACE;
}

static void info_fill(const struct image *img, struct mcuboot_info *info)
{
	info->version = img->version;
	info->security_counter = img->security_counter;
	info->place = place_of(img->flags);
	info->address = img->load_addr;
	info->header_size = img->header_size;
	info->body_len = img->body_len;
	info->signed_len = img->signed_len;
	if (img->vendor_id != NULL) {
		info->has_vendor_id = true;
		memcpy(info->vendor_id, img->vendor_id, VERIFY_UUID_SIZE);
	}
	if (img->class_id != NULL) {
		info->has_class_id = true;
		memcpy(info->class_id, img->class_id, VERIFY_UUID_SIZE);
	}
}

enum err_code mcuboot_parse(struct bytes image, struct mcuboot_info *out, struct err *e)
{
	struct image img;
	struct mcuboot_info info = {0};
	size_t at = 0;
	enum verify_code code = image_parse_signed(image.p, image.len, &img, &at);
	bool is_signed = code == VERIFY_OK && img.signed_len != image.len;
	if (is_signed)
		code = image_parse_signatures(image.p, image.len, &img, &at);
	if (code != VERIFY_OK)
		return verify_host_err(code, at, "image", e);

	info_fill(&img, &info);
	sha256_of(bytes_of(image.p, img.signed_len), info.digest);
	if (is_signed) {
		if (memcmp(info.digest, img.hash, sizeof(info.digest)) != 0)
			return verify_host_err(VERIFY_HASH, (size_t)(img.hash - image.p), "image",
				e);
		info.is_signed = true;
		memcpy(info.keyhash, img.keyhash, sizeof(info.keyhash));
	}
	*out = info;
	return ERR_OK;
}

/* Would a device that trusts this key, and asks nothing else, run it? */
static enum err_code result_check(struct bytes image, const uint8_t point[VERIFY_POINT_SIZE],
	const struct mcuboot_info *info, struct err *e)
{
	const struct verify_policy policy = {
		.keys = (const uint8_t(*)[VERIFY_POINT_SIZE])point,
		.n_keys = 1,
		.min_version = info->version,
		.min_security_counter = info->security_counter,
	};
	struct verify_result res;
	enum err_code rc = verify_host_image(image, &policy, "signed image", &res, e);
	/* the floor is the image's own; dependencies are for the device to judge */
	return rc == ERR_IMG_DEPENDENCY ? ERR_OK : rc;
}

enum err_code mcuboot_finish(struct bytes image, struct bytes spki, struct bytes sig,
	struct buf *out, struct err *e)
{
	struct mcuboot_info info;
	uint8_t point[VERIFY_POINT_SIZE];
	uint8_t keyhash[VERIFY_SHA256_SIZE];
	enum err_code rc = mcuboot_parse(image, &info, e);
	if (rc != ERR_OK)
		return rc;
	if (info.is_signed)
		return err_set(e, ERR_RELEASE_STATE, "image", "it carries a signature already");
	rc = verify_host_point(spki, point, e);
	if (rc != ERR_OK)
		return rc;
	if (sig.len < IMAGE_ECDSA_MIN || sig.len > IMAGE_ECDSA_MAX)
		return err_set(e, ERR_IMG_SIGNATURE, "image", "an ECDSA P-256 signature has %u to %u "
			"bytes, not %zu", IMAGE_ECDSA_MIN, IMAGE_ECDSA_MAX, sig.len);
	sha256_of(spki, keyhash);

	buf_bytes(out, image);
	tlv_header(out, IMAGE_TLV_MAGIC,
		4 * IMAGE_TLV_HEADER_SIZE + 2 * VERIFY_SHA256_SIZE + sig.len);
	tlv_header(out, IMAGE_TLV_SHA256, VERIFY_SHA256_SIZE);
	buf_bytes(out, bytes_of(info.digest, sizeof(info.digest)));
	tlv_header(out, IMAGE_TLV_KEYHASH, VERIFY_SHA256_SIZE);
	buf_bytes(out, bytes_of(keyhash, sizeof(keyhash)));
	tlv_header(out, IMAGE_TLV_ECDSA, sig.len);
	buf_bytes(out, sig);
	rc = buf_end(out, e, "image");
	if (rc == ERR_OK)
		rc = result_check(buf_view(out), point, &info, e);
	if (rc != ERR_OK)
		buf_reset(out);
	return rc;
}
