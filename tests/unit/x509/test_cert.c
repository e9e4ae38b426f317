#include "tests/unit/x509/realm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cert parsed(struct bytes der)
{
	struct cert c;
	assert_int_equal(cert_parse(der, &c, NULL), ERR_OK);
	return c;
}

static void what_was_built_is_what_was_asked_for(void **state)
{
	struct realm *r = *state;
	struct buf spki;
	struct buf der;
	struct cert_fields f = realm_fields(PROFILE_DEVICE, r->device.key, &spki);
	memset(f.serial, 0x80, sizeof(f.serial)); /* would be negative */
	assert_int_equal(realm_issue(&f, &r->issuing, &der, NULL), ERR_OK);
	struct cert c = parsed(buf_view(&der));

	char serial[CERT_SERIAL_HEX];
	uint8_t id[SHA256_SIZE];
	cert_serial_hex(f.serial, serial);
	assert_string_equal(c.serial, serial);
	assert_string_equal(c.serial, "40808080808080808080808080808080");
	assert_string_equal(c.common_name, "PUMP-0001");
	assert_string_equal(c.device_serial, "PUMP-0001");
	assert_int_equal(c.not_before, REALM_NOW - 3600);
	assert_int_equal(c.not_after, REALM_NOW + profile_row(PROFILE_DEVICE)->lifetime);
	assert_int_equal(key_id(r->device.key, id, NULL), ERR_OK);
	assert_memory_equal(c.spki_id, id, sizeof(id));
	sha256_of(buf_view(&der), id);
	assert_memory_equal(c.fingerprint, id, sizeof(id));
	assert_true(bytes_equal(c.der, buf_view(&der)));
	assert_true(cert_has_eku(&c, PROFILE_OID_CLIENT_AUTH));
	assert_false(cert_has_eku(&c, PROFILE_OID_SERVER_AUTH));
	assert_false(cert_has_eku(&c, "not an identifier"));
	assert_false(cert_is_ca(&c));

	struct key *k = NULL;
	assert_int_equal(cert_key(&c, &k, NULL), ERR_OK);
	assert_false(key_is_private(k));
	key_free(k);
	struct buf san = buf_new(100);
	assert_int_equal(cert_san(&c, &san, NULL), ERR_OK);
	assert_int_equal(san.len, 0);
	cert_free(&c);
	cert_free(NULL);
	buf_free(&san);
	buf_free(&der);
	buf_free(&spki);
}

static void a_serial_of_zeros_is_sixteen_octets_all_the_same(void **state)
{
	struct realm *r = *state;
	struct buf spki;
	struct buf der;
	struct cert_fields f = realm_fields(PROFILE_DEVICE, r->device.key, &spki);
	memset(f.serial, 0, sizeof(f.serial));
	assert_int_equal(realm_issue(&f, &r->issuing, &der, NULL), ERR_OK);
	struct cert c = parsed(buf_view(&der));
	assert_string_equal(c.serial, "40000000000000000000000000000000");
	cert_free(&c);
	buf_free(&der);
	buf_free(&spki);
}

static void each_key_type_signs(void **state)
{
	(void)state;
	static const enum key_type types[] = {KEY_P256, KEY_P384, KEY_ED25519};
	for (size_t i = 0; i < 3; i++) {
		struct realm_cert root = {0};
		struct realm_cert issuing = {0};
		struct buf spki;
		assert_int_equal(key_generate(types[i], &root.key, NULL), ERR_OK);
		assert_int_equal(key_generate(KEY_P256, &issuing.key, NULL), ERR_OK);
		struct cert_fields f = realm_fields(PROFILE_ROOT, root.key, &spki);
		assert_int_equal(realm_issue(&f, &root, &root.der, NULL), ERR_OK);
		buf_free(&spki);
		f = realm_fields(PROFILE_ISSUING, issuing.key, &spki);
		assert_int_equal(realm_issue(&f, &root, &issuing.der, NULL), ERR_OK);
		buf_free(&spki);
		struct cert leaf = parsed(buf_view(&issuing.der));
		struct cert anchor = parsed(buf_view(&root.der));
		assert_int_equal(cert_check_chain(&leaf, NULL, 0, &anchor, 1, REALM_NOW,
					 PROFILE_ISSUING, true, ERR_BUNDLE_CHAIN, NULL),
			ERR_OK);
		cert_free(&leaf);
		cert_free(&anchor);
		key_free(root.key);
		key_free(issuing.key);
		buf_free(&root.der);
		buf_free(&issuing.der);
	}
}

/* ---- refusals of cert_build ---- */

struct refusal {
	enum profile profile;
	void (*spoil)(struct cert_fields *f);
	enum err_code want;
};

static const char *const one_name[] = {"a.example.org", NULL};
static const char *const bad_name[] = {"a b", NULL};
static const char *const wildcard[] = {"*.example.org", NULL};
static const char *const no_name[] = {NULL};

static void without_serial(struct cert_fields *f) { f->device_serial = NULL; }
static void with_serial(struct cert_fields *f) { f->device_serial = "X"; }
static void with_names(struct cert_fields *f) { f->names = one_name; }
static void without_names(struct cert_fields *f) { f->names = NULL; }
static void with_empty_names(struct cert_fields *f) { f->names = no_name; }
static void with_bad_name(struct cert_fields *f) { f->names = bad_name; }
static void with_wildcard(struct cert_fields *f) { f->names = wildcard; }
static void without_cn(struct cert_fields *f) { f->common_name = NULL; }
static void with_empty_cn(struct cert_fields *f) { f->common_name = ""; }
static void with_escape(struct cert_fields *f) { f->common_name = "red\x1b[31m"; }
static void with_bad_utf8(struct cert_fields *f) { f->common_name = "\xc0\xaf"; }
static void with_newline_in_o(struct cert_fields *f) { f->organization = "Example\nMedical"; }
static void with_odd_serial(struct cert_fields *f) { f->device_serial = "PUMP_1"; }
static void with_long_serial(struct cert_fields *f)
{
	f->device_serial = "0123456789012345678901234567890123456789012345678901234567890123X";
}
static void too_long(struct cert_fields *f)
{
	f->not_after = f->not_before + profile_row(f->profile)->lifetime + 1;
}
static void backwards(struct cert_fields *f) { f->not_after = f->not_before - 1; }
static void with_bad_key(struct cert_fields *f) { f->spki = bytes_str("no key"); }
static void without_key(struct cert_fields *f) { f->spki = BYTES_NONE; }
static void with_bad_url(struct cert_fields *f) { f->crl_url = "http://x/ y"; }
static void with_bad_profile(struct cert_fields *f) { f->profile = PROFILE_COUNT; }
static void after_the_issuer(struct cert_fields *f) { f->not_before = REALM_NOW + 9000 * DAY; }

static void what_the_profile_does_not_allow_is_refused(void **state)
{
	struct realm *r = *state;
	static const struct refusal table[] = {
		{PROFILE_DEVICE, without_serial, ERR_SIGNER_REFUSED},
		{PROFILE_SERVER, with_serial, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, with_names, ERR_SIGNER_REFUSED},
		{PROFILE_SERVER, without_names, ERR_SIGNER_REFUSED},
		{PROFILE_SERVER, with_empty_names, ERR_SIGNER_REFUSED},
		{PROFILE_SERVER, with_bad_name, ERR_SIGNER_REFUSED},
		{PROFILE_SERVER, with_wildcard, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, without_cn, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, with_empty_cn, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, with_escape, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, with_bad_utf8, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, with_newline_in_o, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, with_odd_serial, ERR_SERIAL_FORM},
		{PROFILE_DEVICE, with_long_serial, ERR_SERIAL_FORM},
		{PROFILE_DEVICE, too_long, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, backwards, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, with_bad_key, ERR_KEY_INVALID},
		{PROFILE_DEVICE, without_key, ERR_KEY_INVALID},
		{PROFILE_DEVICE, with_bad_url, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, with_bad_profile, ERR_SIGNER_REFUSED},
		{PROFILE_DEVICE, after_the_issuer, ERR_SIGNER_REFUSED},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct realm_cert *subject =
			table[i].profile == PROFILE_SERVER ? &r->server : &r->device;
		struct buf spki;
		struct buf der;
		struct err e;
		struct cert_fields f = realm_fields(table[i].profile, subject->key, &spki);
		table[i].spoil(&f);
		enum err_code rc = realm_issue(&f, &r->issuing, &der, &e);
		if (rc != table[i].want)
			print_error("row %zu: %s\n", i, err_name(rc));
		assert_int_equal(rc, table[i].want);
		assert_int_equal(der.len, 0);
		buf_free(&der);
		buf_free(&spki);
	}
}

static void each_profile_has_its_issuer_and_no_other(void **state)
{
	struct realm *r = *state;
	struct realm_cert *cas[] = {&r->root, &r->issuing, &r->code, &r->device};
	struct realm_cert *subjects[PROFILE_COUNT] = {
		&r->root, &r->issuing, &r->code, &r->operator, & r->server, &r->device};
	for (int p = PROFILE_ISSUING; p < PROFILE_COUNT; p++)
		for (size_t ca = 0; ca < 4; ca++) {
			struct buf spki;
			struct buf der;
			struct err e;
			struct cert_fields f =
				realm_fields((enum profile)p, subjects[p]->key, &spki);
			bool right = profile_row((enum profile)p)->issuer == PROFILE_ROOT ? ca == 0
											  : ca == 1;
			assert_int_equal(realm_issue(&f, cas[ca], &der, &e),
				right ? ERR_OK : ERR_SIGNER_REFUSED);
			buf_free(&der);
			buf_free(&spki);
		}
	/* an issuing CA of the root's name would look self-issued */
	struct buf same;
	struct buf none;
	struct err why;
	struct cert_fields twin = realm_fields(PROFILE_ISSUING, r->issuing.key, &same);
	twin.common_name = "Root";
	assert_int_equal(realm_issue(&twin, &r->root, &none, &why), ERR_SIGNER_REFUSED);
	buf_free(&same);
	buf_free(&none);
	/* a root is of its own key, and the key must be the certificate's */
	struct buf spki;
	struct buf der = buf_new(CERT_DER_MAX);
	struct err e;
	struct cert_fields f = realm_fields(PROFILE_ROOT, r->device.key, &spki);
	assert_int_equal(cert_build(&f, r->root.key, BYTES_NONE, &der, &e), ERR_SIGNER_REFUSED);
	buf_free(&spki);
	f = realm_fields(PROFILE_DEVICE, r->device.key, &spki);
	assert_int_equal(cert_build(&f, r->root.key, buf_view(&r->issuing.der), &der, &e),
		ERR_SIGNER_REFUSED);
	assert_int_equal(cert_build(&f, r->issuing.key, BYTES_NONE, &der, &e), ERR_MALFORMED);
	buf_free(&spki);
	buf_free(&der);
}

static void a_certificate_does_not_outlive_its_issuer(void **state)
{
	struct realm *r = *state;
	struct realm_cert issuing = {.key = r->issuing.key};
	struct buf spki;
	struct buf der;
	struct err e;
	struct cert_fields f = realm_fields(PROFILE_ISSUING, r->issuing.key, &spki);
	f.not_after = REALM_NOW + 365 * DAY;
	assert_int_equal(realm_issue(&f, &r->root, &issuing.der, NULL), ERR_OK);
	struct cert ca = parsed(buf_view(&issuing.der));
	assert_int_equal(ca.not_after, REALM_NOW + 365 * DAY);
	buf_free(&spki);
	f = realm_fields(PROFILE_DEVICE, r->device.key, &spki);
	assert_int_equal(realm_issue(&f, &issuing, &der, NULL), ERR_OK);
	struct cert c = parsed(buf_view(&der));
	assert_int_equal(c.not_after, ca.not_after);
	buf_free(&der);
	f.not_after = ca.not_after + 1;
	assert_int_equal(realm_issue(&f, &issuing, &der, &e), ERR_SIGNER_REFUSED);
	f.not_after = ca.not_after;
	assert_int_equal(realm_issue(&f, &issuing, &der, &e), ERR_OK);
	buf_free(&issuing.der);
	cert_free(&c);
	cert_free(&ca);
	buf_free(&der);
	buf_free(&spki);
}

static void names_may_be_of_any_language(void **state)
{
	struct realm *r = *state;
	struct buf spki;
	struct buf der;
	struct cert_fields f = realm_fields(PROFILE_DEVICE, r->device.key, &spki);
	f.organization = "Kardiologie Zürich";
	f.common_name = "ポンプ 1";
	assert_int_equal(realm_issue(&f, &r->issuing, &der, NULL), ERR_OK);
	struct cert c = parsed(buf_view(&der));
	assert_string_equal(c.common_name, "ポンプ 1");
	cert_free(&c);
	buf_free(&der);
	buf_free(&spki);
}

/* ---- refusals of cert_parse ---- */

static void a_cut_or_lengthened_certificate_is_refused(void **state)
{
	struct realm *r = *state;
	struct bytes der = buf_view(&r->device.der);
	struct cert c = {0};
	struct err e;
	for (size_t n = 0; n < der.len; n++) {
		/* an exact copy, so that a read beyond it is seen */
		uint8_t *copy = malloc(n + 1);
		assert_non_null(copy);
		uint8_t *exact = realloc(copy, n > 0 ? n : 1);
		memcpy(exact, der.p, n);
		assert_int_not_equal(cert_parse(bytes_of(exact, n), &c, &e), ERR_OK);
		free(exact);
	}
	struct buf longer = buf_new(2 * CERT_DER_MAX);
	buf_bytes(&longer, der);
	buf_u8(&longer, 0);
	assert_int_equal(cert_parse(buf_view(&longer), &c, &e), ERR_TRAILING);
	while (longer.len <= CERT_DER_MAX)
		buf_u8(&longer, 0);
	assert_int_equal(cert_parse(buf_view(&longer), &c, &e), ERR_LIMIT);
	assert_null(c.der.p);
	buf_free(&longer);
}

static void a_changed_byte_never_verifies(void **state)
{
	struct realm *r = *state;
	struct cert ca = parsed(buf_view(&r->issuing.der));
	struct buf der = buf_new(CERT_DER_MAX);
	buf_bytes(&der, buf_view(&r->device.der));
	for (size_t at = 0; at < der.len; at++) {
		struct cert c;
		struct err e;
		der.p[at] ^= 0x04;
		if (cert_parse(buf_view(&der), &c, &e) == ERR_OK) {
			assert_int_not_equal(cert_check_chain(&c, NULL, 0, &ca, 1, REALM_NOW,
						     PROFILE_COUNT, true, ERR_PEER_UNTRUSTED, &e),
				ERR_OK);
			cert_free(&c);
		}
		der.p[at] ^= 0x04;
	}
	cert_free(&ca);
	buf_free(&der);
}

static void pem_and_der_files_are_read(void **state)
{
	struct realm *r = *state;
	struct folder d = folder_make();
	struct cert c;
	struct err e;
	char path[128];
	struct buf pem = buf_new(1 << 16);
	buf_str(&pem,
		"some text before\n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
	assert_int_equal(cert_to_pem(buf_view(&r->device.der), &pem, NULL), ERR_OK);
	assert_int_equal(cert_to_pem(buf_view(&r->root.der), &pem, NULL), ERR_OK);
	folder_put(&d, "c", buf_view(&pem));
	(void)snprintf(path, sizeof(path), "%s/c", d.path);
	assert_int_equal(cert_load(path, &c, NULL), ERR_OK);
	assert_string_equal(c.common_name, "PUMP-0001");
	assert_non_null(c.x);
	cert_free(&c);
	folder_put(&d, "c", buf_view(&r->device.der));
	assert_int_equal(cert_load(path, &c, NULL), ERR_OK);
	cert_free(&c);
	folder_put(&d, "c",
		bytes_str("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"));
	assert_int_equal(cert_load(path, &c, &e), ERR_MALFORMED);
	assert_string_equal(e.object, path);
	folder_put(&d, "c", bytes_str("-----BEGIN NOTHING-----\n"));
	assert_int_equal(cert_load(path, &c, &e), ERR_MALFORMED);
	folder_put(&d, "c", BYTES_NONE);
	assert_int_not_equal(cert_load(path, &c, &e), ERR_OK);
	(void)snprintf(path, sizeof(path), "%s/none", d.path);
	assert_int_equal(cert_load(path, &c, &e), ERR_NOT_FOUND);
	buf_free(&pem);
	folder_drop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_built_is_what_was_asked_for),
		cmocka_unit_test(a_serial_of_zeros_is_sixteen_octets_all_the_same),
		cmocka_unit_test(each_key_type_signs),
		cmocka_unit_test(what_the_profile_does_not_allow_is_refused),
		cmocka_unit_test(each_profile_has_its_issuer_and_no_other),
		cmocka_unit_test(a_certificate_does_not_outlive_its_issuer),
		cmocka_unit_test(names_may_be_of_any_language),
		cmocka_unit_test(a_cut_or_lengthened_certificate_is_refused),
		cmocka_unit_test(a_changed_byte_never_verifies),
		cmocka_unit_test(pem_and_der_files_are_read),
	};
	return cmocka_set_message_output(CM_OUTPUT_TAP),
	       cmocka_run_group_tests(tests, realm_make, realm_drop);
}
