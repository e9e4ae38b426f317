#include "firmware/release.h"

#include <string.h>
#include <yyjson.h>

#include "firmware/file.h"
#include "firmware/mcuboot.h"

_Static_assert(RELEASE_STATEMENT_MAX > sizeof("{\"v\":1,\"product\":\"\",\"version\":\"\","
	"\"security_counter\":4294967295,\"format\":\"mcuboot\",\"image\":{\"sha256\":\"\","
	"\"size\":1099511627776}}") + RELEASE_PRODUCT_MAX + MCUBOOT_VERSION_TEXT + 2 * SHA256_SIZE,
	"the longest statement fits");

static const char *const format_names[] = {
	[RELEASE_PLAIN] = "plain",
	[RELEASE_MCUBOOT] = "mcuboot",
};

const char *release_format_name(enum release_format f)
{
	return format_names[f];
}

bool release_format_parse(const char *name, enum release_format *out)
{
	for (int i = 0; i <= RELEASE_MCUBOOT; i++) {
		if (strcmp(name, format_names[i]) == 0) {
			*out = (enum release_format)i;
			return true;
		}
	}
	return false;
}

/* The letters that need no escape in JSON, in a path, in a URL and in a shell. */
bool release_product_ok(const char *product)
{
	static const char first[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strlen(product);
	return n >= 1 && n <= RELEASE_PRODUCT_MAX && strspn(product, first) >= 1 &&
		strspn(product, rest) == n;
}

static enum err_code refuse(struct err *e, const char *member, const char *why)
{
	return err_set(e, ERR_RELEASE_STATEMENT, member, "%s", why);
}

/* The string member `key`, into `out`; false when it is not there or does not fit. */
static bool text_get(yyjson_val *obj, const char *key, char *out, size_t size)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	size_t n = yyjson_get_len(v);
	if (!yyjson_is_str(v) || n >= size || memchr(yyjson_get_str(v), 0, n) != NULL)
		return false;
	memcpy(out, yyjson_get_str(v), n + 1);
	return true;
}

static bool number_get(yyjson_val *obj, const char *key, uint64_t max, uint64_t *out)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	if (!yyjson_is_uint(v) || yyjson_get_uint(v) > max)
		return false;
	*out = yyjson_get_uint(v);
	return true;
}

static enum err_code image_read(yyjson_val *root, struct release *r, struct err *e)
{
	yyjson_val *image = yyjson_obj_get(root, "image");
	char hex[2 * SHA256_SIZE + 1];
	if (!text_get(image, "sha256", hex, sizeof(hex)) ||
		!hex_decode(hex, r->image_digest, SHA256_SIZE))
		return refuse(e, "image.sha256", "it must be 64 hex digits");
	if (!number_get(image, "size", RELEASE_IMAGE_MAX, &r->image_size))
		return refuse(e, "image.size", "it must be a number of bytes");
	return ERR_OK;
}

static enum err_code fields_read(yyjson_val *root, struct release *r, struct err *e)
{
	char version[MCUBOOT_VERSION_TEXT], format[16];
	uint64_t v, counter;
	if (!number_get(root, "v", UINT32_MAX, &v) || v != RELEASE_STATEMENT_VERSION)
		return refuse(e, "v", "only statements of version 1 are known");
	if (!text_get(root, "product", r->product, sizeof(r->product)))
		return refuse(e, "product", "it must be a text of 1 to 64 characters");
	if (!text_get(root, "version", version, sizeof(version)) ||
		mcuboot_version_parse(version, &r->version, NULL) != ERR_OK)
		return refuse(e, "version", "it must be major.minor.revision or "
			"major.minor.revision+build");
	if (!number_get(root, "security_counter", UINT32_MAX, &counter))
		return refuse(e, "security_counter", "it must be a number of 32 bits");
	r->security_counter = (uint32_t)counter;
	if (!text_get(root, "format", format, sizeof(format)) ||
		!release_format_parse(format, &r->format))
		return refuse(e, "format", "it must be plain or mcuboot");
	return image_read(root, r, e);
}

/* One statement, one text: what encodes otherwise was not canonical. */
static enum err_code same_bytes(const struct release *r, struct bytes statement, struct err *e)
{
	struct buf again = buf_new(RELEASE_STATEMENT_MAX);
	enum err_code rc = release_encode(r, &again, e);
	if (rc == ERR_OK && !bytes_equal(buf_view(&again), statement))
		rc = refuse(e, "statement", "its members must stand in the fixed order and form, "
			"and no others");
	buf_free(&again);
	return rc;
}

enum err_code release_parse(struct bytes statement, struct release *out, struct err *e)
{
	struct release r = {0};
	if (statement.len == 0 || statement.len > RELEASE_STATEMENT_MAX)
		return refuse(e, "statement", "it is empty or too long");
	yyjson_doc *doc = yyjson_read((const char *)statement.p, statement.len, 0);
	if (doc == NULL)
		return refuse(e, "statement", "it is not JSON");
	enum err_code rc = fields_read(yyjson_doc_get_root(doc), &r, e);
	yyjson_doc_free(doc);
	if (rc == ERR_OK)
		rc = same_bytes(&r, statement, e);
	if (rc == ERR_OK)
		*out = r;
	return rc;
}

enum err_code release_check(const struct release *r, struct err *e)
{
	if (!release_product_ok(r->product))
		return refuse(e, "product", "it must be 1 to 64 of letters, digits, '.', '_' and "
			"'-', the first a letter or digit");
	if (r->format != RELEASE_PLAIN && r->format != RELEASE_MCUBOOT)
		return refuse(e, "format", "it must be plain or mcuboot");
	if (r->image_size == 0 || r->image_size > RELEASE_IMAGE_MAX)
		return refuse(e, "image.size", "the image is empty or too large");
	if (r->format == RELEASE_MCUBOOT && r->image_size > MCUBOOT_IMAGE_MAX)
		return refuse(e, "image.size", "a MCUboot image has at most 16 MiB");
	return ERR_OK;
}

/* What the header and the protected area say must be what people approved. */
static enum err_code mcuboot_agrees(const struct release *r, struct bytes image, struct err *e)
{
	struct mcuboot_info info;
	enum err_code rc = mcuboot_parse(image, &info, e);
	if (rc != ERR_OK)
		return rc;
	if (info.is_signed)
		return err_set(e, ERR_IMAGE_FORMAT, r->product, "the image carries a signature; "
			"the prepared image, without one, is what is released");
	if (verify_version_compare(&info.version, &r->version) != 0)
		return err_set(e, ERR_RELEASE_IMAGE, "version", "the image's header names another "
			"version than the statement");
	if (info.security_counter != r->security_counter)
		return err_set(e, ERR_RELEASE_IMAGE, "security_counter",
			"the image has %u, the statement %u", info.security_counter,
			r->security_counter);
	return ERR_OK;
}

enum err_code release_check_image(const struct release *r, int fd, struct err *e)
{
	uint64_t size = 0;
	uint8_t digest[SHA256_SIZE];
	enum err_code rc = file_size(fd, &size, e);
	if (rc != ERR_OK)
		return rc;
	if (size != r->image_size)
		return err_set(e, ERR_RELEASE_IMAGE, "image", "it has %llu bytes, the statement "
			"says %llu", (unsigned long long)size, (unsigned long long)r->image_size);
	if (r->format == RELEASE_PLAIN) {
		rc = file_digest(fd, 0, size, digest, e);
		if (rc == ERR_OK && memcmp(digest, r->image_digest, SHA256_SIZE) != 0)
			rc = err_set(e, ERR_RELEASE_IMAGE, "image", "its SHA-256 is another");
		return rc;
	}
	/* read once: what is hashed and what is parsed are the same bytes */
	struct buf image = buf_new(MCUBOOT_IMAGE_MAX);
	rc = file_read(fd, 0, (size_t)size, &image, e);
	if (rc == ERR_OK) {
		sha256_of(buf_view(&image), digest);
		if (memcmp(digest, r->image_digest, SHA256_SIZE) != 0)
			rc = err_set(e, ERR_RELEASE_IMAGE, "image", "its SHA-256 is another");
	}
	if (rc == ERR_OK)
		rc = mcuboot_agrees(r, buf_view(&image), e);
	buf_free(&image);
	return rc;
}

enum err_code release_encode(const struct release *r, struct buf *out, struct err *e)
{
	char version[MCUBOOT_VERSION_TEXT], hex[2 * SHA256_SIZE + 1];
	enum err_code rc = release_check(r, e);
	if (rc != ERR_OK)
		return rc;
	mcuboot_version_print(&r->version, version);
	hex_encode(r->image_digest, SHA256_SIZE, hex);
	buf_printf(out, "{\"v\":%d,\"product\":\"%s\",\"version\":\"%s\",\"security_counter\":%u,"
		"\"format\":\"%s\",\"image\":{\"sha256\":\"%s\",\"size\":%llu}}",
		RELEASE_STATEMENT_VERSION, r->product, version, r->security_counter,
		release_format_name(r->format), hex, (unsigned long long)r->image_size);
	return buf_end(out, e, "statement");
}

void release_print(const struct release *r, struct buf *out)
{
	char version[MCUBOOT_VERSION_TEXT], hex[2 * SHA256_SIZE + 1];
	mcuboot_version_print(&r->version, version);
	hex_encode(r->image_digest, SHA256_SIZE, hex);
	buf_printf(out, "product: %s\nversion: %s\nsecurity counter: %u\nformat: %s\n", r->product,
		version, r->security_counter, release_format_name(r->format));
	buf_printf(out, "image: %llu bytes, SHA-256 %s\n", (unsigned long long)r->image_size, hex);
}

void release_id(struct bytes statement, char out[RELEASE_ID_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	sha256_of(statement, digest);
	hex_encode(digest, (RELEASE_ID_SIZE - 1) / 2, out);
}

int release_compare(const struct release *a, const struct release *b)
{
	if (a->security_counter != b->security_counter)
		return a->security_counter < b->security_counter ? -1 : 1;
	return verify_version_compare(&a->version, &b->version);
}
