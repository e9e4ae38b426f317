/* Certificate requests made by the device (RFC 2986 §4). */
#include "crypto/sign.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/view.h"

/* One attribute, extensionRequest, with one extension: the names of the current certificate. */
static void write_attributes(struct buf *b, struct bytes san)
{
	size_t attributes = der_open(b, DER_CONTEXT(0));
	if (san.len > 0) {
		size_t attribute = der_open(b, DER_SEQUENCE);
		der_write_oid(b, OID_EXTENSION_REQUEST);
		size_t values = der_open(b, DER_SET);
		size_t list = der_open(b, DER_SEQUENCE);
		ext_write(b, OID_SUBJECT_ALT_NAME, false, san);
		der_close(b, list);
		der_close(b, values);
		der_close(b, attribute);
	}
	der_close(b, attributes);
}

static enum err_code encode(const struct key *k, struct bytes subject, struct bytes san,
	struct buf *der, struct err *e)
{
	const struct sign_alg *alg = sign_alg_of(k);
	if (alg == NULL)
		return err_set(e, ERR_KEY_ALGORITHM, "request", "Medseal does not sign with RSA");
	struct buf out = buf_new(CSR_DER_MAX);
	struct buf sig = buf_new(1024);
	size_t csr = der_open(&out, DER_SEQUENCE);
	size_t start = out.len;
	size_t info = der_open(&out, DER_SEQUENCE);
	der_write_u64(&out, 0);
	buf_bytes(&out, subject);
	enum err_code rc = key_spki(k, &out, e);
	write_attributes(&out, san);
	der_close(&out, info);
	if (rc == ERR_OK)
		rc = buf_end(&out, e, "request");
	if (rc == ERR_OK)
		rc = key_sign(k, bytes_of(out.p + start, out.len - start), &sig, e);
	buf_bytes(&out, sign_alg_der(alg));
	der_write_bits(&out, buf_view(&sig));
	der_close(&out, csr);
	if (rc == ERR_OK)
		rc = buf_end(&out, e, "request");
	if (rc == ERR_OK) {
		buf_bytes(der, buf_view(&out));
		rc = buf_end(der, e, "request");
	}
	buf_free(&sig);
	buf_free(&out);
	return rc;
}

enum err_code csr_encode(const struct key *k, const char *organization, const char *device_serial,
	struct buf *der, struct err *e)
{
	struct buf subject = buf_new(1024);
	name_write(&subject, organization, device_serial, device_serial);
	enum err_code rc = subject.bad
		? err_set(e, ERR_SERIAL_FORM, "request",
			  "1 to %d characters of A-Z a-z 0-9 space ' ( ) + , - . / : = ?",
			  DEVICE_SERIAL_MAX)
		: encode(k, buf_view(&subject), BYTES_NONE, der, e);
	buf_free(&subject);
	return rc;
}

enum err_code csr_encode_like(const struct key *k, const struct cert *current, struct buf *der,
	struct err *e)
{
	struct buf subject = buf_new(CERT_DER_MAX);
	struct buf san = buf_new(CERT_DER_MAX);
	enum err_code rc = cert_subject(current, &subject, e);
	if (rc == ERR_OK)
		rc = cert_san(current, &san, e);
	if (rc == ERR_OK)
		rc = encode(k, buf_view(&subject), buf_view(&san), der, e);
	buf_free(&san);
	buf_free(&subject);
	return rc;
}
