/* The hashes by which published lists name keys. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "keycheck/lists.h"

/* "ssh-rsa" and two numbers, each with its length and a zero octet. */
#define SSH_BLOB_MAX (2 * (PUBKEY_BITS_MAX / 8) + 64)

static struct bytes without_zeros(struct bytes b)
{
	while (b.len > 0 && b.p[0] == 0) {
		b.p++;
		b.len--;
	}
	return b;
}

/* The number that a key is known by, whatever the encoding around it. */
static struct bytes number_of(const struct pubkey *k)
{
	switch (k->kind) {
	case PUBKEY_RSA:
		return k->modulus;
	case PUBKEY_EC:
		/* SEC 1 §2.3.3: 02 or 03 and x; 04 and x, y */
		if (k->point.len < 2)
			return BYTES_NONE;
		if (k->point.p[0] == 2 || k->point.p[0] == 3)
			return without_zeros(bytes_of(k->point.p + 1, k->point.len - 1));
		return without_zeros(bytes_of(k->point.p + 1, (k->point.len - 1) / 2));
	case PUBKEY_ED25519:
	case PUBKEY_ED448:
	case PUBKEY_X25519:
	case PUBKEY_X448:
		return without_zeros(k->point);
	case PUBKEY_ML_DSA_44:
	case PUBKEY_ML_DSA_65:
	case PUBKEY_ML_DSA_87:
		return k->point;
	case PUBKEY_DSA:
	case PUBKEY_OTHER:
	default:
		return BYTES_NONE;
	}
}

static bool digest(const EVP_MD *md, struct bytes data, uint8_t *out, size_t *size)
{
	unsigned n = 0;

	if (EVP_Digest(data.p, data.len, out, &n, md, NULL) != 1)
		return false;
	*size = n;
	return true;
}

/* What `openssl rsa -modulus` prints; its SHA-1 is in openssl-blacklist. */
static bool openssl_hash(const struct pubkey *k, uint8_t *out, size_t *size)
{
	static const char hex[] = "0123456789ABCDEF";
	struct buf line = buf_new(2 * PUBKEY_BITS_MAX / 8 + 16);
	bool ok = false;

	buf_str(&line, "Modulus=");
	for (size_t i = 0; i < k->modulus.len; i++) {
		buf_u8(&line, (uint8_t)hex[k->modulus.p[i] >> 4]);
		buf_u8(&line, (uint8_t)hex[k->modulus.p[i] & 15]);
	}
	buf_str(&line, "\n");
	if (!line.bad)
		ok = digest(EVP_sha1(), buf_view(&line), out, size);
	buf_free(&line);
	return ok;
}

static void ssh_number(struct buf *b, struct bytes v)
{
	bool zero = v.len > 0 && v.p[0] >= 0x80;

	buf_u32be(b, (uint32_t)v.len + zero);
	if (zero)
		buf_u8(b, 0);
	buf_bytes(b, v);
}

/* RFC 4253 §6.6; its MD5 is the fingerprint that openssh-blacklist cuts. */
static bool ssh_hash(const struct pubkey *k, uint8_t *out, size_t *size)
{
	struct buf blob = buf_new(SSH_BLOB_MAX);
	bool ok = false;

	buf_field(&blob, bytes_str("ssh-rsa"));
	ssh_number(&blob, k->exponent);
	ssh_number(&blob, k->modulus);
	if (!blob.bad)
		ok = digest(EVP_md5(), buf_view(&blob), out, size);
	buf_free(&blob);
	return ok;
}

bool list_hash(enum list_kind kind, const struct pubkey *k, uint8_t out[SHA256_SIZE], size_t *size)
{
	struct bytes number;

	switch (kind) {
	case LIST_SPKI_SHA256:
		memcpy(out, k->id, SHA256_SIZE);
		*size = SHA256_SIZE;
		return true;
	case LIST_NUMBER_SHA256:
		number = number_of(k);
		if (number.len == 0)
			return false;
		sha256_of(number, out);
		*size = SHA256_SIZE;
		return true;
	case LIST_OPENSSL_SHA1:
		return k->kind == PUBKEY_RSA && openssl_hash(k, out, size);
	case LIST_SSH_MD5:
		return k->kind == PUBKEY_RSA && ssh_hash(k, out, size);
	case LIST_PRIMES:
	default:
		return false;
	}
}
