/* A command that is one call of the API: open, ask, print, close. */
#ifndef CLI_CALL_H
#define CLI_CALL_H

#include "cli/client.h"
#include "cli/out.h"

/* GET or POST `body` (BYTES_NONE: GET) and print the reply. */
MUST_USE enum err_code call_print(const struct cli *c, const char *path, struct bytes body,
	struct err *e);
/* A small JSON object of strings: pairs of key and value, ended by NULL; a NULL value is left out. */
MUST_USE enum err_code call_body(struct buf *out, struct err *e, const char *key, ...);

#endif
