/* Keys that are not RSA. */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include "crypto/der.h"
#include "crypto/random.h"
#include "keycheck/patterns.h"
#include "tests/unit/keycheck/keys.h"

static struct checker *checker;

#define OID(s)                                                                                     \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}

static const struct curve {
	int nid;
	struct bytes oid;
	uint64_t curve_finding;
} curves[] = {
	{NID_X9_62_prime256v1, OID("\x2a\x86\x48\xce\x3d\x03\x01\x07"), 0},
	{NID_secp384r1, OID("\x2b\x81\x04\x00\x22"), 0},
	{NID_secp521r1, OID("\x2b\x81\x04\x00\x23"), 0},
	{NID_secp256k1, OID("\x2b\x81\x04\x00\x0a"), SAID(EC_CURVE)},
};

#define CURVES (sizeof(curves) / sizeof(curves[0]))

static struct said said_of_point(const struct curve *c, struct bytes point)
{
	struct buf spki = buf_new(1024);
	struct pubkey k;
	assert_int_equal(pubkey_from_ec(c->oid, point, &spki, &k, NULL), ERR_OK);
	struct said s = said_of(checker, &k, 0);
	buf_free(&spki);
	return s;
}

/* The point of a private key of `size` octets, big-endian. */
static size_t point_of(const struct curve *c, const uint8_t *d, size_t size,
	point_conversion_form_t form, uint8_t out[200])
{
	EC_GROUP *g = EC_GROUP_new_by_curve_name(c->nid);
	EC_POINT *p = EC_POINT_new(g);
	BIGNUM *bn = BN_bin2bn(d, (int)size, NULL);
	assert_int_equal(EC_POINT_mul(g, p, bn, NULL, NULL, NULL), 1);
	size_t n = EC_POINT_point2oct(g, p, form, out, 200, NULL);
	BN_free(bn);
	EC_POINT_free(p);
	EC_GROUP_free(g);
	return n;
}

static void honest_points_have_no_finding(void **state)
{
	(void)state;
	uint8_t d[32], point[200];
	for (size_t i = 0; i < CURVES; i++) {
		for (int n = 0; n < 20; n++) {
			assert_int_equal(random_bytes(d, sizeof(d), NULL), ERR_OK);
			size_t len = point_of(&curves[i], d, sizeof(d),
				n % 2 == 0 ? POINT_CONVERSION_UNCOMPRESSED
					   : POINT_CONVERSION_COMPRESSED,
				point);
			assert_int_equal(said_of_point(&curves[i], bytes_of(point, len)).checks,
				curves[i].curve_finding);
		}
	}
}

static void points_that_are_none(void **state)
{
	(void)state;
	uint8_t d[32], point[200];
	for (size_t i = 0; i < CURVES; i++) {
		uint64_t want = SAID(EC_POINT) | curves[i].curve_finding;
		assert_int_equal(random_bytes(d, sizeof(d), NULL), ERR_OK);
		size_t len =
			point_of(&curves[i], d, sizeof(d), POINT_CONVERSION_UNCOMPRESSED, point);
		assert_int_equal(
			said_of_point(&curves[i], bytes_of("", 1)).checks, want); /* infinity */
		assert_int_equal(said_of_point(&curves[i], bytes_of(point, len - 1)).checks, want);
		assert_int_equal(said_of_point(&curves[i], bytes_of(point, len + 1)).checks, want);
		point[len - 1] ^= 1; /* off the curve */
		assert_int_equal(said_of_point(&curves[i], bytes_of(point, len)).checks, want);
		len = point_of(&curves[i], d, sizeof(d), POINT_CONVERSION_HYBRID, point);
		assert_int_equal(said_of_point(&curves[i], bytes_of(point, len)).checks, want);
		memset(point + 1, 0xff, len - 1); /* above the prime of the field */
		point[0] = 4;
		assert_int_equal(said_of_point(&curves[i], bytes_of(point, len)).checks, want);
	}
}

/* sect163k1 has cofactor 2: its point of order 2, (0, 1), is on the curve and in no good group. */
static void a_point_outside_the_group(void **state)
{
	(void)state;
	static const struct curve sect163k1 = {NID_sect163k1, OID("\x2b\x81\x04\x00\x01"), 0};
	uint8_t point[43] = {4};
	point[42] = 1;
	struct said s = said_of_point(&sect163k1, bytes_of(point, sizeof(point)));
	assert_int_equal(s.checks, SAID(EC_CURVE) | SAID(EC_POINT));
	assert_non_null(strstr(why_of(&s, CHECK_EC_POINT), "prime order"));
	assert_non_null(strstr(why_of(&s, CHECK_EC_CURVE), "short"));
}

static void curves_that_are_unknown(void **state)
{
	(void)state;
	static const struct curve strange = {NID_undef, OID("\x2a\x03\x04"), 0};
	static const struct curve none = {NID_undef, OID(""), 0};
	assert_int_equal(said_of_point(&strange, bytes_str("abc")).checks, SAID(EC_CURVE));
	assert_int_equal(said_of_point(&none, bytes_str("abc")).checks, SAID(EC_CURVE));
}

static void tiny_private_keys(void **state)
{
	(void)state;
	static const unsigned numbers[] = {1, 2, 3, 255, 256, 4095, 8191, 8192, 65535, 65536};
	uint8_t point[200];
	for (size_t i = 0; i < CURVES; i++) {
		for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
			uint8_t d[4] = {0, (uint8_t)(numbers[n] >> 16), (uint8_t)(numbers[n] >> 8),
				(uint8_t)numbers[n]};
			/* as far as the table of this curve goes; powers of two are patterns
			 * everywhere */
			unsigned up_to = i == 0 ? 65536 : i < 3 ? 8192 : 256;
			bool near_power = (numbers[n] & (numbers[n] + 1)) == 0 ||
					  (numbers[n] & (numbers[n] - 1)) == 0;
			if (numbers[n] > up_to && !near_power)
				continue;
			size_t len = point_of(
				&curves[i], d, sizeof(d), POINT_CONVERSION_UNCOMPRESSED, point);
			struct said s = said_of_point(&curves[i], bytes_of(point, len));
			assert_int_equal(s.checks, SAID(SMALL_PRIVATE) | curves[i].curve_finding);
		}
	}
	/* 65543 is prime and beyond every table */
	uint8_t d[3] = {1, 0, 7};
	size_t len = point_of(&curves[0], d, sizeof(d), POINT_CONVERSION_UNCOMPRESSED, point);
	assert_int_equal(said_of_point(&curves[0], bytes_of(point, len)).n, 0);
}

static void minus_a_tiny_private_key(void **state)
{
	(void)state;
	uint8_t point[200];
	uint8_t d[32];
	EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *n = BN_dup(EC_GROUP_get0_order(g));
	BN_sub_word(n, 5);
	BN_bn2binpad(n, d, 32);
	size_t len = point_of(&curves[0], d, 32, POINT_CONVERSION_UNCOMPRESSED, point);
	struct said s = said_of_point(&curves[0], bytes_of(point, len));
	assert_int_equal(s.checks, SAID(SMALL_PRIVATE));
	assert_string_equal(why_of(&s, CHECK_SMALL_PRIVATE), "it is the number 5, or minus that");
	BN_free(n);
	EC_GROUP_free(g);
}

static void patterned_private_keys(void **state)
{
	(void)state;
	uint8_t d[66], point[200];
	char what[SMALL_KEY_TEXT];
	for (size_t i = 0; i < 3; i++) {
		size_t size = i == 0 ? 32 : i == 1 ? 48 : 66;
		for (unsigned p = 0; p < patterns_count(size); p += i == 0 ? 13 : 97) {
			patterns_get(p, size, d, what);
			assert_true(what[0] != '\0');
			size_t len =
				point_of(&curves[i], d, size, POINT_CONVERSION_UNCOMPRESSED, point);
			if (len == 1)
				continue; /* 0 is none */
			assert_int_equal(said_of_point(&curves[i], bytes_of(point, len)).checks,
				SAID(SMALL_PRIVATE));
		}
	}
}

static struct said said_of_raw(enum pubkey_kind kind, const uint8_t *raw, size_t size)
{
	struct buf spki = buf_new(8192);
	struct pubkey k;
	assert_int_equal(pubkey_from_raw(kind, bytes_of(raw, size), &spki, &k, NULL), ERR_OK);
	struct said s = said_of(checker, &k, 0);
	buf_free(&spki);
	return s;
}

static const struct raw_kind {
	enum pubkey_kind kind;
	const char *name;
	size_t size;
	uint64_t fault;
} raw_kinds[] = {
	{PUBKEY_ED25519, "ED25519", 32, SAID(ED25519_POINT)},
	{PUBKEY_ED448, "ED448", 57, SAID(ED25519_POINT)},
	{PUBKEY_X25519, "X25519", 32, SAID(X25519_POINT)},
	{PUBKEY_X448, "X448", 56, SAID(X25519_POINT)},
	{PUBKEY_ML_DSA_44, "ML-DSA-44", 1312, SAID(ML_DSA_FORM)},
	{PUBKEY_ML_DSA_65, "ML-DSA-65", 1952, SAID(ML_DSA_FORM)},
	{PUBKEY_ML_DSA_87, "ML-DSA-87", 2592, SAID(ML_DSA_FORM)},
};

#define RAW_KINDS (sizeof(raw_kinds) / sizeof(raw_kinds[0]))

static void honest_raw_keys_have_no_finding(void **state)
{
	(void)state;
	uint8_t raw[2592];
	for (size_t i = 0; i < RAW_KINDS; i++) {
		for (int n = 0; n < 10; n++) {
			size_t size = sizeof(raw);
			EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, raw_kinds[i].name);
			assert_non_null(k);
			assert_int_equal(EVP_PKEY_get_raw_public_key(k, raw, &size), 1);
			assert_int_equal(size, raw_kinds[i].size);
			assert_int_equal(said_of_raw(raw_kinds[i].kind, raw, size).n, 0);
			EVP_PKEY_free(k);
		}
	}
}

static void raw_keys_of_another_length(void **state)
{
	(void)state;
	static const uint8_t raw[4000] = {9};
	for (size_t i = 0; i < RAW_KINDS; i++) {
		const struct raw_kind *k = &raw_kinds[i];
		assert_int_equal(said_of_raw(k->kind, raw, k->size - 1).checks, k->fault);
		assert_int_equal(said_of_raw(k->kind, raw, k->size + 1).checks, k->fault);
		assert_int_equal(said_of_raw(k->kind, raw, 0).checks, k->fault);
	}
}

static void set_hex(uint8_t *out, const char *hex)
{
	assert_true(hex_decode(hex, out, strlen(hex) / 2));
}

/* The points of order 1, 2, 4 and 8 of edwards25519, and octets that are not canonical. */
static void edwards_points_of_small_order(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"0100000000000000000000000000000000000000000000000000000000000000", /* neutral */
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* order 2 */
		"0000000000000000000000000000000000000000000000000000000000000000", /* order 4 */
		"0000000000000000000000000000000000000000000000000000000000000080", /* order 4 */
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", /* order 8 */
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", /* order 8 */
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", /* order 8 */
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", /* order 8 */
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* y = p */
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* y = p + 1 */
		"0100000000000000000000000000000000000000000000000000000000000080", /* -0 */
		"0200000000000000000000000000000000000000000000000000000000000000", /* not on the
										       curve */
	};
	uint8_t raw[57];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_hex(raw, bad[i]);
		assert_int_equal(said_of_raw(PUBKEY_ED25519, raw, 32).checks, SAID(ED25519_POINT));
	}
	/* Ed448: neutral, order 2, order 4, and an octet that is 0 in every key */
	memset(raw, 0, sizeof(raw));
	assert_int_equal(said_of_raw(PUBKEY_ED448, raw, 57).checks, SAID(ED25519_POINT));
	raw[0] = 1;
	assert_int_equal(said_of_raw(PUBKEY_ED448, raw, 57).checks, SAID(ED25519_POINT));
	memset(raw, 0xff, 56);
	raw[0] = 0xfe;
	raw[28] = 0xfe;
	assert_int_equal(said_of_raw(PUBKEY_ED448, raw, 57).checks, SAID(ED25519_POINT));
	raw[0] = 3;
	raw[56] = 1;
	assert_int_equal(said_of_raw(PUBKEY_ED448, raw, 57).checks, SAID(ED25519_POINT));
}

static void montgomery_points_of_small_order(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	};
	uint8_t raw[56] = {0};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set_hex(raw, bad[i]);
		assert_int_equal(said_of_raw(PUBKEY_X25519, raw, 32).checks, SAID(X25519_POINT));
	}
	memset(raw, 0, sizeof(raw));
	assert_int_equal(said_of_raw(PUBKEY_X448, raw, 56).checks, SAID(X25519_POINT));
	raw[0] = 1;
	assert_int_equal(said_of_raw(PUBKEY_X448, raw, 56).checks, SAID(X25519_POINT));
}

static void patterned_seeds(void **state)
{
	(void)state;
	uint8_t seed[57], raw[2592];
	for (size_t i = 0; i < RAW_KINDS; i++) {
		size_t seed_size = i == 1 ? 57 : i == 3 ? 56 : 32;
		for (unsigned p = 0; p < patterns_count(seed_size); p += 101) {
			size_t size = sizeof(raw);
			EVP_PKEY *k = NULL;
			patterns_get(p, seed_size, seed, NULL);
			if (i < 4) {
				k = EVP_PKEY_new_raw_private_key_ex(
					NULL, raw_kinds[i].name, NULL, seed, seed_size);
			} else {
				OSSL_PARAM params[] = {
					OSSL_PARAM_construct_octet_string("seed", seed, seed_size),
					OSSL_PARAM_construct_end()};
				EVP_PKEY_CTX *ctx =
					EVP_PKEY_CTX_new_from_name(NULL, raw_kinds[i].name, NULL);
				assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
				assert_int_equal(
					EVP_PKEY_fromdata(ctx, &k, EVP_PKEY_KEYPAIR, params), 1);
				EVP_PKEY_CTX_free(ctx);
			}
			assert_non_null(k);
			assert_int_equal(EVP_PKEY_get_raw_public_key(k, raw, &size), 1);
			assert_int_equal(said_of_raw(raw_kinds[i].kind, raw, size).checks,
				SAID(SMALL_PRIVATE));
			EVP_PKEY_free(k);
		}
	}
}

static void ml_dsa_keys_that_nobody_drew(void **state)
{
	(void)state;
	uint8_t raw[1312];
	memset(raw, 0, sizeof(raw));
	struct said s = said_of_raw(PUBKEY_ML_DSA_44, raw, sizeof(raw));
	assert_int_equal(s.checks, SAID(ML_DSA_FORM));
	assert_int_equal(random_bytes(raw, sizeof(raw), NULL), ERR_OK);
	assert_int_equal(said_of_raw(PUBKEY_ML_DSA_44, raw, sizeof(raw)).n, 0);
	memset(raw, 0, 32);
	assert_int_equal(said_of_raw(PUBKEY_ML_DSA_44, raw, sizeof(raw)).checks, SAID(ML_DSA_FORM));
	assert_int_equal(random_bytes(raw, sizeof(raw), NULL), ERR_OK);
	memset(raw + 500, 0, 40);
	assert_int_equal(said_of_raw(PUBKEY_ML_DSA_44, raw, sizeof(raw)).checks, SAID(ML_DSA_FORM));
}

static void kinds_that_no_check_knows(void **state)
{
	(void)state;
	struct pubkey k;
	/* an algorithm 1.2.3.4 with a key of one octet */
	static const uint8_t der[] = {
		0x30, 0x0b, 0x30, 0x05, 0x06, 0x03, 0x2a, 0x03, 0x04, 0x03, 0x02, 0x00, 0x01};
	assert_int_equal(pubkey_parse(bytes_of(der, sizeof(der)), &k, NULL), ERR_OK);
	assert_int_equal(said_of(checker, &k, 0).checks, SAID(KEY_KIND));
}

static void every_check_says_what_it_is(void **state)
{
	(void)state;
	for (int c = 0; c < CHECK_COUNT; c++) {
		assert_true(strlen(check_name((enum check)c)) > 3);
		assert_true(strlen(check_sentence((enum check)c)) > 10);
		assert_true(strlen(check_advice((enum check)c)) > 5);
		assert_true(check_severity((enum check)c) <= SEVERITY_ERROR);
		for (int o = 0; o < c; o++)
			assert_string_not_equal(
				check_name((enum check)c), check_name((enum check)o));
	}
	assert_true(CHECK_COUNT <= 64); /* a bit each in checker_leave_out */
	assert_string_equal(severity_name(SEVERITY_NOTE), "note");
	assert_string_equal(severity_name(SEVERITY_WARNING), "warning");
	assert_string_equal(severity_name(SEVERITY_ERROR), "error");
}

/* The page has a row for each check, and says in it what it costs. */
static void every_check_has_a_row(void **state)
{
	(void)state;
	static char page[1 << 16];
	FILE *f = fopen(CHECKS_PAGE, "re");
	assert_non_null(f);
	size_t len = fread(page, 1, sizeof(page) - 1, f);
	assert_true(len < sizeof(page) - 1);
	(void)fclose(f);
	char *table = strstr(page, "\n## Where each is tried");
	assert_non_null(table);
	for (int c = 0; c < CHECK_COUNT; c++) {
		char head[64];
		(void)snprintf(head, sizeof(head), "\n| %s | ", check_name((enum check)c));
		const char *row = strstr(table, head);
		if (row == NULL)
			fail_msg("%s has no row", check_name((enum check)c));
		unsigned cells = 0;
		for (const char *p = row + 1; *p != '\n' && *p != '\0'; p++)
			if (*p == '|' && p[1] == ' ' && p[2] != '|' && p[2] != ' ')
				cells++;
		assert_int_equal(cells, 4);
	}
}

static int make_checker(void **state)
{
	(void)state;
	return checker_new(NULL, &checker, NULL) == ERR_OK ? 0 : -1;
}

static int free_checker(void **state)
{
	(void)state;
	checker_free(checker);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_points_have_no_finding),
		cmocka_unit_test(points_that_are_none),
		cmocka_unit_test(a_point_outside_the_group),
		cmocka_unit_test(curves_that_are_unknown),
		cmocka_unit_test(tiny_private_keys),
		cmocka_unit_test(minus_a_tiny_private_key),
		cmocka_unit_test(patterned_private_keys),
		cmocka_unit_test(honest_raw_keys_have_no_finding),
		cmocka_unit_test(raw_keys_of_another_length),
		cmocka_unit_test(edwards_points_of_small_order),
		cmocka_unit_test(montgomery_points_of_small_order),
		cmocka_unit_test(patterned_seeds),
		cmocka_unit_test(ml_dsa_keys_that_nobody_drew),
		cmocka_unit_test(kinds_that_no_check_knows),
		cmocka_unit_test(every_check_says_what_it_is),
		cmocka_unit_test(every_check_has_a_row),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_checker, free_checker);
}
