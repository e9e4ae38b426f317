#include "keyread/ber.h"

/* Indefinite lengths inside each other; PKCS#7 has five levels of its own. */
#define DEPTH_MAX 16
/* More than any record has; longer ones are lies. */
#define LENGTH_MAX UINT32_MAX
/* Octets of a tag above 30: no standard here has a number beyond 2^14. */
#define TAG_OCTETS_MAX 3

/* Identifier and length octets, at most. */
#define HEADER_MAX (1 + TAG_OCTETS_MAX + 1 + 0x7f)

#define CONSTRUCTED 0x20u

static unsigned read_tag(struct reader *r)
{
	unsigned tag = read_u8(r);
	if ((tag & 0x1f) != 0x1f)
		return tag;
	for (unsigned i = 0; i < TAG_OCTETS_MAX; i++) {
		if (read_u8(r) < 0x80)
			return tag;
	}
	r->bad = true;
	return 0;
}

/* False: indefinite. */
static bool read_length(struct reader *r, uint64_t *len)
{
	unsigned first = read_u8(r);
	*len = first;
	if (first < 0x80)
		return true;
	*len = 0;
	for (unsigned i = 0; i < (first & 0x7f) && !r->bad; i++) {
		*len = *len << 8 | read_u8(r);
		if (*len > LENGTH_MAX)
			r->bad = true;
	}
	return first != 0x80;
}

/* Pass over elements until the end-of-contents; the end of the content. */
static size_t find_end_of_contents(struct reader *r)
{
	unsigned depth = 1;
	size_t end = r->pos;
	while (depth > 0 && !r->bad) {
		uint64_t len;
		end = r->pos;
		unsigned tag = read_tag(r);
		if (!read_length(r, &len)) {
			depth++;
			r->bad = r->bad || depth > DEPTH_MAX || (tag & CONSTRUCTED) == 0;
		} else if (tag == 0 && len == 0) {
			depth--;
		} else {
			(void)read_bytes(r, (size_t)len);
		}
	}
	return end;
}

static struct ber next_element(struct reader *r, bool indefinite)
{
	struct ber b = {0};
	uint64_t len;
	size_t start = r->pos;
	b.tag = read_tag(r);
	bool definite = read_length(r, &len);
	size_t content = r->pos;
	if (definite) {
		b.content = read_bytes(r, (size_t)len);
	} else {
		if (!indefinite || (b.tag & CONSTRUCTED) == 0)
			r->bad = true;
		size_t end = find_end_of_contents(r);
		if (!r->bad)
			b.content = bytes_of(r->p + content, end - content);
	}
	if (r->bad || b.tag == 0) {
		r->bad = true;
		return (struct ber){0};
	}
	b.whole = bytes_of(r->p + start, r->pos - start);
	return b;
}

struct ber ber_next(struct reader *r)
{
	return next_element(r, true);
}

struct ber ber_next_definite(struct reader *r)
{
	return next_element(r, false);
}

struct ber ber_take(struct reader *r, unsigned tag)
{
	if (der_peek(r) != tag)
		r->bad = true;
	return ber_next(r);
}

struct reader ber_enter(struct reader *r, unsigned tag)
{
	struct reader in = reader_of(ber_take(r, tag).content);
	in.bad = r->bad;
	return in;
}

struct bytes ber_bits(struct reader *r)
{
	struct reader in = ber_enter(r, DER_BIT_STRING);
	(void)read_u8(&in);
	if (in.bad)
		r->bad = true;
	return read_bytes(&in, reader_left(&in));
}

uint64_t ber_size(struct bytes b, bool *bad)
{
	struct reader r = reader_of(b);
	uint64_t len;
	unsigned tag = read_tag(&r);
	bool definite = read_length(&r, &len);
	*bad = (b.len > 0 && tag == 0) || (r.bad && b.len >= HEADER_MAX);
	if (*bad || r.bad)
		return 0;
	if (definite)
		return r.pos + len;
	(void)find_end_of_contents(&r);
	return r.bad ? 0 : r.pos;
}
