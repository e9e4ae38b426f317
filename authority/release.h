/* Releases: proposed by one, approved by others, published by the signer's signature. */
#ifndef AUTHORITY_RELEASE_H
#define AUTHORITY_RELEASE_H

#include "authority/authority.h"
#include "firmware/bundle.h"

/* `operator` is who is connected; an envelope counts only when it is that person's own. */
MUST_USE enum err_code release_propose(struct authority *a, const struct operator_row *who,
	struct bytes envelope, struct release_row *out, struct err *e);
MUST_USE enum err_code release_approve(struct authority *a, const struct operator_row *who,
	const char *id, struct bytes envelope, struct release_row *out, struct err *e);
/*
 * Ask the signer, which checks everything again, then record and log: one act.  A bundle needs a
 * checkpoint of it, which the caller has signed after the commit (journal_checkpoint): the signer
 * signs one history only, so never one that may yet be rolled back.
 * ERR_RELEASE_VERSION when version or counter is not above what is published for the product.
 */
MUST_USE enum err_code release_publish(struct authority *a, const struct operator_row *who,
	const char *id, struct release_row *out, struct err *e);
/* The bundle of a published release, in a sealed memfd that the caller closes. */
MUST_USE enum err_code release_bundle(struct authority *a, const char *id, int *fd, struct err *e);
/* The proposed image, likewise. */
MUST_USE enum err_code release_image(struct authority *a, const char *id, int *fd, struct err *e);

#endif
