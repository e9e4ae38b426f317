/* EC public keys: the curve, the point (SP 800-56A §5.6.2.3.3), and tiny private keys. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>

#include "keycheck/check_impl.h"

/* The largest field of a named curve (sect571r1), in octets, rounded up. */
#define FIELD_MAX 80u
/* Below this a discrete logarithm is within reach of public computing (record: 117 bits, 2016). */
#define CURVE_BITS_MIN 224

static int nid_of(struct bytes oid)
{
	uint8_t der[2 + 127];
	const uint8_t *p = der;

	if (oid.len == 0 || oid.len > 127)
		return NID_undef;
	der[0] = 0x06;
	der[1] = (uint8_t)oid.len;
	for (size_t i = 0; i < oid.len; i++)
		der[2 + i] = oid.p[i];
	ASN1_OBJECT *o = d2i_ASN1_OBJECT(NULL, &p, (long)oid.len + 2);
	int nid = o != NULL ? OBJ_obj2nid(o) : NID_undef;
	ASN1_OBJECT_free(o);
	return nid;
}

static void check_curve(struct look *l, int nid, const EC_GROUP *group)
{
	if (nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 || nid == NID_secp521r1)
		return;
	if (l->k->curve.len == 0)
		look_report(l, CHECK_EC_CURVE,
			"the parameters are not those of a named curve; the point was not looked "
			"at");
	else if (group == NULL)
		look_report(l, CHECK_EC_CURVE, "%s is not known here; the point was not looked at",
			nid != NID_undef ? OBJ_nid2sn(nid) : "the curve");
	else
		look_report(l, CHECK_EC_CURVE, "it is %s%s", OBJ_nid2sn(nid),
			EC_GROUP_order_bits(group) < CURVE_BITS_MIN ? ", far too short" : "");
}

/* What is wrong with the point, or NULL. */
static const char *point_fault(
	const EC_GROUP *group, struct bytes octets, EC_POINT *point, BN_CTX *ctx)
{
	/* RFC 5480 §2.2: the hybrid form must not be used */
	if (octets.len > 0 && (octets.p[0] == 6 || octets.p[0] == 7))
		return "the point is in the hybrid form, which is forbidden";
	if (octets.len == 1 && octets.p[0] == 0)
		return "it is the point at infinity";
	if (EC_POINT_oct2point(group, point, octets.p, octets.len, ctx) != 1)
		return "the octets are not a point of the curve, or not in its length";
	/* with a cofactor of 1 every point but infinity has the order of the group */
	const BIGNUM *cofactor = EC_GROUP_get0_cofactor(group);
	if (cofactor != NULL && BN_is_one(cofactor))
		return NULL;
	EC_POINT *end = EC_POINT_new(group);
	bool in_group =
		end != NULL &&
		EC_POINT_mul(group, end, NULL, point, EC_GROUP_get0_order(group), ctx) == 1 &&
		EC_POINT_is_at_infinity(group, end) == 1;
	EC_POINT_free(end);
	return in_group ? NULL : "the point is outside the group of prime order";
}

static enum err_code check_private(struct look *l, int nid, const EC_GROUP *group,
	const EC_POINT *point, BN_CTX *ctx, struct err *e)
{
	uint8_t x[FIELD_MAX];
	size_t size = ((size_t)EC_GROUP_get_degree(group) + 7) / 8;
	BIGNUM *bn = BN_new();
	bool found = false;
	char what[SMALL_KEY_TEXT];
	enum err_code rc = ERR_OK;

	if (bn == NULL || size > sizeof(x) ||
		EC_POINT_get_affine_coordinates(group, point, bn, NULL, ctx) != 1 ||
		BN_bn2binpad(bn, x, (int)size) < 0)
		rc = err_set(e, ERR_CRYPTO, "key checks", "no coordinates of a point");
	BN_free(bn);
	if (rc == ERR_OK)
		rc = small_keys_find(l->c->small_keys, nid, bytes_of(x, size), what, &found, e);
	if (rc == ERR_OK && found)
		look_report(l, CHECK_SMALL_PRIVATE, "it is %s, or minus that", what);
	return rc;
}

static enum err_code check_on_curve(struct look *l, int nid, const EC_GROUP *group, struct err *e)
{
	EC_POINT *point = EC_POINT_new(group);
	BN_CTX *ctx = BN_CTX_new();
	enum err_code rc = ERR_OK;

	if (point == NULL || ctx == NULL) {
		rc = err_set(e, ERR_NO_MEMORY, "key checks", NULL);
	} else {
		const char *fault = point_fault(group, l->k->point, point, ctx);
		if (fault != NULL)
			look_report(l, CHECK_EC_POINT, "%s", fault);
		else if (look_wants(l, CHECK_SMALL_PRIVATE))
			rc = check_private(l, nid, group, point, ctx, e);
	}
	EC_POINT_free(point);
	BN_CTX_free(ctx);
	return rc;
}

enum err_code check_ec(struct look *l, struct err *e)
{
	int nid = nid_of(l->k->curve);
	EC_GROUP *group = nid != NID_undef ? EC_GROUP_new_by_curve_name(nid) : NULL;
	enum err_code rc = ERR_OK;

	check_curve(l, nid, group);
	if (group != NULL)
		rc = check_on_curve(l, nid, group, e);
	EC_GROUP_free(group);
	ERR_clear_error(); /* a bad point is no error of ours */
	return rc;
}
