/* A request of the operators' API: "METHOD path\ntype\nbody". */
#include <stdlib.h>
#include <string.h>

#include "protocol/api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes up to `end`, as text; what follows stays in `rest`.  NULL without memory or end. */
static char *take(struct bytes *rest, char end)
{
	const uint8_t *at = rest->len > 0 ? memchr(rest->p, end, rest->len) : NULL;
	if (at == NULL)
		return NULL;
	size_t n = (size_t)(at - rest->p);
	char *s = malloc(n + 1);
	if (s == NULL)
		return NULL;
	memcpy(s, rest->p, n);
	s[n] = '\0';
	*rest = bytes_of(at + 1, rest->len - n - 1);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = bytes_of(data, size);
	char *method = take(&rest, ' ');
	char *path = method != NULL ? take(&rest, '\n') : NULL;
	char *type = path != NULL ? take(&rest, '\n') : NULL;
	struct api_call c;
	struct err e = {0};
	struct buf body = buf_new(4096);
	if (type != NULL) {
		enum err_code rc = api_parse(method, path, type, rest, &c, &e);
		if (rc == ERR_OK) {
			if ((unsigned)c.op >= API_OP_COUNT || strlen(c.a) > API_TEXT_MAX ||
				strlen(c.b) > API_TEXT_MAX || strlen(c.c) > API_TEXT_MAX)
				abort();
			api_call_free(&c);
		} else {
			e.code = rc;
			api_error_body(&e, &body);
			if (body.bad || body.len == 0)
				abort();
		}
	}
	buf_free(&body);
	free(method);
	free(path);
	free(type);
	return 0;
}
