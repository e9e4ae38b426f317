#include "keycheck/nonce.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/objects.h>

#include "crypto/der.h"
#include "keycheck/nonce_impl.h"

enum err_code nonce_set_new(uint64_t memory, struct nonce_set **out, struct err *e)
{
	struct nonce_set *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_set(e, ERR_NO_MEMORY, "nonces", NULL);
	s->memory = memory != 0 ? memory : NONCE_MEMORY_DEFAULT;
	*out = s;
	return ERR_OK;
}

void nonce_set_free(struct nonce_set *s)
{
	if (s == NULL)
		return;
	free(s->keys);
	free(s->sigs);
	free(s->octets);
	free(s);
}

struct nonce_counts nonce_counts(const struct nonce_set *s)
{
	return (struct nonce_counts){s->keys_n, s->sigs_n, s->dropped, s->unknown};
}

static int nid_of_oid(struct bytes oid)
{
	struct buf der = buf_new(256);
	int nid = NID_undef;

	der_write_oid(&der, oid);
	if (!der.bad && oid.len > 0) {
		const uint8_t *p = der.p;
		ASN1_OBJECT *o = d2i_ASN1_OBJECT(NULL, &p, (long)der.len);
		nid = o != NULL ? OBJ_obj2nid(o) : NID_undef;
		ASN1_OBJECT_free(o);
	}
	buf_free(&der);
	return nid;
}

/* Room in an array that doubles. */
static bool room(void **p, size_t *cap, size_t n, size_t size)
{
	if (n < *cap)
		return true;
	size_t want = *cap * 2 + 64;
	void *more = realloc(*p, want * size);
	if (more == NULL)
		return false;
	*p = more;
	*cap = want;
	return true;
}

/* Octets onto the end; where they stand. */
static bool keep(struct nonce_set *s, struct bytes v, uint64_t *at)
{
	if (s->octets_n + v.len > s->octets_cap) {
		uint64_t cap = s->octets_cap * 2 + v.len + 4096;
		uint8_t *more = realloc(s->octets, cap);
		if (more == NULL)
			return false;
		s->octets = more;
		s->octets_cap = cap;
	}
	*at = s->octets_n;
	if (v.len > 0)
		memcpy(s->octets + s->octets_n, v.p, v.len);
	s->octets_n += v.len;
	return true;
}

static void short_hash(struct bytes v, uint8_t out[NAME_HASH])
{
	uint8_t digest[SHA256_SIZE];

	sha256_of(v, digest);
	memcpy(out, digest, NAME_HASH);
}

static uint64_t key_id_hash(struct bytes v)
{
	uint8_t digest[SHA256_SIZE];
	uint64_t h;

	if (v.len == 0)
		return 0;
	sha256_of(v, digest);
	memcpy(&h, digest, sizeof(h));
	return h != 0 ? h : 1;
}

enum err_code nonce_key(struct nonce_set *s, const struct pubkey *k, struct bytes name,
	struct bytes key_id, struct err *e)
{
	int nid = k->kind == PUBKEY_EC ? nid_of_oid(k->curve) : NID_undef;
	struct signer_key key = {.nid = nid, .key_id = key_id_hash(key_id)};

	if (nid == NID_undef || k->point.len == 0 || k->point.len > k->spki.len ||
		s->used + sizeof(key) + k->spki.len > s->memory)
		return ERR_OK;
	memcpy(key.id, k->id, sizeof(key.id));
	short_hash(name, key.name);
	key.spki_len = (uint32_t)k->spki.len;
	key.point = (uint32_t)(k->spki.len - k->point.len); /* the last thing in it */
	key.point_len = (uint32_t)k->point.len;
	if (!room((void **)&s->keys, &s->keys_cap, s->keys_n, sizeof(key)) ||
		!keep(s, k->spki, &key.spki))
		return err_set(e, ERR_NO_MEMORY, "nonces", NULL);
	s->keys[s->keys_n++] = key;
	s->used += sizeof(key) + k->spki.len;
	return ERR_OK;
}

static struct bytes positive(struct reader *r)
{
	struct bytes v = der_read_integer(r);

	if (v.len > 0 && v.p[0] >= 0x80)
		r->bad = true;
	if (v.len > 0 && v.p[0] == 0) {
		v.p++;
		v.len--;
	}
	if (v.len == 0 || v.len > NONCE_OCTETS_MAX)
		r->bad = true;
	return v;
}

static bool digest_of(
	struct bytes sig_alg, struct bytes tbs, uint8_t out[EVP_MAX_MD_SIZE], unsigned *size)
{
	int md_nid, key_nid;

	if (OBJ_find_sigid_algs(nid_of_oid(sig_alg), &md_nid, &key_nid) != 1 ||
		key_nid != NID_X9_62_id_ecPublicKey)
		return false;
	const EVP_MD *md = EVP_get_digestbynid(md_nid);
	return md != NULL && EVP_Digest(tbs.p, tbs.len, out, size, md, NULL) == 1;
}

enum err_code nonce_add(struct nonce_set *s, const struct nonce_signature *sig, struct err *e)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	struct reader in = reader_of(sig->sig);
	struct reader body = der_enter(&in, DER_SEQUENCE);
	struct bytes r = positive(&body);
	struct bytes sv = positive(&body);
	uint64_t unused;

	if (reader_end(&body, NULL, NULL) != ERR_OK || reader_end(&in, NULL, NULL) != ERR_OK ||
		!digest_of(sig->sig_alg, sig->tbs, digest, &size))
		return ERR_OK;
	struct signed_once g = {.source = sig->source,
		.key_id = key_id_hash(sig->issuer_key_id),
		.r_len = (uint8_t)r.len,
		.s_len = (uint8_t)sv.len,
		.z_len = (uint8_t)size,
		.self = sig->signer != NULL,
		.key = NO_KEY};
	uint64_t cost = sizeof(g) + r.len + sv.len + size;
	if (s->used + cost > s->memory) {
		s->dropped++;
		return ERR_OK;
	}
	if (g.self)
		memcpy(g.signer, sig->signer->id, NAME_HASH);
	else
		short_hash(sig->issuer, g.signer);
	if (!room((void **)&s->sigs, &s->sigs_cap, s->sigs_n, sizeof(g)) || !keep(s, r, &g.at) ||
		!keep(s, sv, &unused) || !keep(s, bytes_of(digest, size), &unused))
		return err_set(e, ERR_NO_MEMORY, "nonces", NULL);
	s->sigs[s->sigs_n++] = g;
	s->used += cost;
	return ERR_OK;
}
