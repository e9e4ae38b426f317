/* Whose signature is it?  By the signer's own id, by name and key identifier, and when two keys
 * have one name, by verifying. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/der.h"
#include "keycheck/nonce_impl.h"

/* Keys of one name that are tried; more than this were never one signer. */
#define SAME_NAME_MAX 64u

static int by_name(const void *a, const void *b)
{
	const struct signer_key *const *x = a, *const *y = b;
	int cmp = memcmp((*x)->name, (*y)->name, NAME_HASH);

	return cmp != 0 ? cmp : memcmp((*x)->id, (*y)->id, SHA256_SIZE);
}

static int by_id(const void *a, const void *b)
{
	const struct signer_key *const *x = a, *const *y = b;

	return memcmp((*x)->id, (*y)->id, SHA256_SIZE);
}

struct index {
	const struct signer_key **by_id, **by_name;
	size_t n;
};

/* The first whose id, or name, is not below. */
static size_t first(const struct signer_key *const *v, size_t n, const uint8_t *want, bool name)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (memcmp(name ? v[mid]->name : v[mid]->id, want, NAME_HASH) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool verifies(
	const struct nonce_set *s, const struct signer_key *k, const struct signed_once *g)
{
	struct buf der = buf_new(256);
	const uint8_t *p = key_spki(s, k).p;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)k->spki_len);
	EVP_PKEY_CTX *ctx = key != NULL ? EVP_PKEY_CTX_new(key, NULL) : NULL;
	struct bytes z = sig_z(s, g);
	size_t seq = der_open(&der, DER_SEQUENCE);
	bool ok;

	der_write_unsigned(&der, sig_r(s, g));
	der_write_unsigned(&der, sig_s(s, g));
	der_close(&der, seq);
	ok = ctx != NULL && !der.bad && EVP_PKEY_verify_init(ctx) == 1 &&
	     EVP_PKEY_verify(ctx, der.p, der.len, z.p, z.len) == 1;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	buf_free(&der);
	ERR_clear_error();
	return ok;
}

bool nonce_verifies(const struct nonce_set *s, const struct signed_once *g)
{
	return verifies(s, &s->keys[g->key], g);
}

static uint32_t number_of(const struct nonce_set *s, const struct index *ix, const uint8_t *id)
{
	size_t at = first(ix->by_id, ix->n, id, false);

	/* of a key that was announced many times always the same one */
	return at < ix->n && memcmp(ix->by_id[at]->id, id, NAME_HASH) == 0
		       ? (uint32_t)(ix->by_id[at] - s->keys)
		       : NO_KEY;
}

static uint32_t by_issuer(
	const struct nonce_set *s, const struct index *ix, const struct signed_once *g)
{
	const struct signer_key *candidate[SAME_NAME_MAX];
	size_t n = 0;

	for (size_t i = first(ix->by_name, ix->n, g->signer, true);
		i < ix->n && memcmp(ix->by_name[i]->name, g->signer, NAME_HASH) == 0; i++) {
		const struct signer_key *k = ix->by_name[i];
		if (g->key_id != 0 && k->key_id != 0 && g->key_id != k->key_id)
			continue;
		if ((n > 0 && memcmp(candidate[n - 1]->id, k->id, SHA256_SIZE) == 0) ||
			n == SAME_NAME_MAX)
			continue;
		candidate[n++] = k;
	}
	if (n == 1)
		return number_of(s, ix, candidate[0]->id);
	for (size_t i = 0; i < n; i++) {
		if (verifies(s, candidate[i], g))
			return number_of(s, ix, candidate[i]->id);
	}
	return NO_KEY;
}

enum err_code nonce_attribute(struct nonce_set *s, struct err *e)
{
	struct index ix = {calloc(s->keys_n + 1, sizeof(*ix.by_id)),
		calloc(s->keys_n + 1, sizeof(*ix.by_name)), s->keys_n};

	if (ix.by_id == NULL || ix.by_name == NULL) {
		free(ix.by_id);
		free(ix.by_name);
		return err_set(e, ERR_NO_MEMORY, "nonces", NULL);
	}
	for (size_t i = 0; i < s->keys_n; i++)
		ix.by_id[i] = ix.by_name[i] = &s->keys[i];
	if (s->keys_n > 0) {
		qsort(ix.by_id, ix.n, sizeof(*ix.by_id), by_id);
		qsort(ix.by_name, ix.n, sizeof(*ix.by_name), by_name);
	}
	s->unknown = 0;
	for (size_t i = 0; i < s->sigs_n; i++) {
		struct signed_once *g = &s->sigs[i];
		g->key = g->self ? number_of(s, &ix, g->signer) : by_issuer(s, &ix, g);
		s->unknown += g->key == NO_KEY;
	}
	free(ix.by_id);
	free(ix.by_name);
	return ERR_OK;
}
