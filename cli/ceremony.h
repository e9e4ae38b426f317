/*
 * What is done with the root's key: certificates that the running server cannot make, the
 * operators' folders, the root's CRL.  The key is read from its own folder and forgotten at once.
 *
 *   ROOT/root.key.pem   encrypted PKCS#8     ROOT/root.pem   the certificate
 *   OPERATOR/key.pem    encrypted PKCS#8     OPERATOR/cert.pem, ca.pem, log.vkey, operator.p12,
 *                                            client.conf
 */
#ifndef CLI_CEREMONY_H
#define CLI_CEREMONY_H

#include "crypto/key.h"
#include "store/store.h"
#include "x509/cert.h"

#define ROOT_KEY_FILE "root.key.pem"
#define ROOT_CERT_FILE "root.pem"

struct root {
	struct key *key;
	struct buf der;
};

MUST_USE enum err_code root_make(const char *realm, int64_t now, struct root *out, struct err *e);
MUST_USE enum err_code root_save(const struct root *r, const char *dir, struct bytes passphrase,
	struct err *e);
MUST_USE enum err_code root_load(const char *dir, const char *passphrase_file, struct root *out,
	struct err *e);
void root_free(struct root *r);

/* One certificate for the public half of `subject`; DER into the empty `der`. */
struct ceremony_cert {
	enum profile profile;
	const char *realm;
	const char *common_name;
	const char *const *names; /* of a server; NULL-terminated */
	const char *crl_url;      /* NULL: none */
	int64_t now;
};
MUST_USE enum err_code ceremony_cert(const struct ceremony_cert *c, const struct key *subject,
	const struct key *issuer, struct bytes issuer_der, struct buf *der, struct err *e);

/* The folder `dir`, which is there and empty: a new key, its certificate, and all else an operator
 * needs.  `der` (empty) becomes the certificate. */
struct ceremony_operator {
	const char *realm;
	const char *name;
	const char *server; /* "HOST:PORT" */
	const char *log_vkey;
	int64_t now;
	struct bytes passphrase;
};
MUST_USE enum err_code ceremony_operator(const struct ceremony_operator *o, const struct root *root,
	const char *dir, struct buf *der, struct err *e);
/* A name that is also a folder's and an entry's: 1 to 64 of [a-z0-9._-], the first no dot or dash. */
MUST_USE enum err_code operator_name_check(const char *name, struct err *e);

/* DER into `der`: the root's CRL with the operators that the store says are revoked. */
MUST_USE enum err_code ceremony_root_crl(const struct root *root, struct store *s, int64_t now,
	struct buf *der, struct err *e);

/* A PEM file, of mode 0644, of a certificate. */
MUST_USE enum err_code cert_write(const char *dir, const char *part, struct bytes der,
	struct err *e);

#endif
