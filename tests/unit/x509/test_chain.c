#include "tests/unit/x509/realm.h"

#include <string.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct parsed_realm {
	struct cert root;
	struct cert issuing;
	struct cert code;
	struct cert operator;
	struct cert server;
	struct cert device;
};

static struct parsed_realm parse_realm(const struct realm *r)
{
	struct parsed_realm p;
	assert_int_equal(cert_parse(buf_view(&r->root.der), &p.root, NULL), ERR_OK);
	assert_int_equal(cert_parse(buf_view(&r->issuing.der), &p.issuing, NULL), ERR_OK);
	assert_int_equal(cert_parse(buf_view(&r->code.der), &p.code, NULL), ERR_OK);
	assert_int_equal(cert_parse(buf_view(&r->operator.der), &p.operator, NULL), ERR_OK);
	assert_int_equal(cert_parse(buf_view(&r->server.der), &p.server, NULL), ERR_OK);
	assert_int_equal(cert_parse(buf_view(&r->device.der), &p.device, NULL), ERR_OK);
	return p;
}

static void free_realm(struct parsed_realm *p)
{
	cert_free(&p->root);
	cert_free(&p->issuing);
	cert_free(&p->code);
	cert_free(&p->operator);
	cert_free(&p->server);
	cert_free(&p->device);
}

static enum err_code check(const struct cert *leaf, const struct cert *between,
	const struct cert *anchor, int64_t at, enum profile p, bool direct)
{
	struct err e;
	return cert_check_chain(leaf, between, between != NULL ? 1 : 0, anchor, 1, at, p, direct,
		ERR_PEER_UNTRUSTED, &e);
}

static void the_chain_leads_to_the_anchor(void **state)
{
	struct parsed_realm p = parse_realm(*state);
	assert_int_equal(
		check(&p.device, NULL, &p.issuing, REALM_NOW, PROFILE_DEVICE, true), ERR_OK);
	assert_int_equal(
		check(&p.device, &p.issuing, &p.root, REALM_NOW, PROFILE_DEVICE, false), ERR_OK);
	assert_int_equal(
		check(&p.server, &p.issuing, &p.root, REALM_NOW, PROFILE_SERVER, false), ERR_OK);
	assert_int_equal(
		check(&p.operator, NULL, &p.root, REALM_NOW, PROFILE_OPERATOR, true), ERR_OK);
	assert_int_equal(
		check(&p.code, NULL, &p.root, REALM_NOW, PROFILE_CODE_SIGNING, true), ERR_OK);
	assert_int_equal(
		check(&p.issuing, NULL, &p.root, REALM_NOW, PROFILE_ISSUING, true), ERR_OK);
	/* prepared, and among other anchors */
	struct cert anchors[2];
	anchors[0] = p.root;
	anchors[1] = p.issuing;
	assert_int_equal(cert_prepare(&p.issuing, NULL), ERR_OK);
	anchors[1] = p.issuing;
	assert_int_equal(cert_check_chain(&p.device, NULL, 0, anchors, 2, REALM_NOW, PROFILE_DEVICE,
				 true, ERR_PEER_UNTRUSTED, NULL),
		ERR_OK);
	free_realm(&p);
}

static void a_missing_or_indirect_link_is_refused(void **state)
{
	struct parsed_realm p = parse_realm(*state);
	assert_int_equal(check(&p.device, NULL, &p.root, REALM_NOW, PROFILE_DEVICE, false),
		ERR_PEER_UNTRUSTED);
	assert_int_equal(check(&p.device, &p.issuing, &p.root, REALM_NOW, PROFILE_DEVICE, true),
		ERR_PEER_UNTRUSTED);
	assert_int_equal(check(&p.device, NULL, &p.device, REALM_NOW, PROFILE_DEVICE, false),
		ERR_PEER_UNTRUSTED);
	assert_int_equal(check(&p.issuing, NULL, &p.issuing, REALM_NOW, PROFILE_ISSUING, true),
		ERR_PEER_UNTRUSTED);
	assert_int_equal(
		check(&p.root, NULL, &p.root, REALM_NOW, PROFILE_COUNT, false), ERR_PEER_UNTRUSTED);
	struct err e;
	assert_int_equal(cert_check_chain(&p.device, NULL, 0, NULL, 0, REALM_NOW, PROFILE_DEVICE,
				 true, ERR_BUNDLE_CHAIN, &e),
		ERR_BUNDLE_CHAIN);
	/* a device's certificate issues nothing */
	assert_int_equal(check(&p.server, NULL, &p.device, REALM_NOW, PROFILE_SERVER, false),
		ERR_PEER_UNTRUSTED);
	free_realm(&p);
}

static void a_stranger_of_the_same_name_is_refused(void **state)
{
	struct parsed_realm p = parse_realm(*state);
	void *other = NULL;
	assert_int_equal(realm_make(&other), 0);
	struct parsed_realm o = parse_realm(other);
	assert_int_equal(check(&o.device, NULL, &p.issuing, REALM_NOW, PROFILE_DEVICE, true),
		ERR_PEER_UNTRUSTED);
	assert_int_equal(check(&o.device, &o.issuing, &p.root, REALM_NOW, PROFILE_DEVICE, false),
		ERR_PEER_UNTRUSTED);
	free_realm(&o);
	(void)realm_drop(&other);
	free_realm(&p);
}

static void the_time_is_the_callers(void **state)
{
	struct parsed_realm p = parse_realm(*state);
	int64_t end = p.device.not_after;
	assert_int_equal(check(&p.device, NULL, &p.issuing, end - 1, PROFILE_DEVICE, true), ERR_OK);
	assert_int_equal(check(&p.device, NULL, &p.issuing, end + 1, PROFILE_DEVICE, true),
		ERR_PEER_EXPIRED);
	assert_int_equal(
		check(&p.device, NULL, &p.issuing, p.device.not_before - 1, PROFILE_DEVICE, true),
		ERR_PEER_EXPIRED);
	assert_int_equal(
		check(&p.device, NULL, &p.issuing, 0, PROFILE_DEVICE, true), ERR_PEER_EXPIRED);
	free_realm(&p);
}

static void each_purpose_is_its_own(void **state)
{
	struct parsed_realm p = parse_realm(*state);
	assert_int_equal(check(&p.server, NULL, &p.issuing, REALM_NOW, PROFILE_DEVICE, true),
		ERR_PEER_PURPOSE);
	assert_int_equal(check(&p.device, NULL, &p.issuing, REALM_NOW, PROFILE_SERVER, true),
		ERR_PEER_PURPOSE);
	assert_int_equal(check(&p.device, NULL, &p.issuing, REALM_NOW, PROFILE_OPERATOR, true),
		ERR_PEER_PURPOSE);
	assert_int_equal(check(&p.device, NULL, &p.issuing, REALM_NOW, PROFILE_CODE_SIGNING, true),
		ERR_PEER_PURPOSE);
	/* an operator's has clientAuth too, and is no device's */
	assert_int_equal(check(&p.operator, NULL, &p.root, REALM_NOW, PROFILE_DEVICE, true),
		ERR_PEER_PURPOSE);
	assert_int_equal(check(&p.issuing, NULL, &p.root, REALM_NOW, PROFILE_OPERATOR, true),
		ERR_PEER_PURPOSE);
	assert_int_equal(check(&p.operator, NULL, &p.root, REALM_NOW, PROFILE_ISSUING, true),
		ERR_PEER_PURPOSE);
	assert_int_equal(
		check(&p.device, NULL, &p.issuing, REALM_NOW, PROFILE_COUNT, true), ERR_OK);
	free_realm(&p);
}

/* A manufacturer's certificates, by the library: what IEEE 802.1AR allows and ours never are. */
static struct cert foreign(const char *subject, EVP_PKEY *key, const char *issuer,
	EVP_PKEY *issuer_key, bool ca, const EVP_MD *md)
{
	X509 *x = X509_new();
	assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 200), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "serialNumber",
				 MBSTRING_UTF8, (const unsigned char *)subject, -1, -1, 0),
		1);
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "serialNumber",
				 MBSTRING_UTF8, (const unsigned char *)issuer, -1, -1, 0),
		1);
	assert_int_equal(ASN1_TIME_set_string(X509_getm_notBefore(x), "20200101000000Z"), 1);
	assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(x), "99991231235959Z"), 1);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	if (ca) {
		X509_EXTENSION *basic =
			X509V3_EXT_nconf(NULL, NULL, "basicConstraints", "critical,CA:TRUE");
		assert_int_equal(X509_add_ext(x, basic, -1), 1);
		X509_EXTENSION_free(basic);
	}
	assert_true(X509_sign(x, issuer_key, md) > 0);
	struct cert c;
	assert_int_equal(cert_from_object(x, &c, NULL), ERR_OK);
	X509_free(x);
	return c;
}

static void a_manufacturers_identity_leads_to_its_lower_ca(void **state)
{
	(void)state;
	EVP_PKEY *root_key = EVP_RSA_gen(2048);
	EVP_PKEY *lower_key = EVP_RSA_gen(2048);
	EVP_PKEY *device_key = EVP_EC_gen("P-256");
	struct cert lower = foreign("CA-2", lower_key, "CA-1", root_key, true, EVP_sha256());
	struct cert idevid =
		foreign("PUMP-0001", device_key, "CA-2", lower_key, false, EVP_sha256());
	assert_int_equal(idevid.not_after, 253402300799);
	assert_string_equal(idevid.device_serial, "PUMP-0001");
	assert_string_equal(idevid.serial, "c8"); /* the zero octet of the sign is not printed */
	struct err e;
	assert_int_equal(cert_prepare(&lower, &e), ERR_OK);
	assert_true(cert_names_issuer(&idevid, &lower));
	assert_false(cert_names_issuer(&lower, &idevid));
	assert_false(cert_names_issuer(&lower, &lower));
	/* the anchor is not self-signed: it is what the maker registered */
	assert_int_equal(check(&idevid, NULL, &lower, REALM_NOW, PROFILE_COUNT, true), ERR_OK);
	assert_int_equal(
		check(&idevid, NULL, &lower, REALM_NOW, PROFILE_DEVICE, true), ERR_PEER_PURPOSE);
	cert_free(&idevid);
	idevid = foreign("PUMP-0001", device_key, "CA-2", lower_key, false, EVP_sha1());
	assert_int_equal(
		check(&idevid, NULL, &lower, REALM_NOW, PROFILE_COUNT, true), ERR_PEER_UNTRUSTED);
	cert_free(&idevid);
	cert_free(&lower);
	lower = foreign("CA-2", lower_key, "CA-1", root_key, false, EVP_sha256());
	idevid = foreign("PUMP-0001", device_key, "CA-2", lower_key, false, EVP_sha256());
	assert_int_equal(
		check(&idevid, NULL, &lower, REALM_NOW, PROFILE_COUNT, true), ERR_PEER_UNTRUSTED);
	cert_free(&idevid);
	cert_free(&lower);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(lower_key);
	EVP_PKEY_free(device_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_chain_leads_to_the_anchor),
		cmocka_unit_test(a_missing_or_indirect_link_is_refused),
		cmocka_unit_test(a_stranger_of_the_same_name_is_refused),
		cmocka_unit_test(the_time_is_the_callers),
		cmocka_unit_test(each_purpose_is_its_own),
		cmocka_unit_test(a_manufacturers_identity_leads_to_its_lower_ca),
	};
	return cmocka_set_message_output(CM_OUTPUT_TAP),
	       cmocka_run_group_tests(tests, realm_make, realm_drop);
}
