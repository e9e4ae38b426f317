/* An operator's folder (cli/ceremony.h): who is calling, and whom they trust. */
#ifndef CLI_IDENTITY_H
#define CLI_IDENTITY_H

#include <limits.h>

#include "cli/cli.h"
#include "crypto/key.h"
#include "x509/cert.h"

#define IDENTITY_SERVER_MAX 256

struct identity {
	char dir[PATH_MAX];
	char server[IDENTITY_SERVER_MAX]; /* "HOST:PORT" */
	struct cert cert;
	struct key *key;
};

/* Read it, the key with its passphrase; ERR_USAGE when no folder was named.  identity_free. */
MUST_USE enum err_code identity_open(const struct cli *c, struct identity *out, struct err *e);
void identity_free(struct identity *id);

#endif
