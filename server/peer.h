/*
 * Who is at the other end: decided once a connection, from its certificate and the anchors.  That
 * the certificate is still valid is looked at for each request: connections last.
 */
#ifndef SERVER_PEER_H
#define SERVER_PEER_H

#include "authority/enrol.h"
#include "server/tls.h"

struct peer {
	bool sent; /* a certificate */
	enum err_code refusal; /* ERR_OK: it leads to an anchor; else why not */
	struct err why;
	enum peer_kind kind; /* on the devices' listeners */
	char manufacturer[MANUFACTURER_MAX + 1];
	struct cert cert; /* when sent */
	struct buf subject; /* DER */
	struct buf san;
	struct buf spki; /* of PEER_MANUFACTURER */
};

/* Anchors of the realm: root and issuing CA; before the sandbox closes. */
MUST_USE enum err_code peer_setup(const struct realm *r, struct err *e);
/* The manufacturers of MSG_TRUST, in place of those before.  ERR_PROTOCOL when not well formed. */
MUST_USE enum err_code peer_trust(struct bytes list, struct err *e);
size_t peer_manufacturers(void);
struct bytes peer_root_der(void);
struct bytes peer_issuing_der(void);

/*
 * Fill `out` (peer_free).  On the devices' listeners: issued by this realm for a device, or a chain
 * to a registered manufacturer.  On the operators': issued by the root itself, for an operator.
 */
void peer_identify(struct tls *t, enum listener l, int64_t now, struct peer *out);
/* ERR_OK while the peer may speak; else why it was refused, or ERR_PEER_EXPIRED by now. */
MUST_USE enum err_code peer_check(const struct peer *p, int64_t now, struct err *e);
void peer_free(struct peer *p);

#endif
