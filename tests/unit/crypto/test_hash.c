#include "tests/unit/cmocka_tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "crypto/random.h"
#include "crypto/start.h"

/* FIPS 180-4 examples (NIST CSRC, SHA256.pdf): "abc", and the empty string. */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void assert_digest(const uint8_t digest[SHA256_SIZE], const char *want)
{
	char hex[2 * SHA256_SIZE + 1];
	hex_encode(digest, SHA256_SIZE, hex);
	assert_string_equal(hex, want);
}

static void the_published_examples_hold(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	sha256_of(bytes_str("abc"), digest);
	assert_digest(digest, ABC);
	sha256_of(BYTES_NONE, digest);
	assert_digest(digest, EMPTY);
}

static void pieces_give_the_same(void **state)
{
	(void)state;
	struct sha256 h;
	uint8_t digest[SHA256_SIZE];
	assert_int_equal(sha256_start(&h, NULL), ERR_OK);
	sha256_more(&h, bytes_str("a"));
	sha256_more(&h, BYTES_NONE);
	sha256_more(&h, bytes_str("bc"));
	sha256_end(&h, digest);
	assert_digest(digest, ABC);
}

static void a_file_is_hashed_up_to_its_size_and_stays_where_it_was(void **state)
{
	(void)state;
	char path[] = "/tmp/medseal-hash-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)unlink(path);
	assert_int_equal(write(fd, "abcdef", 6), 6);
	uint8_t digest[SHA256_SIZE];
	assert_int_equal(sha256_fd(fd, 3, digest, NULL), ERR_OK);
	assert_digest(digest, ABC);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 6);

	memset(digest, 0x55, sizeof(digest));
	struct err e;
	assert_int_equal(sha256_fd(fd, 7, digest, &e), ERR_TRUNCATED);
	assert_int_equal(digest[0], 0x55);
	(void)close(fd);
	assert_int_equal(sha256_fd(fd, 3, digest, &e), ERR_IO);
}

static void random_bytes_differ_and_stirring_is_harmless(void **state)
{
	(void)state;
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};
	crypto_start();
	crypto_start();
	assert_int_equal(random_bytes(a, sizeof(a), NULL), ERR_OK);
	random_stir(bytes_str("noise"));
	assert_int_equal(random_bytes(b, sizeof(b), NULL), ERR_OK);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(random_bytes(a, 0, NULL), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_examples_hold),
		cmocka_unit_test(pieces_give_the_same),
		cmocka_unit_test(a_file_is_hashed_up_to_its_size_and_stays_where_it_was),
		cmocka_unit_test(random_bytes_differ_and_stirring_is_harmless),
	};
	return RUN_TAP(tests);
}
