#include "verify/image.h"

#include <string.h>

_Static_assert(sizeof(size_t) >= sizeof(uint32_t), "body_len is a u32 and is kept in a size_t");

/* Offsets in the header. */
enum {
	AT_MAGIC = 0,
	AT_LOAD_ADDR = 4,
	AT_HEADER_SIZE = 8,
	AT_PROTECTED_SIZE = 10,
	AT_BODY_LEN = 12,
	AT_FLAGS = 16,
	AT_VERSION = 20,
	AT_PAD = 28,
};

const uint8_t image_spki_prefix[IMAGE_SPKI_PREFIX_SIZE] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a,
	0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
	0x07, 0x03, 0x42, 0x00};

struct tlv {
	uint32_t type;
	size_t len;
	const uint8_t *data;
};

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}

static struct verify_version version_at(const uint8_t *p)
{
	return (struct verify_version){p[0], p[1], le16(p + 2), le32(p + 4)};
}

static enum verify_code refuse(enum verify_code code, size_t offset, size_t *at)
{
	*at = offset;
	return code;
}

static enum verify_code header_parse(const uint8_t *p, size_t len, struct image *img, size_t *at)
{
	if (len < IMAGE_HEADER_SIZE)
		return refuse(VERIFY_LENGTH, len, at);
	if (le32(p + AT_MAGIC) != IMAGE_MAGIC)
		return refuse(VERIFY_HEADER, AT_MAGIC, at);

	img->load_addr = le32(p + AT_LOAD_ADDR);
	img->header_size = le16(p + AT_HEADER_SIZE);
	img->protected_size = le16(p + AT_PROTECTED_SIZE);
	img->body_len = le32(p + AT_BODY_LEN);
	img->flags = le32(p + AT_FLAGS);
	img->version = version_at(p + AT_VERSION);

	if (img->header_size < IMAGE_HEADER_SIZE)
		return refuse(VERIFY_HEADER, AT_HEADER_SIZE, at);
	if (img->body_len == 0)
		return refuse(VERIFY_HEADER, AT_BODY_LEN, at);
	/* one meaning of load_addr, or none: encrypted, compressed and split images end here too */
	if (img->flags != 0 && img->flags != IMAGE_FLAG_RAM_LOAD &&
		img->flags != IMAGE_FLAG_ROM_FIXED)
		return refuse(VERIFY_HEADER, AT_FLAGS, at);
	if (img->flags == 0 && img->load_addr != 0)
		return refuse(VERIFY_HEADER, AT_LOAD_ADDR, at);
	if (le32(p + AT_PAD) != 0)
		return refuse(VERIFY_HEADER, AT_PAD, at);

	/* only differences of what was already found to fit: nothing here can wrap */
	if (img->header_size > len)
		return refuse(VERIFY_LENGTH, AT_HEADER_SIZE, at);
	if (img->body_len > len - img->header_size)
		return refuse(VERIFY_LENGTH, AT_BODY_LEN, at);
	img->protected_at = img->header_size + img->body_len;
	if (img->protected_size == 0) /* it would hold SEC_CNT */
		return refuse(VERIFY_TLV_MISSING, AT_PROTECTED_SIZE, at);
	if (img->protected_size < IMAGE_TLV_HEADER_SIZE ||
		img->protected_size > len - img->protected_at)
		return refuse(VERIFY_LENGTH, AT_PROTECTED_SIZE, at);
	img->signed_len = img->protected_at + img->protected_size;
	return VERIFY_OK;
}

/* The entry at `*pos`, which is below `end`; moves `*pos` behind it. */
static enum verify_code tlv_next(const uint8_t *p, size_t end, size_t *pos, struct tlv *t)
{
	if (end - *pos < IMAGE_TLV_HEADER_SIZE)
		return VERIFY_LENGTH;
	t->type = le16(p + *pos);
	t->len = le16(p + *pos + 2);
	t->data = p + *pos + IMAGE_TLV_HEADER_SIZE;
	if (t->len > end - *pos - IMAGE_TLV_HEADER_SIZE)
		return VERIFY_LENGTH;
	*pos += IMAGE_TLV_HEADER_SIZE + t->len;
	return VERIFY_OK;
}

/* Types that say something about the image and so must be signed. */
static bool tlv_is_protected_type(uint32_t type)
{
	if ((type & 0xffU) >= IMAGE_TLV_VENDOR_FIRST)
		return type != IMAGE_TLV_ANY;
	return type == IMAGE_TLV_DEPENDENCY || type == IMAGE_TLV_SEC_CNT ||
		type == IMAGE_TLV_BOOT_RECORD || type == IMAGE_TLV_UUID_VID ||
		type == IMAGE_TLV_UUID_CID;
}

/* Two entries that may not stand in one image: of one type, dependencies on one image. */
static bool tlv_same(const struct tlv *a, const struct tlv *b)
{
	if (a->type != b->type)
		return false;
	return a->type != IMAGE_TLV_DEPENDENCY || a->data[0] == b->data[0];
}

/* Is there an entry like `t` before `until`?  Those were all found well formed. */
static bool tlv_repeated(const uint8_t *p, const struct image *img, size_t until,
	const struct tlv *t)
{
	size_t pos = img->protected_at + IMAGE_TLV_HEADER_SIZE;
	struct tlv other;
	while (pos < until) {
		if (tlv_next(p, until, &pos, &other) != VERIFY_OK || tlv_same(t, &other))
			return true;
	}
	return false;
}

/* The data of one protected entry. */
static enum verify_code protected_take(const struct tlv *t, struct image *img)
{
	switch (t->type) {
	case IMAGE_TLV_SEC_CNT:
		if (t->len != 4)
			return VERIFY_TLV;
		img->security_counter = le32(t->data);
		return VERIFY_OK;
	case IMAGE_TLV_DEPENDENCY:
		if (t->len != IMAGE_DEPENDENCY_SIZE || t->data[1] != 0 || le16(t->data + 2) != 0)
			return VERIFY_TLV;
		return VERIFY_OK;
	case IMAGE_TLV_UUID_VID:
		if (t->len != VERIFY_UUID_SIZE)
			return VERIFY_TLV;
		img->vendor_id = t->data;
		return VERIFY_OK;
	case IMAGE_TLV_UUID_CID:
		if (t->len != VERIFY_UUID_SIZE)
			return VERIFY_TLV;
		img->class_id = t->data;
		return VERIFY_OK;
	default:
		return tlv_is_protected_type(t->type) ? VERIFY_OK : VERIFY_TLV;
	}
}

static enum verify_code protected_parse(const uint8_t *p, struct image *img, size_t *at)
{
	size_t pos = img->protected_at;
	bool counted = false;
	if (le16(p + pos) != IMAGE_TLV_PROTECTED_MAGIC)
		return refuse(VERIFY_TLV, pos, at);
	if (le16(p + pos + 2) != img->protected_size)
		return refuse(VERIFY_LENGTH, pos + 2, at);
	pos += IMAGE_TLV_HEADER_SIZE;

	for (size_t n = 0; pos < img->signed_len; n++) {
		struct tlv t;
		size_t start = pos;
		if (n == IMAGE_TLV_MAX)
			return refuse(VERIFY_TLV, start, at);
		enum verify_code rc = tlv_next(p, img->signed_len, &pos, &t);
		if (rc != VERIFY_OK)
			return refuse(rc, start, at);
		rc = protected_take(&t, img);
		if (rc != VERIFY_OK)
			return refuse(rc, start, at);
		if (tlv_repeated(p, img, start, &t))
			return refuse(VERIFY_TLV, start, at);
		counted = counted || t.type == IMAGE_TLV_SEC_CNT;
	}
	if (!counted)
		return refuse(VERIFY_TLV_MISSING, img->protected_at, at);
	return VERIFY_OK;
}

enum verify_code image_parse_signed(const uint8_t *p, size_t len, struct image *img, size_t *at)
{
	memset(img, 0, sizeof(*img));
	enum verify_code rc = header_parse(p, len, img, at);
	if (rc != VERIFY_OK)
		return rc;
	return protected_parse(p, img, at);
}

/*
 * The unprotected area is signed by nobody, so it has one form only: these three entries in the
 * order in which imgtool writes them.  `step` is how many of them are there already.
 */
static const struct {
	uint32_t type;
	size_t min;
	size_t max;
} signature_steps[] = {
	{IMAGE_TLV_SHA256, VERIFY_SHA256_SIZE, VERIFY_SHA256_SIZE},
	{IMAGE_TLV_KEYHASH, VERIFY_SHA256_SIZE, VERIFY_SHA256_SIZE},
	{IMAGE_TLV_ECDSA, IMAGE_ECDSA_MIN, IMAGE_ECDSA_MAX},
};
#define SIGNATURE_STEPS (sizeof(signature_steps) / sizeof(signature_steps[0]))

static enum verify_code unprotected_check(const struct tlv *t, size_t step)
{
	if (tlv_is_protected_type(t->type))
		return VERIFY_TLV_UNPROTECTED;
	for (size_t i = step + 1; i < SIGNATURE_STEPS; i++) {
		if (t->type == signature_steps[i].type)
			return VERIFY_TLV_MISSING; /* the one before it */
	}
	if (step == SIGNATURE_STEPS || t->type != signature_steps[step].type)
		return VERIFY_TLV;
	if (t->len < signature_steps[step].min || t->len > signature_steps[step].max)
		return VERIFY_TLV;
	return VERIFY_OK;
}

enum verify_code image_parse_signatures(const uint8_t *p, size_t len, struct image *img,
	size_t *at)
{
	size_t pos = img->signed_len;
	size_t step = 0;
	const uint8_t *data[SIGNATURE_STEPS] = {NULL};
	struct tlv t = {0};

	if (len - pos < IMAGE_TLV_HEADER_SIZE)
		return refuse(VERIFY_LENGTH, pos, at);
	if (le16(p + pos) != IMAGE_TLV_MAGIC)
		return refuse(VERIFY_TLV, pos, at);
	if (le16(p + pos + 2) != len - pos) /* cut off, or bytes after the end */
		return refuse(VERIFY_LENGTH, pos + 2, at);
	pos += IMAGE_TLV_HEADER_SIZE;

	for (; pos < len; step++) {
		size_t start = pos;
		enum verify_code rc = tlv_next(p, len, &pos, &t);
		if (rc == VERIFY_OK)
			rc = unprotected_check(&t, step);
		if (rc != VERIFY_OK)
			return refuse(rc, start, at);
		data[step] = t.data;
	}
	if (step != SIGNATURE_STEPS)
		return refuse(VERIFY_TLV_MISSING, len, at);
	img->hash = data[0];
	img->keyhash = data[1];
	img->signature = data[2];
	img->signature_len = t.len;
	return VERIFY_OK;
}

bool image_dependency(const uint8_t *p, const struct image *img, size_t i,
	struct verify_installed *need)
{
	size_t pos = img->protected_at + IMAGE_TLV_HEADER_SIZE;
	struct tlv t;
	while (pos < img->signed_len) {
		if (tlv_next(p, img->signed_len, &pos, &t) != VERIFY_OK)
			return false;
		if (t.type == IMAGE_TLV_DEPENDENCY && i-- == 0) {
			need->image_id = t.data[0];
			need->version = version_at(t.data + 4);
			return true;
		}
	}
	return false;
}
