#include "x509/cert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "crypto/ossl.h"
#include "x509/name.h"
#include "x509/view.h"

/* A PEM file with text and a few certificates around the one we take. */
#define CERT_FILE_MAX 65536
/* RFC 5280 §4.1.2.2 */
#define SERIAL_OCTETS_MAX 20

static void copy_out(struct cert *c, const struct cert_view *v, const struct name *n)
{
	hex_encode(v->serial.p, v->serial.len, c->serial);
	memcpy(c->common_name, n->common_name, sizeof(c->common_name));
	memcpy(c->device_serial, n->device_serial, sizeof(c->device_serial));
	c->not_before = v->not_before;
	c->not_after = v->not_after;
	sha256_of(v->spki, c->spki_id);
	sha256_of(c->der, c->fingerprint);
}

enum err_code cert_parse(struct bytes der, struct cert *out, struct err *e)
{
	struct cert_view v;
	struct name subject;
	if (der.len > CERT_DER_MAX)
		return err_set(e, ERR_LIMIT, "certificate", "at most %d bytes", CERT_DER_MAX);
	enum err_code rc = cert_view_parse(der, &v, e);
	if (rc != ERR_OK)
		return rc;
	if (v.serial.len > SERIAL_OCTETS_MAX || !name_read(v.subject, &subject))
		return err_set(e, ERR_MALFORMED, "certificate", "serial number or subject");
	uint8_t *copy = malloc(der.len);
	if (copy == NULL)
		return err_set(e, ERR_NO_MEMORY, "certificate", "%zu bytes", der.len);
	memcpy(copy, der.p, der.len);
	*out = (struct cert){.der = {copy, der.len}};
	copy_out(out, &v, &subject);
	return ERR_OK;
}

enum err_code cert_from_object(struct x509_st *x, struct cert *out, struct err *e)
{
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);
	if (len <= 0)
		return ossl_err(e, ERR_MALFORMED, "certificate", "it cannot be encoded");
	struct cert c;
	enum err_code rc = cert_parse(bytes_of(der, (size_t)len), &c, e);
	OPENSSL_free(der);
	if (rc != ERR_OK)
		return rc;
	if (X509_up_ref(x) != 1) {
		cert_free(&c);
		return err_set(e, ERR_NO_MEMORY, "certificate", "no reference");
	}
	c.x = x;
	*out = c;
	return ERR_OK;
}

/* The first CERTIFICATE block; ERR_MALFORMED when there is none. */
static enum err_code from_pem(struct bytes pem, struct cert *out, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
	enum err_code rc = bio != NULL ? ERR_MALFORMED : ERR_NO_MEMORY;
	bool found = false;
	while (bio != NULL && !found) {
		char *name = NULL;
		char *header = NULL;
		unsigned char *der = NULL;
		long len = 0;
		if (PEM_read_bio(bio, &name, &header, &der, &len) != 1)
			break;
		found = strcmp(name, PEM_STRING_X509) == 0;
		if (found)
			rc = cert_parse(bytes_of(der, (size_t)len), out, e);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	BIO_free(bio);
	return found ? rc : ossl_err(e, rc, "certificate", "no CERTIFICATE block");
}

enum err_code cert_parse_pem(struct bytes pem, struct cert *out, struct err *e)
{
	static const char begin[] = "-----BEGIN ";
	struct cert c;
	if (pem.len > CERT_FILE_MAX)
		return err_set(e, ERR_LIMIT, "certificate", "at most %d bytes", CERT_FILE_MAX);
	bool text = pem.len > 0 && memmem(pem.p, pem.len, begin, sizeof(begin) - 1) != NULL;
	enum err_code rc = text ? from_pem(pem, &c, e) : cert_parse(pem, &c, e);
	if (rc != ERR_OK)
		return rc;
	rc = cert_prepare(&c, e);
	if (rc == ERR_OK)
		*out = c;
	else
		cert_free(&c);
	return rc;
}

static enum err_code read_file(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, errno,
			"it cannot be opened");
	uint8_t chunk[4096];
	ssize_t n = 1;
	enum err_code rc = ERR_OK;
	while (n > 0 && !out->bad) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			rc = err_sys(e, ERR_IO, path, errno, "reading failed");
		else
			buf_bytes(out, bytes_of(chunk, (size_t)n));
	}
	(void)close(fd);
	return rc != ERR_OK ? rc : buf_end(out, e, path);
}

enum err_code cert_load(const char *path, struct cert *out, struct err *e)
{
	struct buf file = buf_new(CERT_FILE_MAX);
	enum err_code rc = read_file(path, &file, e);
	if (rc == ERR_OK) {
		rc = cert_parse_pem(buf_view(&file), out, e);
		if (rc != ERR_OK && e != NULL)
			(void)snprintf(e->object, sizeof(e->object), "%s", path);
	}
	buf_free(&file);
	return rc;
}

enum err_code cert_prepare(struct cert *c, struct err *e)
{
	const uint8_t *p = c->der.p;
	if (c->x != NULL)
		return ERR_OK;
	X509 *x = d2i_X509(NULL, &p, (long)c->der.len);
	if (x == NULL || p != c->der.p + c->der.len) {
		X509_free(x);
		return ossl_err(e, ERR_MALFORMED, "certificate", "not a certificate");
	}
	c->x = x;
	return ERR_OK;
}

/* What was parsed once parses again. */
static bool view_of(const struct cert *c, struct cert_view *v)
{
	return cert_view_parse(c->der, v, NULL) == ERR_OK;
}

enum err_code cert_key(const struct cert *c, struct key **out, struct err *e)
{
	struct cert_view v;
	if (!view_of(c, &v))
		return err_set(e, ERR_INTERNAL, "certificate", "it was not parsed");
	return key_from_spki(v.spki, out, e);
}

enum err_code cert_subject(const struct cert *c, struct buf *out, struct err *e)
{
	struct cert_view v;
	if (!view_of(c, &v))
		return err_set(e, ERR_INTERNAL, "certificate", "it was not parsed");
	buf_bytes(out, v.subject);
	return buf_end(out, e, "subject");
}

enum err_code cert_san(const struct cert *c, struct buf *out, struct err *e)
{
	struct cert_view v;
	if (!view_of(c, &v))
		return err_set(e, ERR_INTERNAL, "certificate", "it was not parsed");
	buf_bytes(out, ext_find(v.extensions, OID_SUBJECT_ALT_NAME));
	return buf_end(out, e, "subjectAltName");
}

bool cert_has_eku(const struct cert *c, const char *oid)
{
	struct cert_view v;
	uint8_t octets[OID_MAX];
	size_t n;
	return oid_parse(oid, strlen(oid), octets, &n) && view_of(c, &v) &&
		ext_has_purpose(v.extensions, bytes_of(octets, n));
}

bool cert_is_ca(const struct cert *c)
{
	struct cert_view v;
	return view_of(c, &v) && ext_is_ca(v.extensions, NULL);
}

enum err_code cert_to_pem(struct bytes der, struct buf *pem, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	enum err_code rc;
	if (bio == NULL || der.len > BUF_MAX_DEFAULT ||
		PEM_write_bio(bio, PEM_STRING_X509, "", der.p, (long)der.len) <= 0) {
		rc = ossl_err(e, ERR_NO_MEMORY, "certificate", "no PEM");
	} else {
		long len = BIO_get_mem_data(bio, &text);
		buf_bytes(pem, bytes_of(text, (size_t)len));
		rc = buf_end(pem, e, "certificate");
	}
	BIO_free(bio);
	return rc;
}

void cert_free(struct cert *c)
{
	if (c == NULL)
		return;
	X509_free(c->x);
	free((void *)(uintptr_t)c->der.p);
	*c = (struct cert){0};
}
