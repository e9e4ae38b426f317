/*
 * Enrolment: who may have a certificate (RFC 7030 §3.2.3, §4.2; IEEE 802.1AR).  In two halves, so
 * that a keeper asks the signer for many certificates at once: decide (reads only, but an entry of the
 * log about a bad key), and commit.
 */
#ifndef AUTHORITY_ENROL_H
#define AUTHORITY_ENROL_H

#include "authority/authority.h"

enum enrol_op { ENROL_SIMPLE, ENROL_RE };
enum peer_kind {
	PEER_NONE,         /* no client certificate */
	PEER_REALM,        /* leads to this realm's issuing CA */
	PEER_MANUFACTURER, /* leads to a registered manufacturer: an IDevID */
};

#define TICKET_TEXT_MAX 64

/* What the worker found out about one request; text is NUL-terminated, "" when absent. */
struct enrol_request {
	enum enrol_op op;
	enum peer_kind peer;
	uint8_t peer_fingerprint[SHA256_SIZE];
	char peer_manufacturer[MANUFACTURER_MAX + 1];
	char peer_serial[DEVICE_SERIAL_MAX + 1]; /* its certificate's serialNumber */
	struct bytes peer_subject;               /* DER */
	struct bytes peer_san;
	struct bytes peer_spki;                  /* its certificate's SubjectPublicKeyInfo */
	char ticket_serial[DEVICE_SERIAL_MAX + 1]; /* user name of HTTP Basic */
	char ticket[TICKET_TEXT_MAX + 1];          /* its password */
	struct bytes spki;
	struct bytes csr_subject; /* DER */
	struct bytes csr_san;
	char csr_common_name[CERT_NAME_MAX + 1];
	char csr_serial[DEVICE_SERIAL_MAX + 1];
};

/* What was decided: everything the signer needs and the commit writes. */
struct enrol_grant {
	struct device device;
	uint8_t serial[CERT_SERIAL_SIZE];
	uint8_t spki_id[SHA256_SIZE];
	struct bytes spki; /* view of the request */
	struct bytes idevid_spki; /* likewise; by_idevid: of the certificate that asked */
	int64_t at;
	int64_t not_after; /* at and the profile's lifetime, but not beyond the issuing CA's end */
	bool by_ticket;
	bool by_idevid;
	uint8_t ticket_hash[SHA256_SIZE];
	bool renewal;
	uint8_t renewed[SHA256_SIZE]; /* fingerprint of the certificate that asked, if one did */
	struct err alarm; /* ERR_OK, or what is known against the key although it is certified */
};

/* Serial of the device this request is about, without deciding: a keeper puts no two requests of
 * one device into the same batch. */
const char *enrol_device_serial(struct authority *a, const struct enrol_request *r);
MUST_USE enum err_code enrol_decide(struct authority *a, const struct enrol_request *r,
	struct enrol_grant *out, struct err *e);
void enrol_fields(const struct authority *a, const struct enrol_grant *g, struct cert_fields *out);
/* Inside a transaction; everything that was decided is checked again by what the store allows. */
MUST_USE enum err_code enrol_commit(struct authority *a, const struct enrol_grant *g,
	struct bytes der, struct err *e);

/*
 * A device asks about itself with certificate `fingerprint`: {serial, product, state, not_after} as
 * JSON.  The first use of a renewed certificate replaces its predecessors (logged).
 */
MUST_USE enum err_code enrol_self(struct authority *a, const uint8_t fingerprint[SHA256_SIZE],
	struct buf *json, struct err *e);

#endif
