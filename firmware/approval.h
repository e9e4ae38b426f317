/*
 * A person's signature over a release, as a DSSE envelope (secure-systems-lab/dsse v1.0.2;
 * docs/spec/approval.md).  The payload holds what 21 CFR 11.50 wants inside of what is signed: the
 * printed name of the signer, the time, and the meaning of the signature; and the whole release
 * statement:
 *
 *   {"v":1,"meaning":"approve","name":"alice","time":"2026-01-31T23:59:59Z","release":{...}}
 *
 * The envelope's one signature carries the operator's certificate.  `keyid` is a hint only, as DSSE
 * says: nothing is decided by it, but it must be the certificate's.
 */
#ifndef FIRMWARE_APPROVAL_H
#define FIRMWARE_APPROVAL_H

#include "firmware/release.h"
#include "x509/cert.h"

#define APPROVAL_VERSION 1
#define APPROVAL_TYPE "application/vnd.medseal.approval+json"
#define APPROVAL_PAYLOAD_MAX 1024
#define APPROVAL_CERT_MAX 2048     /* an operator's certificate with a P-256 key has about 600 */
#define APPROVAL_ENVELOPE_MAX 6144 /* proposal and 8 approvals fit one message of the signer */
#define APPROVALS_MAX 8            /* of one release */
/* An approval may be this many seconds ahead of the clock that judges it. */
#define APPROVAL_SKEW 300

enum approval_meaning { APPROVAL_PROPOSE, APPROVAL_APPROVE };

struct approval {
	enum approval_meaning meaning;
	char name[CERT_NAME_MAX + 1];
	int64_t time;
	struct release release;
	struct bytes statement; /* view into payload: the statement as it was signed */
	struct buf payload;
	struct buf signature; /* DER */
	struct cert cert;     /* as enclosed; approval_check alone says whether it counts */
	uint8_t digest[SHA256_SIZE]; /* of the envelope */
};

/* Who counts as an operator, and when. */
struct approval_trust {
	const struct cert *roots; /* an operator's certificate is issued by one of these itself */
	size_t roots_n;
	int64_t at;               /* the time at which certificates must be valid */
	struct bytes root_crl;    /* DER; BYTES_NONE: none is known */
	int64_t crl_at;           /* the time at which the CRL must be current; or CRL_ANY_TIME */
	/* More that are revoked (the keeper's own table); NULL: none. */
	bool (*revoked)(void *arg, const struct cert *operator_cert);
	void *revoked_arg;
};

/*
 * Sign `statement` with `meaning` as the person whose certificate and key these are; the name is
 * the certificate's common name.  Appends the envelope to `out`.
 */
MUST_USE enum err_code approval_make(enum approval_meaning meaning, int64_t time,
	struct bytes statement, const struct key *k, struct bytes cert_der, struct buf *out,
	struct err *e);
/*
 * Form only, ERR_APPROVAL_SIGNATURE or ERR_RELEASE_STATEMENT: one signature, one certificate,
 * canonical payload.  approval_free on success.
 */
MUST_USE enum err_code approval_parse(struct bytes envelope, struct approval *out, struct err *e);
/*
 * Does it hold?  The signature, the certificate (issued by a root itself, operator's purpose, valid
 * at trust->at and when it signed, not revoked), its common name equal to the name that was signed,
 * and a time that is not ahead of trust->at.  ERR_APPROVAL_SIGNATURE, ERR_OPERATOR_UNKNOWN,
 * ERR_OPERATOR_REVOKED, ERR_PEER_EXPIRED, ERR_PEER_PURPOSE.
 */
MUST_USE enum err_code approval_check(const struct approval *a, const struct approval_trust *trust,
	struct err *e);
void approval_free(struct approval *a);
/* Lines "name: value" for people. */
void approval_print(const struct approval *a, struct buf *out);
const char *approval_meaning_name(enum approval_meaning m); /* "propose", "approve" */

/* What a proposal with its approvals says, once approvals_check has found that it holds. */
struct approval_set {
	struct release release;
	char statement[RELEASE_STATEMENT_MAX + 1];
	size_t statement_len;
	char proposer[CERT_NAME_MAX + 1];
	char approvers[APPROVALS_MAX][CERT_NAME_MAX + 1];
	size_t approvers_n;
	int64_t last; /* time of the newest signature */
};

/*
 * The rule of the house, the same code in the signer, in the authority and in the verifier: a valid
 * proposal, and at least `needed` valid approvals of the same statement, byte for byte, by people
 * who differ from each other and from the proposer (by key and by name).  `object` of the error is
 * the name of whoever is at fault.  ERR_APPROVAL_SELF, _TWICE, _MISMATCH, _SIGNATURE,
 * ERR_APPROVALS_MISSING, and what approval_check refuses.  `out` may be NULL.
 */
MUST_USE enum err_code approvals_check(struct bytes proposal, const struct bytes *approvals,
	size_t n, unsigned needed, const struct approval_trust *trust, struct approval_set *out,
	struct err *e);

#endif
