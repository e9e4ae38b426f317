#include "server/tls.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "crypto/start.h"

/* A client's certificates, all of them, in bytes: five of the largest. */
#define CLIENT_CHAIN_MAX (5 * CERT_DER_MAX)

/* The hybrid group first: what is recorded today must not be read in fifteen years. */
#define GROUPS "X25519MLKEM768:X25519:P-256"
/* 128 bits suffice beside P-256, and SHA-256 is what processors of this decade do in hardware: the key
 * schedule takes some thirty hashes a handshake. */
#define SUITES_1_3 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define SUITES_1_2                                                                                 \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"                             \
	"ECDHE-ECDSA-CHACHA20-POLY1305"
/* What the signer signs (server/tls_key.h). */
#define OUR_SCHEME "ECDSA+SHA256"
/* What manufacturers' devices sign with; no SHA-1. */
#define CLIENT_SCHEMES                                                                             \
	"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:"            \
	"RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512"

#define SSL(t) ((SSL *)(t))

static SSL_CTX *contexts[LISTEN_COUNT];

/*
 * The handshake proves that the client has the certificate's key.  Where the certificate leads is
 * decided once, by server/peer.c, so that a client that is refused gets an answer with a reason.
 */
static int accept_any(X509_STORE_CTX *store, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static bool set_policy(SSL_CTX *c, enum listener l)
{
	int least = l == LISTEN_EST_COMPAT ? TLS1_2_VERSION : TLS1_3_VERSION;
	int verify = SSL_VERIFY_PEER;
	if (l == LISTEN_ADMIN)
		verify |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(c, verify, NULL);
	SSL_CTX_set_cert_verify_callback(c, accept_any, NULL);
	SSL_CTX_set_max_cert_list(c, CLIENT_CHAIN_MAX);
	/* No resumption: every connection proves its key; and no memory for sessions. */
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF |
		SSL_OP_NO_TX_CERTIFICATE_COMPRESSION | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
	SSL_CTX_set_mode(c, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS |
		SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(c, 1); /* one read for a flight instead of two a record */
	return SSL_CTX_set_min_proto_version(c, least) == 1 &&
		SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) == 1 &&
		SSL_CTX_set_num_tickets(c, 0) == 1 &&
		SSL_CTX_set_ciphersuites(c, SUITES_1_3) == 1 &&
		SSL_CTX_set_cipher_list(c, SUITES_1_2) == 1 &&
		SSL_CTX_set1_groups_list(c, GROUPS) == 1 &&
		SSL_CTX_set1_sigalgs_list(c, OUR_SCHEME) == 1 &&
		SSL_CTX_set1_client_sigalgs_list(c, CLIENT_SCHEMES) == 1;
}

static SSL_CTX *context_new(enum listener l, const struct cert *own, const struct cert *issuing,
	EVP_PKEY *key)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	if (c == NULL)
		return NULL;
	if (set_policy(c, l) && SSL_CTX_use_certificate(c, own->x) == 1 &&
		SSL_CTX_add1_chain_cert(c, issuing->x) == 1 && SSL_CTX_use_PrivateKey(c, key) == 1)
		return c;
	SSL_CTX_free(c);
	return NULL;
}

static enum err_code make_contexts(const struct cert *own, const struct cert *issuing,
	struct err *e)
{
	EVP_PKEY *key = NULL;
	SSL_CTX *made[LISTEN_COUNT] = {NULL};
	EVP_PKEY *public_key = X509_get0_pubkey(own->x);
	if (public_key == NULL)
		return err_set(e, ERR_KEY_FORMAT, "certs/tls.pem", "it has no usable key");
	enum err_code rc = tls_key_new(public_key, &key, e);
	for (int l = 0; l < LISTEN_COUNT && rc == ERR_OK; l++) {
		made[l] = context_new((enum listener)l, own, issuing, key);
		if (made[l] == NULL)
			rc = err_set(e, ERR_TLS, "certs/tls.pem", "it cannot serve: %s", tls_reason());
	}
	EVP_PKEY_free(key);
	for (int l = 0; l < LISTEN_COUNT; l++) {
		SSL_CTX *drop = rc == ERR_OK ? contexts[l] : made[l];
		SSL_CTX_free(drop);
		if (rc == ERR_OK)
			contexts[l] = made[l];
	}
	return rc;
}

static enum err_code load(const char *dir, const char *part, struct cert *out, struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = realm_path(dir, part, path, e);
	return rc == ERR_OK ? cert_load(path, out, e) : rc;
}

enum err_code tls_setup(const struct realm *r, struct err *e)
{
	struct cert own;
	struct cert issuing;
	crypto_start();
	enum err_code rc = load(r->dir, "certs/tls.pem", &own, e);
	if (rc != ERR_OK)
		return rc;
	rc = load(r->dir, "certs/issuing.pem", &issuing, e);
	if (rc == ERR_OK) {
		rc = make_contexts(&own, &issuing, e);
		cert_free(&issuing);
	}
	cert_free(&own);
	return rc;
}

void tls_setup_free(void)
{
	for (int l = 0; l < LISTEN_COUNT; l++) {
		SSL_CTX_free(contexts[l]);
		contexts[l] = NULL;
	}
	tls_key_unload();
}

struct tls *tls_new(enum listener l, int fd)
{
	SSL *s = contexts[l] != NULL ? SSL_new(contexts[l]) : NULL;
	if (s == NULL || SSL_set_fd(s, fd) != 1) {
		SSL_free(s);
		return NULL;
	}
	SSL_set_accept_state(s);
	return (struct tls *)s;
}

static enum tls_step step_of(struct tls *t, int rc)
{
	switch (SSL_get_error(SSL(t), rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_END;
	default:
		return TLS_FAILED;
	}
}

enum tls_step tls_handshake(struct tls *t)
{
	ERR_clear_error();
	int rc = SSL_do_handshake(SSL(t));
	return rc == 1 ? TLS_DONE : step_of(t, rc);
}

enum tls_step tls_read(struct tls *t, void *to, size_t size, size_t *got)
{
	ERR_clear_error();
	int rc = SSL_read_ex(SSL(t), to, size, got);
	return rc == 1 ? TLS_DONE : step_of(t, rc);
}

enum tls_step tls_write(struct tls *t, const void *from, size_t len, size_t *put)
{
	ERR_clear_error();
	int rc = SSL_write_ex(SSL(t), from, len, put);
	return rc == 1 ? TLS_DONE : step_of(t, rc);
}

void tls_close(struct tls *t)
{
	ERR_clear_error();
	(void)SSL_shutdown(SSL(t));
	ERR_clear_error();
}

void tls_free(struct tls *t)
{
	SSL_free(SSL(t));
}

const char *tls_reason(void)
{
	unsigned long first = ERR_peek_error();
	const char *text = first != 0 ? ERR_reason_error_string(first) : NULL;
	return text != NULL ? text : "the connection ended";
}

enum err_code tls_client(struct tls *t, struct cert *leaf, struct cert between[TLS_BETWEEN_MAX],
	size_t *between_n, struct err *e)
{
	X509 *x = SSL_get0_peer_certificate(SSL(t));
	*between_n = 0;
	if (x == NULL)
		return err_set(e, ERR_NOT_FOUND, "client", "it sent no certificate");
	enum err_code rc = cert_from_object(x, leaf, e);
	if (rc != ERR_OK)
		return rc;
	/* On the server's side the chain does not hold the client's own certificate. */
	const STACK_OF(X509) *chain = SSL_get_peer_cert_chain(SSL(t));
	int n = chain != NULL ? sk_X509_num(chain) : 0;
	for (int i = 0; i < n && *between_n < TLS_BETWEEN_MAX; i++)
		if (cert_from_object(sk_X509_value(chain, i), &between[*between_n], NULL) == ERR_OK)
			(*between_n)++;
	return ERR_OK;
}

void tls_binding(struct tls *t, struct buf *out)
{
	static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266 §2 */
	unsigned char b[EVP_MAX_MD_SIZE];
	if (SSL_version(SSL(t)) == TLS1_3_VERSION) {
		if (SSL_export_keying_material(SSL(t), b, 32, label, sizeof(label) - 1, NULL, 0, 1) ==
			1)
			buf_bytes(out, bytes_of(b, 32));
		return;
	}
	if (SSL_get_extms_support(SSL(t)) != 1)
		return;
	/* The first Finished of a full handshake is the client's (RFC 5929 §3.1). */
	size_t n = SSL_get_peer_finished(SSL(t), b, sizeof(b));
	if (n <= sizeof(b))
		buf_bytes(out, bytes_of(b, n));
}
