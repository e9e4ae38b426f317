/*
 * What keeper and signer say to each other beyond plain fields (server/wire.h has those): the
 * entries of a CRL, and a list of approvals.  Only the form is judged here; what may be signed is
 * judged in server/signer_*.c.
 */
#ifndef SERVER_SIGNER_CALL_H
#define SERVER_SIGNER_CALL_H

#include "ipc/message.h"
#include "x509/crl.h"

/* Bytes of the entries of one CRL: about three million certificates, revoked and not expired. */
#define CALL_CRL_MAX ((uint64_t)128 << 20)

/* MSG_SIGN_CRL: number and times as fields, the entries in a sealed memfd that `m` then owns. */
MUST_USE enum err_code call_crl_encode(const struct crl_fields *f, struct message *m,
	struct err *e);
/* `out->entries` is allocated: free((void *)out->entries). */
MUST_USE enum err_code call_crl_parse(const struct message *m, struct crl_fields *out,
	struct err *e);

/* The approvals of MSG_SIGN_RELEASE in one field. */
MUST_USE enum err_code call_approvals_encode(const struct bytes *approvals, size_t n,
	struct buf *out, struct err *e);
/* Views of `field`; ERR_PROTOCOL when there are more than `max`. */
MUST_USE enum err_code call_approvals_parse(struct bytes field, struct bytes *out, size_t max,
	size_t *n, struct err *e);

#endif
