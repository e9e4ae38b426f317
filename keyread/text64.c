#include "keyread/text64.h"

#define PIECE 3072
#define SPACE 0x40u /* passed over */
#define PAD 0x41u   /* only more of them and white space may follow */

/* Values of characters, as [n] of them where they follow each other. */
#define V1(c, v) [c] = (v)
#define V2(c, v) V1(c, v), V1((c) + 1, (v) + 1)
#define V4(c, v) V2(c, v), V2((c) + 2, (v) + 2)
#define V8(c, v) V4(c, v), V4((c) + 4, (v) + 4)
#define V26(c, v) V8(c, v), V8((c) + 8, (v) + 8), V8((c) + 16, (v) + 16), V2((c) + 24, (v) + 24)

/* One less than what it says, so that 0 is "no base64": see value_of. */
static const uint8_t values[256] = {V26('A', 1), V26('a', 27), V8('0', 53),
	V2('8', 61), ['+'] = 63, ['-'] = 63, ['/'] = 64, ['_'] = 64, ['='] = PAD + 1,
	[' '] = SPACE + 1, ['\t'] = SPACE + 1, ['\r'] = SPACE + 1, ['\n'] = SPACE + 1};

static unsigned value_of(uint8_t c)
{
	return values[c] - 1u;
}

/* Whole groups of four at `text`, at most `room` bytes of result; how many characters were taken.
 */
static size_t decode_groups(struct bytes text, uint8_t *to, size_t room, size_t *made)
{
	size_t groups = text.len / 4 < room / 3 ? text.len / 4 : room / 3;
	size_t i = 0;
	for (; i < groups; i++) {
		const uint8_t *p = text.p + 4 * i;
		unsigned a = value_of(p[0]);
		unsigned b = value_of(p[1]);
		unsigned c = value_of(p[2]);
		unsigned d = value_of(p[3]);
		if ((a | b | c | d) > 63)
			break;
		unsigned v = a << 18 | b << 12 | c << 6 | d;
		to[3 * i] = (uint8_t)(v >> 16);
		to[3 * i + 1] = (uint8_t)(v >> 8);
		to[3 * i + 2] = (uint8_t)v;
	}
	*made = 3 * i;
	return 4 * i;
}

enum err_code text64_decode(struct bytes text, struct buf *out, size_t *bad_at, struct err *e)
{
	uint8_t piece[PIECE] = {0};
	size_t n = 0;
	unsigned v = 0;
	unsigned bits = 0;
	bool padded = false;
	enum err_code rc = ERR_OK;
	for (size_t i = 0; i < text.len;) {
		if (n > PIECE - 3) {
			buf_bytes(out, bytes_of(piece, n));
			n = 0;
		}
		if (bits == 0 && !padded) {
			size_t made;
			i += decode_groups(
				bytes_of(text.p + i, text.len - i), piece + n, PIECE - n, &made);
			n += made;
			if (i == text.len || n > PIECE - 3)
				continue;
		}
		unsigned c = value_of(text.p[i]);
		if (c == PAD) {
			padded = true;
		} else if (c > SPACE || (c < SPACE && padded)) {
			rc = err_set(e, ERR_BASE64, NULL, "character 0x%02x", text.p[i]);
			if (bad_at != NULL)
				*bad_at = i;
			break;
		} else if (c < SPACE) {
			v = v << 6 | c;
			bits += 6;
			if (bits >= 8) {
				bits -= 8;
				piece[n++] = (uint8_t)(v >> bits);
				v &= (1u << bits) - 1;
			}
		}
		i++;
	}
	buf_bytes(out, bytes_of(piece, n));
	return rc != ERR_OK ? rc : buf_end(out, e, "base64");
}
