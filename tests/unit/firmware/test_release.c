#include "tests/unit/cmocka_tap.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "firmware/mcuboot.h"
#include "firmware/release.h"

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define IMAGE "\"image\":{\"sha256\":\"" DIGEST "\",\"size\":1234}"
#define GOOD "{\"v\":1,\"product\":\"pump-3\",\"version\":\"1.2.3+4\",\"security_counter\":7," \
	"\"format\":\"plain\"," IMAGE "}"

static enum err_code parse(const char *s, struct release *r)
{
	return release_parse(bytes_str(s), r, NULL);
}

static void a_statement_is_read_and_written_back(void **state)
{
	(void)state;
	struct release r;
	struct buf b = buf_new(RELEASE_STATEMENT_MAX);
	char id[RELEASE_ID_SIZE];
	assert_int_equal(parse(GOOD, &r), ERR_OK);
	assert_string_equal(r.product, "pump-3");
	assert_int_equal(r.version.revision, 3);
	assert_int_equal(r.version.build, 4);
	assert_int_equal(r.security_counter, 7);
	assert_int_equal(r.image_size, 1234);
	assert_int_equal(release_encode(&r, &b, NULL), ERR_OK);
	assert_string_equal(buf_cstr(&b), GOOD);
	release_id(buf_view(&b), id);
	/* printf '%s' "$GOOD" | sha256sum */
	assert_string_equal(id, "c8301c61aba7e68c531af317ed549533");
	buf_free(&b);
}

static void what_is_not_canonical_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"null",
		GOOD " ",
		"\n" GOOD,
		GOOD GOOD,
		"{ \"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"plain\"," IMAGE "}",
		/* another order */
		"{\"product\":\"p\",\"v\":1,\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"plain\"," IMAGE "}",
		/* one more, one twice, one less */
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"plain\"," IMAGE ",\"x\":1}",
		"{\"v\":1,\"product\":\"p\",\"product\":\"p\",\"version\":\"1.2.3\","
		"\"security_counter\":7,\"format\":\"plain\"," IMAGE "}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"format\":\"plain\"," IMAGE "}",
		/* values */
		"{\"v\":2,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"plain\"," IMAGE "}",
		"{\"v\":1,\"product\":\"a/b\",\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"plain\"," IMAGE "}",
		"{\"v\":1,\"product\":\"\\u0070\",\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"plain\"," IMAGE "}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2\",\"security_counter\":7,"
		"\"format\":\"plain\"," IMAGE "}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3+0\",\"security_counter\":7,"
		"\"format\":\"plain\"," IMAGE "}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"256.2.3\",\"security_counter\":7,"
		"\"format\":\"plain\"," IMAGE "}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":4294967296,"
		"\"format\":\"plain\"," IMAGE "}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":-1,"
		"\"format\":\"plain\"," IMAGE "}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":7.0,"
		"\"format\":\"plain\"," IMAGE "}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"elf\"," IMAGE "}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"plain\",\"image\":{\"sha256\":\"00\",\"size\":1}}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"plain\",\"image\":{\"sha256\":\"" DIGEST "\",\"size\":0}}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"plain\",\"image\":{\"size\":1,\"sha256\":\"" DIGEST "\"}}",
		"{\"v\":1,\"product\":\"p\",\"version\":\"1.2.3\",\"security_counter\":7,"
		"\"format\":\"mcuboot\",\"image\":{\"sha256\":\"" DIGEST "\",\"size\":99999999}}",
	};
	struct release r;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i], &r) != ERR_RELEASE_STATEMENT)
			fail_msg("accepted: %s", bad[i]);
}

static void every_changed_byte_is_another_statement_or_none(void **state)
{
	(void)state;
	char text[] = GOOD;
	struct release r;
	struct buf b = buf_new(RELEASE_STATEMENT_MAX);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (int bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ 1 << bit);
			if (release_parse(bytes_of(text, sizeof(text) - 1), &r, NULL) == ERR_OK) {
				buf_reset(&b);
				assert_int_equal(release_encode(&r, &b, NULL), ERR_OK);
				assert_true(bytes_equal(buf_view(&b),
					bytes_of(text, sizeof(text) - 1)));
				assert_string_not_equal(buf_cstr(&b), GOOD);
			}
			text[i] = (char)(text[i] ^ 1 << bit);
		}
	}
	buf_free(&b);
}

static int file_with(struct bytes data)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data.p, data.len), (ssize_t)data.len);
	return fd;
}

static struct release statement_for(struct bytes image, enum release_format format)
{
	struct release r = {
		.product = "pump",
		.version = {1, 2, 3, 4},
		.security_counter = 7,
		.format = format,
		.image_size = image.len,
	};
	sha256_of(image, r.image_digest);
	return r;
}

static void a_plain_image_is_held_to_size_and_digest(void **state)
{
	(void)state;
	struct bytes image = bytes_str("firmware");
	struct release r = statement_for(image, RELEASE_PLAIN);
	int fd = file_with(image);
	assert_int_equal(release_check_image(&r, fd, NULL), ERR_OK);
	assert_int_equal(pwrite(fd, "F", 1, 0), 1);
	assert_int_equal(release_check_image(&r, fd, NULL), ERR_RELEASE_IMAGE);
	assert_int_equal(pwrite(fd, "f", 1, 0), 1);
	assert_int_equal(ftruncate(fd, 9), 0);
	assert_int_equal(release_check_image(&r, fd, NULL), ERR_RELEASE_IMAGE);
	assert_int_equal(close(fd), 0);
}

static void a_mcuboot_image_says_version_and_counter_itself(void **state)
{
	(void)state;
	struct buf image = buf_new(MCUBOOT_IMAGE_MAX);
	struct mcuboot_options opt = {.version = {1, 2, 3, 4}, .security_counter = 7};
	assert_int_equal(mcuboot_prepare(bytes_str("firmware"), &opt, &image, NULL), ERR_OK);
	int fd = file_with(buf_view(&image));
	struct release r = statement_for(buf_view(&image), RELEASE_MCUBOOT);
	assert_int_equal(release_check_image(&r, fd, NULL), ERR_OK);
	r.security_counter = 8;
	assert_int_equal(release_check_image(&r, fd, NULL), ERR_RELEASE_IMAGE);
	r.security_counter = 7;
	r.version.minor = 3;
	assert_int_equal(release_check_image(&r, fd, NULL), ERR_RELEASE_IMAGE);
	r.version.minor = 2;
	r.image_digest[0] ^= 1;
	assert_int_equal(release_check_image(&r, fd, NULL), ERR_RELEASE_IMAGE);
	assert_int_equal(close(fd), 0);

	/* not an image at all */
	fd = file_with(bytes_str("not an image of any kind, but long enough to hold a header"));
	r = statement_for(bytes_str("not an image of any kind, but long enough to hold a header"),
		RELEASE_MCUBOOT);
	assert_int_equal(release_check_image(&r, fd, NULL), ERR_IMG_HEADER);
	assert_int_equal(close(fd), 0);
	buf_free(&image);
}

static void the_counter_decides_before_the_version(void **state)
{
	(void)state;
	struct release a = {.version = {1, 9, 0, 0}, .security_counter = 1};
	struct release b = {.version = {1, 2, 0, 0}, .security_counter = 2};
	assert_true(release_compare(&a, &b) < 0);
	assert_true(release_compare(&b, &a) > 0);
	b.security_counter = 1;
	assert_true(release_compare(&a, &b) > 0);
	assert_int_equal(release_compare(&a, &a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_is_read_and_written_back),
		cmocka_unit_test(what_is_not_canonical_is_refused),
		cmocka_unit_test(every_changed_byte_is_another_statement_or_none),
		cmocka_unit_test(a_plain_image_is_held_to_size_and_digest),
		cmocka_unit_test(a_mcuboot_image_says_version_and_counter_itself),
		cmocka_unit_test(the_counter_decides_before_the_version),
	};
	return RUN_TAP(tests);
}
