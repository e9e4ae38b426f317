/* What happens to the certificates of one device together. */
#ifndef AUTHORITY_CERTS_H
#define AUTHORITY_CERTS_H

#include "authority/authority.h"

/* More certificates than any device has in its life; a walk that finds more stops. */
#define CERTS_MAX 4096

/*
 * Inside an act: `row`, ISSUED until now, becomes USED, and every earlier certificate of its device
 * REPLACED.  Says so in `en`: "replaced" (how many) and, when the act is not itself a renewal of
 * it, "previous" (fingerprint of the newest of them).
 */
MUST_USE enum err_code certs_use(struct authority *a, struct cert_row *row, struct entry *en,
	struct err *e);
/* Inside an act: every certificate of the device that is not revoked becomes so; `n` of them. */
MUST_USE enum err_code certs_revoke(struct authority *a, const char *device, int64_t at,
	int reason, uint64_t *n, struct err *e);

#endif
