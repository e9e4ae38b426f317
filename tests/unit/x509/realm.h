/* A small realm, made anew by each test program: root, issuing CA, code signer, and helpers. */
#ifndef TESTS_UNIT_X509_REALM_H
#define TESTS_UNIT_X509_REALM_H

#include "tests/unit/cmocka_tap.h"

#include "x509/cert.h"

#define REALM_NOW ((int64_t)1795000000) /* 2026-11-18T11:06:40Z */
#define DAY ((int64_t)86400)

struct realm_cert {
	struct key *key;
	struct buf der;
};

struct realm {
	struct realm_cert root;
	struct realm_cert issuing;
	struct realm_cert code;
	struct realm_cert operator;
	struct realm_cert server;
	struct realm_cert device;
};

/* For cmocka's group setup and teardown; `*state` is the struct realm. */
int realm_make(void **state);
int realm_drop(void **state);

/* Fields that the profile allows, for `k` as the subject's key; `spki` is filled for the caller. */
struct cert_fields realm_fields(enum profile p, const struct key *k, struct buf *spki);
enum err_code realm_issue(const struct cert_fields *f, const struct realm_cert *issuer,
	struct buf *der, struct err *e);

/* A folder under /tmp for the openssl command; each file is removed with it. */
struct folder {
	char path[64];
};
struct folder folder_make(void);
void folder_drop(struct folder *f);
void folder_put(const struct folder *f, const char *name, struct bytes data);
void folder_put_pem(const struct folder *f, const char *name, struct bytes cert_der);
/*
 * Run the openssl command with these arguments (separated by single spaces) in the folder; its
 * output (both streams) into `out`.  Its exit status; the test is skipped when there is no such
 * command.
 */
int folder_openssl(const struct folder *f, const char *arguments, char *out, size_t size);

#endif
