/* What we make, read and judged by the openssl command. */
#include "tests/unit/x509/realm.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/random.h"
#include "x509/cms.h"
#include "x509/crl.h"
#include "x509/csr.h"

static char out[65536];

static struct folder with_realm(const struct realm *r)
{
	struct folder d = folder_make();
	folder_put_pem(&d, "root.pem", buf_view(&r->root.der));
	folder_put_pem(&d, "issuing.pem", buf_view(&r->issuing.der));
	folder_put_pem(&d, "code.pem", buf_view(&r->code.der));
	folder_put_pem(&d, "operator.pem", buf_view(&r->operator.der));
	folder_put_pem(&d, "server.pem", buf_view(&r->server.der));
	folder_put_pem(&d, "device.pem", buf_view(&r->device.der));
	return d;
}

#define AT "-attime 1795000000 "

static void assert_runs(const struct folder *d, const char *command, const char *says)
{
	int status = folder_openssl(d, command, out, sizeof(out));
	if (status != 0 || strstr(out, says) == NULL)
		print_error("%s\n%s\n", command, out);
	assert_int_equal(status, 0);
	assert_non_null(strstr(out, says));
}

static void every_profile_verifies_for_its_purpose(void **state)
{
	struct folder d = with_realm(*state);
	assert_runs(&d,
		"verify -x509_strict " AT "-CAfile root.pem issuing.pem code.pem operator.pem",
		"operator.pem: OK");
	assert_runs(&d, "verify -x509_strict " AT
			"-purpose sslclient -CAfile root.pem -untrusted issuing.pem device.pem",
		"device.pem: OK");
	assert_runs(&d, "verify -x509_strict " AT
			"-purpose sslserver -verify_hostname pki.example.org -CAfile root.pem "
			"-untrusted issuing.pem server.pem",
		"server.pem: OK");
	assert_runs(&d, "verify " AT "-purpose sslserver -verify_ip 2001:db8::7 -CAfile root.pem "
			"-untrusted issuing.pem server.pem",
		"server.pem: OK");
	assert_runs(&d, "verify " AT "-purpose codesign -CAfile root.pem code.pem", "code.pem: OK");
	assert_int_not_equal(folder_openssl(&d, "verify " AT "-purpose sslserver -CAfile root.pem "
					"-untrusted issuing.pem device.pem", out, sizeof(out)), 0);
	assert_int_not_equal(folder_openssl(&d, "verify " AT "-purpose codesign -CAfile root.pem "
					"-untrusted issuing.pem device.pem", out, sizeof(out)), 0);
	folder_drop(&d);
}

static void the_printed_certificate_says_what_it_should(void **state)
{
	struct folder d = with_realm(*state);
	assert_runs(&d, "x509 -in device.pem -noout -text",
		"Subject: O=Example Medical, serialNumber=PUMP-0001, CN=PUMP-0001");
	assert_non_null(strstr(out, "Version: 3 (0x2)"));
	assert_non_null(
		strstr(out, "X509v3 Key Usage: critical\n                Digital Signature\n"));
	assert_non_null(strstr(out, "TLS Web Client Authentication"));
	assert_non_null(strstr(out, "X509v3 Subject Key Identifier"));
	assert_non_null(strstr(out, "X509v3 Authority Key Identifier"));
	assert_non_null(strstr(out, "URI:http://pki.example.org/crl"));
	assert_null(strstr(out, "CA:TRUE"));
	assert_runs(&d, "asn1parse -in device.pem", "PRINTABLESTRING   :PUMP-0001");
	assert_runs(&d, "x509 -in issuing.pem -noout -text", "CA:TRUE, pathlen:0");
	assert_non_null(strstr(out, "X509v3 Basic Constraints: critical"));
	assert_non_null(strstr(
		out, "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n"));
	assert_runs(&d, "x509 -in operator.pem -noout -ext extendedKeyUsage", PROFILE_OID_OPERATOR);
	folder_drop(&d);
}

static void a_revoked_certificate_fails_the_librarys_crl_check(void **state)
{
	struct realm *r = *state;
	struct folder d = with_realm(r);
	struct cert device;
	struct buf der = buf_new(1 << 16);
	assert_int_equal(cert_parse(buf_view(&r->device.der), &device, NULL), ERR_OK);
	struct crl_fields f = {
		.number = 1, .this_update = REALM_NOW - 10, .next_update = REALM_NOW + DAY};
	const char convert[] = "crl -inform DER -in crl.der -out crl.pem -CAfile issuing.pem";
	const char check[] = "verify -crl_check " AT "-CAfile root.pem -untrusted issuing.pem "
			     "-CRLfile crl.pem device.pem";
	assert_int_equal(
		crl_build(&f, r->issuing.key, buf_view(&r->issuing.der), &der, NULL), ERR_OK);
	folder_put(&d, "crl.der", buf_view(&der));
	assert_runs(&d, convert, "verify OK");
	assert_runs(&d, check, "device.pem: OK");

	struct crl_entry x = {.revoked_at = REALM_NOW - 100, .reason = 1};
	(void)snprintf(x.serial, sizeof(x.serial), "%s", device.serial);
	f.entries = &x;
	f.entries_n = 1;
	f.number = 1000;
	buf_reset(&der);
	assert_int_equal(
		crl_build(&f, r->issuing.key, buf_view(&r->issuing.der), &der, NULL), ERR_OK);
	folder_put(&d, "crl.der", buf_view(&der));
	assert_runs(&d, convert, "verify OK");
	assert_int_not_equal(folder_openssl(&d, check, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "certificate revoked"));
	assert_runs(&d, "crl -in crl.pem -noout -text", "Key Compromise");
	assert_non_null(strstr(out, "X509v3 CRL Number: \n                1000"));
	buf_free(&der);
	cert_free(&device);
	folder_drop(&d);
}

static void a_firmware_signature_verifies_with_openssl_cms(void **state)
{
	struct realm *r = *state;
	struct folder d = with_realm(r);
	static uint8_t image[100000];
	uint8_t digest[SHA256_SIZE];
	struct buf der = buf_new(1 << 16);
	assert_int_equal(random_bytes(image, sizeof(image), NULL), ERR_OK);
	sha256_of(bytes_of(image, sizeof(image)), digest);
	assert_int_equal(
		cms_sign_digest(digest, r->code.key, buf_view(&r->code.der), REALM_NOW, &der, NULL),
		ERR_OK);
	folder_put(&d, "image", bytes_of(image, sizeof(image)));
	folder_put(&d, "image.p7s", buf_view(&der));
	assert_runs(&d,
		"cms -verify -binary -inform DER -in image.p7s -content image "
		"-CAfile root.pem " AT "-purpose any -out /dev/null",
		"CMS Verification successful");
	assert_runs(&d,
		"cms -verify -binary -inform DER -in image.p7s -content image "
		"-CAfile root.pem " AT "-purpose codesign -out /dev/null",
		"CMS Verification successful");
	assert_runs(&d, "cms -cmsout -print -inform DER -in image.p7s", "signingTime");
	assert_non_null(strstr(out, "Nov 18 11:06:40 2026 GMT"));
	image[77] ^= 1;
	folder_put(&d, "image", bytes_of(image, sizeof(image)));
	assert_int_not_equal(
		folder_openssl(&d,
			"cms -verify -binary -inform DER -in image.p7s "
			"-content image -CAfile root.pem " AT "-purpose any -out /dev/null",
			out, sizeof(out)),
		0);
	buf_free(&der);
	folder_drop(&d);
}

static void requests_verify_and_certs_only_prints(void **state)
{
	struct realm *r = *state;
	struct folder d = with_realm(r);
	struct buf der = buf_new(1 << 16);
	struct cert device;
	assert_int_equal(
		csr_encode(r->device.key, "Example Medical", "PUMP-0001", &der, NULL), ERR_OK);
	folder_put(&d, "r.der", buf_view(&der));
	assert_runs(
		&d, "req -inform DER -in r.der -verify -noout -text", "self-signature verify OK");
	assert_non_null(strstr(out, "O=Example Medical, serialNumber=PUMP-0001, CN=PUMP-0001"));
	buf_reset(&der);
	assert_int_equal(cert_parse(buf_view(&r->server.der), &device, NULL), ERR_OK);
	assert_int_equal(csr_encode_like(r->server.key, &device, &der, NULL), ERR_OK);
	folder_put(&d, "r.der", buf_view(&der));
	assert_runs(&d, "req -inform DER -in r.der -verify -noout -text",
		"DNS:pki.example.org, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7");
	cert_free(&device);
	buf_reset(&der);
	struct bytes both[] = {buf_view(&r->root.der), buf_view(&r->issuing.der)};
	assert_int_equal(cms_certs_only(both, 2, &der, NULL), ERR_OK);
	folder_put(&d, "c.p7c", buf_view(&der));
	assert_runs(&d, "pkcs7 -inform DER -in c.p7c -print_certs -noout", "CN=Issuing CA");
	assert_non_null(strstr(out, "CN=Root"));
	buf_free(&der);
	folder_drop(&d);
}

static void the_pkcs12_opens_with_its_passphrase(void **state)
{
	struct realm *r = *state;
	struct folder d = with_realm(r);
	char path[128];
	struct err e;
	(void)snprintf(path, sizeof(path), "%s/ada.p12", d.path);
	struct bytes chain[] = {buf_view(&r->root.der)};
	assert_int_equal(cert_save_pkcs12(r->operator.key, buf_view(&r->operator.der), chain, 1,
				 "Ada", bytes_str("short"), path, &e),
		ERR_PASSPHRASE_WEAK);
	assert_int_equal(cert_save_pkcs12(r->device.key, buf_view(&r->operator.der), chain, 1,
				 "Ada", bytes_str("correct-horse-battery"), path, &e),
		ERR_CRYPTO);
	assert_int_equal(cert_save_pkcs12(r->operator.key, buf_view(&r->operator.der), chain, 1,
				 "Ada", bytes_str("correct-horse-battery"), path, &e),
		ERR_OK);
	assert_int_equal(cert_save_pkcs12(r->operator.key, buf_view(&r->operator.der), chain, 1,
				 "Ada", bytes_str("correct-horse-battery"), path, &e),
		ERR_EXISTS);
	assert_runs(&d, "pkcs12 -in ada.p12 -info -noenc "
			"-passin pass:correct-horse-battery", "PBES2, PBKDF2, AES-256-CBC");
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_non_null(strstr(out, "CN=Root"));
	assert_non_null(strstr(out, "-----BEGIN PRIVATE KEY-----"));
	assert_int_not_equal(folder_openssl(&d, "pkcs12 -in ada.p12 -noenc -passin pass:wrong", out,
				     sizeof(out)), 0);
	folder_drop(&d);
}

static void a_key_file_opens_with_openssl(void **state)
{
	struct realm *r = *state;
	struct folder d = folder_make();
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/k.pem", d.path);
	assert_int_equal(
		key_save(r->device.key, path, bytes_str("correct-horse-battery"), NULL), ERR_OK);
	assert_runs(&d, "pkey -in k.pem -passin pass:correct-horse-battery -noout -text",
		"NIST CURVE: P-256");
	assert_runs(&d, "asn1parse -in k.pem", "scrypt");
	folder_drop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_profile_verifies_for_its_purpose),
		cmocka_unit_test(the_printed_certificate_says_what_it_should),
		cmocka_unit_test(a_revoked_certificate_fails_the_librarys_crl_check),
		cmocka_unit_test(a_firmware_signature_verifies_with_openssl_cms),
		cmocka_unit_test(requests_verify_and_certs_only_prints),
		cmocka_unit_test(the_pkcs12_opens_with_its_passphrase),
		cmocka_unit_test(a_key_file_opens_with_openssl),
	};
	return cmocka_set_message_output(CM_OUTPUT_TAP),
	       cmocka_run_group_tests(tests, realm_make, realm_drop);
}
