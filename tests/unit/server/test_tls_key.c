/*
 * The TLS key that is elsewhere, against OpenSSL's own client: both ends in one process, joined by
 * memory.  What reaches the "signer" must have the form that the real signer accepts.
 */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

#include "crypto/key.h"
#include "server/signer.h"
#include "server/tls_key.h"
#include "x509/cert.h"

static struct key *real_key; /* what the signer process holds */
static struct cert cert;
static EVP_PKEY *remote;     /* what a worker holds */

static struct {
	unsigned calls;
	unsigned scheme;
	bool form_ok;
	enum err_code answer;
} seen;

static enum err_code sign(void *arg, unsigned scheme, struct bytes tbs, struct buf *signature,
	struct err *e)
{
	assert_ptr_equal(arg, &seen);
	seen.calls++;
	seen.scheme = scheme;
	seen.form_ok = tls_tbs_is_server(tbs);
	if (seen.answer != ERR_OK)
		return err_set(e, seen.answer, "signer", "%s", "it does not want to");
	return key_sign(real_key, tbs, signature, e);
}

static enum err_code issue(enum profile profile, const char *name, const struct key *subject,
	const struct key *issuer, const struct buf *issuer_der, struct buf *der, struct err *e)
{
	static const char *const names[] = {"localhost", NULL};
	struct buf spki = buf_new(KEY_SPKI_MAX);
	enum err_code rc = key_spki(subject, &spki, e);
	struct cert_fields f = {.profile = profile, .serial = {1}, .organization = "T",
		.common_name = name, .not_before = 1795000000, .spki = buf_view(&spki),
		.names = profile == PROFILE_SERVER ? names : NULL};
	if (rc == ERR_OK)
		rc = cert_build(&f, issuer, buf_view(issuer_der), der, e);
	buf_free(&spki);
	return rc;
}

/* A server's certificate for `real_key`, by a root and an issuing CA with one key. */
static enum err_code make_cert(struct buf *der, struct err *e)
{
	struct key *ca = NULL;
	struct buf none = buf_new(1);
	struct buf root = buf_new(CERT_DER_MAX);
	struct buf issuing = buf_new(CERT_DER_MAX);
	enum err_code rc = key_generate(KEY_P256, &ca, e);
	if (rc == ERR_OK)
		rc = issue(PROFILE_ROOT, "T root", ca, ca, &none, &root, e);
	if (rc == ERR_OK)
		rc = issue(PROFILE_ISSUING, "T issuing", ca, ca, &root, &issuing, e);
	if (rc == ERR_OK)
		rc = issue(PROFILE_SERVER, "localhost", real_key, ca, &issuing, der, e);
	key_free(ca);
	buf_free(&root);
	buf_free(&issuing);
	return rc;
}

static int setup(void **state)
{
	(void)state;
	struct err e = {.code = ERR_OK};
	struct buf der = buf_new(CERT_DER_MAX);
	bool ok = key_generate(KEY_P256, &real_key, &e) == ERR_OK && make_cert(&der, &e) == ERR_OK &&
		cert_parse(buf_view(&der), &cert, &e) == ERR_OK &&
		cert_prepare(&cert, &e) == ERR_OK &&
		tls_key_new(X509_get0_pubkey(cert.x), &remote, &e) == ERR_OK;
	if (!ok)
		printf("# %s: %s\n", err_name(e.code), e.reason);
	buf_free(&der);
	tls_key_signer(sign, &seen);
	return ok ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(remote);
	cert_free(&cert);
	tls_key_unload();
	key_free(real_key);
	return 0;
}

static SSL *server_end(int version)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	assert_non_null(c);
	assert_int_equal(SSL_CTX_set_min_proto_version(c, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(c, version), 1);
	assert_int_equal(SSL_CTX_set1_sigalgs_list(c, "ECDSA+SHA256"), 1);
	assert_int_equal(SSL_CTX_use_certificate(c, cert.x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(c, remote), 1);
	SSL *s = SSL_new(c);
	SSL_CTX_free(c);
	SSL_set_accept_state(s);
	return s;
}

static SSL *client_end(const char *sigalgs)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	assert_non_null(c);
	/* The signature of the handshake is checked all the same; that is what is asked here. */
	SSL_CTX_set_verify(c, SSL_VERIFY_NONE, NULL);
	if (sigalgs != NULL)
		assert_int_equal(SSL_CTX_set1_sigalgs_list(c, sigalgs), 1);
	SSL *s = SSL_new(c);
	SSL_CTX_free(c);
	SSL_set_connect_state(s);
	return s;
}

/* Let both ends talk until both are through or one fails. */
static bool shake_hands(int version, const char *sigalgs)
{
	SSL *server = server_end(version);
	SSL *client = client_end(sigalgs);
	BIO *to_server;
	BIO *to_client;
	assert_int_equal(BIO_new_bio_pair(&to_server, 0, &to_client, 0), 1);
	SSL_set_bio(client, to_server, to_server);
	SSL_set_bio(server, to_client, to_client);
	int c = 0;
	int s = 0;
	for (int i = 0; i < 20 && (c != 1 || s != 1); i++) {
		c = SSL_do_handshake(client);
		s = SSL_do_handshake(server);
		if ((c != 1 && SSL_get_error(client, c) == SSL_ERROR_SSL) ||
			(s != 1 && SSL_get_error(server, s) == SSL_ERROR_SSL))
			break;
	}
	SSL_free(client);
	SSL_free(server);
	return c == 1 && s == 1;
}

static void reset(enum err_code answer)
{
	memset(&seen, 0, sizeof(seen));
	seen.answer = answer;
}

static void both_versions_are_signed_elsewhere(void **state)
{
	(void)state;
	static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
	for (size_t i = 0; i < 2; i++) {
		reset(ERR_OK);
		assert_true(shake_hands(versions[i], NULL));
		assert_int_equal(seen.calls, 1);
		assert_int_equal(seen.scheme, TLS_SCHEME_ECDSA_P256_SHA256);
		assert_true(seen.form_ok);
	}
}

static void a_signer_that_refuses_ends_the_handshake(void **state)
{
	(void)state;
	reset(ERR_SIGNER_REFUSED);
	assert_false(shake_hands(TLS1_3_VERSION, NULL));
	assert_int_equal(seen.calls, 1);
}

static void no_other_scheme_is_asked_for(void **state)
{
	(void)state;
	reset(ERR_OK);
	assert_false(shake_hands(TLS1_3_VERSION, "ECDSA+SHA384"));
	assert_false(shake_hands(TLS1_2_VERSION, "ECDSA+SHA384"));
	assert_int_equal(seen.calls, 0);
}

static void there_is_no_private_half(void **state)
{
	(void)state;
	BIGNUM *d = NULL;
	assert_int_not_equal(EVP_PKEY_get_bn_param(remote, OSSL_PKEY_PARAM_PRIV_KEY, &d), 1);
	OSSL_PARAM *params = NULL;
	assert_int_not_equal(EVP_PKEY_todata(remote, EVP_PKEY_KEYPAIR, &params), 1);
	/* The public half is the certificate's. */
	assert_int_equal(EVP_PKEY_eq(remote, X509_get0_pubkey(cert.x)), 1);
}

static void everybody_else_s_keys_stay_with_the_default_provider(void **state)
{
	(void)state;
	struct err e;
	struct key *k;
	assert_int_equal(key_generate(KEY_P256, &k, &e), ERR_OK);
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key_evp(k))), "default");
	key_free(k);
	struct cert again;
	assert_int_equal(cert_parse(cert.der, &again, &e), ERR_OK);
	assert_int_equal(cert_prepare(&again, &e), ERR_OK);
	assert_string_equal(OSSL_PROVIDER_get0_name(
		EVP_PKEY_get0_provider(X509_get0_pubkey(again.x))), "default");
	cert_free(&again);
}

static void a_key_of_another_kind_is_refused(void **state)
{
	(void)state;
	struct err e;
	struct key *k;
	EVP_PKEY *out = NULL;
	assert_int_equal(key_generate(KEY_P384, &k, &e), ERR_OK);
	assert_int_equal(tls_key_new(key_evp(k), &out, &e), ERR_KEY_ALGORITHM);
	assert_null(out);
	key_free(k);
	assert_int_equal(key_generate(KEY_ED25519, &k, &e), ERR_OK);
	assert_int_equal(tls_key_new(key_evp(k), &out, &e), ERR_KEY_ALGORITHM);
	key_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_are_signed_elsewhere),
		cmocka_unit_test(a_signer_that_refuses_ends_the_handshake),
		cmocka_unit_test(no_other_scheme_is_asked_for),
		cmocka_unit_test(there_is_no_private_half),
		cmocka_unit_test(everybody_else_s_keys_stay_with_the_default_provider),
		cmocka_unit_test(a_key_of_another_kind_is_refused),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
