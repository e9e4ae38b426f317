/*
 * ML-DSA public keys (FIPS 204 §7.2, algorithm 22): a seed rho of 32 octets and t1, packed numbers
 * of 10 bits, each of which may be any.  So every string of the right length is a key by its form.
 * What can be said beyond that: rho and t1 come out of hash and lattice as if at random, and a key
 * from a patterned seed is known by its octets.
 */
#include <string.h>

#include <openssl/obj_mac.h>

#include "keycheck/check_impl.h"

#define RHO_SIZE 32u

/* FIPS 204 table 2. */
static size_t key_size(enum pubkey_kind kind)
{
	switch (kind) {
	case PUBKEY_ML_DSA_44:
		return 1312;
	case PUBKEY_ML_DSA_65:
		return 1952;
	case PUBKEY_ML_DSA_87:
	default:
		return 2592;
	}
}

static int nid_of(enum pubkey_kind kind)
{
	switch (kind) {
	case PUBKEY_ML_DSA_44:
		return NID_ML_DSA_44;
	case PUBKEY_ML_DSA_65:
		return NID_ML_DSA_65;
	case PUBKEY_ML_DSA_87:
	default:
		return NID_ML_DSA_87;
	}
}

enum err_code check_ml_dsa(struct look *l, struct err *e)
{
	static const uint8_t zeros[RHO_SIZE];
	struct bytes key = l->k->point;
	bool found = false;
	char what[SMALL_KEY_TEXT];

	if (key.len != key_size(l->k->kind)) {
		look_report(l, CHECK_ML_DSA_FORM, "%zu octets, where %zu belong", key.len,
			key_size(l->k->kind));
		return ERR_OK;
	}
	if (memcmp(key.p, zeros, RHO_SIZE) == 0)
		look_report(l, CHECK_ML_DSA_FORM, "the seed of the matrix is zero");
	check_pattern(
		l, CHECK_ML_DSA_FORM, bytes_of(key.p + RHO_SIZE, key.len - RHO_SIZE), "vector t1");
	if (!look_wants(l, CHECK_SMALL_PRIVATE))
		return ERR_OK;
	enum err_code rc =
		small_keys_find(l->c->small_keys, nid_of(l->k->kind), key, what, &found, e);
	if (rc == ERR_OK && found)
		look_report(l, CHECK_SMALL_PRIVATE, "its seed is %s", what);
	return rc;
}
