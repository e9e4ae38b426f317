/*
 * The signer: the only process that opens private keys.  It rebuilds what it signs and never signs
 * a digest because someone asked (docs/design/signer.md).  This header is its inside, for
 * server/signer*.c and tests/unit/server; other processes meet it as messages.
 */
#ifndef SERVER_SIGNER_H
#define SERVER_SIGNER_H

#include "authority/realm.h"
#include "firmware/approval.h"
#include "ipc/message.h"
#include "merkle/note.h"
#include "x509/cert.h"

/* How far the keeper's idea of now may lie from the signer's, in seconds: a batch waits far less. */
#define SIGNER_CLOCK_SLACK 300
/* Bounds of its own, the widest that a configuration may set: a reload changes the keeper's policy
 * and never reaches the signer. */
#define SIGNER_CRL_LIFETIME_MAX ((int64_t)90 * 86400)
#define SIGNER_IMAGE_MAX ((uint64_t)4 << 30)
/* Products whose newest signed release is remembered; a full table refuses, it never forgets. */
#define SIGNER_PRODUCTS_MAX 4096
/* The least number of approvals, whatever a configuration file says. */
#define SIGNER_APPROVALS_FLOOR 2

struct signer {
	/* Opened before the jail closes; never changed after. */
	struct key *issuing;
	struct key *code_signing;
	struct key *log;
	struct key *tls;
	struct cert root;
	struct cert issuing_cert;
	struct cert code_signing_cert;
	struct buf root_crl; /* DER; empty: the root has revoked nobody yet */
	struct buf tls_spki;
	char realm[CERT_NAME_MAX + 1];
	char origin[NOTE_ORIGIN_MAX + 1];
	char server_names[CONFIG_NAMES_MAX][CONFIG_ADDRESS_MAX];
	size_t server_names_n;
	unsigned approvals; /* its own copy; never under SIGNER_APPROVALS_FLOOR */
	struct clock clock;

	/* What it remembers of what it signed. */
	uint64_t crl_number;
	bool has_checkpoint;
	struct checkpoint checkpoint;
	struct release *released; /* the newest of each product since the start */
	size_t released_n;
};

/*
 * Open every key and certificate of the realm; the derivations of the keys' passphrases run in
 * threads of their own, all gone when it returns.  The origin is the name in certs/log.vkey, whose
 * key must be the log key's.  signer_free on success only.
 */
MUST_USE enum err_code signer_open(const struct realm *r, struct bytes passphrase,
	struct clock clock, struct signer *out, struct err *e);

/*
 * Answer one request from a process of role `from`: MSG_SIGNED or MSG_TLS_SIGNED, whose bytes live
 * in `mem`, with the request's id.  Any error is a refusal that the sender is told, except
 * ERR_PROTOCOL: what only a process that was taken over would ask; the caller breaks off with it.
 */
MUST_USE enum err_code signer_answer(struct signer *s, enum role from, const struct message *in,
	struct buf *mem, struct message *out, struct err *e);

void signer_free(struct signer *s);

/* One handler per request; each appends what it made to `made`. */
MUST_USE enum err_code signer_tls_sign(struct signer *s, const struct message *in,
	struct buf *made, struct err *e);
MUST_USE enum err_code signer_sign_cert(struct signer *s, const struct message *in,
	struct buf *made, struct err *e);
MUST_USE enum err_code signer_sign_crl(struct signer *s, const struct message *in,
	struct buf *made, struct err *e);
MUST_USE enum err_code signer_sign_checkpoint(struct signer *s, const struct message *in,
	struct buf *made, struct err *e);
MUST_USE enum err_code signer_sign_release(struct signer *s, const struct message *in,
	struct buf *made, struct err *e);

/*
 * Is this exactly what a TLS server signs: the input of a TLS 1.3 CertificateVerify (RFC 8446
 * §4.4.3) or of a TLS 1.2 ServerKeyExchange with a named curve (RFC 8422 §5.4)?
 */
bool tls_tbs_is_server(struct bytes tbs);

#endif
