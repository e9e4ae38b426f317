#include "merkle/lines.h"

#include <string.h>

#include "crypto/base64.h"

bool line_next(struct reader *r, struct bytes *line)
{
	size_t left = reader_left(r);
	const uint8_t *at = r->p + r->pos;
	const uint8_t *end = left > 0 ? memchr(at, '\n', left) : NULL;
	if (end == NULL)
		return false;
	*line = read_bytes(r, (size_t)(end - at));
	(void)read_u8(r);
	return true;
}

bool line_prefix(struct bytes *line, const char *prefix)
{
	struct bytes p = bytes_str(prefix);
	if (line->len < p.len || memcmp(line->p, p.p, p.len) != 0)
		return false;
	*line = bytes_of(line->p + p.len, line->len - p.len);
	return true;
}

bool line_number(struct bytes line, uint64_t *out)
{
	uint64_t v = 0;
	if (line.len == 0 || line.len > 19 || (line.p[0] == '0' && line.len > 1))
		return false;
	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(line.p[i] - '0');
	}
	if (v > INT64_MAX)
		return false;
	*out = v;
	return true;
}

bool line_base64(struct bytes line, uint8_t *out, size_t len)
{
	struct buf b = buf_new(len);
	bool ok = line.len == (len + 2) / 3 * 4 &&
		base64_decode(line, false, &b, NULL) == ERR_OK && b.len == len;
	if (ok)
		memcpy(out, b.p, len);
	buf_free(&b);
	return ok;
}

void line_put_hash(struct merkle_hash h, struct buf *out)
{
	base64_encode(bytes_of(h.b, sizeof(h.b)), 0, out);
	buf_u8(out, '\n');
}
