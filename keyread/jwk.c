#include <string.h>

#include "keyread/json.h"
#include "keyread/object.h"
#include "keyread/text64.h"

/* Octets of a coordinate, the largest (P-521) and one more to see what is too long. */
#define COORDINATE_MAX 67

static const struct ec_curve {
	const char *name;
	size_t size; /* of a coordinate */
	struct bytes oid;
} ec_curves[] = {
	/* RFC 7518 §6.2.1.1, RFC 8812 §3.1 */
	{"P-256", 32, {(const uint8_t *)"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8}},
	{"P-384", 48, {(const uint8_t *)"\x2b\x81\x04\x00\x22", 5}},
	{"P-521", 66, {(const uint8_t *)"\x2b\x81\x04\x00\x23", 5}},
	{"secp256k1", 32, {(const uint8_t *)"\x2b\x81\x04\x00\x0a", 5}},
};

static const struct raw_kind {
	const char *name;
	enum pubkey_kind kind;
} okp_kinds[] =
	{
		/* RFC 8037 §2 */
		{"Ed25519", PUBKEY_ED25519},
		{"Ed448", PUBKEY_ED448},
		{"X25519", PUBKEY_X25519},
		{"X448", PUBKEY_X448},
},
  akp_kinds[] = {
	  /* RFC 9964 and its drafts: "alg" names the kind, "pub" is the key */
	  {"ML-DSA-44", PUBKEY_ML_DSA_44},
	  {"ML-DSA-65", PUBKEY_ML_DSA_65},
	  {"ML-DSA-87", PUBKEY_ML_DSA_87},
};

/* A member that is text; "" when it is none. */
static const char *text_of(yyjson_val *key, const char *name)
{
	const char *s = yyjson_get_str(yyjson_obj_get(key, name));
	return s != NULL ? s : "";
}

/* Append a base64url member. */
static enum err_code decode_member(
	yyjson_val *key, const char *name, struct buf *out, struct err *e)
{
	yyjson_val *v = yyjson_obj_get(key, name);
	struct err why;
	if (!yyjson_is_str(v))
		return err_set(e, ERR_MALFORMED, "JWK", "no \"%s\"", name);
	enum err_code rc =
		text64_decode(bytes_of(yyjson_get_str(v), yyjson_get_len(v)), out, NULL, &why);
	return rc == ERR_OK ? rc : err_set(e, rc, "JWK", "\"%s\": %s", name, why.reason);
}

static enum err_code read_rsa(struct found *f, yyjson_val *key, struct pubkey *k, struct err *e)
{
	struct buf *b = &f->work;
	enum err_code rc = decode_member(key, "n", b, e);
	size_t n = b->len;
	if (rc == ERR_OK)
		rc = decode_member(key, "e", b, e);
	if (rc != ERR_OK)
		return rc;
	return pubkey_from_rsa(bytes_of(b->p, n), bytes_of(b->p + n, b->len - n), &f->spki, k, e);
}

/* A coordinate of `size` octets at `to`; shorter ones lack zeros that RFC 7518 §6.2.1.2 wants. */
static enum err_code read_coordinate(
	struct found *f, yyjson_val *key, const char *name, size_t size, uint8_t *to, struct err *e)
{
	struct buf *b = &f->work;
	buf_reset(b);
	enum err_code rc = decode_member(key, name, b, e);
	if (rc == ERR_OK && b->len > size)
		rc = err_set(e, ERR_MALFORMED, "JWK", "\"%s\" has %zu octets, not %zu", name,
			b->len, size);
	if (rc == ERR_OK && b->len > 0)
		memcpy(to + size - b->len, b->p, b->len);
	return rc;
}

static enum err_code read_ec(struct found *f, yyjson_val *key, struct pubkey *k, struct err *e)
{
	const char *crv = text_of(key, "crv");
	uint8_t point[1 + 2 * COORDINATE_MAX] = {0x04};
	for (size_t i = 0; i < sizeof(ec_curves) / sizeof(ec_curves[0]); i++) {
		const struct ec_curve *c = &ec_curves[i];
		if (strcmp(c->name, crv) != 0)
			continue;
		enum err_code rc = read_coordinate(f, key, "x", c->size, point + 1, e);
		if (rc == ERR_OK)
			rc = read_coordinate(f, key, "y", c->size, point + 1 + c->size, e);
		if (rc != ERR_OK)
			return rc;
		return pubkey_from_ec(c->oid, bytes_of(point, 1 + 2 * c->size), &f->spki, k, e);
	}
	return err_set(e, ERR_KEY_ALGORITHM, "JWK", "the curve \"%.40s\" is not known here", crv);
}

static enum err_code read_raw(struct found *f, yyjson_val *key, const struct raw_kind *kinds,
	size_t n, const char *name_member, const char *key_member, struct pubkey *k, struct err *e)
{
	const char *name = text_of(key, name_member);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		enum err_code rc = decode_member(key, key_member, &f->work, e);
		if (rc != ERR_OK)
			return rc;
		return pubkey_from_raw(kinds[i].kind, buf_view(&f->work), &f->spki, k, e);
	}
	return err_set(e, ERR_KEY_ALGORITHM, "JWK", "a key of \"%.40s\" is not known here", name);
}

/* x5c (RFC 7517 §4.7): the same key in a certificate, and the certificates of its issuers. */
static enum err_code read_chain(struct found *f, yyjson_val *chain, struct err *e)
{
	size_t i;
	size_t max;
	yyjson_val *one;
	yyjson_arr_foreach(chain, i, max, one)
	{
		struct err why;
		size_t used;
		buf_reset(&f->work);
		enum err_code rc = ERR_MALFORMED;
		(void)err_set(&why, rc, NULL, "no text");
		if (yyjson_is_str(one))
			rc = text64_decode(bytes_of(yyjson_get_str(one), yyjson_get_len(one)),
				&f->work, NULL, &why);
		if (rc == ERR_OK)
			rc = object_read(
				f, buf_view(&f->work), "certificate in a JWK", &used, &why);
		if (rc != ERR_OK)
			return err_set(
				e, rc, "JWK", "certificate %zu of x5c: %s", i + 1, why.reason);
	}
	return ERR_OK;
}

enum err_code jwk_read(struct found *f, yyjson_val *key, struct err *e)
{
	const char *kty = text_of(key, "kty");
	struct pubkey k;
	enum err_code rc;
	found_name(f, bytes_str(text_of(key, "kid")));
	buf_reset(&f->work);
	if (strcmp(kty, "RSA") == 0)
		rc = read_rsa(f, key, &k, e);
	else if (strcmp(kty, "EC") == 0)
		rc = read_ec(f, key, &k, e);
	else if (strcmp(kty, "OKP") == 0)
		rc = read_raw(f, key, okp_kinds, sizeof(okp_kinds) / sizeof(okp_kinds[0]), "crv",
			"x", &k, e);
	else if (strcmp(kty, "AKP") == 0)
		rc = read_raw(f, key, akp_kinds, sizeof(akp_kinds) / sizeof(akp_kinds[0]), "alg",
			"pub", &k, e);
	else if (strcmp(kty, "oct") == 0)
		return err_set(e, ERR_KEY_FORMAT, "JWK", "a symmetric key, not read");
	else
		return err_set(e, ERR_KEY_ALGORITHM, "JWK", "a key of type \"%.40s\"", kty);
	if (rc != ERR_OK)
		return rc;
	bool private = yyjson_obj_get(key, "d") != NULL || yyjson_obj_get(key, "priv") != NULL;
	found_key(f, private ? "public half of a private JWK" : "JWK", &k, BYTES_NONE, BYTES_NONE);
	return read_chain(f, yyjson_obj_get(key, "x5c"), e);
}
