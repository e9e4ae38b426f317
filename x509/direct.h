/*
 * A path of length one (RFC 5280 §6.1): leaf and anchor, nothing between.  It is how this realm's
 * devices and operators are certified, so each connection pays for it: one signature and a few
 * comparisons in place (docs/design/crypto.md has the figures against the library's walk).
 */
#ifndef X509_DIRECT_H
#define X509_DIRECT_H

#include "x509/cert.h"

/*
 * Was `leaf` issued by `anchor` itself, and are both valid at `at`?  ERR_PEER_EXPIRED, or `refusal`.
 * Purposes are the caller's to check.  Names must be the same bytes: both are certificates that
 * Medseal made.
 */
MUST_USE enum err_code cert_check_direct(const struct cert *leaf, const struct cert *anchor,
	int64_t at, enum err_code refusal, struct err *e);

#endif
