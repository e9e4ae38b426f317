/* keypair's keys (CVE-2021-41117): they are those that were published, and the list finds them. */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/keycheck/keys.h"
#include "tools/keypair-keys/list.h"

#define BITS 2048
/* Seeds of the shipped list: no digit, or one at the first 17 of 31 places. */
#define SHIPPED (KEYPAIR_TIMES * (1 + 17 * KEYPAIR_DIGITS))

static struct keypair *keypair;

static void make(unsigned index, unsigned bits, uint8_t *modulus)
{
	uint8_t seed[KEYPAIR_SEED];

	keypair_seed(index, seed);
	assert_int_equal(keypair_modulus(keypair, seed, bits, modulus, NULL), ERR_OK);
}

static void seeds_have_at_most_one_digit(void **state)
{
	(void)state;
	uint8_t seed[KEYPAIR_SEED], want[KEYPAIR_SEED] = {255};

	assert_int_equal(KEYPAIR_KEYS, 256 + 71424);
	keypair_seed(255, seed);
	assert_memory_equal(seed, want, sizeof(seed));
	want[0] = 0;
	want[1] = 1;
	keypair_seed(256, seed);
	assert_memory_equal(seed, want, sizeof(seed));
	want[0] = 255;
	want[1] = 0;
	want[31] = 9;
	keypair_seed(KEYPAIR_KEYS - 1, seed);
	assert_memory_equal(seed, want, sizeof(seed));
}

/* Of the badkeys project's collection, made by keypair 1.0.3 itself; that has 71,680 such keys. */
static void keys_begin_as_published(void **state)
{
	(void)state;
	static const struct {
		unsigned index;
		const char *begin;
	} known[] = {
		{0, "b7bd3674709176f28936"},
		{37, "97d6670677a628694ffc"},
		{255, "b7691a12bc74639a9eb0"},
		{256, "813b8d60a1d446ca256c"},
		{1000, "d70b38694f382e13e4c6"},
		{40000, "99b8f16e743ed7f89af2"},
		{KEYPAIR_KEYS - 1, "db2c4e75b38cb693306a"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint8_t modulus[BITS / 8], begin[10];
		make(known[i].index, BITS, modulus);
		assert_true(hex_decode(known[i].begin, begin, sizeof(begin)));
		assert_memory_equal(modulus, begin, sizeof(begin));
	}
}

static void sizes_that_are_none(void **state)
{
	(void)state;
	static const unsigned sizes[] = {0, 8, 496, 1000, 2047, KEYPAIR_BITS_MAX + 16};
	uint8_t modulus[KEYPAIR_BITS_MAX / 8], seed[KEYPAIR_SEED] = {0};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(
			keypair_modulus(keypair, seed, sizes[i], modulus, NULL), ERR_USAGE);
	make(0, KEYPAIR_BITS_MIN, modulus);
	assert_true(modulus[0] & 0x80);
}

static void the_shipped_list_finds_its_keys(void **state)
{
	(void)state;
	static const unsigned known[] = {0, 100, 255, 256, 2559, 2560, 33333, SHIPPED - 1};
	uint8_t modulus[BITS / 8], seed[KEYPAIR_SEED] = {7, 1, [31] = 1};
	struct lists *lists = NULL;
	struct checker *c = NULL;
	mpz_t n, e, p;

	mpz_inits(n, e, p, NULL);
	mpz_set_ui(e, 65537);
	assert_int_equal(lists_open(getenv("KEY_LISTS"), &lists, NULL), ERR_OK);
	assert_int_equal(checker_new(lists, &c, NULL), ERR_OK);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		make(known[i], BITS, modulus);
		mpz_import(n, sizeof(modulus), 1, 1, 1, 0, modulus);
		struct said said = said_of_rsa(c, n, e, 0);
		assert_int_equal(said.checks, SAID(RSA_KEYPAIR));
		assert_non_null(strstr(why_of(&said, CHECK_RSA_KEYPAIR), "keypair-keys 2048"));
	}
	/* the seed behind the last, one of two digits, and keys of another make */
	make(SHIPPED, BITS, modulus);
	mpz_import(n, sizeof(modulus), 1, 1, 1, 0, modulus);
	assert_int_equal(said_of_rsa(c, n, e, 0).n, 0);
	assert_int_equal(keypair_modulus(keypair, seed, BITS, modulus, NULL), ERR_OK);
	mpz_import(n, sizeof(modulus), 1, 1, 1, 0, modulus);
	assert_int_equal(said_of_rsa(c, n, e, 0).n, 0);
	for (int i = 0; i < 4; i++) {
		next_prime(n, 1024);
		next_prime(p, 1024);
		mpz_mul(n, n, p);
		assert_int_equal(said_of_rsa(c, n, e, 0).n, 0);
	}
	mpz_clears(n, e, p, NULL);
	checker_free(c);
	lists_free(lists);
}

static void a_file_of_moduli_is_gone_on_with(void **state)
{
	(void)state;
	enum { SMALL = 512, COUNT = 300 };
	char path[] = "/tmp/keypair-keys-XXXXXX", line[SMALL / 4 + 16], want[SMALL / 4 + 16];
	uint8_t modulus[SMALL / 8];
	struct buf list = buf_new(BUF_MAX_DEFAULT);
	unsigned lines = 0;
	struct err e;

	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "r+");
	assert_non_null(f);
	/* all but the last three, of which one was cut off; they are somebody else's */
	memset(modulus, 0xc1, sizeof(modulus));
	hex_encode(modulus, sizeof(modulus), want);
	for (unsigned i = 0; i < COUNT - 3; i++)
		fprintf(f, "%u %s\n", i, want);
	fprintf(f, "%u %.20s", COUNT - 3, want);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(
		keypair_list(keypair, SMALL, COUNT, path, "2026-11-24", &list, &e), ERR_MALFORMED);
	assert_int_equal(keypair_moduli(keypair, SMALL, COUNT, path, NULL), ERR_OK);
	rewind(f);
	for (; fgets(line, sizeof(line), f) != NULL; lines++) {
		if (lines < COUNT - 3)
			continue;
		make(lines, SMALL, modulus);
		int at = snprintf(want, sizeof(want), "%u ", lines);
		hex_encode(modulus, sizeof(modulus), want + at);
		assert_memory_equal(line, want, strlen(want));
		assert_string_equal(line + strlen(want), "\n");
	}
	assert_int_equal(lines, COUNT);
	/* whole, but the keys are not the ones that the list would claim */
	assert_int_equal(
		keypair_list(keypair, SMALL, COUNT, path, "2026-11-24", &list, &e), ERR_MALFORMED);
	assert_non_null(strstr(e.reason, "another"));
	buf_free(&list);
	fclose(f);
	unlink(path);
}

static int make_keypair(void **state)
{
	(void)state;
	return keypair_new(&keypair, NULL) == ERR_OK ? 0 : -1;
}

static int free_keypair(void **state)
{
	(void)state;
	keypair_free(keypair);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seeds_have_at_most_one_digit),
		cmocka_unit_test(keys_begin_as_published),
		cmocka_unit_test(sizes_that_are_none),
		cmocka_unit_test(a_file_of_moduli_is_gone_on_with),
		cmocka_unit_test(the_shipped_list_finds_its_keys),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_keypair, free_keypair);
}
