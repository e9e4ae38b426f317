/*
 * HTTPS to the server that a device enrols with: TLS 1.3, the server verified against the device's
 * own trust anchor and nothing else, no redirects, no proxies from the environment, answers of
 * bounded size.
 */
#ifndef AGENT_HTTP_H
#define AGENT_HTTP_H

#include <stdint.h>

#include "base/bytes.h"

#define HTTP_ANSWER_MAX ((size_t)256 * 1024) /* a certs-only message with a long chain */

struct http_identity {
	const char *ca_path;   /* trust anchors, PEM */
	const char *cert_path; /* client certificate, PEM; NULL: none */
	const char *key_path;  /* its key, unencrypted PEM, 0600 */
	const char *user;      /* HTTP Basic; NULL: none */
	struct bytes password; /* secret */
	int64_t not_before;    /* earliest believable time: checks use it when the clock is behind it */
};

struct http_answer {
	long status;
	struct buf body;
	char code[64];            /* Medseal-Code; "" when there is none */
	int64_t retry_after;      /* seconds; 0: not said */
};

/* GET, or POST when `content_type` is not NULL.  ERR_NETWORK, ERR_TLS, ERR_TIMEOUT, ERR_LIMIT. */
MUST_USE enum err_code http_request(const struct http_identity *id, const char *url,
	const char *content_type, struct bytes body, struct http_answer *out, struct err *e);
/* A status that is not 200 as the error that the server named. */
MUST_USE enum err_code http_refusal(const struct http_answer *a, const char *object,
	struct err *e);
void http_answer_free(struct http_answer *a);

#endif
