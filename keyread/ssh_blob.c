/*
 * Public keys as SSH writes them (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4, PROTOCOL.u2f of
 * OpenSSH), and its certificates (PROTOCOL.certkeys).
 */
#include "keyread/readers.h"

#include <string.h>

#include "keyread/object.h"

/* One field: a modulus of PUBKEY_BITS_MAX with its sign octet, in a certificate's signature key. */
#define FIELD_MAX (2 * (size_t)PUBKEY_SPKI_MAX)
#define OID_DSA DER_LITERAL("\x2a\x86\x48\xce\x38\x04\x01")
#define CERT_SUFFIX "-cert-v01@openssh.com"

enum shape {
	SHAPE_RSA,
	SHAPE_DSA,
	SHAPE_EC,
	SHAPE_ED25519,
	SHAPE_ED448,
};

static const struct ssh_type {
	const char *name; /* in a certificate followed by CERT_SUFFIX */
	enum shape shape;
	bool application; /* a security key's: one more field (PROTOCOL.u2f) */
	const char *cert; /* the whole name of its certificate where it is another */
} types[] = {
	{"ssh-rsa", SHAPE_RSA, false, NULL},
	{"ssh-ed25519", SHAPE_ED25519, false, NULL},
	{"ecdsa-sha2-nistp256", SHAPE_EC, false, NULL},
	{"ecdsa-sha2-nistp384", SHAPE_EC, false, NULL},
	{"ecdsa-sha2-nistp521", SHAPE_EC, false, NULL},
	{"ssh-dss", SHAPE_DSA, false, NULL},
	{"sk-ssh-ed25519@openssh.com", SHAPE_ED25519, true, "sk-ssh-ed25519-cert-v01@openssh.com"},
	{"sk-ecdsa-sha2-nistp256@openssh.com", SHAPE_EC, true,
		"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com"},
	{"ssh-ed448", SHAPE_ED448, false, NULL},
	{"rsa-sha2-256", SHAPE_RSA, false,
		NULL}, /* a signature's name (RFC 8332), met as a key's */
	{"rsa-sha2-512", SHAPE_RSA, false, NULL},
};

static bool is_text(struct bytes b, const char *text)
{
	return bytes_equal(b, bytes_str(text));
}

static const struct ssh_type *find_type(struct bytes name, bool *certificate)
{
	size_t suffix = strlen(CERT_SUFFIX);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct ssh_type *t = &types[i];
		*certificate = false;
		if (is_text(name, t->name))
			return t;
		*certificate = true;
		if (t->cert != NULL && is_text(name, t->cert))
			return t;
		if (t->cert == NULL && name.len > suffix &&
			is_text(bytes_of(name.p, name.len - suffix), t->name) &&
			is_text(bytes_of(name.p + name.len - suffix, suffix), CERT_SUFFIX))
			return t;
	}
	return NULL;
}

/* The curve's OID from its name in SSH (RFC 5656 §10.1). */
static struct bytes curve_of(struct bytes name)
{
	if (is_text(name, "nistp256"))
		return DER_LITERAL("\x2a\x86\x48\xce\x3d\x03\x01\x07");
	if (is_text(name, "nistp384"))
		return DER_LITERAL("\x2b\x81\x04\x00\x22");
	if (is_text(name, "nistp521"))
		return DER_LITERAL("\x2b\x81\x04\x00\x23");
	return BYTES_NONE;
}

static struct bytes field(struct reader *r)
{
	return read_field(r, FIELD_MAX);
}

/* mpint (RFC 4251 §5): negative when its first bit is set; the octets are taken all the same. */
static enum err_code read_rsa(struct found *f, struct reader *r, struct pubkey *k, struct err *e)
{
	struct bytes exponent = field(r);
	struct bytes modulus = field(r);
	if (r->bad)
		return err_set(e, ERR_TRUNCATED, "ssh", "in the numbers of an RSA key");
	enum err_code rc = pubkey_from_rsa(modulus, exponent, &f->spki, k, e);
	if (rc == ERR_OK) {
		k->modulus_negative = modulus.len > 0 && modulus.p[0] >= 0x80;
		k->exponent_negative = exponent.len > 0 && exponent.p[0] >= 0x80;
	}
	return rc;
}

static enum err_code read_dsa(struct found *f, struct reader *r, struct pubkey *k, struct err *e)
{
	struct bytes n[4];
	for (size_t i = 0; i < 4; i++)
		n[i] = field(r);
	if (r->bad)
		return err_set(e, ERR_TRUNCATED, "ssh", "in the numbers of a DSA key");
	return numbers_read(&f->spki, OID_DSA, n, 3, n[3], k, e);
}

static enum err_code read_ec(struct found *f, struct reader *r, struct pubkey *k, struct err *e)
{
	struct bytes name = field(r);
	struct bytes point = field(r);
	struct bytes curve = curve_of(name);
	if (r->bad)
		return err_set(e, ERR_TRUNCATED, "ssh", "in an ECDSA key");
	if (curve.len == 0)
		return err_set(e, ERR_KEY_ALGORITHM, "ssh", "a curve not known here: %.*s",
			(int)(name.len < 40 ? name.len : 40), (const char *)name.p);
	return pubkey_from_ec(curve, point, &f->spki, k, e);
}

static enum err_code read_key(struct found *f, const struct ssh_type *t, struct reader *r,
	struct pubkey *k, struct err *e)
{
	enum err_code rc = ERR_INTERNAL;
	switch (t->shape) {
	case SHAPE_RSA:
		rc = read_rsa(f, r, k, e);
		break;
	case SHAPE_DSA:
		rc = read_dsa(f, r, k, e);
		break;
	case SHAPE_EC:
		rc = read_ec(f, r, k, e);
		break;
	case SHAPE_ED25519:
	case SHAPE_ED448:
		rc = pubkey_from_raw(t->shape == SHAPE_ED448 ? PUBKEY_ED448 : PUBKEY_ED25519,
			field(r), &f->spki, k, e);
		break;
	}
	if (rc == ERR_OK && t->application)
		(void)field(r);
	if (rc == ERR_OK && r->bad)
		rc = err_set(e, ERR_TRUNCATED, "ssh", "in a key of type %s", t->name);
	return rc;
}

/* ---- certificates ---- */

/*
 * The signature of a certificate by an ECDSA key (RFC 5656 §3.1.2), in the form of the others:
 * SHA-2 of the curve's size, r and s as DER.
 */
static void hand_on_signature(
	struct found *f, struct bytes type, struct bytes tbs, struct bytes signature)
{
	struct reader r = reader_of(signature);
	struct bytes name = field(&r);
	struct reader numbers = reader_of(field(&r));
	struct bytes a = field(&numbers);
	struct bytes b = field(&numbers);
	struct bytes alg = BYTES_NONE;
	if (is_text(type, "ecdsa-sha2-nistp256"))
		alg = DER_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x02");
	else if (is_text(type, "ecdsa-sha2-nistp384"))
		alg = DER_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x03");
	else if (is_text(type, "ecdsa-sha2-nistp521"))
		alg = DER_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x04");
	if (alg.len == 0 || r.bad || numbers.bad || !bytes_equal(name, type))
		return;
	struct buf der = buf_new(1024);
	size_t mark = der_open(&der, DER_SEQUENCE);
	der_write_unsigned(&der, a);
	der_write_unsigned(&der, b);
	der_close(&der, mark);
	struct signature_seen s = {.self = true, .sig_alg = alg, .tbs = tbs, .sig = buf_view(&der)};
	if (!der.bad)
		found_signature(f, &s);
	buf_free(&der);
}

/* What follows the key in a certificate (PROTOCOL.certkeys); the signer's key is one more key. */
static enum err_code read_signer(
	struct found *f, struct bytes blob, struct reader *r, struct err *e)
{
	(void)read_u64be(r); /* serial */
	(void)read_u32be(r); /* type */
	for (unsigned i = 0; i < 2; i++)
		(void)field(r); /* key id, principals */
	(void)read_u64be(r);    /* valid after */
	(void)read_u64be(r);    /* valid before */
	for (unsigned i = 0; i < 3; i++)
		(void)field(r); /* critical options, extensions, reserved */
	struct bytes signer = field(r);
	size_t tbs = r->pos;
	struct bytes signature = field(r);
	if (r->bad || reader_left(r) > 0)
		return err_set(e, r->bad ? ERR_TRUNCATED : ERR_TRAILING, "ssh",
			"the certificate around the key is damaged");
	struct reader in = reader_of(signer);
	struct bytes name = field(&in);
	bool certificate;
	const struct ssh_type *t = find_type(name, &certificate);
	struct pubkey k;
	if (t == NULL || certificate) /* a certificate may not sign another */
		return err_set(
			e, ERR_KEY_ALGORITHM, "ssh", "signed by a key of a type not known here");
	enum err_code rc = read_key(f, t, &in, &k, e);
	if (rc != ERR_OK)
		return rc;
	found_key(f, "authority of an SSH certificate", &k, BYTES_NONE, BYTES_NONE);
	hand_on_signature(f, name, bytes_of(blob.p, tbs), signature);
	return ERR_OK;
}

enum err_code ssh_blob_read(struct found *f, struct bytes blob, struct err *e)
{
	struct reader r = reader_of(blob);
	struct bytes name = field(&r);
	bool certificate;
	struct pubkey k;
	if (r.bad)
		return err_set(e, ERR_TRUNCATED, "ssh", "no name of a type in %zu bytes", blob.len);
	const struct ssh_type *t = find_type(name, &certificate);
	if (t == NULL)
		return err_set(e, ERR_KEY_ALGORITHM, "ssh", "a key of type \"%.*s\"",
			(int)(name.len < 60 ? name.len : 60), (const char *)name.p);
	if (certificate)
		(void)field(&r); /* nonce */
	enum err_code rc = read_key(f, t, &r, &k, e);
	if (rc != ERR_OK)
		return rc;
	found_key(
		f, certificate ? "SSH certificate" : "SSH public key", &k, BYTES_NONE, BYTES_NONE);
	if (certificate)
		return read_signer(f, blob, &r, e);
	return reader_end(&r, e, "ssh");
}

/* PROTOCOL.key of OpenSSH: the public keys stand in clear before the encrypted part. */
enum err_code ssh_private_read(struct found *f, struct bytes file, struct err *e)
{
	static const char magic[] = "openssh-key-v1"; /* with its terminator */
	struct reader r = reader_of(file);
	struct bytes m = read_bytes(&r, sizeof(magic));
	for (unsigned i = 0; i < 3; i++)
		(void)field(&r); /* cipher, derivation, its options */
	uint32_t keys = read_u32be(&r);
	if (r.bad || memcmp(m.p, magic, sizeof(magic)) != 0 || keys == 0)
		return err_set(e, ERR_KEY_FORMAT, "private key", "private key, not read: damaged");
	struct bytes blob = field(&r);
	if (r.bad)
		return err_set(e, ERR_TRUNCATED, "private key", "private key, not read: damaged");
	return ssh_blob_read(f, blob, e);
}
