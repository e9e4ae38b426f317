/* Every rule of docs/spec/image.md: an image that breaks that rule and no other. */
#include "tests/unit/cmocka_tap.h"

#include <openssl/x509.h>
#include <string.h>

#include "tests/unit/verify/image_maker.h"
#include "verify/image.h"

static struct test_key signer;
static struct test_key stranger;
static struct verify_port port;

static uint8_t image[MAKER_IMAGE];
static struct verify_result result;

/* What a device that trusts `signer` and nothing else says of `len` bytes, kept in memory that
 * ends where they end. */
static enum verify_code say(const struct verify_policy *asked, size_t len)
{
	struct verify_policy policy = {0};
	if (asked != NULL)
		policy = *asked;
	if (policy.keys == NULL) {
		policy.keys = (const uint8_t(*)[VERIFY_POINT_SIZE])signer.point;
		policy.n_keys = 1;
	}
	uint8_t *exact = test_malloc(len + 1);
	memcpy(exact + 1, image, len); /* unaligned too */
	enum verify_code rc = verify_image(&port, &policy, exact + 1, len, &result);
	test_free(exact);
	return rc;
}

static enum verify_code verdict(const struct maker *m)
{
	return say(NULL, image_make(m, &signer, image));
}

#define REFUSED(m, code)                                                                           \
	do {                                                                                       \
		assert_int_equal(verdict(&(m)), (code));                                           \
		assert_int_equal(result.version.major, 0);                                         \
	} while (0)

static void a_good_image_is_accepted_and_told(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	m.flags = IMAGE_FLAG_RAM_LOAD;
	m.load_addr = 0x20001000;
	m.header_size = 512;
	assert_int_equal(verdict(&m), VERIFY_OK);
	assert_int_equal(result.version.major, 1);
	assert_int_equal(result.version.minor, 2);
	assert_int_equal(result.version.revision, 3);
	assert_int_equal(result.version.build, 4);
	assert_int_equal(result.security_counter, 7);
	assert_int_equal(result.load_addr, 0x20001000);
	assert_int_equal(result.flags, IMAGE_FLAG_RAM_LOAD);
	assert_int_equal(result.body, 512);
	assert_int_equal(result.body_len, 40);
	uint8_t digest[VERIFY_SHA256_SIZE];
	test_sha256(image, 512 + 40 + 12, digest);
	assert_memory_equal(result.digest, digest, sizeof(digest));
}

static void each_header_field_is_held_to_its_rule(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	m.magic = 0x96f3b83c; /* MCUboot's first format */
	REFUSED(m, VERIFY_HEADER);
	assert_int_equal(result.at, 0);

	m = maker_default(true);
	m.header_size = 31;
	REFUSED(m, VERIFY_HEADER);
	assert_int_equal(result.at, 8);

	m = maker_default(true);
	m.real_body_len = 0;
	REFUSED(m, VERIFY_HEADER);
	assert_int_equal(result.at, 12);

	m = maker_default(true);
	m.pad = 1;
	REFUSED(m, VERIFY_HEADER);
	assert_int_equal(result.at, 28);

	m = maker_default(true);
	m.load_addr = 4;
	REFUSED(m, VERIFY_HEADER);
	assert_int_equal(result.at, 4);
}

static void every_flag_but_two_is_refused(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		struct maker m = maker_default(true);
		m.flags = 1U << bit;
		bool known = m.flags == IMAGE_FLAG_RAM_LOAD || m.flags == IMAGE_FLAG_ROM_FIXED;
		assert_int_equal(verdict(&m), known ? VERIFY_OK : VERIFY_HEADER);
		if (!known)
			assert_int_equal(result.at, 16);
	}
	struct maker both = maker_default(true);
	both.flags = IMAGE_FLAG_RAM_LOAD | IMAGE_FLAG_ROM_FIXED;
	REFUSED(both, VERIFY_HEADER);
}

static void lengths_that_lie_or_wrap_are_refused(void **state)
{
	(void)state;
	static const int64_t bodies[] = {41 + 4096, 0x7fffffff, 0xffffffff, 0xffffffe0, 0xffffffdf};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct maker m = maker_default(true);
		m.body_len = bodies[i];
		REFUSED(m, VERIFY_LENGTH);
		assert_int_equal(result.at, 12);
	}
	struct maker m = maker_default(true);
	m.protected_size = 0xffff;
	REFUSED(m, VERIFY_LENGTH);
	assert_int_equal(result.at, 10);
	m.protected_size = 3;
	REFUSED(m, VERIFY_LENGTH);

	m = maker_default(true);
	size_t len = image_make(&m, &signer, image);
	image[8] = 0xff; /* header_size, beyond the end */
	image[9] = 0xff;
	assert_int_equal(say(NULL, len), VERIFY_LENGTH);
	assert_int_equal(result.at, 8);

	/* the two statements of one size must agree */
	m = maker_default(true);
	m.protected_total = 11;
	REFUSED(m, VERIFY_LENGTH);
	m = maker_default(true);
	m.protected_size = 13;
	REFUSED(m, VERIFY_LENGTH);
}

static void every_cut_and_any_byte_more_is_refused(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	size_t len = image_make(&m, &signer, image);
	for (size_t n = 0; n < len; n++)
		assert_int_equal(say(NULL, n), VERIFY_LENGTH);
	assert_int_equal(say(NULL, len), VERIFY_OK);
	for (size_t n = len + 1; n < len + 40; n++) {
		image[n - 1] = 0xff; /* erased flash */
		assert_int_equal(say(NULL, n), VERIFY_LENGTH);
	}
}

static void areas_must_have_their_magic(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	m.protected_magic = 0x6907;
	REFUSED(m, VERIFY_TLV);
	m = maker_default(true);
	m.magic2 = 0x6908;
	REFUSED(m, VERIFY_TLV);
	m = maker_default(true);
	m.unprotected_total = 3;
	REFUSED(m, VERIFY_LENGTH);
}

static void an_entry_may_not_leave_its_area(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	maker_protect(&m, 0xa0, "", 0);
	m.prot[m.prot_len - 2] = 1; /* one byte that belongs to the next area */
	REFUSED(m, VERIFY_LENGTH);
	m.prot[m.prot_len - 1] = 0xff;
	REFUSED(m, VERIFY_LENGTH);

	m = maker_default(true);
	m.prot_len += 3; /* no room for an entry's header */
	REFUSED(m, VERIFY_LENGTH);

	m = maker_default(true);
	m.unprot_len = 2;
	REFUSED(m, VERIFY_LENGTH);
}

static void protected_entries_have_their_exact_form(void **state)
{
	(void)state;
	static const uint8_t zeros[20];
	static const struct {
		uint16_t type;
		size_t len;
	} bad[] = {{0x40, 11}, {0x40, 13}, {0x74, 15}, {0x74, 17}, {0x75, 0}, {0x75, 20}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct maker m = maker_default(true);
		maker_protect(&m, bad[i].type, zeros, bad[i].len);
		REFUSED(m, VERIFY_TLV);
		assert_int_equal(result.at, 32 + 40 + 4 + 8);
	}
	for (size_t n = 0; n <= 8; n++) {
		struct maker m = maker_default(false);
		maker_protect(&m, 0x50, zeros, n);
		assert_int_equal(verdict(&m), n == 4 ? VERIFY_OK : VERIFY_TLV);
	}
	for (size_t i = 1; i <= 3; i++) {
		uint8_t dependency[12] = {0};
		dependency[i] = 1;
		struct maker m = maker_default(true);
		maker_protect(&m, 0x40, dependency, sizeof(dependency));
		REFUSED(m, VERIFY_TLV);
	}
}

/* Each type number in each area: who is welcome where. */
static void every_type_is_known_or_refused(void **state)
{
	(void)state;
	static const uint8_t data[16];
	for (uint32_t type = 0; type <= 0xffff; type += type < 0x1ff ? 1 : 0x55) {
		bool vendor = (type & 0xff) >= 0xa0 && type != 0xffff;
		bool opaque = vendor || type == 0x60;
		bool fixed = type == 0x40 || type == 0x50 || type == 0x74 || type == 0x75;

		struct maker m = maker_default(true);
		maker_protect(&m, (uint16_t)type, data, 3);
		assert_int_equal(verdict(&m), opaque ? VERIFY_OK : VERIFY_TLV);

		m = maker_default(true);
		maker_append(&m, (uint16_t)type, data, 3);
		assert_int_equal(verdict(&m),
			opaque || fixed ? VERIFY_TLV_UNPROTECTED : VERIFY_TLV);
	}
}

static void the_counter_is_not_believed_outside_the_protected_area(void **state)
{
	(void)state; /* CVE-2024-32883 */
	struct maker m = maker_default(true);
	maker_append(&m, 0x50, "\xff\xff\xff\x7f", 4);
	REFUSED(m, VERIFY_TLV_UNPROTECTED);
	m = maker_default(true);
	maker_append(&m, 0x40, "\0\0\0\0\x01\0\0\0\0\0\0\0", 12);
	REFUSED(m, VERIFY_TLV_UNPROTECTED);
}

static void nothing_may_stand_twice(void **state)
{
	(void)state;
	static const uint8_t id[16] = {1};
	static const uint16_t types[] = {0x74, 0x75, 0x60, 0x00a0, 0x12ff};
	struct maker m = maker_default(true);
	maker_protect(&m, 0x50, "\x08\0\0\0", 4);
	REFUSED(m, VERIFY_TLV);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		m = maker_default(true);
		maker_protect(&m, types[i], id, sizeof(id));
		assert_int_equal(verdict(&m), VERIFY_OK);
		maker_protect(&m, 0xb0, id, sizeof(id));
		maker_protect(&m, types[i], id, sizeof(id));
		REFUSED(m, VERIFY_TLV);
	}
	static const uint16_t unprotected[] = {0x10, 0x01, 0x22};
	for (size_t i = 0; i < sizeof(unprotected) / sizeof(unprotected[0]); i++) {
		m = maker_default(true);
		maker_append(&m, unprotected[i], (const uint8_t[32]){0}, 32);
		REFUSED(m, VERIFY_TLV);
	}
}

static void the_number_of_entries_is_bounded(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	for (unsigned i = 1; i < IMAGE_TLV_MAX; i++)
		maker_protect(&m, (uint16_t)(0xa0 + i), "", 0);
	assert_int_equal(verdict(&m), VERIFY_OK);
	maker_protect(&m, 0x1a0, "", 0);
	REFUSED(m, VERIFY_TLV);
}

static void what_must_be_there_is_missed(void **state)
{
	(void)state;
	struct maker m = maker_default(false);
	REFUSED(m, VERIFY_TLV_MISSING); /* an empty area */
	maker_protect(&m, 0xa0, "x", 1);
	REFUSED(m, VERIFY_TLV_MISSING); /* an area without the counter */
	m = maker_default(true);
	m.no_protected = true;
	REFUSED(m, VERIFY_TLV_MISSING);
	m = maker_default(true);
	m.no_hash = true;
	REFUSED(m, VERIFY_TLV_MISSING);
	m = maker_default(true);
	m.no_keyhash = true;
	REFUSED(m, VERIFY_TLV_MISSING);
	m = maker_default(true);
	m.no_signature = true;
	REFUSED(m, VERIFY_TLV_MISSING);
	m = maker_default(true);
	m.no_hash = m.no_keyhash = m.no_signature = true;
	REFUSED(m, VERIFY_TLV_MISSING);
}

static void signature_entries_have_their_exact_form(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	m.no_hash = true;
	m.no_keyhash = true;
	m.no_signature = true;
	maker_append(&m, 0x10, (const uint8_t[31]){0}, 31);
	REFUSED(m, VERIFY_TLV);
	m.unprot_len = 0;
	maker_append(&m, 0x10, (const uint8_t[32]){0}, 32);
	maker_append(&m, 0x01, (const uint8_t[33]){0}, 33);
	REFUSED(m, VERIFY_TLV);
	m = maker_default(true);
	m.signature = (const uint8_t[73]){0};
	m.signature_len = 73;
	REFUSED(m, VERIFY_TLV);
	m.signature_len = 7;
	REFUSED(m, VERIFY_TLV);
}

static void a_false_hash_is_refused_even_when_signed(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	m.flip_hash = true;
	REFUSED(m, VERIFY_HASH);
	assert_int_equal(result.at, 32 + 40 + 12 + 4 + 4);
}

static void only_keys_of_the_policy_count(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	size_t len = image_make(&m, &stranger, image);
	assert_int_equal(say(NULL, len), VERIFY_KEY);

	uint8_t two[2][VERIFY_POINT_SIZE];
	memcpy(two[0], signer.point, VERIFY_POINT_SIZE);
	memcpy(two[1], stranger.point, VERIFY_POINT_SIZE);
	struct verify_policy both = {.keys = (const uint8_t(*)[VERIFY_POINT_SIZE])two, .n_keys = 2};
	assert_int_equal(say(&both, len), VERIFY_OK);
	assert_int_equal(result.key, 1);

	struct verify_policy none = {.keys = (const uint8_t(*)[VERIFY_POINT_SIZE])two};
	assert_int_equal(say(&none, len), VERIFY_KEY);
}

static void a_signature_of_another_is_refused(void **state)
{
	(void)state;
	uint8_t digest[VERIFY_SHA256_SIZE];
	uint8_t der[72];
	struct maker m = maker_default(true);
	(void)image_make(&m, &signer, image);
	test_sha256(image, 32 + 40 + 12, digest);
	m.signature = der;
	m.signature_len = test_key_sign(&stranger, digest, der);
	REFUSED(m, VERIFY_SIGNATURE);
	digest[0] ^= 0x80; /* by the right key, over something else */
	m.signature_len = test_key_sign(&signer, digest, der);
	REFUSED(m, VERIFY_SIGNATURE);
}

static void a_point_off_the_curve_is_refused(void **state)
{
	(void)state;
	struct test_key crooked = signer;
	crooked.point[64] ^= 1;
	uint8_t spki[26 + 65];
	unsigned char *p = NULL;
	int n = i2d_PUBKEY(signer.pkey, &p);
	assert_int_equal(n, sizeof(spki));
	memcpy(spki, p, sizeof(spki));
	OPENSSL_free(p);
	spki[90] ^= 1;
	test_sha256(spki, sizeof(spki), crooked.keyhash);
	struct maker m = maker_default(true);
	size_t len = image_make(&m, &crooked, image);
	struct verify_policy policy = {
		.keys = (const uint8_t(*)[VERIFY_POINT_SIZE])crooked.point, .n_keys = 1};
	assert_int_equal(say(&policy, len), VERIFY_SIGNATURE);
}

static void the_product_must_be_ours(void **state)
{
	(void)state;
	static const uint8_t ours[16] = "vendor";
	static const uint8_t other[16] = "vendoR";
	struct verify_policy vendor = {.vendor_id = ours};
	struct verify_policy class = {.class_id = ours};

	struct maker m = maker_default(true);
	size_t len = image_make(&m, &signer, image);
	assert_int_equal(say(&vendor, len), VERIFY_PRODUCT); /* says nothing: not ours */
	assert_int_equal(say(&class, len), VERIFY_PRODUCT);

	maker_protect(&m, 0x74, ours, 16);
	maker_protect(&m, 0x75, other, 16);
	len = image_make(&m, &signer, image);
	assert_int_equal(say(&vendor, len), VERIFY_OK);
	assert_int_equal(say(&class, len), VERIFY_PRODUCT);
	assert_int_equal(say(NULL, len), VERIFY_OK);
}

static void dependencies_must_be_installed(void **state)
{
	(void)state;
	static const uint8_t on_1[12] = {1, 0, 0, 0, 2, 0, 5, 0};
	static const uint8_t on_3[12] = {3, 0, 0, 0, 1};
	struct maker m = maker_default(true);
	maker_protect(&m, 0x40, on_1, 12);
	maker_protect(&m, 0x40, on_3, 12);
	size_t len = image_make(&m, &signer, image);
	assert_int_equal(say(NULL, len), VERIFY_DEPENDENCY);

	struct verify_installed have[] = {{3, {1, 0, 0, 0}}, {1, {2, 0, 4, 99}}};
	struct verify_policy policy = {.installed = have, .n_installed = 2};
	assert_int_equal(say(&policy, len), VERIFY_DEPENDENCY); /* 2.0.4 is below 2.0.5 */
	have[1].version = (struct verify_version){2, 0, 5, 0};
	assert_int_equal(say(&policy, len), VERIFY_OK);
	policy.n_installed = 1;
	assert_int_equal(say(&policy, len), VERIFY_DEPENDENCY);

	maker_protect(&m, 0x40, on_3, 12);
	REFUSED(m, VERIFY_TLV); /* twice on one image */
}

static void nothing_below_the_floor(void **state)
{
	(void)state;
	struct maker m = maker_default(true); /* 1.2.3+4, counter 7 */
	size_t len = image_make(&m, &signer, image);
	static const struct {
		struct verify_version version;
		uint32_t counter;
		enum verify_code code;
	} cases[] = {
		{{1, 2, 3, 4}, 7, VERIFY_OK},
		{{1, 2, 3, 4}, 6, VERIFY_OK},
		{{1, 2, 3, 3}, 7, VERIFY_OK},
		{{0, 255, 65535, 0xffffffff}, 7, VERIFY_OK},
		{{1, 2, 3, 4}, 8, VERIFY_ROLLBACK},
		{{1, 2, 3, 5}, 7, VERIFY_ROLLBACK},
		{{1, 2, 4, 0}, 7, VERIFY_ROLLBACK},
		{{1, 3, 0, 0}, 7, VERIFY_ROLLBACK},
		{{2, 0, 0, 0}, 7, VERIFY_ROLLBACK},
		{{0, 0, 0, 0}, 0xffffffff, VERIFY_ROLLBACK},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct verify_policy policy = {
			.min_version = cases[i].version, .min_security_counter = cases[i].counter};
		assert_int_equal(say(&policy, len), cases[i].code);
	}
}

/* Not one bit can change, wherever it stands. */
static void every_flipped_bit_is_refused(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	maker_protect(&m, 0xa1, "note", 4);
	size_t len = image_make(&m, &signer, image);
	for (size_t i = 0; i < len * 8; i++) {
		image[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_int_not_equal(say(NULL, len), VERIFY_OK);
		image[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	assert_int_equal(say(NULL, len), VERIFY_OK);
}

static enum verify_code fails(void *ctx)
{
	(void)ctx;
	return VERIFY_PORT;
}

static enum verify_code fails_final(void *ctx, uint8_t digest[VERIFY_SHA256_SIZE])
{
	(void)ctx;
	memset(digest, 0, VERIFY_SHA256_SIZE);
	return (enum verify_code)0; /* a port that speaks C's usual language */
}

static enum verify_code answers_one(void *ctx, const uint8_t point[VERIFY_POINT_SIZE],
	const uint8_t digest[VERIFY_SHA256_SIZE], const struct verify_signature *sig)
{
	(void)ctx, (void)point, (void)digest, (void)sig;
	return (enum verify_code)1;
}

static void a_port_that_fails_never_accepts(void **state)
{
	(void)state;
	struct maker m = maker_default(true);
	size_t len = image_make(&m, &signer, image);
	struct verify_port whole = port;
	port.sha256_init = fails;
	assert_int_equal(say(NULL, len), VERIFY_PORT);
	port = whole;
	port.sha256_final = fails_final;
	assert_int_equal(say(NULL, len), VERIFY_PORT);
	port = whole;
	port.ecdsa_p256 = answers_one;
	assert_int_not_equal(say(NULL, len), VERIFY_OK);
	port = whole;
	assert_int_equal(say(NULL, len), VERIFY_OK);
}

static enum verify_code answers_ok(void *ctx, const uint8_t point[VERIFY_POINT_SIZE],
	const uint8_t digest[VERIFY_SHA256_SIZE], const struct verify_signature *sig)
{
	(void)ctx, (void)point, (void)digest, (void)sig;
	return VERIFY_OK;
}

/* Strictness is ours: a port that would take anything is not even asked. */
static void a_signature_in_lax_der_does_not_reach_the_port(void **state)
{
	(void)state;
	struct verify_port whole = port;
	port.ecdsa_p256 = answers_ok;
	struct maker m = maker_default(true);
	m.signature = (const uint8_t *)"\x30\x07\x02\x02\0\x05\x02\x01\x7f"; /* 5 as 00 05 */
	m.signature_len = 9;
	REFUSED(m, VERIFY_SIGNATURE);
	m.signature = (const uint8_t *)"\x30\x06\x02\x01\x05\x02\x01\x7f";
	m.signature_len = 8;
	assert_int_equal(verdict(&m), VERIFY_OK);
	port = whole;
	REFUSED(m, VERIFY_SIGNATURE);
}

static void verdicts_are_far_apart(void **state)
{
	(void)state;
	static const uint32_t codes[] = {VERIFY_OK, VERIFY_HEADER, VERIFY_LENGTH, VERIFY_TLV,
		VERIFY_TLV_MISSING, VERIFY_TLV_UNPROTECTED, VERIFY_HASH, VERIFY_KEY,
		VERIFY_SIGNATURE, VERIFY_PRODUCT, VERIFY_DEPENDENCY, VERIFY_ROLLBACK, VERIFY_PORT,
		0, 1, 0xffffffff};
	size_t n = sizeof(codes) / sizeof(codes[0]);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n - 3; j++)
			assert_true(__builtin_popcount(codes[i] ^ codes[j]) >= (i == 0 ? 16 : 12));
	}
	for (size_t j = n - 3; j < n; j++)
		assert_true(__builtin_popcount(codes[0] ^ codes[j]) >= 16);
}

int main(void)
{
	test_key_make(&signer);
	test_key_make(&stranger);
	port = test_port();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_image_is_accepted_and_told),
		cmocka_unit_test(each_header_field_is_held_to_its_rule),
		cmocka_unit_test(every_flag_but_two_is_refused),
		cmocka_unit_test(lengths_that_lie_or_wrap_are_refused),
		cmocka_unit_test(every_cut_and_any_byte_more_is_refused),
		cmocka_unit_test(areas_must_have_their_magic),
		cmocka_unit_test(an_entry_may_not_leave_its_area),
		cmocka_unit_test(protected_entries_have_their_exact_form),
		cmocka_unit_test(every_type_is_known_or_refused),
		cmocka_unit_test(the_counter_is_not_believed_outside_the_protected_area),
		cmocka_unit_test(nothing_may_stand_twice),
		cmocka_unit_test(the_number_of_entries_is_bounded),
		cmocka_unit_test(what_must_be_there_is_missed),
		cmocka_unit_test(signature_entries_have_their_exact_form),
		cmocka_unit_test(a_false_hash_is_refused_even_when_signed),
		cmocka_unit_test(only_keys_of_the_policy_count),
		cmocka_unit_test(a_signature_of_another_is_refused),
		cmocka_unit_test(a_point_off_the_curve_is_refused),
		cmocka_unit_test(the_product_must_be_ours),
		cmocka_unit_test(dependencies_must_be_installed),
		cmocka_unit_test(nothing_below_the_floor),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(a_port_that_fails_never_accepts),
		cmocka_unit_test(a_signature_in_lax_der_does_not_reach_the_port),
		cmocka_unit_test(verdicts_are_far_apart),
	};
	int failed = RUN_TAP(tests);
	test_port_free(&port);
	test_key_free(&signer);
	test_key_free(&stranger);
	return failed;
}
