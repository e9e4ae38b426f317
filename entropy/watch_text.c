/* Lists of values as people have them: docs/spec/watch.md. */
#include <stdio.h>
#include <string.h>
#include <yyjson.h>

#include "base/utf8.h"
#include "entropy/watch.h"

#define KIND_DEFAULT "nonce"
/* The head of a list. */
#define HEAD "product,value"

static enum err_code bad(struct err *e, uint64_t place, const char *why)
{
	char object[48];
	snprintf(object, sizeof(object), "line %llu", (unsigned long long)place);
	return err_set(e, ERR_MALFORMED, object, "%s", why);
}

/* Hex, perhaps with 0x before it and colons in it, as tools print numbers. */
static bool take_hex(struct bytes hex, uint8_t out[WATCH_VALUE_MAX], size_t *len)
{
	char digits[2 * WATCH_VALUE_MAX + 2] = "0";
	size_t n = 1; /* room to make their number even */

	if (hex.len >= 2 && hex.p[0] == '0' && (hex.p[1] | 0x20) == 'x') {
		hex.p += 2;
		hex.len -= 2;
	}
	for (size_t i = 0; i < hex.len; i++) {
		if (hex.p[i] == ':')
			continue;
		if (n > 2 * WATCH_VALUE_MAX)
			return false;
		digits[n++] = (char)hex.p[i];
	}
	digits[n] = '\0';
	*len = n / 2;
	return n > 1 && hex_decode(digits + n % 2, out, *len);
}

static enum err_code add(struct watch *w, struct bytes product, struct bytes kind, struct bytes hex,
	uint64_t place, struct err *e)
{
	char product_text[WATCH_PRODUCT_MAX + 1], kind_text[WATCH_KIND_MAX + 1];
	uint8_t value[WATCH_VALUE_MAX];
	size_t len;

	if (product.len == 0 || product.len > WATCH_PRODUCT_MAX || !utf8_is_text(product))
		return bad(e, place, "the product's name is empty, too long or no text");
	if (kind.len == 0 || kind.len > WATCH_KIND_MAX || !utf8_is_text(kind))
		return bad(e, place, "the kind is empty, too long or no text");
	if (!take_hex(hex, value, &len))
		return bad(e, place, "the value is not hex of at most 2,048 octets");
	memcpy(product_text, product.p, product.len);
	product_text[product.len] = '\0';
	memcpy(kind_text, kind.p, kind.len);
	kind_text[kind.len] = '\0';
	return watch_add(w, product_text, kind_text, bytes_of(value, len), place, e);
}

static struct bytes member(yyjson_val *o, const char *key)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	if (!yyjson_is_str(v))
		return BYTES_NONE;
	return bytes_of(yyjson_get_str(v), yyjson_get_len(v));
}

static enum err_code add_json(struct watch *w, struct bytes line, uint64_t place, struct err *e)
{
	yyjson_doc *doc = yyjson_read((const char *)line.p, line.len, 0);
	yyjson_val *o = doc != NULL ? yyjson_doc_get_root(doc) : NULL;
	struct bytes kind = member(o, "kind");
	enum err_code rc;

	if (!yyjson_is_obj(o))
		rc = bad(e, place, "it is not a JSON object");
	else
		rc = add(w, member(o, "product"),
			yyjson_obj_get(o, "kind") != NULL ? kind : bytes_str(KIND_DEFAULT),
			member(o, "value"), place, e);
	yyjson_doc_free(doc);
	return rc;
}

static struct bytes trimmed(struct bytes s)
{
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t' ||
				    s.p[s.len - 1] == '\r' || s.p[s.len - 1] == '\n'))
		s.len--;
	while (s.len > 0 && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.len--;
	}
	return s;
}

enum err_code watch_add_text(struct watch *w, struct bytes line, uint64_t place, struct err *e)
{
	const uint8_t *comma;
	size_t before;

	line = trimmed(line);
	if (line.len > WATCH_TEXT_MAX)
		return bad(e, place, "it is longer than a value can be");
	if (line.len == 0 || line.p[0] == '#' || bytes_equal(line, bytes_str(HEAD)))
		return ERR_OK;
	if (line.p[0] == '{')
		return add_json(w, line, place, e);
	comma = memrchr(line.p, ',', line.len);
	if (comma == NULL)
		return bad(e, place, "it is neither product,value nor a JSON object");
	before = (size_t)(comma - line.p);
	return add(w, trimmed(bytes_of(line.p, before)), bytes_str(KIND_DEFAULT),
		trimmed(bytes_of(comma + 1, line.len - before - 1)), place, e);
}
