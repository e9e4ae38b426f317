/* Public keys taken apart and put together, against what OpenSSL writes. */
#include "tests/unit/cmocka_tap.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/der.h"
#include "keycheck/pubkey.h"

#define P256 DER_LITERAL("\x2a\x86\x48\xce\x3d\x03\x01\x07")

/* A key of OpenSSL's, as SubjectPublicKeyInfo; the caller frees. */
static struct bytes spki_of(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	assert_true(len > 0);
	return bytes_of(der, (size_t)len);
}

static void free_spki(struct bytes spki)
{
	OPENSSL_free((void *)(uintptr_t)spki.p);
}

static struct bytes number_of(EVP_PKEY *key, const char *name, uint8_t *room, size_t size)
{
	BIGNUM *n = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
	assert_true((size_t)BN_num_bytes(n) <= size);
	size_t len = (size_t)BN_bn2bin(n, room);
	BN_free(n);
	return bytes_of(room, len);
}

static void an_rsa_key_is_the_one_openssl_wrote(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_RSA_gen(1024);
	struct bytes spki = spki_of(key);
	uint8_t n[128];
	uint8_t exp[8];
	struct bytes modulus = number_of(key, OSSL_PKEY_PARAM_RSA_N, n, sizeof(n));
	struct bytes exponent = number_of(key, OSSL_PKEY_PARAM_RSA_E, exp, sizeof(exp));

	struct pubkey k;
	assert_int_equal(pubkey_parse(spki, &k, NULL), ERR_OK);
	assert_int_equal(k.kind, PUBKEY_RSA);
	assert_true(bytes_equal(k.modulus, modulus));
	assert_true(bytes_equal(k.exponent, exponent));
	assert_false(k.modulus_negative || k.exponent_negative);
	assert_int_equal(pubkey_bits(&k), 1024);
	assert_true(bytes_equal(k.spki, spki));
	uint8_t digest[SHA256_SIZE];
	assert_int_equal(EVP_Digest(spki.p, spki.len, digest, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(k.id, digest, SHA256_SIZE);

	struct buf b = buf_new(PUBKEY_SPKI_MAX);
	buf_str(&b, "what was there before");
	struct pubkey again;
	assert_int_equal(pubkey_from_rsa(modulus, exponent, &b, &again, NULL), ERR_OK);
	assert_true(bytes_equal(again.spki, spki));
	assert_memory_equal(again.id, k.id, SHA256_SIZE);
	buf_free(&b);
	free_spki(spki);
	EVP_PKEY_free(key);
}

static void an_ec_key_is_the_one_openssl_wrote(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned bits;
	} curves[] = {{"P-256", 256}, {"P-384", 384}, {"P-521", 521}, {"secp256k1", 256},
		{"brainpoolP512r1", 512}, {"secp224r1", 224}, {"sect571k1", 571},
		{"secp112r1", 112}};
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		EVP_PKEY *key = EVP_EC_gen(curves[i].name);
		assert_non_null(key);
		struct bytes spki = spki_of(key);
		uint8_t point[256];
		size_t len = 0;
		assert_int_equal(EVP_PKEY_get_octet_string_param(
					 key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len),
			1);
		struct pubkey k;
		assert_int_equal(pubkey_parse(spki, &k, NULL), ERR_OK);
		assert_int_equal(k.kind, PUBKEY_EC);
		assert_int_equal(pubkey_bits(&k), curves[i].bits);
		assert_true(bytes_equal(k.point, bytes_of(point, len)));
		struct buf b = buf_new(PUBKEY_SPKI_MAX);
		struct pubkey again;
		assert_int_equal(pubkey_from_ec(k.curve, k.point, &b, &again, NULL), ERR_OK);
		assert_true(bytes_equal(again.spki, spki));
		buf_free(&b);
		free_spki(spki);
		EVP_PKEY_free(key);
	}
}

static void a_raw_key_is_the_one_openssl_wrote(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum pubkey_kind kind;
	} kinds[] = {{"ED25519", PUBKEY_ED25519}, {"ED448", PUBKEY_ED448},
		{"X25519", PUBKEY_X25519}, {"X448", PUBKEY_X448}, {"ML-DSA-44", PUBKEY_ML_DSA_44},
		{"ML-DSA-65", PUBKEY_ML_DSA_65}, {"ML-DSA-87", PUBKEY_ML_DSA_87}};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].name);
		assert_non_null(key);
		struct bytes spki = spki_of(key);
		struct pubkey k;
		assert_int_equal(pubkey_parse(spki, &k, NULL), ERR_OK);
		assert_int_equal(k.kind, kinds[i].kind);
		assert_int_equal(strcasecmp(pubkey_kind_name(k.kind), kinds[i].name), 0);
		struct buf b = buf_new(PUBKEY_SPKI_MAX);
		struct pubkey again;
		assert_int_equal(pubkey_from_raw(k.kind, k.point, &b, &again, NULL), ERR_OK);
		assert_true(bytes_equal(again.spki, spki));
		buf_free(&b);
		free_spki(spki);
		EVP_PKEY_free(key);
	}
	struct buf b = buf_new(64);
	struct pubkey k;
	assert_int_equal(pubkey_from_raw(PUBKEY_RSA, bytes_str("x"), &b, &k, NULL), ERR_INTERNAL);
	buf_free(&b);
}

static void the_size_of_a_dsa_key_is_that_of_p(void **state)
{
	(void)state;
	/* {id-dsa, {p of 12 bits, q, g}}, y: too small for OpenSSL to make */
	struct bytes spki = DER_LITERAL("\x30\x1d\x30\x15\x06\x07\x2a\x86\x48\xce\x38\x04\x01"
					"\x30\x0a\x02\x02\x0f\xff\x02\x01\x07\x02\x01\x02"
					"\x03\x04\x00\x02\x01\x05");
	struct pubkey k;
	assert_int_equal(pubkey_parse(spki, &k, NULL), ERR_OK);
	assert_int_equal(k.kind, PUBKEY_DSA);
	assert_int_equal(pubkey_bits(&k), 12);
}

#define RSA_ALGORITHM "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"

static void what_is_no_number_of_a_key_is_still_read(void **state)
{
	(void)state;
	struct pubkey k;
	/* modulus 0xc5 without the zero octet before it, exponent 3 */
	struct bytes negative = DER_LITERAL(
		"\x30\x1a" RSA_ALGORITHM "\x03\x09\x00\x30\x06\x02\x01\xc5\x02\x01\x03");
	assert_int_equal(pubkey_parse(negative, &k, NULL), ERR_OK);
	assert_true(k.modulus_negative);
	assert_false(k.exponent_negative);
	assert_true(bytes_equal(k.modulus, DER_LITERAL("\xc5")));
	assert_int_equal(pubkey_bits(&k), 8);
	/* modulus 0, exponent with two zeros too many */
	struct bytes zero = DER_LITERAL(
		"\x30\x1c" RSA_ALGORITHM "\x03\x0b\x00\x30\x08\x02\x01\x00\x02\x03\x00\x00\x03");
	assert_int_equal(pubkey_parse(zero, &k, NULL), ERR_OK);
	assert_int_equal(k.modulus.len, 0);
	assert_int_equal(pubkey_bits(&k), 0);
	assert_true(bytes_equal(k.exponent, DER_LITERAL("\x03")));
	/* an INTEGER without octets */
	struct bytes empty =
		DER_LITERAL("\x30\x19" RSA_ALGORITHM "\x03\x08\x00\x30\x05\x02\x00\x02\x01\x03");
	assert_int_equal(pubkey_parse(empty, &k, NULL), ERR_OK);
	assert_int_equal(k.modulus.len, 0);

	struct buf b = buf_new(PUBKEY_SPKI_MAX);
	assert_int_equal(pubkey_from_rsa(BYTES_NONE, BYTES_NONE, &b, &k, NULL), ERR_OK);
	assert_int_equal(k.modulus.len + k.exponent.len, 0);
	assert_int_equal(
		pubkey_from_rsa(DER_LITERAL("\0\0\1"), DER_LITERAL("\0"), &b, &k, NULL), ERR_OK);
	assert_true(bytes_equal(k.modulus, DER_LITERAL("\1")));
	buf_free(&b);
}

static void what_is_no_key_is_refused(void **state)
{
	(void)state;
	static const struct {
		struct bytes der;
		enum err_code want;
	} bad[] = {
		{{NULL, 0}, ERR_TRUNCATED},
		{{(const uint8_t *)"x", 1}, ERR_MALFORMED},
		{{(const uint8_t *)"\x30\x05\x30", 3}, ERR_TRUNCATED},
		{{(const uint8_t *)"\x30\x00", 2}, ERR_MALFORMED},
		{{(const uint8_t *)"\x30\x00x", 3}, ERR_TRAILING},
	};
	struct pubkey k;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pubkey_parse(bad[i].der, &k, NULL), bad[i].want);
	/* a byte too many in each place that ends */
	struct bytes trailing[] = {
		DER_LITERAL(
			"\x30\x1b" RSA_ALGORITHM "\x03\x09\x00\x30\x06\x02\x01\x45\x02\x01\x03z"),
		DER_LITERAL(
			"\x30\x1b" RSA_ALGORITHM "\x03\x0a\x00\x30\x06\x02\x01\x45\x02\x01\x03z"),
		DER_LITERAL(
			"\x30\x1b" RSA_ALGORITHM "\x03\x0a\x00\x30\x07\x02\x01\x45\x02\x01\x03z"),
	};
	for (size_t i = 0; i < sizeof(trailing) / sizeof(trailing[0]); i++)
		assert_int_equal(pubkey_parse(trailing[i], &k, NULL), ERR_TRAILING);
	/* one INTEGER only; seven unused bits */
	assert_int_equal(pubkey_parse(DER_LITERAL("\x30\x17" RSA_ALGORITHM
						  "\x03\x06\x00\x30\x03\x02\x01\x45"),
				 &k, NULL),
		ERR_MALFORMED);
	assert_int_equal(pubkey_parse(DER_LITERAL("\x30\x1a" RSA_ALGORITHM
						  "\x03\x09\x07\x30\x06\x02\x01\x45\x02\x01\x03"),
				 &k, NULL),
		ERR_MALFORMED);
}

static void a_million_bits_are_read_and_more_are_not(void **state)
{
	(void)state;
	size_t most = PUBKEY_BITS_MAX / 8;
	uint8_t *n = malloc(most + 1);
	assert_non_null(n);
	memset(n, 0xff, most + 1);
	struct buf b = buf_new(2 * (size_t)PUBKEY_SPKI_MAX);
	struct pubkey k;
	assert_int_equal(
		pubkey_from_rsa(bytes_of(n, most), DER_LITERAL("\3"), &b, &k, NULL), ERR_OK);
	assert_int_equal(pubkey_bits(&k), PUBKEY_BITS_MAX);
	assert_int_equal(
		pubkey_from_rsa(bytes_of(n, most), bytes_of(n, most), &b, &k, NULL), ERR_OK);
	assert_int_equal(
		pubkey_from_rsa(bytes_of(n, most + 1), DER_LITERAL("\3"), &b, &k, NULL), ERR_LIMIT);
	free(n);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_rsa_key_is_the_one_openssl_wrote),
		cmocka_unit_test(an_ec_key_is_the_one_openssl_wrote),
		cmocka_unit_test(a_raw_key_is_the_one_openssl_wrote),
		cmocka_unit_test(the_size_of_a_dsa_key_is_that_of_p),
		cmocka_unit_test(what_is_no_number_of_a_key_is_still_read),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(a_million_bits_are_read_and_more_are_not),
	};
	return RUN_TAP(tests);
}
