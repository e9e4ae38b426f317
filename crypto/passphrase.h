/*
 * A passphrase from a file (mode 0600, first line), a systemd credential, or the terminal; never
 * from an argument or the environment.
 */
#ifndef CRYPTO_PASSPHRASE_H
#define CRYPTO_PASSPHRASE_H

#include "base/bytes.h"

#define PASSPHRASE_MAX 1024

/*
 * In this order: `path` when not NULL; the file `credential` in $CREDENTIALS_DIRECTORY
 * (systemd.exec, LoadCredential=) when that exists; a prompt with `prompt` on /dev/tty, twice when
 * `confirm`.  `out` is a secret buffer that the caller frees.  ERR_NOT_TERMINAL when none works.
 */
MUST_USE enum err_code passphrase_read(const char *path, const char *credential,
	const char *prompt, bool confirm, struct buf *out, struct err *e);

#endif
