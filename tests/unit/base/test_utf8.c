#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "base/utf8.h"

/* RFC 3629 §3 by arithmetic, to compare the table-like decoder with. */
static bool by_the_book(const uint8_t *p, size_t n)
{
	uint32_t v = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return false;
		v = v << 6 | (p[i] & 0x3f);
	}
	bool control = v < 0x20 || (v >= 0x7f && v < 0xa0);
	return v >= least[n] && v <= 0x10ffff && (v < 0xd800 || v > 0xdfff) && !control;
}

static size_t length_by_first(uint8_t a)
{
	return a < 0x80 ? 1 : a >> 5 == 6 ? 2 : a >> 4 == 14 ? 3 : a >> 3 == 30 ? 4 : 0;
}

static void each_character_is_judged_by_the_book(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++)
		for (unsigned b = 0; b < 256; b++) {
			/* The third and fourth byte have no rule of their own but "10xxxxxx". */
			uint8_t c[4] = {(uint8_t)a, (uint8_t)b, 0x80, 0xbf};
			size_t n = length_by_first(c[0]);
			if (n == 0) {
				assert_false(utf8_is_text(bytes_of(c, 1)));
				continue;
			}
			assert_int_equal(utf8_is_text(bytes_of(c, n)), by_the_book(c, n));
			for (size_t i = 1; i < n; i++)
				assert_false(utf8_is_text(bytes_of(c, i))); /* cut */
			for (size_t i = 2; i < n; i++) {
				uint8_t d[4];
				memcpy(d, c, sizeof(d));
				d[i] ^= 0x40;
				assert_false(utf8_is_text(bytes_of(d, n)));
			}
		}
}

static void nothing_is_text_and_a_zero_is_not(void **state)
{
	(void)state;
	assert_true(utf8_is_text(BYTES_NONE));
	assert_true(utf8_is_text(bytes_str("Klinik \xc3\x84 \xf0\x9f\x94\x91")));
	assert_false(utf8_is_text(bytes_of("a\0b", 3)));
	assert_false(utf8_is_text(bytes_str("a\x1b[2J")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_character_is_judged_by_the_book),
		cmocka_unit_test(nothing_is_text_and_a_zero_is_not),
	};
	return RUN_TAP(tests);
}
