#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "crypto/der.h"
#include "crypto/sign.h"

static const enum key_type types[] = {KEY_P256, KEY_P384, KEY_ED25519};

static struct key *make(enum key_type type)
{
	struct key *k = NULL;
	assert_int_equal(key_generate(type, &k, NULL), ERR_OK);
	return k;
}

static void what_was_signed_verifies_and_nothing_else_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct key *k = make(types[i]);
		struct key *other = make(types[i]);
		struct buf sig = buf_new(256);
		struct err e;
		assert_int_equal(key_sign(k, bytes_str("dose 5 ml"), &sig, NULL), ERR_OK);
		struct bytes s = buf_view(&sig);
		assert_int_equal(
			key_verify(k, bytes_str("dose 5 ml"), s, ERR_CSR_SIGNATURE, &e), ERR_OK);
		assert_int_equal(key_verify(k, bytes_str("dose 50 ml"), s, ERR_CSR_SIGNATURE, &e),
			ERR_CSR_SIGNATURE);
		assert_int_equal(
			key_verify(other, bytes_str("dose 5 ml"), s, ERR_BUNDLE_SIGNATURE, &e),
			ERR_BUNDLE_SIGNATURE);
		for (size_t at = 0; at < s.len; at++) {
			sig.p[at] ^= 0x10;
			assert_int_equal(
				key_verify(k, bytes_str("dose 5 ml"), s, ERR_CSR_SIGNATURE, &e),
				ERR_CSR_SIGNATURE);
			sig.p[at] ^= 0x10;
		}
		assert_int_equal(
			key_verify(k, bytes_str("dose 5 ml"), BYTES_NONE, ERR_CSR_SIGNATURE, &e),
			ERR_CSR_SIGNATURE);
		buf_u8(&sig, 0);
		assert_int_equal(key_verify(k, bytes_str("dose 5 ml"), buf_view(&sig),
					 ERR_CSR_SIGNATURE, &e),
			ERR_CSR_SIGNATURE);
		buf_free(&sig);
		key_free(other);
		key_free(k);
	}
}

static void a_signature_is_appended(void **state)
{
	(void)state;
	struct key *k = make(KEY_P256);
	struct buf out = buf_new(256);
	buf_str(&out, "before");
	assert_int_equal(key_sign(k, BYTES_NONE, &out, NULL), ERR_OK);
	assert_memory_equal(out.p, "before", 6);
	assert_int_equal(key_verify(k, BYTES_NONE, bytes_of(out.p + 6, out.len - 6),
				 ERR_CSR_SIGNATURE, NULL),
		ERR_OK);
	buf_free(&out);
	key_free(k);
}

static void a_digest_and_its_data_give_the_same_signature_check(void **state)
{
	(void)state;
	struct key *k = make(KEY_P256);
	struct key *p384 = make(KEY_P384);
	struct buf sig = buf_new(256);
	uint8_t digest[SHA256_SIZE];
	struct err e;
	sha256_of(bytes_str("image"), digest);
	assert_int_equal(key_sign_digest(k, digest, &sig, NULL), ERR_OK);
	assert_int_equal(
		key_verify(k, bytes_str("image"), buf_view(&sig), ERR_CSR_SIGNATURE, &e), ERR_OK);
	assert_int_equal(
		key_verify_digest(k, digest, buf_view(&sig), ERR_IMG_SIGNATURE, &e), ERR_OK);
	digest[0] ^= 1;
	assert_int_equal(key_verify_digest(k, digest, buf_view(&sig), ERR_IMG_SIGNATURE, &e),
		ERR_IMG_SIGNATURE);
	assert_int_equal(key_sign_digest(p384, digest, &sig, &e), ERR_KEY_ALGORITHM);
	assert_int_equal(key_verify_digest(p384, digest, buf_view(&sig), ERR_IMG_SIGNATURE, &e),
		ERR_KEY_ALGORITHM);
	buf_free(&sig);
	key_free(p384);
	key_free(k);
}

static void the_table_matches_the_librarys_names(void **state)
{
	(void)state;
	struct buf text = buf_new(1024);
	sign_alg_print(&text);
	assert_string_equal(buf_cstr(&text),
		"ecdsa-with-SHA256\necdsa-with-SHA384\necdsa-with-SHA512\nEd25519\n"
		"sha256WithRSAEncryption\nsha384WithRSAEncryption\nsha512WithRSAEncryption\n"
		"RSASSA-PSS-SHA256\nRSASSA-PSS-SHA384\nRSASSA-PSS-SHA512\n");
	buf_free(&text);
}

/* Signed by the library's own RSA, checked by name. */
static void rsa_signatures_are_checked_by_their_named_algorithm(void **state)
{
	(void)state;
	static const char pkcs1[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
	EVP_PKEY *pkey = EVP_RSA_gen(2048);
	assert_non_null(pkey);
	uint8_t sig[256];
	for (int pss = 0; pss < 2; pss++) {
		size_t len = sizeof(sig);
		EVP_PKEY_CTX *pctx = NULL;
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		assert_int_equal(EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL, pkey), 1);
		if (pss) {
			assert_int_equal(
				EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
			assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 32), 1);
		}
		assert_int_equal(EVP_DigestSign(ctx, sig, &len, (const uint8_t *)"abc", 3), 1);
		EVP_MD_CTX_free(ctx);

		assert_int_equal(EVP_PKEY_up_ref(pkey), 1);
		struct key *k = key_wrap(pkey);
		const struct sign_alg *a = NULL;
		struct err e;
		assert_int_equal(sign_alg_parse(DER_LITERAL(pkcs1), &a, NULL), ERR_OK);
		assert_int_equal(sign_alg_verify(a, k, bytes_str("abc"), bytes_of(sig, len),
					 ERR_CSR_SIGNATURE, &e),
			pss ? ERR_CSR_SIGNATURE : ERR_OK);
		assert_int_equal(
			key_verify(k, bytes_str("abc"), bytes_of(sig, len), ERR_CSR_SIGNATURE, &e),
			ERR_KEY_ALGORITHM);
		/* never with another family's algorithm */
		struct key *ec = make(KEY_P256);
		assert_int_equal(sign_alg_verify(sign_alg_of(ec), k, bytes_str("abc"),
					 bytes_of(sig, len), ERR_CSR_SIGNATURE, &e),
			ERR_SIG_ALGORITHM);
		key_free(ec);
		key_free(k);
	}
	EVP_PKEY_free(pkey);
}

static void weak_and_unknown_algorithms_have_no_row(void **state)
{
	(void)state;
	static const struct bytes refused[] = {
		/* sha1WithRSAEncryption, md5WithRSAEncryption, ecdsa-with-SHA1 */
		{(const uint8_t *)"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00",
			15},
		{(const uint8_t *)"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04\x05\x00",
			15},
		{(const uint8_t *)"\x30\x09\x06\x07\x2a\x86\x48\xce\x3d\x04\x01", 11},
		{(const uint8_t *)"\x30\x00", 2},
		{(const uint8_t *)"", 0},
	};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct sign_alg *a = NULL;
		struct err e;
		assert_int_equal(sign_alg_parse(refused[i], &a, &e), ERR_SIG_ALGORITHM);
		assert_null(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_signed_verifies_and_nothing_else_does),
		cmocka_unit_test(a_signature_is_appended),
		cmocka_unit_test(a_digest_and_its_data_give_the_same_signature_check),
		cmocka_unit_test(the_table_matches_the_librarys_names),
		cmocka_unit_test(rsa_signatures_are_checked_by_their_named_algorithm),
		cmocka_unit_test(weak_and_unknown_algorithms_have_no_row),
	};
	return RUN_TAP(tests);
}
