#include "keyread/json.h"
#include "keyread/text64.h"

static enum err_code decode_member(
	yyjson_val *entry, const char *name, struct buf *out, struct err *e)
{
	yyjson_val *v = yyjson_obj_get(entry, name);
	struct err why;
	if (!yyjson_is_str(v))
		return err_set(e, ERR_MALFORMED, "CT entry", "no \"%s\"", name);
	enum err_code rc =
		text64_decode(bytes_of(yyjson_get_str(v), yyjson_get_len(v)), out, NULL, &why);
	return rc == ERR_OK ? rc : err_set(e, rc, "CT entry", "\"%s\": %s", name, why.reason);
}

enum err_code ct_json_read(struct found *f, yyjson_val *entry, struct ct_seen *seen, struct err *e)
{
	struct buf *b = &f->work;
	struct err why;
	b->len = 0;
	b->bad = false;
	enum err_code rc = decode_member(entry, "leaf_input", b, e);
	size_t leaf = b->len;
	if (rc != ERR_OK)
		return rc;
	/* Without extra_data the leaf still holds its certificate. */
	enum err_code extra = decode_member(entry, "extra_data", b, &why);
	if (extra != ERR_OK)
		b->len = leaf;
	rc = ct_entry_read(f, bytes_of(b->p, leaf), bytes_of(b->p + leaf, b->len - leaf), seen, e);
	if (extra != ERR_OK)
		return err_set(e, extra, "CT entry", "%s", why.reason);
	return rc;
}
