/*
 * Tiny and patterned private keys, found by their public halves: a table for each curve, made when
 * the first key of that curve comes, from the numbers 1, 2, 3, ... and from keycheck/patterns.h.
 * An entry is eight octets of the public key and a number; what is found is made again and compared
 * whole, so that eight octets that agree by chance are nothing.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>

#include "crypto/ossl.h"
#include "keycheck/check_impl.h"

/* Curves that OpenSSL names; more kinds than this do not come. */
#define TABLES_MAX 128u
/* The longest public key (ML-DSA-87) and private key (P-521; sect571). */
#define PUBLIC_MAX 2592u
#define PRIVATE_MAX 80u

/* How many numbers from 1 on, so that a table takes about a third of a second. */
static const struct amount {
	int nid;
	unsigned numbers;
} amounts[] = {
	{NID_X9_62_prime256v1, 65536},
	{NID_secp384r1, 8192},
	{NID_secp521r1, 8192},
	{NID_ED25519, 4096},
	{NID_X25519, 4096},
};
#define NUMBERS_ELSEWHERE 256u

struct entry {
	uint64_t octets;
	uint32_t number;
};

struct table {
	int nid;
	size_t private_size;
	unsigned numbers;
	struct entry *entries;
	size_t n;
};

struct small_keys {
	pthread_mutex_t lock;
	struct table table[TABLES_MAX];
	unsigned n;
};

static bool is_raw(int nid)
{
	return nid == NID_ED25519 || nid == NID_ED448 || nid == NID_X25519 || nid == NID_X448 ||
	       nid == NID_ML_DSA_44 || nid == NID_ML_DSA_65 || nid == NID_ML_DSA_87;
}

static size_t seed_size(int nid)
{
	return nid == NID_ED448 ? 57 : nid == NID_X448 ? 56 : 32;
}

/* Makes public keys of one curve. */
struct maker {
	int nid;
	EC_GROUP *group; /* NULL: raw keys */
	EC_POINT *point;
	BN_CTX *ctx;
	BIGNUM *bn;
	size_t field_size;
};

static void maker_end(struct maker *m)
{
	EC_GROUP_free(m->group);
	EC_POINT_free(m->point);
	BN_CTX_free(m->ctx);
	BN_free(m->bn);
}

static bool maker_start(struct maker *m, int nid)
{
	*m = (struct maker){.nid = nid};
	if (is_raw(nid))
		return true;
	m->group = EC_GROUP_new_by_curve_name(nid);
	m->point = m->group != NULL ? EC_POINT_new(m->group) : NULL;
	m->ctx = BN_CTX_new();
	m->bn = BN_new();
	if (m->point == NULL || m->ctx == NULL || m->bn == NULL) {
		maker_end(m);
		return false;
	}
	m->field_size = ((size_t)EC_GROUP_get_degree(m->group) + 7) / 8;
	return true;
}

/* The x coordinate of m->point; empty for infinity. */
static bool maker_x(struct maker *m, uint8_t *out, size_t *size)
{
	*size = 0;
	if (EC_POINT_is_at_infinity(m->group, m->point) == 1)
		return true;
	if (EC_POINT_get_affine_coordinates(m->group, m->point, m->bn, NULL, m->ctx) != 1 ||
		BN_bn2binpad(m->bn, out, (int)m->field_size) < 0)
		return false;
	*size = m->field_size;
	return true;
}

static EVP_PKEY *from_seed(int nid, const uint8_t *seed, size_t size)
{
	if (nid == NID_ED25519 || nid == NID_ED448 || nid == NID_X25519 || nid == NID_X448)
		return EVP_PKEY_new_raw_private_key(nid, NULL, seed, size);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ML_DSA_SEED, (void *)seed, size),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, OBJ_nid2sn(nid), NULL);
	if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* The public key of a private one, from its octets. */
static bool maker_public(
	struct maker *m, const uint8_t *private, size_t private_size, uint8_t *out, size_t *size)
{
	if (m->group != NULL)
		return BN_bin2bn(private, (int)private_size, m->bn) != NULL &&
		       EC_POINT_mul(m->group, m->point, m->bn, NULL, NULL, m->ctx) == 1 &&
		       maker_x(m, out, size);
	EVP_PKEY *key = from_seed(m->nid, private, private_size);
	*size = PUBLIC_MAX;
	bool ok = key != NULL && EVP_PKEY_get_raw_public_key(key, out, size) == 1;
	EVP_PKEY_free(key);
	return ok;
}

static uint64_t eight_octets(const uint8_t *public, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, public + (size > 8 ? size - 8 : 0), size < 8 ? size : 8);
	return v;
}

static void put(struct table *t, uint32_t number, const uint8_t *public, size_t size)
{
	if (size > 0)
		t->entries[t->n++] = (struct entry){eight_octets(public, size), number};
}

static void number_octets(uint32_t number, uint8_t *out, size_t size)
{
	memset(out, 0, size);
	for (size_t i = 0; i < sizeof(number) && i < size; i++)
		out[size - 1 - i] = (uint8_t)(number >> 8 * i);
}

/* The private key of an entry, and what it is in words. */
static void private_of(const struct table *t, uint32_t number, uint8_t *out, char *what)
{
	if (number <= t->numbers) {
		number_octets(number, out, t->private_size);
		snprintf(what, SMALL_KEY_TEXT, "the number %u", number);
	} else {
		patterns_get(number - t->numbers - 1, t->private_size, out, what);
	}
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->octets < y->octets ? -1 : x->octets > y->octets;
}

/* 1, 2, 3, ...: a curve's points by one addition each. */
static bool fill_numbers(struct table *t, struct maker *m, uint8_t *public)
{
	uint8_t private[PRIVATE_MAX];
	size_t size;

	if (m->group != NULL && EC_POINT_set_to_infinity(m->group, m->point) != 1)
		return false;
	for (uint32_t i = 1; i <= t->numbers; i++) {
		if (m->group != NULL) {
			if (EC_POINT_add(m->group, m->point, m->point,
				    EC_GROUP_get0_generator(m->group), m->ctx) != 1 ||
				!maker_x(m, public, &size))
				return false;
		} else {
			number_octets(i, private, t->private_size);
			if (!maker_public(m, private, t->private_size, public, &size))
				return false;
		}
		put(t, i, public, size);
	}
	return true;
}

static bool fill_patterns(struct table *t, struct maker *m, uint8_t *public)
{
	uint8_t private[PRIVATE_MAX];
	size_t size;

	for (uint32_t i = 0; i < patterns_count(t->private_size); i++) {
		patterns_get(i, t->private_size, private, NULL);
		if (!maker_public(m, private, t->private_size, public, &size))
			return false;
		put(t, t->numbers + 1 + i, public, size);
	}
	return true;
}

static enum err_code table_fill(struct table *t, int nid, struct err *e)
{
	uint8_t public[PUBLIC_MAX];
	struct maker m;

	if (!maker_start(&m, nid))
		return ossl_err(e, ERR_CRYPTO, "key checks", "a curve cannot be used");
	*t = (struct table){.nid = nid, .numbers = NUMBERS_ELSEWHERE};
	for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
		if (amounts[i].nid == nid)
			t->numbers = amounts[i].numbers;
	}
	t->private_size =
		m.group == NULL ? seed_size(nid) : ((size_t)EC_GROUP_order_bits(m.group) + 7) / 8;
	enum err_code rc = ERR_OK;
	t->entries = calloc(t->numbers + patterns_count(t->private_size), sizeof(*t->entries));
	if (t->entries == NULL || t->private_size > PRIVATE_MAX)
		rc = err_set(e, ERR_NO_MEMORY, "key checks", "no table of small keys");
	else if (!fill_numbers(t, &m, public) || !fill_patterns(t, &m, public))
		rc = ossl_err(e, ERR_CRYPTO, "key checks", "no public keys for a table");
	else
		qsort(t->entries, t->n, sizeof(*t->entries), compare_entries);
	maker_end(&m);
	if (rc != ERR_OK)
		free(t->entries);
	return rc;
}

/* Is it really that entry's key? */
static bool is_that(const struct table *t, uint32_t number, struct bytes point, char *what)
{
	uint8_t private[PRIVATE_MAX], public[PUBLIC_MAX];
	size_t size = 0;
	struct maker m;

	private_of(t, number, private, what);
	if (!maker_start(&m, t->nid))
		return false;
	bool same = maker_public(&m, private, t->private_size, public, &size) &&
		    bytes_equal(bytes_of(public, size), point);
	maker_end(&m);
	return same;
}

static bool table_find(const struct table *t, struct bytes point, char *what)
{
	struct entry key = {eight_octets(point.p, point.len), 0};
	const struct entry *at =
		t->n > 0 ? bsearch(&key, t->entries, t->n, sizeof(*t->entries), compare_entries)
			 : NULL;

	if (at == NULL)
		return false;
	/* one key may be made in several ways (1 is 2^0): any of them will do */
	return is_that(t, at->number, point, what);
}

enum err_code small_keys_find(struct small_keys *s, int nid, struct bytes point,
	char what[SMALL_KEY_TEXT], bool *found, struct err *e)
{
	const struct table *t = NULL;
	enum err_code rc = ERR_OK;

	/* tables are never moved nor changed: only finding or making one needs the lock */
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->n && t == NULL; i++) {
		if (s->table[i].nid == nid)
			t = &s->table[i];
	}
	if (t == NULL && s->n < TABLES_MAX) {
		rc = table_fill(&s->table[s->n], nid, e);
		if (rc == ERR_OK)
			t = &s->table[s->n++];
	}
	pthread_mutex_unlock(&s->lock);
	*found = rc == ERR_OK && t != NULL && table_find(t, point, what);
	return rc;
}

struct small_keys *small_keys_new(void)
{
	struct small_keys *s = calloc(1, sizeof(*s));

	if (s != NULL)
		pthread_mutex_init(&s->lock, NULL);
	return s;
}

void small_keys_free(struct small_keys *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->n; i++)
		free(s->table[i].entries);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
