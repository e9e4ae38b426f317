/* Requests as devices send them; the odd ones are made by the library, byte by byte where it
 * refuses. */
#include "tests/unit/x509/realm.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tests/unit/crypto/published_key.h"
#include "tests/unit/crypto/rsa_spki.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/oid.h"

/* A request under construction; `finish` signs it. */
struct maker {
	EVP_PKEY *pkey;
	X509_REQ *req;
	STACK_OF(X509_EXTENSION) *exts;
};

static struct maker start(EVP_PKEY *pkey)
{
	struct maker m = {
		.pkey = pkey, .req = X509_REQ_new(), .exts = sk_X509_EXTENSION_new_null()};
	assert_non_null(pkey);
	assert_int_equal(X509_REQ_set_pubkey(m.req, pkey), 1);
	return m;
}

static void name(struct maker *m, const char *type, const char *value)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(m->req), type,
				 MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0),
		1);
}

static void extension(struct maker *m, const char *type, const char *value)
{
	X509_EXTENSION *x = X509V3_EXT_nconf(NULL, NULL, type, value);
	assert_non_null(x);
	assert_true(sk_X509_EXTENSION_push(m->exts, x) > 0);
}

static void password(struct maker *m, const char *value)
{
	assert_int_equal(X509_REQ_add1_attr_by_NID(m->req, NID_pkcs9_challengePassword,
				 MBSTRING_UTF8, (const unsigned char *)value, -1),
		1);
}

static struct buf encoded(X509_REQ *req)
{
	unsigned char *der = NULL;
	int len = i2d_X509_REQ(req, &der);
	assert_true(len > 0);
	struct buf b = buf_new(CSR_DER_MAX);
	buf_bytes(&b, bytes_of(der, (size_t)len));
	OPENSSL_free(der);
	return b;
}

static struct buf finish(struct maker *m, const EVP_MD *md)
{
	if (sk_X509_EXTENSION_num(m->exts) > 0)
		assert_int_equal(X509_REQ_add_extensions(m->req, m->exts), 1);
	assert_true(X509_REQ_sign(m->req, m->pkey, md) > 0);
	struct buf b = encoded(m->req);
	sk_X509_EXTENSION_pop_free(m->exts, X509_EXTENSION_free);
	X509_REQ_free(m->req);
	EVP_PKEY_free(m->pkey);
	return b;
}

/* What parse and check say together. */
static enum err_code verdict(struct bytes der)
{
	struct csr c;
	struct err e;
	enum err_code rc = csr_parse(der, &c, &e);
	if (rc != ERR_OK)
		return rc;
	rc = csr_check(&c, REALM_NOW, &e);
	csr_free(&c);
	return rc;
}

static void assert_verdict(struct buf der, enum err_code want)
{
	assert_string_equal(err_name(verdict(buf_view(&der))), err_name(want));
	buf_free(&der);
}

static struct maker ordinary(void)
{
	struct maker m = start(EVP_EC_gen("P-256"));
	name(&m, "serialNumber", "PUMP-0001");
	name(&m, "CN", "PUMP-0001");
	return m;
}

static void an_ordinary_request_is_taken_apart(void **state)
{
	(void)state;
	struct maker m = start(EVP_EC_gen("P-256"));
	name(&m, "O", "Example Medical");
	name(&m, "serialNumber", "PUMP-0001");
	name(&m, "CN", "Pump \xc3\xa4");
	extension(&m, "subjectAltName", "DNS:pump.example.org");
	extension(&m, "keyUsage", "critical,digitalSignature,keyEncipherment");
	extension(&m, "basicConstraints", "CA:FALSE");
	extension(&m, "extendedKeyUsage", "clientAuth");
	password(&m, "c2Vzc2lvbg==");
	EVP_PKEY *pkey = m.pkey;
	assert_int_equal(EVP_PKEY_up_ref(pkey), 1);
	struct buf der = finish(&m, EVP_sha256());
	struct csr c;
	assert_int_equal(csr_parse(buf_view(&der), &c, NULL), ERR_OK);
	assert_int_equal(csr_check(&c, REALM_NOW, NULL), ERR_OK);
	assert_string_equal(c.common_name, "Pump \xc3\xa4");
	assert_string_equal(c.device_serial, "PUMP-0001");
	assert_true(bytes_equal(buf_view(&c.challenge), bytes_str("c2Vzc2lvbg==")));
	static const uint8_t san[] = "\x30\x12\x82\x10" "pump.example.org";
	assert_true(bytes_equal(buf_view(&c.san), bytes_of(san, sizeof(san) - 1)));
	unsigned char *spki = NULL;
	int len = i2d_PUBKEY(pkey, &spki);
	assert_true(bytes_equal(buf_view(&c.spki), bytes_of(spki, (size_t)len)));
	OPENSSL_free(spki);
	EVP_PKEY_free(pkey);
	csr_free(&c);
	csr_free(NULL);
	buf_free(&der);
}

static void every_admitted_key_may_ask(void **state)
{
	(void)state;
	EVP_PKEY *keys[] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-384"), EVP_EC_gen("P-521"),
		EVP_RSA_gen(3072), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
	const EVP_MD *mds[] = {EVP_sha256(), EVP_sha384(), EVP_sha512(), EVP_sha256(), NULL};
	for (size_t i = 0; i < 5; i++) {
		struct maker m = start(keys[i]);
		name(&m, "CN", "PUMP-0001");
		assert_verdict(finish(&m, mds[i]), ERR_OK);
	}
	/* RSASSA-PSS as the library writes it for a salt of the digest's length */
	struct maker m = start(EVP_RSA_gen(3072));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	assert_int_equal(EVP_DigestSignInit(ctx, &pctx, EVP_sha256(), NULL, m.pkey), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
	assert_true(X509_REQ_sign_ctx(m.req, ctx) > 0);
	EVP_MD_CTX_free(ctx);
	assert_verdict(encoded(m.req), ERR_OK);
	sk_X509_EXTENSION_free(m.exts);
	X509_REQ_free(m.req);
	EVP_PKEY_free(m.pkey);
}

static void our_own_requests_pass(void **state)
{
	struct realm *r = *state;
	struct buf der = buf_new(CSR_DER_MAX);
	struct cert device;
	struct csr c;
	struct err e;
	assert_int_equal(csr_encode(r->device.key, NULL, "PUMP-0001", &der, NULL), ERR_OK);
	assert_int_equal(verdict(buf_view(&der)), ERR_OK);
	buf_reset(&der);
	assert_int_equal(csr_encode(r->device.key, NULL, "PUMP_0001", &der, &e), ERR_SERIAL_FORM);
	assert_int_equal(csr_encode(r->device.key, NULL, "", &der, &e), ERR_SERIAL_FORM);

	assert_int_equal(cert_parse(buf_view(&r->server.der), &device, NULL), ERR_OK);
	assert_int_equal(csr_encode_like(r->server.key, &device, &der, NULL), ERR_OK);
	assert_int_equal(csr_parse(buf_view(&der), &c, NULL), ERR_OK);
	assert_int_equal(csr_check(&c, REALM_NOW, NULL), ERR_OK);
	struct buf subject = buf_new(1024);
	struct buf san = buf_new(1024);
	assert_int_equal(cert_subject(&device, &subject, NULL), ERR_OK);
	assert_int_equal(cert_san(&device, &san, NULL), ERR_OK);
	assert_true(bytes_equal(buf_view(&c.subject), buf_view(&subject)));
	assert_true(san.len > 0 && bytes_equal(buf_view(&c.san), buf_view(&san)));
	buf_free(&subject);
	buf_free(&san);
	csr_free(&c);
	cert_free(&device);
	buf_free(&der);
}

static void a_request_for_more_than_a_device_has_is_refused(void **state)
{
	(void)state;
	static const char *const asks[][2] = {
		{"basicConstraints", "CA:TRUE"},
		{"basicConstraints", "critical,CA:TRUE,pathlen:0"},
		{"keyUsage", "keyCertSign"},
		{"keyUsage", "digitalSignature,cRLSign"},
		{"extendedKeyUsage", "codeSigning"},
		{"extendedKeyUsage", "clientAuth,OCSPSigning"},
		{"extendedKeyUsage", "timeStamping"},
		{"extendedKeyUsage", "anyExtendedKeyUsage"},
		{"extendedKeyUsage", "clientAuth," PROFILE_OID_OPERATOR},
		{"1.2.3.4.5", "critical,ASN1:NULL"},
		{"nameConstraints", "critical,permitted;DNS:example.org"},
	};
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		struct maker m = ordinary();
		extension(&m, asks[i][0], asks[i][1]);
		assert_verdict(finish(&m, EVP_sha256()), ERR_CSR_EXTENSION);
	}
	struct maker m = ordinary();
	extension(&m, "1.2.3.4.5", "ASN1:NULL"); /* unknown, not critical: ignored */
	assert_verdict(finish(&m, EVP_sha256()), ERR_OK);
	m = ordinary();
	extension(&m, "subjectAltName", "DNS:a.example.org");
	extension(&m, "subjectAltName", "DNS:b.example.org");
	assert_verdict(finish(&m, EVP_sha256()), ERR_CSR_EXTENSION);
}

static void a_subject_that_can_be_read_two_ways_is_refused(void **state)
{
	(void)state;
	struct maker m = ordinary();
	name(&m, "CN", "PUMP-0002");
	assert_verdict(finish(&m, EVP_sha256()), ERR_CSR_SUBJECT);
	m = ordinary();
	name(&m, "serialNumber", "PUMP-0002");
	assert_verdict(finish(&m, EVP_sha256()), ERR_CSR_SUBJECT);
	m = start(EVP_EC_gen("P-256"));
	name(&m, "CN", "PUMP\n-0001");
	assert_verdict(finish(&m, EVP_sha256()), ERR_CSR_SUBJECT);
	/* a zero byte cuts the name short for whoever reads it as a C string */
	m = start(EVP_EC_gen("P-256"));
	assert_int_equal(
		X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(m.req), "CN",
			V_ASN1_UTF8STRING, (const unsigned char *)"PUMP-0001\0x", 11, -1, 0),
		1);
	assert_verdict(finish(&m, EVP_sha256()), ERR_CSR_SUBJECT);
	m = start(EVP_EC_gen("P-256")); /* an empty subject is a matter for the authority */
	assert_verdict(finish(&m, EVP_sha256()), ERR_OK);
}

static void weak_signatures_and_keys_are_refused(void **state)
{
	(void)state;
	struct maker m = ordinary();
	assert_verdict(finish(&m, EVP_sha1()), ERR_SIG_ALGORITHM);
	m = start(EVP_RSA_gen(3072));
	assert_verdict(finish(&m, EVP_sha1()), ERR_SIG_ALGORITHM);
	m = start(EVP_RSA_gen(3072));
	assert_verdict(finish(&m, EVP_md5()), ERR_SIG_ALGORITHM);
	m = start(EVP_RSA_gen(512));
	assert_verdict(finish(&m, EVP_sha256()), ERR_KEY_SIZE);
	m = start(EVP_RSA_gen(2048));
	assert_verdict(finish(&m, EVP_sha256()), ERR_KEY_SIZE);
	m = start(EVP_EC_gen("secp256k1"));
	assert_verdict(finish(&m, EVP_sha256()), ERR_KEY_ALGORITHM);
	m = start(EVP_EC_gen("P-224"));
	assert_verdict(finish(&m, EVP_sha256()), ERR_KEY_ALGORITHM);
	m = start(EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-65"));
	assert_verdict(finish(&m, NULL), ERR_SIG_ALGORITHM);
}

/* A request with this SubjectPublicKeyInfo and a signature of zeros, sha256WithRSAEncryption. */
static struct buf forged(struct bytes spki, struct bytes alg, size_t sig_len)
{
	static const uint8_t zeros[4096];
	struct buf b = buf_new(CSR_DER_MAX);
	size_t csr = der_open(&b, DER_SEQUENCE);
	size_t info = der_open(&b, DER_SEQUENCE);
	der_write_u64(&b, 0);
	der_write(&b, DER_SEQUENCE, BYTES_NONE);
	buf_bytes(&b, spki);
	der_write(&b, DER_CONTEXT(0), BYTES_NONE);
	der_close(&b, info);
	buf_bytes(&b, alg);
	der_write_bits(&b, bytes_of(zeros, sig_len));
	der_close(&b, csr);
	assert_int_equal(buf_end(&b, NULL, "t"), ERR_OK);
	return b;
}

#define RSA_SHA256 DER_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00")
#define ECDSA_SHA256 DER_LITERAL("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")

static void a_huge_key_costs_nothing(void **state)
{
	(void)state;
	static const size_t bits[] = {16384, 16376, 8200, 512, 1024, 2048};
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		struct buf spki = buf_new(CSR_DER_MAX);
		rsa_spki_write(bits[i], 65537, true, &spki);
		/* The size is what is said, not the signature: nothing was computed with the key.
		 */
		assert_verdict(forged(buf_view(&spki), RSA_SHA256, bits[i] / 8), ERR_KEY_SIZE);
		buf_free(&spki);
	}
	/* an exponent as long as the modulus makes a verification as dear as a signature */
	struct buf spki = buf_new(CSR_DER_MAX);
	rsa_spki_write(8192, UINT64_MAX, true, &spki);
	assert_verdict(forged(buf_view(&spki), RSA_SHA256, 1024), ERR_KEY_SIZE);
	buf_free(&spki);
}

static void a_published_test_key_gets_no_certificate(void **state)
{
	(void)state;
	assert_verdict(forged(bytes_of(published_p256, sizeof(published_p256)), ECDSA_SHA256,
			       70), ERR_TEST_KEY);
}

static void another_family_of_signature_is_refused(void **state)
{
	struct realm *r = *state;
	struct buf spki = buf_new(KEY_SPKI_MAX);
	assert_int_equal(key_spki(r->device.key, &spki, NULL), ERR_OK);
	assert_verdict(forged(buf_view(&spki), RSA_SHA256, 256), ERR_SIG_ALGORITHM);
	assert_verdict(forged(buf_view(&spki), ECDSA_SHA256, 70), ERR_CSR_SIGNATURE);
	buf_free(&spki);
}

/* A Name of one RDN; a second attribute of the same RDN when `more` is not NULL. */
static struct buf name_of(struct bytes type, unsigned tag, const char *text, const char *more)
{
	struct buf b = buf_new(1024);
	size_t name = der_open(&b, DER_SEQUENCE);
	size_t rdn = der_open(&b, DER_SET);
	for (const char *t = text; t != NULL; t = t == text ? more : NULL) {
		size_t pair = der_open(&b, DER_SEQUENCE);
		der_write_oid(&b, type);
		der_write(&b, tag, bytes_str(t));
		der_close(&b, pair);
	}
	der_close(&b, rdn);
	der_close(&b, name);
	return b;
}

static bool same(struct buf a, struct buf b)
{
	bool is = name_equal(buf_view(&a), buf_view(&b));
	assert_true(is == name_equal(buf_view(&b), buf_view(&a)));
	buf_free(&a);
	buf_free(&b);
	return is;
}

static void names_are_compared_by_value(void **state)
{
	(void)state;
	struct bytes cn = OID_COMMON_NAME, o = OID_ORGANIZATION;
	struct buf twice = buf_new(64), none = buf_new(64);
	assert_true(same(name_of(cn, DER_UTF8, "A", NULL), name_of(cn, DER_PRINTABLE, "A", NULL)));
	assert_true(same(name_of(cn, DER_IA5, "A", "B"), name_of(cn, DER_UTF8, "A", "B")));
	assert_true(same(name_of(cn, DER_UTF8, "\xc3\xa4", NULL),
		name_of(cn, DER_UTF8, "\xc3\xa4", NULL)));
	assert_false(same(name_of(cn, DER_UTF8, "\xc3\xa4", NULL),
		name_of(cn, DER_IA5, "\xc3\xa4", NULL)));
	assert_false(same(name_of(cn, DER_UTF8, "A", NULL), name_of(cn, DER_T61, "A", NULL)));
	assert_false(same(name_of(cn, DER_UTF8, "A", NULL), name_of(cn, DER_UTF8, "a", NULL)));
	assert_false(same(name_of(cn, DER_UTF8, "A", NULL), name_of(cn, DER_UTF8, "AB", NULL)));
	assert_false(same(name_of(cn, DER_UTF8, "A", NULL), name_of(o, DER_UTF8, "A", NULL)));
	assert_false(same(name_of(cn, DER_UTF8, "A", NULL), name_of(cn, DER_UTF8, "A", "B")));
	/* an RDN more, and none at all */
	struct buf one = name_of(cn, DER_UTF8, "A", NULL);
	size_t mark = der_open(&twice, DER_SEQUENCE);
	buf_bytes(&twice, bytes_of(one.p + 2, one.len - 2));
	buf_bytes(&twice, bytes_of(one.p + 2, one.len - 2));
	der_close(&twice, mark);
	der_close(&none, der_open(&none, DER_SEQUENCE));
	assert_true(name_equal(buf_view(&none), buf_view(&none)));
	assert_true(name_equal(buf_view(&twice), buf_view(&twice)));
	assert_false(name_equal(buf_view(&one), buf_view(&twice)));
	assert_false(name_equal(buf_view(&twice), buf_view(&one)));
	assert_false(name_equal(buf_view(&none), buf_view(&one)));
	/* what is no Name equals nothing, not even itself */
	for (size_t len = 0; len < one.len; len++)
		assert_false(name_equal(bytes_of(one.p, len), bytes_of(one.p, len)));
	buf_u8(&one, 0);
	assert_false(name_equal(buf_view(&one), buf_view(&one)));
	buf_free(&one);
	buf_free(&twice);
	buf_free(&none);
}

static void each_changed_or_missing_byte_is_refused(void **state)
{
	(void)state;
	struct maker m = ordinary();
	extension(&m, "subjectAltName", "DNS:pump.example.org");
	password(&m, "x");
	struct buf der = finish(&m, EVP_sha256());
	assert_int_equal(verdict(buf_view(&der)), ERR_OK);
	for (size_t at = 0; at < der.len; at++) {
		der.p[at] ^= 0x01;
		assert_int_not_equal(verdict(buf_view(&der)), ERR_OK);
		der.p[at] ^= 0x01;
	}
	for (size_t n = 0; n < der.len; n++) {
		uint8_t *exact = malloc(n > 0 ? n : 1);
		assert_non_null(exact);
		memcpy(exact, der.p, n);
		assert_int_equal(verdict(bytes_of(exact, n)), ERR_CSR_FORM);
		free(exact);
	}
	buf_u8(&der, 0);
	assert_int_equal(verdict(buf_view(&der)), ERR_CSR_TRAILING);
	struct buf big = buf_new(2 * CSR_DER_MAX);
	while (big.len <= CSR_DER_MAX)
		buf_u8(&big, 0x30);
	assert_int_equal(verdict(buf_view(&big)), ERR_LIMIT);
	buf_free(&big);
	buf_free(&der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_request_is_taken_apart),
		cmocka_unit_test(every_admitted_key_may_ask),
		cmocka_unit_test(our_own_requests_pass),
		cmocka_unit_test(a_request_for_more_than_a_device_has_is_refused),
		cmocka_unit_test(a_subject_that_can_be_read_two_ways_is_refused),
		cmocka_unit_test(weak_signatures_and_keys_are_refused),
		cmocka_unit_test(a_huge_key_costs_nothing),
		cmocka_unit_test(a_published_test_key_gets_no_certificate),
		cmocka_unit_test(another_family_of_signature_is_refused),
		cmocka_unit_test(names_are_compared_by_value),
		cmocka_unit_test(each_changed_or_missing_byte_is_refused),
	};
	return cmocka_set_message_output(CM_OUTPUT_TAP),
	       cmocka_run_group_tests(tests, realm_make, realm_drop);
}
