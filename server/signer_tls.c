/*
 * Signatures for the workers' TLS handshakes.  Workers have no key; they send what the library
 * wants signed.  Only the two inputs a TLS server ever signs are accepted, so that a worker that
 * was taken over can pretend to be this server while it lives, and nothing else: no certificate,
 * no note, no document has one of these forms.
 */
#include <string.h>

#include "server/signer.h"

/* TLS 1.3, RFC 8446 §4.4.3: 64 spaces, the context string, a zero byte, the transcript hash. */
#define VERIFY_PAD 64
#define VERIFY_CONTEXT "TLS 1.3, server CertificateVerify"

static bool is_certificate_verify(struct bytes tbs)
{
	struct reader r = reader_of(tbs);
	for (int i = 0; i < VERIFY_PAD; i++) {
		if (read_u8(&r) != 0x20)
			return false;
	}
	struct bytes context = read_bytes(&r, sizeof(VERIFY_CONTEXT)); /* with its zero byte */
	if (r.bad || !bytes_equal(context, bytes_of(VERIFY_CONTEXT, sizeof(VERIFY_CONTEXT))))
		return false;
	size_t hash = reader_left(&r); /* SHA-256 or SHA-384: the cipher suites of RFC 8446 §B.4 */
	return hash == 32 || hash == 48;
}

/* TLS 1.2, RFC 8422 §5.4: client_random, server_random, ServerECDHParams. */
#define RANDOM_SIZE 32
#define CURVE_TYPE_NAMED 3

static const struct curve {
	uint16_t id; /* IANA TLS supported groups */
	size_t point;
	bool uncompressed; /* the point begins with 4, RFC 8422 §5.4.1 */
} curves[] = {
	{0x0017, 65, true},  /* secp256r1 */
	{0x0018, 97, true},  /* secp384r1 */
	{0x001d, 32, false}, /* x25519 */
};

static bool is_key_exchange(struct bytes tbs)
{
	struct reader r = reader_of(tbs);
	read_bytes(&r, 2 * RANDOM_SIZE);
	if (read_u8(&r) != CURVE_TYPE_NAMED)
		return false;
	uint16_t id = read_u16be(&r);
	size_t len = read_u8(&r);
	struct bytes point = read_bytes(&r, len);
	if (r.bad || reader_left(&r) != 0)
		return false;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		const struct curve *c = &curves[i];
		if (c->id == id)
			return len == c->point && (!c->uncompressed || point.p[0] == 4);
	}
	return false;
}

bool tls_tbs_is_server(struct bytes tbs)
{
	return is_certificate_verify(tbs) || is_key_exchange(tbs);
}

/* The only scheme of a P-256 key in TLS 1.3: ecdsa_secp256r1_sha256 (RFC 8446 §4.2.3). */
#define SCHEME_ECDSA_P256_SHA256 0x0403

enum err_code signer_tls_sign(struct signer *s, const struct message *in, struct buf *made,
	struct err *e)
{
	if (in->f[0].num != SCHEME_ECDSA_P256_SHA256)
		return err_set(e, ERR_PROTOCOL, "tls", "signature scheme %#llx",
			(unsigned long long)in->f[0].num);
	if (!tls_tbs_is_server(in->f[1].bytes))
		return err_set(e, ERR_PROTOCOL, "tls", "not what a TLS server signs");
	return key_sign(s->tls, in->f[1].bytes, made, e);
}
