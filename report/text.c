#include "report/text.h"

#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define ELLIPSIS "\xe2\x80\xa6"    /* U+2026 */

/* U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069: they move what stands around them. */
static bool turns_order(const uint8_t *p, size_t n)
{
	if (n == 2)
		return p[0] == 0xd8 && p[1] == 0x9c;
	if (n != 3 || p[0] != 0xe2)
		return false;
	return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
	       (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

struct bytes text_next(struct bytes text, size_t *used)
{
	size_t n = utf8_character(text.p, text.len);

	*used = n > 0 ? n : 1;
	if (n == 0 || turns_order(text.p, n))
		return bytes_str(REPLACEMENT);
	return bytes_of(text.p, n);
}

void text_clean(struct buf *out, struct bytes text, size_t max)
{
	size_t at = 0;

	while (at < text.len) {
		size_t used;
		struct bytes c = text_next(bytes_of(text.p + at, text.len - at), &used);
		if (at + used > max) {
			buf_str(out, ELLIPSIS);
			return;
		}
		buf_bytes(out, c);
		at += used;
	}
}
