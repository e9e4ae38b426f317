#include "cli/call.h"

#include <stdarg.h>
#include <stdlib.h>

enum err_code call_print(const struct cli *c, const char *path, struct bytes body, struct err *e)
{
	struct session s;
	yyjson_doc *reply = NULL;
	enum err_code rc = session_open(c, &s, e);

	if (rc != ERR_OK)
		return rc;
	rc = client_json(s.client, path, body, &reply, e);
	if (rc == ERR_OK)
		rc = out_value(c, yyjson_doc_get_root(reply), e);
	yyjson_doc_free(reply);
	session_close(&s);
	return rc;
}

enum err_code call_body(struct buf *out, struct err *e, const char *key, ...)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc);
	char *text;
	size_t len;
	va_list ap;

	yyjson_mut_doc_set_root(doc, o);
	va_start(ap, key);
	for (; key != NULL; key = va_arg(ap, const char *)) {
		const char *value = va_arg(ap, const char *);
		if (value != NULL)
			yyjson_mut_obj_add_str(doc, o, key, value);
	}
	va_end(ap);
	text = yyjson_mut_write(doc, 0, &len);
	yyjson_mut_doc_free(doc);
	if (text == NULL) /* no memory, or text that is not UTF-8 */
		return err_set(e, ERR_USAGE, NULL, "the arguments must be UTF-8");
	buf_bytes(out, bytes_of(text, len));
	free(text);
	return buf_end(out, e, "request");
}
