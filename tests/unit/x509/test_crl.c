#include "tests/unit/x509/realm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/random.h"
#include "x509/crl.h"

#define MANY 3000

static struct cert issuing_of(const struct realm *r)
{
	struct cert c;
	assert_int_equal(cert_parse(buf_view(&r->issuing.der), &c, NULL), ERR_OK);
	return c;
}

static struct buf build(const struct realm *r, const struct crl_entry *entries, size_t n)
{
	struct buf der = buf_new(BUF_MAX_DEFAULT);
	struct crl_fields f = {.number = 3,
		.this_update = REALM_NOW,
		.next_update = REALM_NOW + 7 * DAY,
		.entries = entries,
		.entries_n = n};
	assert_int_equal(
		crl_build(&f, r->issuing.key, buf_view(&r->issuing.der), &der, NULL), ERR_OK);
	return der;
}

static void the_revoked_are_found_and_nobody_else(void **state)
{
	struct realm *r = *state;
	static const int reasons[] = {0, 1, 2, 3, 4, 5, 6, 9, 10};
	struct cert ca = issuing_of(r);
	struct crl_entry *entries = calloc(MANY, sizeof(*entries));
	assert_non_null(entries);
	for (size_t i = 0; i < MANY; i++) {
		uint8_t serial[CERT_SERIAL_SIZE];
		assert_int_equal(random_bytes(serial, sizeof(serial), NULL), ERR_OK);
		cert_serial_hex(serial, entries[i].serial);
		entries[i].revoked_at = REALM_NOW - (int64_t)i;
		entries[i].reason = reasons[i % 9];
	}
	struct buf der = build(r, entries, MANY - 1);
	bool revoked = false;
	for (size_t i = 0; i < MANY; i += 499) {
		assert_int_equal(crl_check(buf_view(&der), &ca, entries[i].serial, REALM_NOW,
					 &revoked, NULL),
			ERR_OK);
		assert_int_equal(revoked, i < MANY - 1);
	}
	assert_int_equal(
		crl_check(buf_view(&der), &ca, entries[MANY - 1].serial, REALM_NOW, &revoked, NULL),
		ERR_OK);
	assert_false(revoked);
	buf_free(&der);
	der = build(r, NULL, 0);
	assert_int_equal(
		crl_check(buf_view(&der), &ca, entries[0].serial, REALM_NOW, &revoked, NULL),
		ERR_OK);
	assert_false(revoked);
	buf_free(&der);
	free(entries);
	cert_free(&ca);
}

static void only_the_issuers_list_of_these_days_counts(void **state)
{
	struct realm *r = *state;
	struct cert ca = issuing_of(r);
	struct cert root;
	struct err e;
	bool revoked = true;
	void *other = NULL;
	assert_int_equal(cert_parse(buf_view(&r->root.der), &root, NULL), ERR_OK);
	struct buf der = build(r, NULL, 0);
	struct bytes v = buf_view(&der);
	assert_int_equal(crl_check(v, &root, "01", REALM_NOW, &revoked, &e), ERR_CRL);
	assert_int_equal(crl_check(v, &ca, "01", REALM_NOW - 1, &revoked, &e), ERR_CRL_EXPIRED);
	assert_int_equal(
		crl_check(v, &ca, "01", REALM_NOW + 7 * DAY + 1, &revoked, &e), ERR_CRL_EXPIRED);
	assert_int_equal(crl_check(v, &ca, "xx", REALM_NOW, &revoked, &e), ERR_MALFORMED);
	assert_int_equal(crl_check(v, &ca, "", REALM_NOW, &revoked, &e), ERR_MALFORMED);
	assert_int_equal(crl_check(v, &ca, "01", REALM_NOW + 7 * DAY, &revoked, &e), ERR_OK);
	assert_false(revoked);
	/* another authority of the same name */
	assert_int_equal(realm_make(&other), 0);
	struct buf foreign = build(other, NULL, 0);
	assert_int_equal(
		crl_check(buf_view(&foreign), &ca, "01", REALM_NOW, &revoked, &e), ERR_CRL);
	buf_free(&foreign);
	(void)realm_drop(&other);
	buf_free(&der);
	cert_free(&root);
	cert_free(&ca);
}

static void each_changed_or_missing_byte_is_refused(void **state)
{
	struct realm *r = *state;
	struct cert ca = issuing_of(r);
	struct crl_entry x = {.serial = "4001020304", .revoked_at = REALM_NOW, .reason = 1};
	struct buf der = build(r, &x, 1);
	struct err e;
	bool revoked = false;
	for (size_t at = 0; at < der.len; at++) {
		der.p[at] ^= 0x01;
		assert_int_not_equal(
			crl_check(buf_view(&der), &ca, "4001020304", REALM_NOW, &revoked, &e),
			ERR_OK);
		der.p[at] ^= 0x01;
		assert_int_not_equal(
			crl_check(bytes_of(der.p, at), &ca, "4001020304", REALM_NOW, &revoked, &e),
			ERR_OK);
	}
	assert_false(revoked);
	assert_int_equal(
		crl_check(buf_view(&der), &ca, "4001020304", REALM_NOW, &revoked, &e), ERR_OK);
	assert_true(revoked);
	buf_u8(&der, 0);
	assert_int_equal(crl_check(buf_view(&der), &ca, "4001020304", REALM_NOW, &revoked, &e),
		ERR_TRAILING);
	buf_free(&der);
	cert_free(&ca);
}

static void bad_fields_make_no_list(void **state)
{
	struct realm *r = *state;
	struct crl_entry x = {.serial = "01", .revoked_at = REALM_NOW};
	struct crl_fields f = {.number = 1,
		.this_update = REALM_NOW,
		.next_update = REALM_NOW + DAY,
		.entries = &x,
		.entries_n = 1};
	struct buf der = buf_new(1 << 16);
	struct err e;
	struct bytes ca = buf_view(&r->issuing.der);
	static const int reasons[] = {-1, 7, 8, 11};
	for (size_t i = 0; i < 4; i++) {
		x.reason = reasons[i];
		assert_int_equal(crl_build(&f, r->issuing.key, ca, &der, &e), ERR_MALFORMED);
	}
	x.reason = 0;
	static const char *const serials[] = {
		"", "1", "zz", "0102030405060708090a0b0c0d0e0f1011121314zz"};
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(x.serial, sizeof(x.serial), "%s", serials[i]);
		if (i == 3)
			x.serial[39] = 'z';
		assert_int_equal(crl_build(&f, r->issuing.key, ca, &der, &e), ERR_MALFORMED);
	}
	(void)snprintf(x.serial, sizeof(x.serial), "01");
	f.next_update = f.this_update;
	assert_int_equal(crl_build(&f, r->issuing.key, ca, &der, &e), ERR_SIGNER_REFUSED);
	f.next_update = f.this_update + 1;
	assert_int_equal(crl_build(&f, r->root.key, ca, &der, &e), ERR_SIGNER_REFUSED);
	assert_int_equal(crl_build(&f, r->issuing.key, BYTES_NONE, &der, &e), ERR_MALFORMED);
	assert_int_equal(der.len, 0);
	buf_free(&der);
}

/* A list made by the library, signed by our CA, with what Medseal does not understand in it. */
static void a_part_of_a_list_is_not_taken_for_the_whole(void **state)
{
	struct realm *r = *state;
	struct cert ca = issuing_of(r);
	static const char *const extensions[][2] = {
		{"issuingDistributionPoint", "critical,onlyuser:TRUE"},
		{"1.2.3.4", "critical,ASN1:NULL"},
	};
	assert_int_equal(cert_prepare(&ca, NULL), ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		X509_CRL *crl = X509_CRL_new();
		ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)REALM_NOW);
		assert_int_equal(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
		assert_int_equal(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca.x)), 1);
		assert_int_equal(X509_CRL_set1_lastUpdate(crl, t), 1);
		ASN1_TIME_set(t, (time_t)(REALM_NOW + DAY));
		assert_int_equal(X509_CRL_set1_nextUpdate(crl, t), 1);
		X509_EXTENSION *x =
			X509V3_EXT_nconf(NULL, NULL, extensions[i][0], extensions[i][1]);
		assert_non_null(x);
		assert_int_equal(X509_CRL_add_ext(crl, x, -1), 1);
		assert_true(X509_CRL_sign(crl, key_evp(r->issuing.key), EVP_sha256()) > 0);
		unsigned char *der = NULL;
		int len = i2d_X509_CRL(crl, &der);
		struct err e;
		bool revoked = true;
		assert_int_equal(
			crl_check(bytes_of(der, (size_t)len), &ca, "01", REALM_NOW, &revoked, &e),
			ERR_CRL);
		assert_true(revoked);
		OPENSSL_free(der);
		X509_EXTENSION_free(x);
		ASN1_TIME_free(t);
		X509_CRL_free(crl);
	}
	cert_free(&ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_revoked_are_found_and_nobody_else),
		cmocka_unit_test(only_the_issuers_list_of_these_days_counts),
		cmocka_unit_test(each_changed_or_missing_byte_is_refused),
		cmocka_unit_test(bad_fields_make_no_list),
		cmocka_unit_test(a_part_of_a_list_is_not_taken_for_the_whole),
	};
	return cmocka_set_message_output(CM_OUTPUT_TAP),
	       cmocka_run_group_tests(tests, realm_make, realm_drop);
}
