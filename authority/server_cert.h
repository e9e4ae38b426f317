/* The server's own TLS certificate: the newest in the database is what certs/tls.pem has to hold. */
#ifndef AUTHORITY_SERVER_CERT_H
#define AUTHORITY_SERVER_CERT_H

#include "authority/authority.h"

/*
 * Have the signer make a new one when the newest names other names than a->server_names, is for
 * another key than a->tls_spki, or two thirds of its life are over (or it is not valid yet: a clock
 * was wrong); `made` says whether.  One act.  In the caller's transaction.
 */
MUST_USE enum err_code server_cert_refresh(struct authority *a, bool *made, struct err *e);
/* The newest in the database; cert_free.  ERR_NOT_FOUND. */
MUST_USE enum err_code server_cert_newest(struct authority *a, struct cert *out, struct err *e);

#endif
