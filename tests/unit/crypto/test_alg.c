#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/alg.h"
#include "tests/unit/crypto/rsa_spki.h"

#define NOW ((int64_t)1795000000)  /* November 2026 */
#define Y2031 ((int64_t)1924992000)
#define Y2036 ((int64_t)2082758400)

static struct key *rsa(size_t bits, uint64_t exponent, bool even)
{
	struct buf der = buf_new(4096);
	struct key *k = NULL;
	rsa_spki_write(bits, exponent, !even, &der);
	assert_int_equal(key_from_spki(buf_view(&der), &k, NULL), ERR_OK);
	buf_free(&der);
	return k;
}

static void assert_admit(struct key *k, enum alg_use use, int64_t now, enum err_code want)
{
	struct err e;
	assert_int_equal(alg_admit_key(k, use, now, &e), want);
}

static void sizes_depend_on_the_use_and_the_date(void **state)
{
	(void)state;
	struct key *k = rsa(2048, 65537, false);
	assert_admit(k, ALG_USE_DEVICE, NOW, ERR_KEY_SIZE);
	assert_admit(k, ALG_USE_OPERATOR, NOW, ERR_KEY_SIZE);
	assert_admit(k, ALG_USE_IDEVID, NOW, ERR_OK);
	assert_admit(k, ALG_USE_IDEVID, Y2031, ERR_KEY_ALGORITHM);
	key_free(k);
	k = rsa(3072, 65537, false);
	assert_admit(k, ALG_USE_DEVICE, NOW, ERR_OK);
	assert_admit(k, ALG_USE_DEVICE, Y2031, ERR_OK);
	assert_admit(k, ALG_USE_DEVICE, Y2036, ERR_KEY_ALGORITHM);
	key_free(k);
	k = rsa(512, 65537, false);
	assert_admit(k, ALG_USE_DEVICE, NOW, ERR_KEY_SIZE);
	assert_admit(k, ALG_USE_IDEVID, NOW, ERR_KEY_SIZE);
	key_free(k);
}

static void bad_rsa_numbers_are_refused(void **state)
{
	(void)state;
	struct key *k = rsa(3072, 3, false);
	assert_admit(k, ALG_USE_DEVICE, NOW, ERR_KEY_INVALID);
	key_free(k);
	k = rsa(3072, 65538, false);
	assert_admit(k, ALG_USE_DEVICE, NOW, ERR_KEY_INVALID);
	key_free(k);
	k = rsa(3072, 65537, true);
	assert_admit(k, ALG_USE_DEVICE, NOW, ERR_KEY_INVALID);
	key_free(k);
}

static void what_we_make_is_admitted(void **state)
{
	(void)state;
	static const enum key_type types[] = {KEY_P256, KEY_P384, KEY_ED25519};
	for (size_t i = 0; i < 3; i++) {
		struct key *k = NULL;
		assert_int_equal(key_generate(types[i], &k, NULL), ERR_OK);
		assert_admit(k, ALG_USE_DEVICE, NOW, ERR_OK);
		assert_admit(k, ALG_USE_OPERATOR, NOW, ERR_OK);
		assert_admit(k, ALG_USE_DEVICE, Y2036, ERR_KEY_ALGORITHM);
		key_free(k);
	}
}

/* A change of policy is a change of tests/unit/crypto/policy.txt. */
static void the_policy_is_the_reviewed_one(void **state)
{
	(void)state;
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/policy.txt", getenv("TEST_DATA"));
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	char want[4096];
	size_t n = fread(want, 1, sizeof(want) - 1, f);
	fclose(f);
	want[n] = '\0';
	struct buf got = buf_new(sizeof(want));
	alg_print_policy(&got);
	assert_string_equal(buf_cstr(&got), want);
	buf_free(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_depend_on_the_use_and_the_date),
		cmocka_unit_test(bad_rsa_numbers_are_refused),
		cmocka_unit_test(what_we_make_is_admitted),
		cmocka_unit_test(the_policy_is_the_reviewed_one),
	};
	return RUN_TAP(tests);
}
