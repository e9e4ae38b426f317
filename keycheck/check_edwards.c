/*
 * Ed25519 and Ed448 public keys (RFC 8032 §5.1.3, §5.2.3): canonical octets, a point of the curve,
 * not of small order.  And X25519, X448 (RFC 7748 §6): not of small order.
 *
 * OpenSSL takes any octets as such a key until it is used.  The curve a*x^2 + y^2 = 1 + d*x^2*y^2
 * is asked here in y and x^2 alone, which needs no square root; all of it is public.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include "crypto/ossl.h"
#include "keycheck/check_impl.h"

struct edwards {
	mpz_t p, a, d;
	mpz_t y, x2, t;
	bool sign;
};

static size_t raw_size(enum pubkey_kind kind)
{
	switch (kind) {
	case PUBKEY_ED25519:
	case PUBKEY_X25519:
		return 32;
	case PUBKEY_ED448:
		return 57;
	case PUBKEY_X448:
	default:
		return 56;
	}
}

/* RFC 8032 §5.1 and §5.2: p, a and d of the two curves. */
static void edwards_start(struct edwards *w, bool is_448)
{
	mpz_inits(w->p, w->a, w->d, w->y, w->x2, w->t, NULL);
	if (is_448) {
		/* p = 2^448 - 2^224 - 1, a = 1, d = -39081 */
		mpz_setbit(w->p, 448);
		mpz_setbit(w->t, 224);
		mpz_sub(w->p, w->p, w->t);
		mpz_sub_ui(w->p, w->p, 1);
		mpz_set_ui(w->a, 1);
		mpz_set_si(w->d, -39081);
	} else {
		/* p = 2^255 - 19, a = -1, d = -121665/121666 */
		mpz_setbit(w->p, 255);
		mpz_sub_ui(w->p, w->p, 19);
		mpz_set_si(w->a, -1);
		mpz_set_ui(w->t, 121666);
		mpz_invert(w->d, w->t, w->p);
		mpz_mul_si(w->d, w->d, -121665);
	}
	mpz_mod(w->d, w->d, w->p);
}

static void edwards_end(struct edwards *w)
{
	mpz_clears(w->p, w->a, w->d, w->y, w->x2, w->t, NULL);
}

/* x^2 = (1 - y^2) / (a - d*y^2); the denominator is never 0, because d/a is no square. */
static void edwards_x2(struct edwards *w)
{
	mpz_mul(w->t, w->y, w->y);
	mpz_mul(w->x2, w->d, w->t);
	mpz_sub(w->x2, w->a, w->x2);
	mpz_mod(w->x2, w->x2, w->p);
	mpz_invert(w->x2, w->x2, w->p);
	mpz_ui_sub(w->t, 1, w->t);
	mpz_mul(w->x2, w->x2, w->t);
	mpz_mod(w->x2, w->x2, w->p);
}

/* y of twice the point: (y^2 - a*x^2) / (1 - d*x^2*y^2). */
static void edwards_double(struct edwards *w)
{
	edwards_x2(w);
	mpz_mul(w->y, w->y, w->y);
	mpz_mod(w->y, w->y, w->p);
	mpz_mul(w->t, w->x2, w->y);
	mpz_mul(w->t, w->t, w->d);
	mpz_ui_sub(w->t, 1, w->t);
	mpz_mod(w->t, w->t, w->p);
	mpz_invert(w->t, w->t, w->p);
	mpz_mul(w->x2, w->x2, w->a);
	mpz_sub(w->y, w->y, w->x2);
	mpz_mul(w->y, w->y, w->t);
	mpz_mod(w->y, w->y, w->p);
}

static const char *edwards_fault(struct edwards *w, struct bytes raw)
{
	uint8_t y[57];

	memcpy(y, raw.p, raw.len);
	w->sign = y[raw.len - 1] >> 7;
	y[raw.len - 1] &= 0x7f;
	mpz_import(w->y, raw.len, -1, 1, 1, 0, y);
	if (mpz_cmp(w->y, w->p) >= 0)
		return "the coordinate is not below the prime of the field";
	edwards_x2(w);
	if (mpz_sgn(w->x2) == 0 && w->sign)
		return "the sign of a coordinate that is 0 is set";
	if (mpz_sgn(w->x2) != 0 && mpz_legendre(w->x2, w->p) != 1)
		return "the octets are not a point of the curve";
	/* the cofactors are 8 and 4 */
	for (int i = 0; i < 3; i++)
		edwards_double(w);
	return mpz_cmp_ui(w->y, 1) == 0 ? "the point has a small order" : NULL;
}

static enum err_code check_seed(struct look *l, int nid, struct err *e)
{
	bool found = false;
	char what[SMALL_KEY_TEXT];
	enum err_code rc = small_keys_find(l->c->small_keys, nid, l->k->point, what, &found, e);

	if (rc == ERR_OK && found)
		look_report(l, CHECK_SMALL_PRIVATE, "it is %s", what);
	return rc;
}

enum err_code check_edwards(struct look *l, struct err *e)
{
	bool is_448 = l->k->kind == PUBKEY_ED448;
	const char *fault;
	struct edwards w;

	if (l->k->point.len != raw_size(l->k->kind)) {
		look_report(l, CHECK_ED25519_POINT, "%zu octets, where %zu belong", l->k->point.len,
			raw_size(l->k->kind));
		return ERR_OK;
	}
	edwards_start(&w, is_448);
	fault = edwards_fault(&w, l->k->point);
	edwards_end(&w);
	if (fault != NULL) {
		look_report(l, CHECK_ED25519_POINT, "%s", fault);
		return ERR_OK;
	}
	return look_wants(l, CHECK_SMALL_PRIVATE)
		       ? check_seed(l, is_448 ? NID_ED448 : NID_ED25519, e)
		       : ERR_OK;
}

/* RFC 7748 §6: a point of small order gives zero with every private key, and OpenSSL then refuses.
 */
static enum err_code small_order(int type, struct bytes raw, bool *yes, struct err *e)
{
	static const uint8_t any[56] = {8, 1};
	uint8_t shared[56];
	size_t size = sizeof(shared);
	enum err_code rc = ERR_OK;
	EVP_PKEY *mine = EVP_PKEY_new_raw_private_key(type, NULL, any, raw.len);
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(type, NULL, raw.p, raw.len);
	EVP_PKEY_CTX *ctx = mine != NULL ? EVP_PKEY_CTX_new(mine, NULL) : NULL;

	if (ctx == NULL || peer == NULL || EVP_PKEY_derive_init(ctx) != 1 ||
		EVP_PKEY_derive_set_peer(ctx, peer) != 1)
		rc = ossl_err(e, ERR_CRYPTO, "key checks", "cannot use a raw key");
	else
		*yes = EVP_PKEY_derive(ctx, shared, &size) != 1;
	ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(peer);
	return rc;
}

enum err_code check_montgomery(struct look *l, struct err *e)
{
	bool is_448 = l->k->kind == PUBKEY_X448;
	bool small = false;

	if (l->k->point.len != raw_size(l->k->kind)) {
		look_report(l, CHECK_X25519_POINT, "%zu octets, where %zu belong", l->k->point.len,
			raw_size(l->k->kind));
		return ERR_OK;
	}
	enum err_code rc =
		small_order(is_448 ? EVP_PKEY_X448 : EVP_PKEY_X25519, l->k->point, &small, e);
	if (rc == ERR_OK && small)
		look_report(l, CHECK_X25519_POINT, "the point has a small order");
	else if (rc == ERR_OK && look_wants(l, CHECK_SMALL_PRIVATE))
		rc = check_seed(l, is_448 ? NID_X448 : NID_X25519, e);
	return rc;
}
