#include "x509/oid.h"

#include <string.h>

__extension__ typedef unsigned __int128 arc;

/* Base 128, most significant first, all but the last with the top bit (X.690 §8.19.2). */
static bool write_arc(arc v, uint8_t out[OID_MAX], size_t *n)
{
	size_t octets = 1;
	for (arc rest = v >> 7; rest != 0; rest >>= 7)
		octets++;
	if (octets > OID_MAX - *n)
		return false;
	for (size_t i = 0; i < octets; i++) {
		unsigned shift = (unsigned)(7 * (octets - 1 - i));
		out[*n + i] =
			(uint8_t)(((unsigned)(v >> shift) & 0x7f) | (i + 1 < octets ? 0x80 : 0));
	}
	*n += octets;
	return true;
}

static bool read_arc(const char *text, size_t len, size_t *at, arc *v)
{
	size_t start = *at;
	*v = 0;
	for (; *at < len && text[*at] >= '0' && text[*at] <= '9'; (*at)++) {
		unsigned digit = (unsigned)(text[*at] - '0');
		arc next = *v * 10 + digit;
		if (*v > ~(arc)0 / 10 || next < *v)
			return false;
		*v = next;
	}
	return *at > start && (text[start] != '0' || *at == start + 1);
}

bool oid_parse(const char *text, size_t len, uint8_t out[OID_MAX], size_t *out_len)
{
	uint8_t octets[OID_MAX];
	size_t n = 0;
	size_t at = 0;
	arc first;
	arc second;
	if (!read_arc(text, len, &at, &first) || first > 2 || at >= len || text[at++] != '.' ||
		!read_arc(text, len, &at, &second) || (first < 2 && second > 39) ||
		second > ~(arc)0 - 80 || !write_arc(first * 40 + second, octets, &n))
		return false;
	while (at < len) {
		arc v;
		if (text[at++] != '.' || !read_arc(text, len, &at, &v) || !write_arc(v, octets, &n))
			return false;
	}
	memcpy(out, octets, n);
	*out_len = n;
	return true;
}
