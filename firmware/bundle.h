/*
 * A bundle: one file with all that an outsider needs to judge a release without asking anybody
 * (docs/spec/bundle.md).  The image stands last, so that it can be streamed.
 */
#ifndef FIRMWARE_BUNDLE_H
#define FIRMWARE_BUNDLE_H

#include "firmware/approval.h"
#include "merkle/note.h"

#define BUNDLE_MAGIC "MSEALBDL"
#define BUNDLE_VERSION 1
#define BUNDLE_HEAD_MAX 131072 /* everything before the image */
#define BUNDLE_SIGNATURE_MAX 8192
#define BUNDLE_PROOF_MAX 16384
#define BUNDLE_ACT "release.published" /* the act that the log entry is about */

/* What goes in, in the order of the file; views. */
struct bundle_parts {
	struct bytes statement;
	struct bytes proposal; /* DSSE envelopes */
	struct bytes approvals[APPROVALS_MAX];
	size_t approvals_n;
	struct bytes code_signing; /* certificate DER */
	struct bytes signature;    /* CMS DER (plain) or ECDSA DER (mcuboot), as the signer made it */
	struct bytes entry;        /* the log's line about the publication */
	struct bytes proof;        /* C2SP tlog-proof of that entry */
};

/*
 * Write a bundle to `fd` from its present position.  `image_fd` is the proposed image; for
 * "mcuboot" the bundle holds the finished image, made here.
 */
MUST_USE enum err_code bundle_encode(const struct bundle_parts *p, int image_fd, int fd,
	struct err *e);

struct bundle {
	struct bundle_parts parts; /* views into `head` */
	struct buf head;
	int fd; /* borrowed */
	uint64_t image_at;
	uint64_t image_size;
	struct release release;
};

/* Everything but the image: `head` is the start of a bundle of `total` bytes (fuzzed; bundle_open
 * calls it).  On success the caller frees with bundle_free. */
MUST_USE enum err_code bundle_parse(struct bytes head, uint64_t total, struct bundle *out,
	struct err *e);
/* Read the head of the bundle in the regular file `fd`, which must stay open and unchanged. */
MUST_USE enum err_code bundle_open(int fd, struct bundle *out, struct err *e);
void bundle_free(struct bundle *b);

/* What the verifier believes, from elsewhere. */
struct bundle_trust {
	const struct cert *root;
	struct note_key log_key;
	unsigned approvals;        /* how many people beside the proposer */
	struct bytes root_crl;     /* DER; BYTES_NONE: none at hand */
	const char *product;       /* NULL: any */
	bool has_floor;            /* refuse what is older than the next two */
	uint32_t min_security_counter;
	struct verify_version min_version;
	/* The verifier's clock.  Certificates are judged at the time in the log entry, which is never
	 * after this; one that is not believable (base/clock.h) is left aside. */
	int64_t now;
};

struct bundle_verdict {
	struct approval_set people;
	int64_t published_at;
	uint64_t log_index;
	uint64_t log_size; /* of the checkpoint */
	char signer[CERT_NAME_MAX + 1]; /* common name of the code-signing certificate */
};

/*
 * In this order: product and floor (ERR_BUNDLE_PRODUCT, ERR_BUNDLE_ROLLBACK), log proof
 * (ERR_BUNDLE_PROOF, ERR_LOG_CHECKPOINT), that the log entry names every part by its digest
 * (ERR_BUNDLE_PROOF), people (ERR_APPROVAL_*, ERR_OPERATOR_*), certificate (ERR_BUNDLE_CHAIN),
 * signature (ERR_BUNDLE_SIGNATURE), image (ERR_BUNDLE_IMAGE; for "mcuboot" the ERR_IMG_* of the
 * code that a bootloader runs).
 */
MUST_USE enum err_code bundle_verify(const struct bundle *b, const struct bundle_trust *trust,
	struct bundle_verdict *out, struct err *e);

/* What the log says of the approvals: SHA-256 over the SHA-256 of each envelope, in order. */
void bundle_approvals_digest(const struct bytes *approvals, size_t n, uint8_t out[SHA256_SIZE]);

/* Copy the image (as a device installs it) to `fd`. */
MUST_USE enum err_code bundle_extract(const struct bundle *b, int fd, struct err *e);

#endif
