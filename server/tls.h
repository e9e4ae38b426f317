/* TLS of the three listeners; OpenSSL stays behind this header. */
#ifndef SERVER_TLS_H
#define SERVER_TLS_H

#include <stdbool.h>

#include "server/process.h"
#include "server/tls_key.h"
#include "x509/cert.h"

/* Certificates between a client's own and its anchor that are looked at. */
#define TLS_BETWEEN_MAX 4

struct tls; /* one connection */

/*
 * Read the realm's server certificate and make a context for each listener; takes the place of what
 * an earlier call made.  In the parent, so that workers share the memory.
 */
MUST_USE enum err_code tls_setup(const struct realm *r, struct err *e);
void tls_setup_free(void);

enum tls_step {
	TLS_DONE,
	TLS_WANT_READ,
	TLS_WANT_WRITE,
	TLS_END,    /* the client has said goodbye, or is gone */
	TLS_FAILED,
};

/* `fd` stays the caller's.  NULL without memory. */
struct tls *tls_new(enum listener l, int fd);
enum tls_step tls_handshake(struct tls *t);
enum tls_step tls_read(struct tls *t, void *to, size_t size, size_t *got);
enum tls_step tls_write(struct tls *t, const void *from, size_t len, size_t *put);
/* Say goodbye (close_notify), without waiting for the client's. */
void tls_close(struct tls *t);
void tls_free(struct tls *t);
/* Why it failed, for the log; static text. */
const char *tls_reason(void);

/*
 * The client's certificate and those it sent with it; ERR_NOT_FOUND when there is none.  Only that
 * the client has the key is proven.  All are freed by cert_free.
 */
MUST_USE enum err_code tls_client(struct tls *t, struct cert *leaf,
	struct cert between[TLS_BETWEEN_MAX], size_t *between_n, struct err *e);

/*
 * This connection's channel binding: tls-unique (RFC 5929) in TLS 1.2, where extended master secret
 * was negotiated (without it tls-unique binds nothing, RFC 7627 §1); tls-exporter (RFC 9266) in
 * TLS 1.3.  Appends nothing when there is none.
 */
void tls_binding(struct tls *t, struct buf *out);

#endif
