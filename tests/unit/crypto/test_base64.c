#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "crypto/base64.h"

static void decodes_to(const char *text, bool white_space, const char *want)
{
	struct buf b = buf_new(256);
	assert_int_equal(base64_decode(bytes_str(text), white_space, &b, NULL), ERR_OK);
	assert_true(bytes_equal(buf_view(&b), bytes_str(want)));
	buf_free(&b);
}

static void refuses(const char *text, bool white_space)
{
	struct buf b = buf_new(256);
	assert_int_equal(base64_decode(bytes_str(text), white_space, &b, NULL), ERR_BASE64);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void knows_the_vectors_of_rfc4648(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {{"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
		{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct buf b = buf_new(64);
		base64_encode(bytes_str(pairs[i][0]), 0, &b);
		assert_string_equal(buf_cstr(&b), pairs[i][1]);
		buf_free(&b);
		decodes_to(pairs[i][1], false, pairs[i][0]);
	}
}

static void white_space_only_where_it_is_allowed(void **state)
{
	(void)state;
	decodes_to(" Zm9v\r\nYm\tFy\n", true, "foobar");
	refuses("Zm9v\n", false);
}

static void wraps_lines(void **state)
{
	(void)state;
	struct buf b = buf_new(64);
	base64_encode(bytes_str("foobarf"), 8, &b);
	assert_string_equal(buf_cstr(&b), "Zm9vYmFy\nZg==\n");
	buf_free(&b);
}

static void refuses_what_is_not_base64(void **state)
{
	(void)state;
	static const char *const bad[] = {"Zg", "Zg=", "Zg==Zg==", "=Zg=", "====", "Zh==", "Zm9=",
		"Zm9-", "Zm9v=", "Z", "Zg===", "Zm\x80v"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuses(bad[i], true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_vectors_of_rfc4648),
		cmocka_unit_test(white_space_only_where_it_is_allowed),
		cmocka_unit_test(wraps_lines),
		cmocka_unit_test(refuses_what_is_not_base64),
	};
	return RUN_TAP(tests);
}
