/* What bundle.c and bundle_verify.c share; the form is docs/spec/bundle.md. */
#ifndef FIRMWARE_BUNDLE_SECTION_H
#define FIRMWARE_BUNDLE_SECTION_H

#include "firmware/bundle.h"
#include "firmware/mcuboot.h"

/* In the order of the file; APPROVAL stands 0 to APPROVALS_MAX times, the others once. */
enum section {
	SECTION_STATEMENT = 1,
	SECTION_PROPOSAL = 2,
	SECTION_APPROVAL = 3,
	SECTION_CODE_SIGNING = 4,
	SECTION_SIGNATURE = 5,
	SECTION_ENTRY = 6,
	SECTION_PROOF = 7,
	SECTION_IMAGE = 8,
};

#define BUNDLE_ENTRY_MAX 4096 /* ENTRY_MAX of audit/entry.h, which lies above this room */
/* The unprotected area of a finished image: four headers, two hashes, a signature. */
#define BUNDLE_MCUBOOT_MAX (MCUBOOT_IMAGE_MAX + 160)

/* The prepared image and the signature of `p` make the image that a device installs. */
MUST_USE enum err_code bundle_finish(struct bytes prepared, const struct bundle_parts *p,
	struct buf *out, struct err *e);

#endif
