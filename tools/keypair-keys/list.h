/* A file of moduli, a line "NUMBER HEX" for each of the first `count` seeds, and its key list. */
#ifndef TOOLS_KEYPAIR_KEYS_LIST_H
#define TOOLS_KEYPAIR_KEYS_LIST_H

#include "tools/keypair-keys/keypair.h"

/* Write the moduli to the file, or go on with it behind its last whole line. */
MUST_USE enum err_code keypair_moduli(
	struct keypair *k, unsigned bits, unsigned count, const char *path, struct err *e);
/*
 * The key list of a whole file, of which `date` is the day.  ERR_MALFORMED names the line that is
 * not what it should be; some keys are made again and compared.
 */
MUST_USE enum err_code keypair_list(struct keypair *k, unsigned bits, unsigned count,
	const char *path, const char *date, struct buf *out, struct err *e);

#endif
