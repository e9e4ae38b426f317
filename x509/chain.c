/* Does a certificate lead to an anchor (RFC 5280 §6.1)?  The library walks, we see to purposes. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "crypto/ossl.h"
#include "x509/cert.h"
#include "x509/direct.h"
#include "x509/oid.h"

/* 112 bits at least: no SHA-1 or MD5 signature and no RSA under 2048 bits anywhere in a chain. */
#define SECURITY_LEVEL 2
/* Certificates between leaf and anchor: two CAs of a manufacturer, and one to spare. */
#define DEPTH_MAX 3

bool cert_names_issuer(const struct cert *c, const struct cert *ca)
{
	return c->x != NULL && ca->x != NULL &&
		X509_NAME_cmp(X509_get_issuer_name(c->x), X509_get_subject_name(ca->x)) == 0;
}

/* A new reference to the library's object. */
static X509 *object_of(const struct cert *c)
{
	const uint8_t *p = c->der.p;
	if (c->x == NULL)
		return d2i_X509(NULL, &p, (long)c->der.len);
	return X509_up_ref(c->x) == 1 ? c->x : NULL;
}

static STACK_OF(X509) *stack_of(const struct cert *certs, size_t n)
{
	STACK_OF(X509) *stack = sk_X509_new_reserve(NULL, (int)n);
	for (size_t i = 0; stack != NULL && i < n; i++) {
		X509 *x = object_of(&certs[i]);
		if (x == NULL || sk_X509_push(stack, x) <= 0) {
			X509_free(x);
			sk_X509_pop_free(stack, X509_free);
			return NULL;
		}
	}
	return stack;
}

static enum err_code check_purpose(const struct cert *leaf, enum profile profile, struct err *e)
{
	if (profile == PROFILE_COUNT)
		return ERR_OK;
	const struct profile_row *row = profile_row(profile);
	if (cert_is_ca(leaf) != row->ca)
		return err_set(e, ERR_PEER_PURPOSE, leaf->common_name, "%s",
			row->ca ? "not a CA" : "a CA");
	for (const char *at = row->eku; at != NULL && *at != '\0';) {
		char oid[3 * OID_MAX];
		size_t len = strcspn(at, ",");
		(void)snprintf(oid, sizeof(oid), "%.*s", (int)len, at);
		if (!cert_has_eku(leaf, oid))
			return err_set(e, ERR_PEER_PURPOSE, leaf->common_name, "it lacks %s", oid);
		at += len + (at[len] == ',' ? 1 : 0);
	}
	/* An operator's certificate is not a device's, although both are for clients. */
	if (profile != PROFILE_OPERATOR && cert_has_eku(leaf, PROFILE_OID_OPERATOR))
		return err_set(e, ERR_PEER_PURPOSE, leaf->common_name, "it is an operator's");
	return ERR_OK;
}

static enum err_code walk(X509_STORE_CTX *ctx, const struct cert *leaf, int64_t at, bool direct,
	enum err_code refusal, struct err *e)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)at);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
	/* An anchor need not be self-signed: a manufacturer may name one of its lower CAs. */
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1)
		return ossl_err(e, ERR_CRYPTO, "certificate", "no verification");
	int rc = X509_verify_cert(ctx);
	int why = X509_STORE_CTX_get_error(ctx);
	int length = sk_X509_num(X509_STORE_CTX_get0_chain(ctx));
	ERR_clear_error();
	if (rc != 1 && (why == X509_V_ERR_CERT_HAS_EXPIRED || why == X509_V_ERR_CERT_NOT_YET_VALID))
		return err_set(e, ERR_PEER_EXPIRED, leaf->common_name, "%s",
			X509_verify_cert_error_string(why));
	if (rc != 1)
		return err_set(
			e, refusal, leaf->common_name, "%s", X509_verify_cert_error_string(why));
	/* The anchor itself, presented as a leaf, proves nothing about whoever presents it. */
	if (length < 2 || (direct && length != 2))
		return err_set(e, refusal, leaf->common_name, "%s",
			length < 2 ? "it is the anchor itself"
				   : "it was not issued by an anchor itself");
	return ERR_OK;
}

enum err_code cert_check_chain(const struct cert *leaf, const struct cert *between,
	size_t between_n, const struct cert *anchors, size_t anchors_n, int64_t at,
	enum profile profile, bool direct, enum err_code refusal, struct err *e)
{
	if (direct && anchors_n == 1) {
		enum err_code is = cert_check_direct(leaf, anchors, at, refusal, e);
		return is == ERR_OK ? check_purpose(leaf, profile, e) : is;
	}
	X509 *x = object_of(leaf);
	STACK_OF(X509) *trusted = stack_of(anchors, anchors_n);
	STACK_OF(X509) *untrusted = stack_of(between, between_n);
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum err_code rc;
	if (x == NULL) {
		rc = ossl_err(e, refusal, leaf->common_name, "it cannot be read");
	} else if (trusted == NULL || untrusted == NULL || ctx == NULL ||
		X509_STORE_CTX_init(ctx, NULL, x, untrusted) != 1) {
		rc = ossl_err(e, ERR_CRYPTO, "certificate", "no verification");
	} else {
		X509_STORE_CTX_set0_trusted_stack(ctx, trusted);
		rc = walk(ctx, leaf, at, direct, refusal, e);
		if (rc == ERR_OK)
			rc = check_purpose(leaf, profile, e);
	}
	X509_STORE_CTX_free(ctx);
	sk_X509_pop_free(trusted, X509_free);
	sk_X509_pop_free(untrusted, X509_free);
	X509_free(x);
	return rc;
}
