#include "base/utf8.h"

/* RFC 3629 §4. */
size_t utf8_character(const uint8_t *p, size_t left)
{
	if (left == 0)
		return 0;
	uint8_t a = p[0];
	if (a >= 0x20 && a < 0x7f)
		return 1;
	size_t n = a >= 0xc2 && a <= 0xdf ? 2 : (a & 0xf0) == 0xe0 ? 3 : a >= 0xf0 && a <= 0xf4 ? 4 : 0;
	if (n == 0 || left < n)
		return 0;
	/* The second byte is narrower where the first would allow an overlong form, a surrogate,
	 * a C1 control or more than U+10FFFF. */
	uint8_t least = a == 0xe0 || a == 0xc2 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80;
	uint8_t most = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < least || p[1] > most)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool utf8_is_text(struct bytes b)
{
	size_t at = 0;
	while (at < b.len) {
		size_t n = utf8_character(b.p + at, b.len - at);
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}
