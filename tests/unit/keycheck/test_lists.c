#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "crypto/random.h"
#include "keycheck/lists_import.h"
#include "tests/unit/keycheck/keys.h"

static char dir[] = "/tmp/medseal-lists.XXXXXX";

static void put(const char *name, struct bytes data)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(data.p, 1, data.len, f), data.len);
	fclose(f);
}

static int empty_dir(void **state)
{
	(void)state;
	char path[256];
	static const char *const names[] = {"a.list", "b.list", "c.list", "notes.txt"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return 0;
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
	empty_dir(state);
	return rmdir(dir);
}

static const struct list_about about = {.kind = LIST_KIND_ANY,
	.check = CHECK_KNOWN_KEY,
	.source = "a test",
	.date = "2026-11-24",
	.licence = "none"};

/* Any key of 1024 bits. */
static void some_key(struct buf *spki, struct pubkey *k)
{
	uint8_t n[128];
	assert_int_equal(random_bytes(n, sizeof(n), NULL), ERR_OK);
	n[0] |= 0x80;
	n[127] |= 1;
	*spki = buf_new(4096);
	assert_int_equal(
		pubkey_from_rsa(bytes_of(n, sizeof(n)), bytes_str("\x01"), spki, k, NULL), ERR_OK);
}

static enum err_code import(struct bytes file, enum list_kind kind, enum check check,
	struct buf *out, struct import_counts *counts, struct err *e)
{
	struct import_options o = {.about = about};
	o.about.kind = kind;
	o.about.check = check;
	return lists_import(file, &o, out, counts, e);
}

/* What the list in a.list says of a key. */
static const char *found(const struct pubkey *k, enum check *check)
{
	static char source[LIST_TEXT_MAX];
	struct lists *l;
	const char *s = NULL;
	assert_int_equal(lists_open(dir, &l, NULL), ERR_OK);
	bool yes = lists_find(l, k, check, &s);
	snprintf(source, sizeof(source), "%s", yes ? s : "");
	lists_free(l);
	return yes ? source : NULL;
}

/* A list of each kind, of many keys: those on it are found, others not. */
static void each_kind_of_hash(void **state)
{
	(void)state;
	static const struct {
		enum list_kind kind;
		size_t size;
		bool tail;
		enum check check;
	} t[] = {{LIST_SPKI_SHA256, 32, false, CHECK_KNOWN_KEY},
		{LIST_SPKI_SHA256, 10, false, CHECK_KNOWN_KEY},
		{LIST_NUMBER_SHA256, 15, false, CHECK_KNOWN_KEY},
		{LIST_OPENSSL_SHA1, 10, true, CHECK_DEBIAN_WEAK},
		{LIST_SSH_MD5, 10, true, CHECK_DEBIAN_WEAK},
		{LIST_OPENSSL_SHA1, 20, true, CHECK_RSA_KEYPAIR}};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		enum { KEYS = 50 };
		struct buf spki[KEYS];
		struct pubkey key[KEYS];
		struct buf text = buf_new(1 << 20), out = buf_new(1 << 20);
		struct import_counts counts;
		enum check check;

		empty_dir(state);
		buf_str(&text, "# a comment\n\n");
		for (int n = 0; n < KEYS; n++) {
			uint8_t hash[SHA256_SIZE];
			size_t size;
			char hex[2 * SHA256_SIZE + 1];
			some_key(&spki[n], &key[n]);
			assert_true(list_hash(t[i].kind, &key[n], hash, &size));
			hex_encode(hash + (t[i].tail ? size - t[i].size : 0), t[i].size, hex);
			if (n % 2 == 0)
				buf_printf(
					&text, "  %s %s\r\n", hex, n == 4 ? "# of a device" : "");
		}
		assert_int_equal(
			import(buf_view(&text), t[i].kind, t[i].check, &out, &counts, NULL),
			ERR_OK);
		assert_int_equal(counts.taken, KEYS / 2);
		put("a.list", buf_view(&out));
		for (int n = 0; n < KEYS; n++) {
			const char *source = found(&key[n], &check);
			if (n % 2 == 0) {
				assert_string_equal(source, "a test");
				assert_int_equal(check, t[i].check);
			} else {
				assert_null(source);
			}
			buf_free(&spki[n]);
		}
		buf_free(&text);
		buf_free(&out);
	}
}

/* The hashes of Debian's blacklists, from a key whose hashes were computed with openssl and
 * ssh-keygen. */
static void hashes_are_those_of_debian(void **state)
{
	(void)state;
	struct buf spki = buf_new(4096);
	struct pubkey k;
	uint8_t hash[SHA256_SIZE];
	size_t size;
	char hex[65];
	uint8_t n[128];
	memset(n, 0xab, sizeof(n));
	assert_int_equal(
		pubkey_from_rsa(bytes_of(n, sizeof(n)), bytes_str("\x03"), &spki, &k, NULL),
		ERR_OK);
	assert_true(list_hash(LIST_OPENSSL_SHA1, &k, hash, &size));
	hex_encode(hash, size, hex);
	/* (printf Modulus=; printf AB%.0s $(seq 128); echo) | sha1sum; ssh-keygen -l -E md5 */
	assert_string_equal(hex, "c671b558078be6063c6ee5c8a146c868625da24b");
	assert_true(list_hash(LIST_SSH_MD5, &k, hash, &size));
	hex_encode(hash, size, hex);
	assert_string_equal(hex, "0e507879483282767405cbe502a87826");
	assert_true(list_hash(LIST_NUMBER_SHA256, &k, hash, &size));
	hex_encode(hash, size, hex);
	assert_string_equal(
		hex, "80125c62d518fac6f8b487e1f784c1f12a6acc5d607d554f2e3cccf5342dd29a");
	buf_free(&spki);
}

static void what_hash_it_is_must_be_said(void **state)
{
	(void)state;
	struct buf out = buf_new(1 << 16);
	struct import_counts counts;
	struct err e;
	assert_int_equal(import(bytes_str("00112233445566778899\n"), LIST_KIND_ANY,
				 CHECK_DEBIAN_WEAK, &out, &counts, &e),
		ERR_USAGE);
	buf_free(&out);
}

static void lines_that_are_not_understood(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *line;
	} t[] = {
		{"00112233445566778899\n0011223344556677889\n", "line 2"},      /* shorter */
		{"00112233445566778899\n\n0011223344556677889900\n", "line 3"}, /* longer */
		{"0011223344556677889x\n", "line 1"},
		{"00112233445566778899\nhello\n", "line 2"},
		{"00112233\n", "octets"}, /* hashes of 4 octets hit by chance */
		{"# nothing\n", "no entry"},
		{"", "no entry"},
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct buf out = buf_new(1 << 16);
		struct import_counts counts;
		struct err e;
		enum err_code rc = import(
			bytes_str(t[i].text), LIST_SSH_MD5, CHECK_DEBIAN_WEAK, &out, &counts, &e);
		assert_true(rc == ERR_MALFORMED || rc == ERR_USAGE);
		assert_non_null(strstr(e.reason, t[i].line));
		assert_int_equal(out.len, 0);
		buf_free(&out);
	}
}

static int compare16(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

static void badkeys_blocklist(void **state)
{
	(void)state;
	enum { KEYS = 20 };
	struct buf spki[KEYS];
	struct pubkey key[KEYS];
	uint8_t record[KEYS][16];
	struct buf out = buf_new(1 << 16);
	struct import_counts counts;
	enum check check;

	empty_dir(state);
	for (int n = 0; n < KEYS; n++) {
		uint8_t hash[SHA256_SIZE];
		size_t size;
		some_key(&spki[n], &key[n]);
		assert_true(list_hash(LIST_NUMBER_SHA256, &key[n], hash, &size));
		memcpy(record[n], hash, 15);
		record[n][15] = (uint8_t)(n % 3);
	}
	qsort(record, KEYS, 16, compare16);
	assert_int_equal(import(bytes_of(record, sizeof(record)), LIST_KIND_ANY, CHECK_KNOWN_KEY,
				 &out, &counts, NULL),
		ERR_OK);
	assert_int_equal(counts.taken, KEYS);
	assert_string_equal(counts.form, "badkeys blocklist");
	put("a.list", buf_view(&out));
	for (int n = 0; n < KEYS; n++) {
		char want[64];
		snprintf(want, sizeof(want), "a test, its list %d", n % 3);
		assert_string_equal(found(&key[n], &check), want);
		buf_free(&spki[n]);
	}
	buf_free(&out);
}

static void keys_in_pem(void **state)
{
	(void)state;
	static const char *const types[] = {"RSA", "EC", "ED25519", "ML-DSA-44"};
	BIO *bio = BIO_new(BIO_s_mem());
	EVP_PKEY *keys[5];
	struct buf out = buf_new(1 << 16), primes = buf_new(1 << 16);
	struct import_counts counts;
	char *text;

	empty_dir(state);
	for (int i = 0; i < 5; i++) {
		keys[i] = i == 0 || i == 4 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024)
			  : i == 1         ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
					   : EVP_PKEY_Q_keygen(NULL, NULL, types[i]);
		assert_non_null(keys[i]);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(
			PEM_write_bio_PrivateKey(bio, keys[i], NULL, NULL, 0, NULL, NULL), 1);
	/* one behind a passphrase is none that was published */
	assert_int_equal(PEM_write_bio_PrivateKey(
				 bio, keys[4], EVP_aes_128_cbc(), NULL, 0, NULL, "password"),
		1);
	size_t len = (size_t)BIO_get_mem_data(bio, &text);
	assert_int_equal(
		import(bytes_of(text, len), LIST_KIND_ANY, CHECK_KNOWN_KEY, &out, &counts, NULL),
		ERR_OK);
	assert_int_equal(counts.taken, 4);
	assert_int_equal(counts.skipped, 1);
	assert_int_equal(import(bytes_of(text, len), LIST_KIND_ANY, CHECK_KNOWN_PRIME, &primes,
				 &counts, NULL),
		ERR_OK);
	assert_int_equal(counts.taken, 2);
	/* nothing private is in a list of keys */
	put("a.list", buf_view(&out));
	put("b.list", buf_view(&primes));
	for (int i = 0; i < 5; i++) {
		unsigned char *der = NULL;
		struct pubkey k;
		enum check check;
		int n = i2d_PUBKEY(keys[i], &der);
		assert_int_equal(pubkey_parse(bytes_of(der, (size_t)n), &k, NULL), ERR_OK);
		assert_int_equal(found(&k, &check) != NULL, i < 4);
		OPENSSL_free(der);
		EVP_PKEY_free(keys[i]);
	}
	BIO_free(bio);
	buf_free(&out);
	buf_free(&primes);
}

static void published_primes(void **state)
{
	(void)state;
	struct buf text = buf_new(1 << 16), out = buf_new(1 << 16);
	struct import_counts counts;
	struct lists *l;
	struct checker *c;
	mpz_t p, q, n, e;
	size_t primes_n;

	empty_dir(state);
	mpz_inits(p, q, n, e, NULL);
	mpz_set_ui(e, 65537);
	for (int i = 0; i < 30; i++) {
		next_prime(p, i % 2 == 0 ? 512 : 500);
		char *hex = mpz_get_str(NULL, 16, p);
		buf_printf(&text, "%s\n", hex);
		free(hex);
	}
	assert_int_equal(
		import(buf_view(&text), LIST_KIND_ANY, CHECK_KNOWN_PRIME, &out, &counts, NULL),
		ERR_OK);
	assert_int_equal(counts.taken, 30);
	put("a.list", buf_view(&out));
	assert_int_equal(lists_open(dir, &l, NULL), ERR_OK);
	(void)lists_primes(l, &primes_n);
	assert_int_equal(primes_n, 30);
	assert_int_equal(checker_new(l, &c, NULL), ERR_OK);
	for (int i = 0; i < 10; i++) {
		next_prime(q, 512);
		mpz_mul(n, p, q); /* p: the last of the list */
		struct said s = said_of_rsa(c, n, e, 512);
		assert_int_equal(s.checks, SAID(KNOWN_PRIME));
		assert_string_equal(why_of(&s, CHECK_KNOWN_PRIME), "published by a test");
		next_prime(p, 512);
		mpz_mul(n, p, q);
		assert_int_equal(said_of_rsa(c, n, e, 512).n, 0);
		mpz_import(p, lists_primes(l, &primes_n)[i].len, 1, 1, 1, 0,
			lists_primes(l, &primes_n)[i].p);
	}
	checker_free(c);
	lists_free(l);
	buf_reset(&out);
	assert_int_equal(import(bytes_str("10000000000000000000000000000001f3\n"), LIST_KIND_ANY,
				 CHECK_KNOWN_PRIME, &out, &counts, NULL),
		ERR_MALFORMED); /* no prime */
	mpz_clears(p, q, n, e, NULL);
	buf_free(&text);
	buf_free(&out);
}

static void a_damaged_list_is_refused(void **state)
{
	(void)state;
	struct buf out = buf_new(1 << 16);
	struct import_counts counts;
	struct lists *l;
	struct err e;

	empty_dir(state);
	assert_int_equal(import(bytes_str("00112233445566778899\n99887766554433221100\n"),
				 LIST_SSH_MD5, CHECK_DEBIAN_WEAK, &out, &counts, NULL),
		ERR_OK);
	put("notes.txt", bytes_str("other files are left alone"));
	put("a.list", buf_view(&out));
	assert_int_equal(lists_open(dir, &l, NULL), ERR_OK);
	lists_free(l);
	for (size_t i = 0; i < out.len; i++) {
		out.p[i] ^= 0x10;
		put("a.list", buf_view(&out));
		enum err_code rc = lists_open(dir, &l, &e);
		assert_int_not_equal(rc, ERR_OK);
		assert_non_null(strstr(e.object, "a.list"));
		out.p[i] ^= 0x10;
		put("a.list", bytes_of(out.p, i));
		assert_int_not_equal(lists_open(dir, &l, &e), ERR_OK);
	}
	buf_u8(&out, 0);
	put("a.list", buf_view(&out));
	assert_int_not_equal(lists_open(dir, &l, &e), ERR_OK);
	assert_int_equal(lists_open("/nonexistent", &l, &e), ERR_NOT_FOUND);
	buf_free(&out);
}

static void a_list_says_what_it_is(void **state)
{
	(void)state;
	struct buf out = buf_new(1 << 16), again = buf_new(1 << 16);
	struct import_counts counts;
	struct list_about a;
	struct lists *l;
	const char *path;

	empty_dir(state);
	assert_int_equal(import(bytes_str("00112233445566778899\n"), LIST_SSH_MD5,
				 CHECK_DEBIAN_WEAK, &out, &counts, NULL),
		ERR_OK);
	/* a list is taken as it is */
	assert_int_equal(
		import(buf_view(&out), LIST_KIND_ANY, CHECK_KNOWN_KEY, &again, &counts, NULL),
		ERR_OK);
	assert_true(bytes_equal(buf_view(&out), buf_view(&again)));
	put("b.list", buf_view(&out));
	assert_int_equal(lists_open(dir, &l, NULL), ERR_OK);
	assert_true(lists_about(l, 0, &a, &path));
	assert_non_null(strstr(path, "b.list"));
	assert_int_equal(a.kind, LIST_SSH_MD5);
	assert_int_equal(a.check, CHECK_DEBIAN_WEAK);
	assert_int_equal(a.count, 1);
	assert_string_equal(a.source, about.source);
	assert_string_equal(a.date, about.date);
	assert_false(lists_about(l, 1, &a, NULL));
	/* the same folder a second time: two lists */
	assert_int_equal(lists_add(l, dir, NULL), ERR_OK);
	assert_true(lists_about(l, 1, &a, NULL));
	assert_int_equal(lists_add(l, "/nonexistent", NULL), ERR_NOT_FOUND);
	assert_false(lists_about(l, 2, &a, NULL));
	lists_free(l);
	buf_free(&out);
	buf_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_hash),
		cmocka_unit_test(hashes_are_those_of_debian),
		cmocka_unit_test(what_hash_it_is_must_be_said),
		cmocka_unit_test(lines_that_are_not_understood),
		cmocka_unit_test(badkeys_blocklist),
		cmocka_unit_test(keys_in_pem),
		cmocka_unit_test(published_primes),
		cmocka_unit_test(a_damaged_list_is_refused),
		cmocka_unit_test(a_list_says_what_it_is),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
