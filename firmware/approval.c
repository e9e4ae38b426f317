#include "firmware/approval.h"

#include <string.h>
#include <yyjson.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "crypto/alg.h"
#include "crypto/base64.h"
#include "x509/crl.h"

/* DER of ECDSA P-384 has 104 bytes; Ed25519 64. */
#define SIGNATURE_MAX 256

static const char *const meaning_names[] = {
	[APPROVAL_PROPOSE] = "propose",
	[APPROVAL_APPROVE] = "approve",
};

const char *approval_meaning_name(enum approval_meaning m)
{
	return meaning_names[m];
}

static enum err_code refuse(struct err *e, const char *object, const char *why)
{
	return err_set(e, ERR_APPROVAL_SIGNATURE, object, "%s", why);
}

/* Names stand in JSON without escapes, in the log and on paper: no control characters, no quotes. */
static bool name_ok(const char *name)
{
	return name[0] != '\0' && strlen(name) <= CERT_NAME_MAX &&
		utf8_is_text(bytes_str(name)) && strpbrk(name, "\"\\") == NULL;
}

/* PAE(type, body) of DSSE v1: what is signed. */
static void pae_encode(struct bytes payload, struct buf *out)
{
	buf_printf(out, "DSSEv1 %zu %s %zu ", strlen(APPROVAL_TYPE), APPROVAL_TYPE, payload.len);
	buf_bytes(out, payload);
}

/* All of the payload that stands before the statement. */
static void payload_start(enum approval_meaning meaning, const char *name, int64_t time,
	struct buf *out)
{
	char text[CLOCK_TEXT_SIZE];
	clock_print(time, text);
	buf_printf(out, "{\"v\":%d,\"meaning\":\"%s\",\"name\":\"%s\",\"time\":\"%s\",\"release\":",
		APPROVAL_VERSION, meaning_names[meaning], name, text);
}

static void envelope_encode(struct bytes payload, const struct cert *cert, struct bytes sig,
	struct buf *out)
{
	char keyid[2 * SHA256_SIZE + 1];
	hex_encode(cert->spki_id, SHA256_SIZE, keyid);
	buf_str(out, "{\"payload\":\"");
	base64_encode(payload, 0, out);
	buf_printf(out, "\",\"payloadType\":\"%s\",\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"",
		APPROVAL_TYPE, keyid);
	base64_encode(sig, 0, out);
	buf_str(out, "\",\"cert\":\"");
	base64_encode(cert->der, 0, out);
	buf_str(out, "\"}]}");
}

static enum err_code make_signed(struct bytes payload, const struct key *k, const struct cert *cert,
	struct buf *out, struct err *e)
{
	uint8_t id[SHA256_SIZE];
	struct buf tbs = buf_new(2 * APPROVAL_PAYLOAD_MAX);
	struct buf sig = buf_new(SIGNATURE_MAX);
	pae_encode(payload, &tbs);
	enum err_code rc = buf_end(&tbs, e, "payload");
	if (rc == ERR_OK)
		rc = key_id(k, id, e);
	if (rc == ERR_OK && memcmp(id, cert->spki_id, sizeof(id)) != 0)
		rc = refuse(e, cert->common_name, "the key is not the one in the certificate");
	if (rc == ERR_OK)
		rc = key_sign(k, buf_view(&tbs), &sig, e);
	if (rc == ERR_OK) {
		envelope_encode(payload, cert, buf_view(&sig), out);
		rc = buf_end(out, e, "envelope");
	}
	buf_free(&tbs);
	buf_free(&sig);
	return rc;
}

enum err_code approval_make(enum approval_meaning meaning, int64_t time, struct bytes statement,
	const struct key *k, struct bytes cert_der, struct buf *out, struct err *e)
{
	struct release r;
	struct cert cert;
	enum err_code rc = release_parse(statement, &r, e);
	if (rc != ERR_OK)
		return rc;
	rc = cert_parse(cert_der, &cert, e);
	if (rc != ERR_OK)
		return rc;
	struct buf payload = buf_new(APPROVAL_PAYLOAD_MAX);
	if (!name_ok(cert.common_name)) {
		rc = refuse(e, "certificate", "its common name is no name that can be signed");
		goto out;
	}
	payload_start(meaning, cert.common_name, time, &payload);
	buf_bytes(&payload, statement);
	buf_u8(&payload, '}');
	rc = buf_end(&payload, e, "payload");
	if (rc == ERR_OK)
		rc = make_signed(buf_view(&payload), k, &cert, out, e);
out:
	buf_free(&payload);
	cert_free(&cert);
	return rc;
}

/* The member `key`, which must be there once: a second one would be read by others. */
static yyjson_val *only(yyjson_val *obj, const char *key)
{
	yyjson_val *found = NULL, *k, *v;
	size_t i, n;
	yyjson_obj_foreach(obj, i, n, k, v) {
		if (!yyjson_equals_str(k, key))
			continue;
		if (found != NULL)
			return NULL;
		found = v;
	}
	return found;
}

/* DSSE: either base64 alphabet must be accepted; we write the standard one. */
static enum err_code base64_member(yyjson_val *v, struct buf *out, const char *name, struct err *e)
{
	struct buf text = buf_new(APPROVAL_ENVELOPE_MAX);
	if (!yyjson_is_str(v))
		return refuse(e, name, "it must be there once, as a text");
	const char *s = yyjson_get_str(v);
	for (size_t i = 0; i < yyjson_get_len(v); i++)
		buf_u8(&text, (uint8_t)(s[i] == '-' ? '+' : s[i] == '_' ? '/' : s[i]));
	enum err_code rc = buf_end(&text, e, name);
	if (rc == ERR_OK && (base64_decode(buf_view(&text), false, out, NULL) != ERR_OK ||
				out->bad))
		rc = refuse(e, name, "it is not base64, or too long");
	buf_free(&text);
	return rc;
}

/* meaning, name and time of the payload's JSON. */
static enum err_code payload_fields(yyjson_val *root, struct approval *a, struct err *e)
{
	const char *meaning = yyjson_get_str(yyjson_obj_get(root, "meaning"));
	const char *name = yyjson_get_str(yyjson_obj_get(root, "name"));
	const char *time = yyjson_get_str(yyjson_obj_get(root, "time"));
	if (meaning == NULL || name == NULL || time == NULL)
		return refuse(e, "payload", "meaning, name or time is missing");
	if (strcmp(meaning, meaning_names[APPROVAL_PROPOSE]) == 0)
		a->meaning = APPROVAL_PROPOSE;
	else if (strcmp(meaning, meaning_names[APPROVAL_APPROVE]) == 0)
		a->meaning = APPROVAL_APPROVE;
	else
		return refuse(e, "meaning", "it must be propose or approve");
	if (!name_ok(name))
		return refuse(e, "name", "it must be a printed name of 1 to 64 bytes");
	memcpy(a->name, name, strlen(name) + 1);
	if (clock_parse(time, &a->time, NULL) != ERR_OK)
		return refuse(e, "time", "it must be a time in UTC");
	return ERR_OK;
}

/*
 * The payload must be the text that its own fields give, so that all of it was understood; what is
 * left between that start and the last brace is the statement.
 */
static enum err_code payload_parse(struct approval *a, struct err *e)
{
	struct bytes p = buf_view(&a->payload);
	yyjson_doc *doc = yyjson_read((const char *)p.p, p.len, 0);
	if (doc == NULL)
		return refuse(e, "payload", "it is not JSON");
	struct buf start = buf_new(APPROVAL_PAYLOAD_MAX);
	enum err_code rc = payload_fields(yyjson_doc_get_root(doc), a, e);
	yyjson_doc_free(doc);
	if (rc != ERR_OK)
		goto out;
	payload_start(a->meaning, a->name, a->time, &start);
	rc = buf_end(&start, e, "payload");
	if (rc != ERR_OK)
		goto out;
	if (p.len < start.len + 1 || memcmp(p.p, start.p, start.len) != 0 ||
		p.p[p.len - 1] != '}') {
		rc = refuse(e, "payload", "its members must stand in the fixed order and form");
		goto out;
	}
	a->statement = bytes_of(p.p + start.len, p.len - start.len - 1);
	rc = release_parse(a->statement, &a->release, e);
out:
	buf_free(&start);
	return rc;
}

static enum err_code cert_read(yyjson_val *sig, struct approval *a, struct err *e)
{
	char keyid[2 * SHA256_SIZE + 1];
	struct buf der = buf_new(APPROVAL_CERT_MAX);
	enum err_code rc = base64_member(only(sig, "cert"), &der, "cert", e);
	if (rc == ERR_OK && cert_parse(buf_view(&der), &a->cert, e) != ERR_OK)
		rc = refuse(e, "cert", "it is not a certificate");
	buf_free(&der);
	if (rc != ERR_OK)
		return rc;
	hex_encode(a->cert.spki_id, SHA256_SIZE, keyid);
	yyjson_val *stated = yyjson_obj_get(sig, "keyid");
	if (stated != NULL && !yyjson_equals_str(stated, keyid) && !yyjson_equals_str(stated, ""))
		return refuse(e, "keyid", "it is not that of the certificate's key");
	return ERR_OK;
}

static enum err_code envelope_read(yyjson_val *root, struct approval *a, struct err *e)
{
	yyjson_val *type = only(root, "payloadType"), *sigs = only(root, "signatures");
	if (!yyjson_equals_str(type, APPROVAL_TYPE))
		return refuse(e, "payloadType", "it must be " APPROVAL_TYPE);
	if (!yyjson_is_arr(sigs) || yyjson_arr_size(sigs) != 1)
		return refuse(e, "signatures", "there must be exactly one");
	yyjson_val *sig = yyjson_arr_get_first(sigs);
	enum err_code rc = base64_member(only(root, "payload"), &a->payload, "payload", e);
	if (rc == ERR_OK)
		rc = base64_member(only(sig, "sig"), &a->signature, "sig", e);
	if (rc == ERR_OK)
		rc = payload_parse(a, e);
	if (rc == ERR_OK)
		rc = cert_read(sig, a, e);
	return rc;
}

enum err_code approval_parse(struct bytes envelope, struct approval *out, struct err *e)
{
	struct approval a = {0};
	if (envelope.len == 0 || envelope.len > APPROVAL_ENVELOPE_MAX)
		return refuse(e, "envelope", "it is empty or too long");
	yyjson_doc *doc = yyjson_read((const char *)envelope.p, envelope.len, 0);
	if (doc == NULL)
		return refuse(e, "envelope", "it is not JSON");
	a.payload = buf_new(APPROVAL_PAYLOAD_MAX);
	a.signature = buf_new(SIGNATURE_MAX);
	enum err_code rc = envelope_read(yyjson_doc_get_root(doc), &a, e);
	yyjson_doc_free(doc);
	if (rc != ERR_OK) {
		approval_free(&a);
		return rc;
	}
	sha256_of(envelope, a.digest);
	*out = a;
	return ERR_OK;
}

static enum err_code signature_check(const struct approval *a, const struct approval_trust *trust,
	struct err *e)
{
	struct key *k = NULL;
	struct buf tbs = buf_new(2 * APPROVAL_PAYLOAD_MAX);
	pae_encode(buf_view(&a->payload), &tbs);
	enum err_code rc = buf_end(&tbs, e, "payload");
	if (rc == ERR_OK)
		rc = cert_key(&a->cert, &k, e);
	if (rc == ERR_OK)
		rc = alg_admit_key(k, ALG_USE_OPERATOR, trust->at, e);
	if (rc == ERR_OK && key_verify(k, buf_view(&tbs), buf_view(&a->signature),
				ERR_APPROVAL_SIGNATURE, e) != ERR_OK)
		rc = refuse(e, a->name, "it was not made by the certificate's key over this text");
	key_free(k);
	buf_free(&tbs);
	return rc;
}

static enum err_code time_check(const struct approval *a, const struct approval_trust *trust,
	struct err *e)
{
	if (a->time > trust->at + APPROVAL_SKEW)
		return refuse(e, a->name, "it is dated in the future");
	if (a->time < a->cert.not_before || a->time > a->cert.not_after)
		return err_set(e, ERR_PEER_EXPIRED, a->name,
			"the certificate was not valid when this was signed");
	return ERR_OK;
}

static enum err_code revoked_check(const struct approval *a, const struct approval_trust *trust,
	struct err *e)
{
	bool revoked = false;
	enum err_code rc = ERR_OK;
	if (trust->root_crl.len > 0) {
		rc = ERR_OPERATOR_UNKNOWN;
		for (size_t i = 0; i < trust->roots_n && rc != ERR_OK; i++)
			rc = crl_check(trust->root_crl, &trust->roots[i], a->cert.serial,
				trust->crl_at, &revoked, e);
	}
	if (rc != ERR_OK)
		return rc;
	if (revoked || (trust->revoked != NULL && trust->revoked(trust->revoked_arg, &a->cert)))
		return err_set(e, ERR_OPERATOR_REVOKED, a->name, "certificate %s", a->cert.serial);
	return ERR_OK;
}

enum err_code approval_check(const struct approval *a, const struct approval_trust *trust,
	struct err *e)
{
	enum err_code rc = signature_check(a, trust, e);
	if (rc != ERR_OK)
		return rc;
	rc = cert_check_chain(&a->cert, NULL, 0, trust->roots, trust->roots_n, trust->at,
		PROFILE_OPERATOR, true, ERR_OPERATOR_UNKNOWN, e);
	if (rc != ERR_OK)
		return rc;
	if (strcmp(a->cert.common_name, a->name) != 0)
		return refuse(e, a->name, "the certificate belongs to somebody of another name");
	rc = time_check(a, trust, e);
	return rc == ERR_OK ? revoked_check(a, trust, e) : rc;
}

void approval_free(struct approval *a)
{
	if (a == NULL)
		return;
	buf_free(&a->payload);
	buf_free(&a->signature);
	cert_free(&a->cert);
	*a = (struct approval){0};
}

void approval_print(const struct approval *a, struct buf *out)
{
	char time[CLOCK_TEXT_SIZE], id[2 * SHA256_SIZE + 1];
	clock_print(a->time, time);
	hex_encode(a->cert.spki_id, SHA256_SIZE, id);
	buf_printf(out, "meaning: %s\nname: %s\ntime: %s\nkey: %s\n", meaning_names[a->meaning],
		a->name, time, id);
	release_print(&a->release, out);
}
