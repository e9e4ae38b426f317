#include "x509/direct.h"

#include <openssl/x509v3.h>

#include "crypto/sign.h"
#include "x509/view.h"

/* What a certificate may hold as critical and still be understood here (RFC 5280 §4.2). */
static bool is_understood(struct bytes oid)
{
	return bytes_equal(oid, OID_BASIC_CONSTRAINTS) || bytes_equal(oid, OID_KEY_USAGE) ||
		bytes_equal(oid, OID_EXT_KEY_USAGE) || bytes_equal(oid, OID_SUBJECT_ALT_NAME);
}

static bool has_unknown_critical(struct bytes extensions)
{
	struct reader r = reader_of(extensions);
	while (!r.bad && reader_left(&r) > 0) {
		struct extension x = ext_read(&r);
		if (r.bad || (x.critical && !is_understood(x.oid)))
			return true;
	}
	return r.bad;
}

/* When the leaf names its issuer's key, it must be the anchor's (RFC 5280 §4.2.1.1). */
static bool names_other_key(const struct cert_view *leaf, const struct cert_view *anchor)
{
	struct reader a = reader_of(ext_find(leaf->extensions, OID_AUTHORITY_KEY_ID));
	struct reader s = reader_of(ext_find(anchor->extensions, OID_SUBJECT_KEY_ID));
	struct reader in = der_enter(&a, DER_SEQUENCE);
	if (der_peek(&in) != DER_CONTEXT_PRIMITIVE(0))
		return false;
	struct bytes named = der_read(&in, DER_CONTEXT_PRIMITIVE(0));
	struct bytes own = der_read(&s, DER_OCTET_STRING);
	return !s.bad && !bytes_equal(named, own);
}

/* RFC 5280 §6.1.4 (k), (n): a CA, and when its key has named uses, this is one. */
static bool may_sign(const struct cert_view *ca)
{
	bool limited = ext_find(ca->extensions, OID_KEY_USAGE).p != NULL;
	return ext_is_ca(ca->extensions, NULL) &&
		(!limited || (ext_key_usage(ca->extensions) & KU_KEY_CERT_SIGN) != 0);
}

static enum err_code check_dates(const struct cert_view *v, int64_t at, const char *name,
	struct err *e)
{
	if (at < v->not_before)
		return err_set(e, ERR_PEER_EXPIRED, name, "certificate is not yet valid");
	if (at > v->not_after)
		return err_set(e, ERR_PEER_EXPIRED, name, "certificate has expired");
	return ERR_OK;
}

static enum err_code check_signature(const struct cert_view *leaf, const struct cert_view *anchor,
	enum err_code refusal, struct err *e)
{
	const struct sign_alg *alg = NULL;
	struct key *k = NULL;
	enum err_code rc = sign_alg_parse(leaf->sig_alg, &alg, e);
	if (rc == ERR_OK)
		rc = key_from_spki(anchor->spki, &k, e);
	if (rc == ERR_OK)
		rc = sign_alg_verify(alg, k, leaf->tbs, leaf->sig, refusal, e);
	key_free(k);
	return rc == ERR_OK || rc == ERR_NO_MEMORY || rc == ERR_CRYPTO ? rc : refusal;
}

enum err_code cert_check_direct(const struct cert *leaf, const struct cert *anchor, int64_t at,
	enum err_code refusal, struct err *e)
{
	struct cert_view l;
	struct cert_view a;
	if (cert_view_parse(leaf->der, &l, e) != ERR_OK || cert_view_parse(anchor->der, &a, e) != ERR_OK)
		return err_set(e, refusal, leaf->common_name, "it cannot be read");
	if (bytes_equal(leaf->der, anchor->der))
		return err_set(e, refusal, leaf->common_name, "it is the anchor itself");
	if (!bytes_equal(l.issuer, a.subject) || names_other_key(&l, &a))
		return err_set(e, refusal, leaf->common_name, "it was not issued by an anchor itself");
	if (!may_sign(&a))
		return err_set(e, refusal, leaf->common_name, "its issuer is not a CA");
	if (has_unknown_critical(l.extensions))
		return err_set(e, refusal, leaf->common_name, "it has an unknown critical extension");
	/* The signature before the dates: "expired" is said only of what was ours. */
	enum err_code rc = check_signature(&l, &a, refusal, e);
	if (rc != ERR_OK)
		return err_set(e, rc, leaf->common_name, "its signature is not the anchor's");
	rc = check_dates(&l, at, leaf->common_name, e);
	return rc == ERR_OK ? check_dates(&a, at, anchor->common_name, e) : rc;
}
