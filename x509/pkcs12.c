/* PKCS#12 (RFC 7292): how a person carries key, certificate and chain to a browser. */
#include <limits.h>
#include <string.h>

#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "crypto/key_file.h"
#include "crypto/ossl.h"
#include "crypto/passphrase.h"
#include "x509/cert.h"

/* PBKDF2 with HMAC-SHA-256: a quarter of a second of guessing for each passphrase tried. */
#define ITERATIONS 300000

static X509 *decode(struct bytes der)
{
	const uint8_t *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.len);
	if (x != NULL && p == der.p + der.len)
		return x;
	X509_free(x);
	return NULL;
}

static STACK_OF(X509) *decode_chain(const struct bytes *ders, size_t n)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	for (size_t i = 0; chain != NULL && i < n; i++) {
		X509 *x = decode(ders[i]);
		if (x == NULL || sk_X509_push(chain, x) <= 0) {
			X509_free(x);
			sk_X509_pop_free(chain, X509_free);
			return NULL;
		}
	}
	return chain;
}

static enum err_code write_out(PKCS12 *p12, const char *path, struct err *e)
{
	unsigned char *der = NULL;
	int len = i2d_PKCS12(p12, &der);
	if (len <= 0)
		return ossl_err(e, ERR_CRYPTO, path, "it cannot be encoded");
	enum err_code rc = key_file_write(path, bytes_of(der, (size_t)len), e);
	OPENSSL_free(der);
	return rc;
}

enum err_code cert_save_pkcs12(const struct key *k, struct bytes cert_der,
	const struct bytes *chain_der, size_t chain_n, const char *name, struct bytes passphrase,
	const char *path, struct err *e)
{
	if (passphrase.len < PASSPHRASE_MIN)
		return err_set(e, ERR_PASSPHRASE_WEAK, path, "at least %d bytes are needed",
			PASSPHRASE_MIN);
	if (memchr(passphrase.p, '\0', passphrase.len) != NULL)
		return err_set(e, ERR_PASSPHRASE, path, "a passphrase has no zero byte");
	struct buf text = buf_new_secret(PASSPHRASE_MAX);
	buf_bytes(&text, passphrase);
	X509 *x = decode(cert_der);
	STACK_OF(X509) *chain = decode_chain(chain_der, chain_n);
	PKCS12 *p12 = NULL;
	enum err_code rc = buf_end(&text, e, "passphrase");
	if (rc == ERR_OK && x != NULL && chain != NULL)
		p12 = PKCS12_create(buf_cstr(&text), name, key_evp(k), x, chain, NID_aes_256_cbc,
			NID_aes_256_cbc, ITERATIONS, ITERATIONS, 0);
	if (rc == ERR_OK)
		rc = p12 != NULL ? write_out(p12, path, e)
				 : ossl_err(e, ERR_CRYPTO, path,
					   "no PKCS#12 of this key and certificate");
	PKCS12_free(p12);
	sk_X509_pop_free(chain, X509_free);
	X509_free(x);
	buf_free(&text);
	return rc;
}
