/* Revocation: devices with all their certificates, and the CRL that tells the world. */
#ifndef AUTHORITY_REVOKE_H
#define AUTHORITY_REVOKE_H

#include "authority/authority.h"

/*
 * The device, its certificates and a new CRL: one act.  ERR_DEVICE_REVOKED when it was already,
 * ERR_DEVICE_UNKNOWN, ERR_CLOCK.
 */
MUST_USE enum err_code revoke_device(struct authority *a, const char *actor, const char *serial,
	const char *reason, struct device *out, struct err *e);
/*
 * Sign a new CRL when there is none or less than half of the newest one's lifetime is left; `made`
 * says whether.  One act.  In the caller's transaction.
 */
MUST_USE enum err_code revoke_refresh(struct authority *a, bool *made, struct err *e);

#endif
