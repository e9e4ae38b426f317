#include "tests/unit/x509/realm.h"

#include <string.h>

#include <openssl/cms.h>
#include <openssl/x509.h>

#include "x509/cms.h"

static const char image[] = "firmware image";

static void digest_of_image(uint8_t out[SHA256_SIZE])
{
	sha256_of(bytes_str(image), out);
}

static enum err_code check(struct bytes der, const uint8_t digest[SHA256_SIZE])
{
	struct cert signer;
	struct err e;
	enum err_code rc = cms_check_digest(der, digest, &signer, ERR_BUNDLE_SIGNATURE, &e);
	if (rc == ERR_OK)
		cert_free(&signer);
	return rc;
}

static void a_signature_is_made_and_checked(void **state)
{
	struct realm *r = *state;
	struct buf der = buf_new(1 << 16);
	struct cert signer;
	struct err e;
	uint8_t digest[SHA256_SIZE];
	digest_of_image(digest);
	assert_int_equal(
		cms_sign_digest(digest, r->code.key, buf_view(&r->code.der), REALM_NOW, &der, NULL),
		ERR_OK);
	assert_int_equal(
		cms_check_digest(buf_view(&der), digest, &signer, ERR_BUNDLE_SIGNATURE, NULL),
		ERR_OK);
	assert_true(bytes_equal(signer.der, buf_view(&r->code.der)));
	cert_free(&signer);
	digest[31] ^= 1;
	assert_int_equal(check(buf_view(&der), digest), ERR_BUNDLE_SIGNATURE);
	digest[31] ^= 1;
	buf_u8(&der, 0);
	assert_int_equal(check(buf_view(&der), digest), ERR_TRAILING);
	buf_reset(&der);
	/* the key of another certificate */
	assert_int_equal(
		cms_sign_digest(digest, r->device.key, buf_view(&r->code.der), REALM_NOW, &der, &e),
		ERR_CRYPTO);
	assert_int_equal(cms_sign_digest(digest, r->code.key, BYTES_NONE, REALM_NOW, &der, &e),
		ERR_MALFORMED);
	assert_int_equal(der.len, 0);
	buf_free(&der);
}

/*
 * No changed byte passes, except inside what a signature does not cover; there the digest, the key
 * and the signature are still the same, which is what was asked.
 */
static void a_changed_byte_does_not_make_another_signature(void **state)
{
	struct realm *r = *state;
	struct buf der = buf_new(1 << 16);
	struct cert signer;
	struct cert code;
	struct err e;
	uint8_t digest[SHA256_SIZE];
	size_t passed = 0;
	digest_of_image(digest);
	assert_int_equal(cert_parse(buf_view(&r->code.der), &code, NULL), ERR_OK);
	assert_int_equal(
		cms_sign_digest(digest, r->code.key, buf_view(&r->code.der), REALM_NOW, &der, NULL),
		ERR_OK);
	for (size_t at = 0; at < der.len; at++) {
		der.p[at] ^= 0x01;
		if (cms_check_digest(buf_view(&der), digest, &signer, ERR_BUNDLE_SIGNATURE, &e) ==
			ERR_OK) {
			assert_memory_equal(signer.spki_id, code.spki_id, SHA256_SIZE);
			cert_free(&signer);
			passed++;
		}
		der.p[at] ^= 0x01;
		assert_int_not_equal(check(bytes_of(der.p, at), digest), ERR_OK);
	}
	/* the certificate's own bytes are for cert_check_chain: most of what passes lies there */
	assert_true(passed < r->code.der.len + 32);
	cert_free(&code);
	buf_free(&der);
}

/* Messages by the library, wrong in one way each. */
static struct buf by_library(const struct realm *r, unsigned flags, bool second, const EVP_MD *md)
{
	const uint8_t *p = r->code.der.p;
	X509 *x = d2i_X509(NULL, &p, (long)r->code.der.len);
	p = r->operator.der.p;
	X509 *y = d2i_X509(NULL, &p, (long)r->operator.der.len);
	BIO *content = BIO_new_mem_buf(image, sizeof(image) - 1);
	CMS_ContentInfo *cms =
		CMS_sign(NULL, NULL, NULL, content, flags | CMS_PARTIAL | CMS_BINARY);
	assert_non_null(cms);
	assert_non_null(CMS_add1_signer(cms, x, key_evp(r->code.key), md, flags));
	if (second)
		assert_non_null(CMS_add1_signer(cms, y, key_evp(r->operator.key), md, flags));
	assert_int_equal(CMS_final(cms, content, NULL, flags | CMS_BINARY), 1);
	unsigned char *der = NULL;
	int len = i2d_CMS_ContentInfo(cms, &der);
	assert_true(len > 0);
	struct buf b = buf_new(1 << 17);
	buf_bytes(&b, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(content);
	X509_free(x);
	X509_free(y);
	return b;
}

static void only_one_detached_signature_with_attributes_passes(void **state)
{
	struct realm *r = *state;
	uint8_t digest[SHA256_SIZE];
	digest_of_image(digest);
	struct {
		unsigned flags;
		bool second;
		bool ok;
		const EVP_MD *md;
	} table[] = {
		{CMS_DETACHED, false, true, EVP_sha256()},
		{CMS_DETACHED, true, false, EVP_sha256()}, /* two signers */
		{0, false, false, EVP_sha256()},           /* content enclosed */
		{CMS_DETACHED | CMS_NOATTR, false, false,
			EVP_sha256()}, /* nothing signed but content */
		{CMS_DETACHED | CMS_NOCERTS, false, false, EVP_sha256()},
		{CMS_DETACHED, false, false, EVP_sha1()},
		{CMS_DETACHED, false, false, EVP_sha512()},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct buf der = by_library(r, table[i].flags, table[i].second, table[i].md);
		assert_int_equal(
			check(buf_view(&der), digest), table[i].ok ? ERR_OK : ERR_BUNDLE_SIGNATURE);
		buf_free(&der);
	}
	assert_int_equal(check(bytes_str("\x30\x03\x02\x01\x01"), digest), ERR_BUNDLE_SIGNATURE);
	assert_int_equal(check(BYTES_NONE, digest), ERR_BUNDLE_SIGNATURE);
}

static void certificates_come_back(void **state)
{
	struct realm *r = *state;
	struct bytes in[] = {
		buf_view(&r->device.der), buf_view(&r->issuing.der), buf_view(&r->root.der)};
	struct buf der = buf_new(1 << 16);
	struct cert out[3];
	struct err e;
	size_t n = 0;
	assert_int_equal(cms_certs_only(in, 3, &der, NULL), ERR_OK);
	assert_int_equal(cms_certs_parse(buf_view(&der), out, 3, &n, NULL), ERR_OK);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < 3; i++) {
		size_t found = 0;
		for (size_t j = 0; j < 3; j++)
			found += bytes_equal(in[i], out[j].der);
		assert_int_equal(found, 1);
	}
	for (size_t i = 0; i < 3; i++)
		cert_free(&out[i]);
	n = 99;
	assert_int_equal(cms_certs_parse(buf_view(&der), out, 2, &n, &e), ERR_LIMIT);
	for (size_t cut = 0; cut < der.len; cut++)
		assert_int_equal(
			cms_certs_parse(bytes_of(der.p, cut), out, 3, &n, &e), ERR_MALFORMED);
	buf_u8(&der, 0);
	assert_int_equal(cms_certs_parse(buf_view(&der), out, 3, &n, &e), ERR_TRAILING);
	assert_int_equal(n, 99);
	buf_reset(&der);
	assert_int_equal(cms_certs_only(in, 0, &der, &e), ERR_LIMIT);
	assert_int_equal(der.len, 0);
	buf_free(&der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_is_made_and_checked),
		cmocka_unit_test(a_changed_byte_does_not_make_another_signature),
		cmocka_unit_test(only_one_detached_signature_with_attributes_passes),
		cmocka_unit_test(certificates_come_back),
	};
	return cmocka_set_message_output(CM_OUTPUT_TAP),
	       cmocka_run_group_tests(tests, realm_make, realm_drop);
}
