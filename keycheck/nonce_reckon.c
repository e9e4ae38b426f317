/* The numbers of one key, and the one proof there is: d times the generator is its point. */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>

#include "base/mem.h"
#include "crypto/ossl.h"
#include "keycheck/nonce_impl.h"

static void from_bn(mpz_t out, const BIGNUM *bn)
{
	uint8_t octets[NONCE_OCTETS_MAX + 16] = {0};
	int n = BN_num_bytes(bn);

	if (n > 0 && (size_t)n <= sizeof(octets) && BN_bn2bin(bn, octets) == n)
		mpz_import(out, (size_t)n, 1, 1, 1, 0, octets);
	else
		mpz_set_ui(out, 0);
}

enum err_code reckoner_start(
	struct reckoner *k, const struct nonce_set *s, const struct signer_key *key, struct err *e)
{
	struct bytes spki = key_spki(s, key);

	*k = (struct reckoner){.group = EC_GROUP_new_by_curve_name(key->nid)};
	mpz_init(k->n);
	k->ctx = BN_CTX_new();
	k->bn = BN_new();
	k->point = k->group != NULL ? EC_POINT_new(k->group) : NULL;
	k->probe = k->group != NULL ? EC_POINT_new(k->group) : NULL;
	if (k->point == NULL || k->probe == NULL || k->ctx == NULL || k->bn == NULL ||
		EC_POINT_oct2point(
			k->group, k->point, spki.p + key->point, key->point_len, k->ctx) != 1) {
		reckoner_end(k);
		ERR_clear_error();
		return err_set(e, ERR_KEY_INVALID, "nonces", "the key is no point of its curve");
	}
	from_bn(k->n, EC_GROUP_get0_order(k->group));
	k->bits = (unsigned)mpz_sizeinbase(k->n, 2);
	if (k->bits > 8 * NONCE_OCTETS_MAX || k->bits < 64) {
		reckoner_end(k);
		return err_set(e, ERR_KEY_INVALID, "nonces", "an order of %u bits", k->bits);
	}
	return ERR_OK;
}

void reckoner_end(struct reckoner *k)
{
	EC_POINT_free(k->point);
	EC_POINT_free(k->probe);
	EC_GROUP_free(k->group);
	BN_CTX_free(k->ctx);
	BN_clear_free(k->bn);
	mpz_clear(k->n);
}

bool reckoner_is_private(struct reckoner *k, const mpz_t d)
{
	uint8_t octets[NONCE_OCTETS_MAX];
	size_t n = 0;

	if (mpz_sgn(d) <= 0 || mpz_cmp(d, k->n) >= 0)
		return false;
	mpz_export(octets, &n, 1, 1, 1, 0, d);
	bool ok = BN_bin2bn(octets, (int)n, k->bn) != NULL &&
		  EC_POINT_mul(k->group, k->probe, k->bn, NULL, NULL, k->ctx) == 1 &&
		  EC_POINT_cmp(k->group, k->probe, k->point, k->ctx) == 0;
	mem_wipe(octets, sizeof(octets));
	return ok;
}

bool reckoner_numbers(const struct reckoner *k, const struct nonce_set *s,
	const struct signed_once *g, mpz_t r, mpz_t sv, mpz_t z)
{
	struct bytes digest = sig_z(s, g);

	mpz_import(r, g->r_len, 1, 1, 1, 0, sig_r(s, g).p);
	mpz_import(sv, g->s_len, 1, 1, 1, 0, sig_s(s, g).p);
	mpz_import(z, digest.len, 1, 1, 1, 0, digest.p);
	if (digest.len * 8 > k->bits)
		mpz_tdiv_q_2exp(z, z, digest.len * 8 - k->bits);
	mpz_mod(z, z, k->n);
	return mpz_sgn(r) > 0 && mpz_cmp(r, k->n) < 0 && mpz_sgn(sv) > 0 && mpz_cmp(sv, k->n) < 0;
}
