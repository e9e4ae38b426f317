#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "crypto/key.h"
#include "crypto/test_keys.h"
#include "tests/unit/crypto/published_key.h"
#include "tests/unit/crypto/rsa_spki.h"

static const char good[] = "correct horse battery";

static char dir[64];
static char path[96];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/medseal-key-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/k.pem", dir);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static void spki_of(const struct key *k, struct buf *out)
{
	*out = buf_new(KEY_SPKI_MAX);
	assert_int_equal(key_spki(k, out, NULL), ERR_OK);
}

static void a_key_comes_back_from_its_file(void **state)
{
	(void)state;
	static const enum key_type types[] = {KEY_P256, KEY_P384, KEY_ED25519};
	static const char *const names[] = {"ecdsa-p256", "ecdsa-p384", "ed25519"};
	for (size_t i = 0; i < 3; i++) {
		struct key *k = NULL;
		struct key *again = NULL;
		assert_int_equal(key_generate(types[i], &k, NULL), ERR_OK);
		assert_string_equal(key_type_name(k), names[i]);
		assert_true(key_is_private(k));
		assert_int_equal(key_save(k, path, bytes_str(good), NULL), ERR_OK);
		struct stat st;
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(key_load(path, bytes_str(good), &again, NULL), ERR_OK);
		uint8_t a[SHA256_SIZE];
		uint8_t b[SHA256_SIZE];
		assert_int_equal(key_id(k, a, NULL), ERR_OK);
		assert_int_equal(key_id(again, b, NULL), ERR_OK);
		assert_memory_equal(a, b, sizeof(a));
		key_free(k);
		key_free(again);
		(void)unlink(path);
	}
	key_free(NULL);
}

static void the_file_is_scrypt_and_aes(void **state)
{
	(void)state;
	struct key *k = NULL;
	assert_int_equal(key_generate(KEY_P256, &k, NULL), ERR_OK);
	assert_int_equal(key_save(k, path, bytes_str(good), NULL), ERR_OK);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	X509_SIG *sealed = PEM_read_PKCS8(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(sealed);
	unsigned char *der = NULL;
	int len = i2d_X509_SIG(sealed, &der);
	/* id-scrypt 1.3.6.1.4.1.11591.4.11 and aes256-CBC */
	static const uint8_t scrypt[] = {6, 9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 4, 11};
	static const uint8_t aes[] = {6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42};
	assert_non_null(memmem(der, (size_t)len, scrypt, sizeof(scrypt)));
	assert_non_null(memmem(der, (size_t)len, aes, sizeof(aes)));
	OPENSSL_free(der);
	X509_SIG_free(sealed);
	key_free(k);
	(void)unlink(path);
}

static void wrong_passphrases_and_damaged_files_are_told_apart(void **state)
{
	(void)state;
	struct key *k = NULL;
	struct key *out = NULL;
	struct err e;
	assert_int_equal(key_generate(KEY_P256, &k, NULL), ERR_OK);
	assert_int_equal(key_save(k, path, bytes_str("short"), &e), ERR_PASSPHRASE_WEAK);
	assert_int_equal(key_save(k, path, bytes_str(good), NULL), ERR_OK);
	assert_int_equal(key_save(k, path, bytes_str(good), &e), ERR_EXISTS);
	assert_int_equal(
		key_load(path, bytes_str("correct horse batterz"), &out, &e), ERR_PASSPHRASE);
	assert_int_equal(key_load(path, BYTES_NONE, &out, &e), ERR_PASSPHRASE);

	assert_int_equal(truncate(path, 200), 0);
	assert_int_equal(key_load(path, bytes_str(good), &out, &e), ERR_KEY_FORMAT);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(key_load(path, bytes_str(good), &out, &e), ERR_KEY_FORMAT);
	(void)unlink(path);
	assert_int_equal(key_load(path, bytes_str(good), &out, &e), ERR_NOT_FOUND);
	assert_null(out);
	key_free(k);
}

static void a_file_others_may_read_is_refused(void **state)
{
	(void)state;
	struct key *k = NULL;
	struct key *out = NULL;
	struct err e;
	assert_int_equal(key_generate(KEY_ED25519, &k, NULL), ERR_OK);
	assert_int_equal(key_save_plain(k, path, NULL), ERR_OK);
	static const mode_t modes[] = {0640, 0604, 0660, 0601};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_int_equal(key_load(path, BYTES_NONE, &out, &e), ERR_PERMISSIONS);
	}
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(key_load(path, BYTES_NONE, &out, &e), ERR_OK);
	key_free(out);
	out = NULL;
	/* Who gives a passphrase expects the file to be encrypted. */
	assert_int_equal(key_load(path, bytes_str(good), &out, &e), ERR_KEY_FORMAT);
	(void)unlink(path);
	assert_int_equal(symlink("/nowhere/at/all", path), 0);
	assert_int_equal(key_save_plain(k, path, &e), ERR_EXISTS);
	assert_int_equal(key_load(dir, BYTES_NONE, &out, &e), ERR_IO);
	key_free(k);
}

static void a_public_key_is_no_private_key(void **state)
{
	(void)state;
	struct key *k = NULL;
	struct key *public = NULL;
	struct buf spki;
	struct buf sig = buf_new(1024);
	struct err e;
	assert_int_equal(key_generate(KEY_P256, &k, NULL), ERR_OK);
	spki_of(k, &spki);
	assert_int_equal(key_from_spki(buf_view(&spki), &public, NULL), ERR_OK);
	assert_false(key_is_private(public));
	assert_int_equal(key_save(public, path, bytes_str(good), &e), ERR_KEY_FORMAT);
	assert_int_equal(key_save_plain(public, path, &e), ERR_KEY_FORMAT);
	assert_int_equal(key_sign(public, bytes_str("m"), &sig, &e), ERR_KEY_ALGORITHM);
	assert_int_not_equal(access(path, F_OK), 0);
	buf_free(&sig);
	buf_free(&spki);
	key_free(public);
	key_free(k);
}

/* The DER is PKCS#8 of this very key, and goes into wiped memory only. */
static void a_private_key_comes_out_as_der(void **state)
{
	(void)state;
	struct key *k = NULL;
	struct buf der = buf_new_secret(4096);
	struct buf plain = buf_new(4096);
	uint8_t mine[SHA256_SIZE], its[SHA256_SIZE];
	struct err e;

	assert_int_equal(key_generate(KEY_P256, &k, &e), ERR_OK);
	assert_int_equal(key_private_der(k, &plain, &e), ERR_INTERNAL);
	assert_int_equal(plain.len, 0);
	assert_int_equal(key_private_der(k, &der, &e), ERR_OK);
	const unsigned char *p = der.p;
	EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
	assert_non_null(pkey);
	assert_ptr_equal(p, der.p + der.len);
	struct key *again = key_wrap(pkey);
	assert_non_null(again);
	assert_int_equal(key_id(k, mine, &e), ERR_OK);
	assert_int_equal(key_id(again, its, &e), ERR_OK);
	assert_memory_equal(mine, its, sizeof(mine));
	key_free(again);
	key_free(k);
	buf_free(&der);
	buf_free(&plain);
}

/* SPKI of whatever the library makes. */
static struct key *from_evp(EVP_PKEY *pkey, enum err_code want)
{
	assert_non_null(pkey);
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(pkey, &der);
	assert_true(len > 0);
	struct key *k = NULL;
	struct err e;
	assert_int_equal(key_from_spki(bytes_of(der, (size_t)len), &k, &e), want);
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	return k;
}

static void the_librarys_encoding_is_understood(void **state)
{
	(void)state;
	struct {
		EVP_PKEY *pkey;
		const char *name;
	} keys[] = {
		{EVP_EC_gen("P-256"), "ecdsa-p256"},
		{EVP_EC_gen("P-384"), "ecdsa-p384"},
		{EVP_EC_gen("P-521"), "ecdsa-p521"},
		{EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "ed25519"},
		{EVP_RSA_gen(2048), "rsa-2048"},
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		unsigned char *der = NULL;
		int len = i2d_PUBKEY(keys[i].pkey, &der);
		struct key *k = from_evp(keys[i].pkey, ERR_OK);
		assert_string_equal(key_type_name(k), keys[i].name);
		struct buf spki;
		spki_of(k, &spki);
		assert_true(bytes_equal(buf_view(&spki), bytes_of(der, (size_t)len)));
		buf_free(&spki);
		OPENSSL_free(der);
		key_free(k);
	}
	assert_null(from_evp(EVP_EC_gen("secp256k1"), ERR_KEY_ALGORITHM));
	assert_null(from_evp(EVP_EC_gen("P-224"), ERR_KEY_ALGORITHM));
	assert_null(from_evp(EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), ERR_KEY_ALGORITHM));
	assert_null(from_evp(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), ERR_KEY_ALGORITHM));
}

static void a_bad_public_key_is_refused(void **state)
{
	(void)state;
	struct key *k = NULL;
	struct key *out = NULL;
	struct buf spki;
	struct err e;
	assert_int_equal(key_generate(KEY_P256, &k, NULL), ERR_OK);
	spki_of(k, &spki);
	struct bytes v = buf_view(&spki);

	spki.p[spki.len - 1] ^= 1; /* off the curve, or another x's y: never on it */
	assert_int_equal(key_from_spki(v, &out, &e), ERR_KEY_INVALID);
	spki.p[spki.len - 1] ^= 1;
	spki.p[26] = 0x03;
	assert_int_equal(key_from_spki(v, &out, &e), ERR_KEY_INVALID);
	spki.p[26] = 0x04;
	for (size_t cut = 0; cut < v.len; cut++)
		assert_int_not_equal(key_from_spki(bytes_of(v.p, cut), &out, &e), ERR_OK);
	buf_u8(&spki, 0);
	assert_int_equal(key_from_spki(buf_view(&spki), &out, &e), ERR_TRAILING);
	assert_null(out);
	buf_free(&spki);
	key_free(k);
}

static enum err_code rsa_key(size_t bits, struct key **out)
{
	struct buf der = buf_new(4096);
	struct err e;
	rsa_spki_write(bits, 65537, true, &der);
	enum err_code rc = key_from_spki(buf_view(&der), out, &e);
	buf_free(&der);
	return rc;
}

static void an_rsa_key_beyond_all_measure_is_refused_unread(void **state)
{
	(void)state;
	struct key *k = NULL;
	assert_int_equal(rsa_key(16384, &k), ERR_KEY_SIZE);
	assert_null(k);
	assert_int_equal(rsa_key(8192, &k), ERR_OK);
	key_free(k);
	k = NULL;
	assert_int_equal(rsa_key(8200, &k), ERR_KEY_SIZE);
	assert_int_equal(rsa_key(512, &k), ERR_OK); /* read; alg_admit_key refuses it */
	assert_string_equal(key_type_name(k), "rsa-512");
	key_free(k);
}

static void a_strangers_key_object_is_taken_or_freed(void **state)
{
	(void)state;
	struct key *k = key_wrap(EVP_EC_gen("P-256"));
	assert_non_null(k);
	assert_true(key_is_private(k));
	key_free(k);
	assert_null(key_wrap(EVP_EC_gen("P-224")));
}

static void an_ordinary_key_is_no_test_key(void **state)
{
	(void)state;
	struct key *k = NULL;
	assert_int_equal(key_generate(KEY_P256, &k, NULL), ERR_OK);
	assert_null(test_key_source(k));
	key_free(k);
}

static void a_published_test_key_is_known(void **state)
{
	(void)state;
	struct key *k = NULL;
	assert_int_equal(
		key_from_spki(bytes_of(published_p256, sizeof(published_p256)), &k, NULL), ERR_OK);
	assert_non_null(test_key_source(k));
	assert_non_null(strstr(test_key_source(k), "mcuboot root-ec-p256"));
	key_free(k);
}

/* RFC 8032 §7.1 TEST 1: a private key everybody has. */
static void a_published_test_key_is_not_loaded(void **state)
{
	(void)state;
	uint8_t secret[32];
	struct key *out = NULL;
	struct err e;
	assert_true(hex_decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		secret, sizeof(secret)));
	struct key *k = key_wrap(
		EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof(secret)));
	assert_non_null(k);
	assert_int_equal(key_save(k, path, bytes_str(good), NULL), ERR_OK);
	assert_int_equal(key_load(path, bytes_str(good), &out, &e), ERR_TEST_KEY);
	assert_non_null(strstr(e.reason, "RFC 8032"));
	assert_null(out);
	key_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_key_comes_back_from_its_file, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			the_file_is_scrypt_and_aes, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(wrong_passphrases_and_damaged_files_are_told_apart,
			make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			a_file_others_may_read_is_refused, make_folder, remove_folder),
		cmocka_unit_test(a_private_key_comes_out_as_der),
		cmocka_unit_test_setup_teardown(
			a_public_key_is_no_private_key, make_folder, remove_folder),
		cmocka_unit_test(the_librarys_encoding_is_understood),
		cmocka_unit_test(a_bad_public_key_is_refused),
		cmocka_unit_test(an_rsa_key_beyond_all_measure_is_refused_unread),
		cmocka_unit_test(a_strangers_key_object_is_taken_or_freed),
		cmocka_unit_test(an_ordinary_key_is_no_test_key),
		cmocka_unit_test(a_published_test_key_is_known),
		cmocka_unit_test_setup_teardown(
			a_published_test_key_is_not_loaded, make_folder, remove_folder),
	};
	return RUN_TAP(tests);
}
