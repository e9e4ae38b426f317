/* Images made here: byte for byte those of imgtool, and never without a signature that holds. */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <string.h>

#include "crypto/key.h"
#include "firmware/mcuboot.h"
#include "firmware/verify_host.h"

static struct buf read_golden(const char *name)
{
	char path[256];
	uint8_t piece[4096];
	(void)snprintf(path, sizeof(path), "%s/%s", GOLDEN, name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t n = fread(piece, 1, sizeof(piece), f);
	assert_true(n > 0 && n < sizeof(piece));
	(void)fclose(f);
	struct buf b = buf_new(BUF_MAX_DEFAULT);
	buf_bytes(&b, bytes_of(piece, n));
	return b;
}

static struct key *signer;
static struct buf signer_spki;

static int make_signer(void **state)
{
	(void)state;
	signer_spki = buf_new(KEY_SPKI_MAX);
	assert_int_equal(key_generate(KEY_P256, &signer, NULL), ERR_OK);
	assert_int_equal(key_spki(signer, &signer_spki, NULL), ERR_OK);
	return 0;
}

static int free_signer(void **state)
{
	(void)state;
	key_free(signer);
	buf_free(&signer_spki);
	return 0;
}

static struct buf prepared(const struct mcuboot_options *opt)
{
	struct buf b = buf_new(MCUBOOT_IMAGE_MAX);
	struct err e;
	if (mcuboot_prepare(bytes_str("the pump's program"), opt, &b, &e) != ERR_OK)
		fail_msg("%s: %s", e.object, e.reason);
	return b;
}

static struct buf signature_over(struct bytes image)
{
	struct mcuboot_info info;
	struct buf sig = buf_new(BUF_MAX_DEFAULT);
	assert_int_equal(mcuboot_parse(image, &info, NULL), ERR_OK);
	assert_int_equal(key_sign_digest(signer, info.digest, &sig, NULL), ERR_OK);
	return sig;
}

/* medseal.example and pump-3 as imgtool makes UUIDs of them (RFC 9562, version 5). */
static const uint8_t golden_vendor[16] = {0xe3, 0x55, 0xdf, 0x92, 0x50, 0x73, 0x5a, 0x8c, 0x87,
	0xe9, 0x37, 0xf6, 0xa7, 0x0d, 0x16, 0x74};
static const uint8_t golden_class[16] = {0x7f, 0xa2, 0x92, 0x72, 0xa2, 0x0b, 0x57, 0x01, 0xad,
	0xe3, 0xb4, 0x75, 0x0c, 0xf1, 0xd5, 0xa2};
#define GOLDEN_SIGNED 216    /* 64 + 100 + 52 */
#define GOLDEN_SIGNATURE 296 /* 4 + 36 + 36 + 4 behind it */

static void we_make_the_bytes_that_imgtool_makes(void **state)
{
	(void)state;
	struct buf want = read_golden("mcuboot-imgtool-2.4.bin");
	struct buf spki = read_golden("mcuboot-imgtool-2.4.spki.der");
	uint8_t body[100];
	for (unsigned i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 7 + 3);
	const struct mcuboot_options opt = {
		.version = {1, 2, 3, 4},
		.security_counter = 7,
		.header_size = 64,
		.vendor_id = golden_vendor,
		.class_id = golden_class,
	};
	struct buf image = buf_new(MCUBOOT_IMAGE_MAX);
	struct buf done = buf_new(MCUBOOT_IMAGE_MAX);
	assert_int_equal(mcuboot_prepare(bytes_of(body, 100), &opt, &image, NULL), ERR_OK);
	assert_int_equal(image.len, GOLDEN_SIGNED);
	assert_memory_equal(image.p, want.p, GOLDEN_SIGNED);
	struct bytes sig = bytes_of(want.p + GOLDEN_SIGNATURE, want.len - GOLDEN_SIGNATURE);
	assert_int_equal(mcuboot_finish(buf_view(&image), buf_view(&spki), sig, &done, NULL),
		ERR_OK);
	assert_int_equal(done.len, want.len);
	assert_memory_equal(done.p, want.p, want.len);
	buf_free(&want);
	buf_free(&spki);
	buf_free(&image);
	buf_free(&done);
}

static void we_read_what_imgtool_made(void **state)
{
	(void)state;
	struct buf image = read_golden("mcuboot-imgtool-2.4.bin");
	struct mcuboot_info info;
	assert_int_equal(mcuboot_parse(buf_view(&image), &info, NULL), ERR_OK);
	assert_true(info.is_signed && info.has_vendor_id && info.has_class_id);
	assert_int_equal(info.version.revision, 3);
	assert_int_equal(info.version.build, 4);
	assert_int_equal(info.security_counter, 7);
	assert_int_equal(info.header_size, 64);
	assert_int_equal(info.body_len, 100);
	assert_int_equal(info.signed_len, GOLDEN_SIGNED);
	assert_int_equal(info.place, MCUBOOT_IN_PLACE);
	assert_memory_equal(info.vendor_id, golden_vendor, 16);
	assert_memory_equal(info.class_id, golden_class, 16);

	image.p[100] ^= 1;
	assert_int_equal(mcuboot_parse(buf_view(&image), &info, NULL), ERR_IMG_HASH);
	buf_free(&image);
}

static void prepare_sign_finish_verify(void **state)
{
	(void)state;
	const struct mcuboot_options opt = {.version = {2, 0, 1, 0},
		.security_counter = 9,
		.place = MCUBOOT_RAM_LOAD,
		.address = 0x20004000};
	struct buf image = prepared(&opt);
	struct buf sig = signature_over(buf_view(&image));
	struct buf done = buf_new(MCUBOOT_IMAGE_MAX);
	assert_int_equal(mcuboot_finish(buf_view(&image), buf_view(&signer_spki), buf_view(&sig),
		&done, NULL), ERR_OK);

	uint8_t point[1][VERIFY_POINT_SIZE];
	assert_int_equal(verify_host_point(buf_view(&signer_spki), point[0], NULL), ERR_OK);
	struct verify_policy policy = {.keys = (const uint8_t(*)[VERIFY_POINT_SIZE])point,
		.n_keys = 1,
		.min_version = {2, 0, 1, 0},
		.min_security_counter = 9};
	struct verify_result res;
	assert_int_equal(verify_host_image(buf_view(&done), &policy, "a.bin", &res, NULL), ERR_OK);
	assert_int_equal(res.load_addr, 0x20004000);
	assert_int_equal(res.body, 32);
	assert_int_equal(res.body_len, 18);

	/* the floor rises by one build: the message says both versions */
	struct err e;
	policy.min_version.build = 1;
	assert_int_equal(verify_host_image(buf_view(&done), &policy, "a.bin", &res, &e),
		ERR_IMG_ROLLBACK);
	assert_string_equal(e.object, "a.bin");
	assert_string_equal(e.reason,
		"it is version 2.0.1, security counter 9; the floor is 2.0.1+1, 9");
	done.p[40] ^= 4;
	assert_int_equal(verify_host_image(buf_view(&done), &policy, "a.bin", &res, &e),
		ERR_IMG_HASH);
	buf_free(&image);
	buf_free(&sig);
	buf_free(&done);
}

static void a_signature_that_does_not_hold_gives_no_image(void **state)
{
	(void)state;
	const struct mcuboot_options opt = {.version = {1, 0, 0, 0}};
	struct buf image = prepared(&opt);
	struct buf other = prepared(&(struct mcuboot_options){.version = {1, 0, 1, 0}});
	struct buf sig = signature_over(buf_view(&other));
	struct buf done = buf_new(MCUBOOT_IMAGE_MAX);
	assert_int_equal(mcuboot_finish(buf_view(&image), buf_view(&signer_spki), buf_view(&sig),
		&done, NULL), ERR_IMG_SIGNATURE);
	assert_int_equal(done.len, 0);
	/* nor does none, or one that is too long */
	assert_int_equal(mcuboot_finish(buf_view(&image), buf_view(&signer_spki), BYTES_NONE,
		&done, NULL), ERR_IMG_SIGNATURE);
	assert_int_equal(mcuboot_finish(buf_view(&image), buf_view(&signer_spki),
		buf_view(&signer_spki), &done, NULL), ERR_IMG_SIGNATURE);

	/* another key than the one that signed */
	struct key *stranger;
	struct buf spki = buf_new(KEY_SPKI_MAX);
	struct buf true_sig = signature_over(buf_view(&image));
	assert_int_equal(key_generate(KEY_P256, &stranger, NULL), ERR_OK);
	assert_int_equal(key_spki(stranger, &spki, NULL), ERR_OK);
	assert_int_equal(mcuboot_finish(buf_view(&image), buf_view(&spki), buf_view(&true_sig),
		&done, NULL), ERR_IMG_SIGNATURE);
	assert_int_equal(done.len, 0);
	key_free(stranger);

	/* a key of another kind */
	buf_reset(&spki);
	assert_int_equal(key_generate(KEY_P384, &stranger, NULL), ERR_OK);
	assert_int_equal(key_spki(stranger, &spki, NULL), ERR_OK);
	assert_int_equal(mcuboot_finish(buf_view(&image), buf_view(&spki), buf_view(&true_sig),
		&done, NULL), ERR_KEY_ALGORITHM);
	key_free(stranger);

	/* and twice is once too often */
	assert_int_equal(mcuboot_finish(buf_view(&image), buf_view(&signer_spki),
		buf_view(&true_sig), &done, NULL), ERR_OK);
	struct buf again = buf_new(MCUBOOT_IMAGE_MAX);
	assert_int_equal(mcuboot_finish(buf_view(&done), buf_view(&signer_spki),
		buf_view(&true_sig), &again, NULL), ERR_RELEASE_STATE);
	buf_free(&again);
	buf_free(&image);
	buf_free(&other);
	buf_free(&sig);
	buf_free(&true_sig);
	buf_free(&spki);
	buf_free(&done);
}

static void options_that_make_no_image_are_refused(void **state)
{
	(void)state;
	struct buf b = buf_new(MCUBOOT_IMAGE_MAX);
	struct bytes body = bytes_str("body");
	struct mcuboot_options opt = {.header_size = 33};
	assert_int_equal(mcuboot_prepare(body, &opt, &b, NULL), ERR_IMAGE_FORMAT);
	opt = (struct mcuboot_options){.address = 4};
	assert_int_equal(mcuboot_prepare(body, &opt, &b, NULL), ERR_IMAGE_FORMAT);
	opt = (struct mcuboot_options){0};
	assert_int_equal(mcuboot_prepare(BYTES_NONE, &opt, &b, NULL), ERR_IMAGE_FORMAT);
	assert_int_equal(mcuboot_prepare(bytes_of("", MCUBOOT_IMAGE_MAX), &opt, &b, NULL),
		ERR_LIMIT);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void room_in_the_binary_is_used_only_when_it_is_free(void **state)
{
	(void)state;
	struct buf b = buf_new(MCUBOOT_IMAGE_MAX);
	struct mcuboot_info info;
	const struct mcuboot_options opt = {.header_size = 64, .header_room = true};
	uint8_t binary[65] = {0};
	binary[64] = 0x42;
	assert_int_equal(mcuboot_prepare(bytes_of(binary, 65), &opt, &b, NULL), ERR_OK);
	assert_int_equal(mcuboot_parse(buf_view(&b), &info, NULL), ERR_OK);
	assert_int_equal(info.header_size, 64);
	assert_int_equal(info.body_len, 1);
	assert_int_equal(b.p[63], 0);
	assert_int_equal(b.p[64], 0x42);
	buf_reset(&b);
	assert_int_equal(mcuboot_prepare(bytes_of(binary, 64), &opt, &b, NULL), ERR_IMAGE_FORMAT);
	binary[63] = 1;
	assert_int_equal(mcuboot_prepare(bytes_of(binary, 65), &opt, &b, NULL), ERR_IMAGE_FORMAT);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void a_prepared_image_is_told_from_a_signed_one(void **state)
{
	(void)state;
	const struct mcuboot_options opt = {.version = {1, 0, 0, 0}, .place = MCUBOOT_ROM_FIXED};
	struct buf image = prepared(&opt);
	struct mcuboot_info info;
	assert_int_equal(mcuboot_parse(buf_view(&image), &info, NULL), ERR_OK);
	assert_false(info.is_signed);
	assert_int_equal(info.place, MCUBOOT_ROM_FIXED);
	uint8_t digest[SHA256_SIZE];
	sha256_of(buf_view(&image), digest);
	assert_memory_equal(info.digest, digest, sizeof(digest));
	/* one byte more is the start of a signature that is not there */
	struct err e;
	buf_u8(&image, 0x07);
	assert_int_equal(mcuboot_parse(buf_view(&image), &info, &e), ERR_IMG_LENGTH);
	assert_string_equal(e.reason, "at byte 62");
	buf_free(&image);
}

static void versions_are_read_strictly(void **state)
{
	(void)state;
	struct verify_version v;
	char text[MCUBOOT_VERSION_TEXT];
	static const char *const good[] = {
		"0.0.0", "1.2.3", "1.2.3+4", "255.255.65535+4294967295", "10.20.30"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(mcuboot_version_parse(good[i], &v, NULL), ERR_OK);
		mcuboot_version_print(&v, text);
		assert_string_equal(text, good[i]);
	}
	static const char *const bad[] = {"", "1", "1.2", "1.2.3.4", "1.2.3+", "01.2.3", "1.2.3+04",
		"256.0.0", "0.256.0", "0.0.65536", "0.0.0+4294967296", "1.2.3 ", " 1.2.3", "-1.2.3",
		"1.2.3-rc1", "1..3", "a.b.c", "99999999999999999999.0.0", "v1.2.3"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(mcuboot_version_parse(bad[i], &v, NULL), ERR_MALFORMED);
}

static void each_verdict_has_its_own_error(void **state)
{
	(void)state;
	static const enum verify_code codes[] = {VERIFY_HEADER, VERIFY_LENGTH, VERIFY_TLV,
		VERIFY_TLV_MISSING, VERIFY_TLV_UNPROTECTED, VERIFY_HASH, VERIFY_KEY,
		VERIFY_SIGNATURE, VERIFY_PRODUCT, VERIFY_DEPENDENCY, VERIFY_ROLLBACK};
	bool seen[ERR_COUNT] = {false};
	struct err e;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		enum err_code code = verify_host_err(codes[i], 0, "x", &e);
		assert_memory_equal(err_name(code), "image-", 6);
		assert_false(seen[code]);
		seen[code] = true;
	}
	assert_int_equal(verify_host_err(VERIFY_OK, 0, "x", &e), ERR_OK);
	assert_int_equal(verify_host_err(VERIFY_PORT, 0, "x", &e), ERR_CRYPTO);
	assert_int_equal(verify_host_err((enum verify_code)0, 0, "x", &e), ERR_CRYPTO);
	assert_int_equal(verify_host_err((enum verify_code)1, 0, "x", &e), ERR_CRYPTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(we_make_the_bytes_that_imgtool_makes),
		cmocka_unit_test(we_read_what_imgtool_made),
		cmocka_unit_test(prepare_sign_finish_verify),
		cmocka_unit_test(a_signature_that_does_not_hold_gives_no_image),
		cmocka_unit_test(options_that_make_no_image_are_refused),
		cmocka_unit_test(room_in_the_binary_is_used_only_when_it_is_free),
		cmocka_unit_test(a_prepared_image_is_told_from_a_signed_one),
		cmocka_unit_test(versions_are_read_strictly),
		cmocka_unit_test(each_verdict_has_its_own_error),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_signer, free_signer);
}
