/*
 * EST (RFC 7030, clarified by RFC 8951) as pure functions: paths, bodies, replies.  A worker parses
 * what a device sent; who may have a certificate is the authority's to say.
 */
#ifndef PROTOCOL_EST_H
#define PROTOCOL_EST_H

#include <stdbool.h>

#include "authority/enrol.h"
#include "x509/csr.h"

enum est_op {
	EST_CACERTS,        /* GET, RFC 7030 §4.1 */
	EST_SIMPLEENROLL,   /* POST, §4.2.1 */
	EST_SIMPLEREENROLL, /* POST, §4.2.2 */
	EST_CSRATTRS,       /* GET, §4.5: nothing is asked for, so 204 */
};

#define EST_PATH "/.well-known/est/"
#define EST_BODY_MAX 65536 /* base64 of the largest request, with white space */
#define EST_LABEL_MAX 64
#define EST_REQUEST_TYPE "application/pkcs10"
#define EST_REPLY_TYPE "application/pkcs7-mime; smime-type=certs-only"
#define EST_REPLY_FIELDS "Content-Transfer-Encoding: base64\r\n"

/*
 * Which operation is this, with or without a label (§3.2.2)?  ERR_HTTP_PATH, ERR_HTTP_METHOD (then
 * `allow` names the method).
 */
MUST_USE enum err_code est_route(const char *method, const char *target, enum est_op *op,
	const char **allow, struct err *e);

/*
 * A CSR out of the body of an enrolment: media type, base64 with any white space (RFC 8951 §3.1;
 * Content-Transfer-Encoding means nothing), DER, proof of possession and key policy at time `now`.
 * csr_free after ERR_OK.
 */
MUST_USE enum err_code est_read_csr(const char *content_type, struct bytes body, int64_t now,
	struct csr *out, struct err *e);

/*
 * HTTP Basic (RFC 7617): serial and ticket; both "" when `authorization` is "".  ERR_HTTP_AUTH_FORM.
 */
MUST_USE enum err_code est_read_ticket(const char *authorization, struct enrol_request *out,
	struct err *e);

/*
 * Channel binding (§3.5): when the CSR carries a challengePassword it must be the base64 of this
 * connection's binding (tls-unique in TLS 1.2, tls-exporter in 1.3), else ERR_CSR_CHANNEL.
 */
MUST_USE enum err_code est_check_channel(const struct csr *csr, struct bytes binding,
	struct err *e);

/*
 * The parts of an enrolment that come from the CSR; views into it.  ERR_CSR_FORM without a key;
 * ERR_CSR_SUBJECT, ERR_CSR_EXTENSION for a subject, a subjectAltName above MESSAGE_NAME_MAX bytes.
 */
MUST_USE enum err_code est_fill(enum est_op op, const struct csr *csr, struct enrol_request *out,
	struct err *e);

/* certs-only CMS as wrapped base64 (§4.1.3, §4.2.3). */
MUST_USE enum err_code est_reply(const struct bytes *certs_der, size_t n, struct buf *out,
	struct err *e);

#endif
