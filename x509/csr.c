#include "x509/csr.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "crypto/sign.h"
#include "crypto/test_keys.h"
#include "x509/name.h"
#include "x509/view.h"

/* RFC 2985 §5.4.1: a challengePassword has at most 255 characters. */
#define CHALLENGE_MAX 1024

/* ---- parse (RFC 2986 §4) ---- */

/* Purposes that say what others may believe of the holder; no device asks for them. */
static const char *const foreign_purposes[] = {
	PROFILE_OID_OPERATOR,
	PROFILE_OID_CODE_SIGNING,
	"1.3.6.1.5.5.7.3.8", /* timeStamping */
	"1.3.6.1.5.5.7.3.9", /* OCSPSigning */
	"2.5.29.37.0",       /* anyExtendedKeyUsage */
};

static bool asks_for_foreign_purpose(struct bytes extensions)
{
	for (size_t i = 0; i < sizeof(foreign_purposes) / sizeof(foreign_purposes[0]); i++) {
		uint8_t oid[OID_MAX];
		size_t n = 0;
		if (!oid_parse(foreign_purposes[i], strlen(foreign_purposes[i]), oid, &n) ||
			ext_has_purpose(extensions, bytes_of(oid, n)))
			return true;
	}
	return false;
}

static bool is_known(struct bytes oid)
{
	return bytes_equal(oid, OID_BASIC_CONSTRAINTS) || bytes_equal(oid, OID_KEY_USAGE) ||
		bytes_equal(oid, OID_EXT_KEY_USAGE) || bytes_equal(oid, OID_SUBJECT_ALT_NAME) ||
		bytes_equal(oid, OID_SUBJECT_KEY_ID);
}

/* False when the list is malformed; what is asked for and may not be is noted in `c`. */
static bool read_extensions(struct csr *c, struct bytes extensions)
{
	struct reader r = reader_of(extensions);
	while (!r.bad && reader_left(&r) > 0) {
		size_t start = r.pos;
		struct extension x = ext_read(&r);
		if (r.bad)
			return false;
		/* RFC 5280 §4.2: one of a kind. */
		struct bytes earlier = bytes_of(extensions.p, start);
		bool twice = ext_find(earlier, x.oid).p != NULL;
		if (twice || (x.critical && !is_known(x.oid)))
			c->request_flaw = ERR_CSR_EXTENSION;
	}
	if (r.bad)
		return false;
	if (ext_is_ca(extensions, NULL) ||
		(ext_key_usage(extensions) & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0 ||
		asks_for_foreign_purpose(extensions))
		c->request_flaw = ERR_CSR_EXTENSION;
	buf_bytes(&c->san, ext_find(extensions, OID_SUBJECT_ALT_NAME));
	return true;
}

static bool read_challenge(struct csr *c, struct reader *values)
{
	unsigned tag = der_peek(values);
	struct bytes v = der_read(values, tag);
	bool text = tag == DER_UTF8 || tag == DER_PRINTABLE || tag == DER_IA5 || tag == DER_T61;
	if (text && c->challenge.len == 0)
		buf_bytes(&c->challenge, v);
	return text && v.len <= CHALLENGE_MAX;
}

static bool read_attribute(struct csr *c, struct reader *attributes, bool *extensions_seen)
{
	struct reader attribute = der_enter(attributes, DER_SEQUENCE);
	struct bytes type = der_read(&attribute, DER_OID);
	struct reader values = der_enter(&attribute, DER_SET);
	if (attribute.bad || reader_left(&attribute) != 0)
		return false;
	if (bytes_equal(type, OID_CHALLENGE_PASSWORD))
		return read_challenge(c, &values) && !values.bad && reader_left(&values) == 0;
	if (!bytes_equal(type, OID_EXTENSION_REQUEST))
		return true; /* an attribute we do not use */
	if (*extensions_seen)
		c->request_flaw = ERR_CSR_EXTENSION;
	*extensions_seen = true;
	struct bytes list = der_read(&values, DER_SEQUENCE);
	return !values.bad && reader_left(&values) == 0 && read_extensions(c, list);
}

static bool read_info(struct csr *c)
{
	struct reader r = reader_of(c->info);
	struct reader info = der_enter(&r, DER_SEQUENCE);
	uint64_t version = der_read_u64(&info);
	struct bytes subject = der_read_whole(&info, DER_SEQUENCE);
	struct bytes spki = der_read_whole(&info, DER_SEQUENCE);
	struct name name;
	if (info.bad || version != 0 || !name_read(subject, &name))
		return false;
	buf_bytes(&c->subject, subject);
	buf_bytes(&c->spki, spki);
	memcpy(c->common_name, name.common_name, sizeof(c->common_name));
	memcpy(c->device_serial, name.device_serial, sizeof(c->device_serial));
	if (name.common_names > 1 || name.device_serials > 1 || name.unreadable)
		c->subject_flaw = ERR_CSR_SUBJECT;
	/* Some clients leave the empty set out, against RFC 2986. */
	bool extensions_seen = false;
	bool ok = true;
	if (reader_left(&info) > 0) {
		struct reader attributes = der_enter(&info, DER_CONTEXT(0));
		while (ok && !attributes.bad && reader_left(&attributes) > 0)
			ok = read_attribute(c, &attributes, &extensions_seen);
		ok = ok && !attributes.bad;
	}
	return ok && !info.bad && reader_left(&info) == 0;
}

enum err_code csr_parse(struct bytes der, struct csr *out, struct err *e)
{
	if (der.len > CSR_DER_MAX)
		return err_set(e, ERR_LIMIT, "request", "at most %d bytes", CSR_DER_MAX);
	struct csr c = {.spki = buf_new(CSR_DER_MAX),
		.subject = buf_new(CSR_DER_MAX),
		.san = buf_new(CSR_DER_MAX),
		.challenge = buf_new_secret(CHALLENGE_MAX)};
	uint8_t *copy = malloc(der.len + 1);
	if (copy == NULL)
		return err_set(e, ERR_NO_MEMORY, "request", "%zu bytes", der.len);
	if (der.len > 0)
		memcpy(copy, der.p, der.len);
	c.der = bytes_of(copy, der.len);

	struct reader r = reader_of(c.der);
	struct reader csr = der_enter(&r, DER_SEQUENCE);
	c.info = der_read_whole(&csr, DER_SEQUENCE);
	c.sig_alg = der_read_whole(&csr, DER_SEQUENCE);
	c.sig = der_read_bits(&csr);
	enum err_code rc = ERR_OK;
	if (r.bad || csr.bad || reader_left(&csr) != 0 || !read_info(&c))
		rc = err_set(e, ERR_CSR_FORM, "request", "not a PKCS#10 request (RFC 2986 4)");
	else if (reader_left(&r) != 0)
		rc = err_set(e, ERR_CSR_TRAILING, "request", "%zu bytes", reader_left(&r));
	if (rc == ERR_OK && (c.spki.bad || c.subject.bad || c.san.bad || c.challenge.bad))
		rc = err_set(e, ERR_NO_MEMORY, "request", "%zu bytes", der.len);
	if (rc == ERR_OK)
		*out = c;
	else
		csr_free(&c);
	return rc;
}

/* ---- check ---- */

enum err_code csr_check(const struct csr *c, int64_t now, struct err *e)
{
	struct key *k = NULL;
	const struct sign_alg *alg = NULL;
	if (c->subject_flaw != ERR_OK)
		return err_set(e, c->subject_flaw, "request",
			"CN and serialNumber: each once at most, clean text of up to 64 bytes");
	if (c->request_flaw != ERR_OK)
		return err_set(e, c->request_flaw, "request",
			"a CA, a purpose that is no device's, or an unknown critical extension");
	enum err_code rc = sign_alg_parse(c->sig_alg, &alg, e);
	if (rc == ERR_OK)
		rc = key_from_spki(buf_view(&c->spki), &k, e);
	if (rc == ERR_OK)
		rc = alg_admit_key(k, ALG_USE_DEVICE, now, e);
	const char *source = rc == ERR_OK ? test_key_source(k) : NULL;
	if (source != NULL)
		rc = err_set(e, ERR_TEST_KEY, "request", "published as %s", source);
	if (rc == ERR_OK)
		rc = sign_alg_verify(alg, k, c->info, c->sig, ERR_CSR_SIGNATURE, e);
	key_free(k);
	return rc;
}

void csr_free(struct csr *c)
{
	if (c == NULL)
		return;
	buf_free(&c->spki);
	buf_free(&c->subject);
	buf_free(&c->san);
	buf_free(&c->challenge);
	free((void *)(uintptr_t)c->der.p);
	*c = (struct csr){0};
}
