/* A whole realm in a temporary folder, as `medseal init` makes one, and the people who run it. */
#ifndef TESTS_REALM_MAKER_H
#define TESTS_REALM_MAKER_H

#include "authority/realm.h"
#include "crypto/key.h"
#include "x509/cert.h"

#define PEOPLE 4 /* alice proposes; bob, carol and dave approve */
#define TEST_REALM "Test Pumps"
#define TEST_ORIGIN "test.example/log"
#define TEST_PASSPHRASE "a passphrase for tests"

struct person {
	const char *name;
	struct key *key;
	struct buf cert;
};

struct test_realm {
	struct realm realm;
	struct key *root;
	struct key *issuing; /* copies of what lies in keys/, to compare with */
	struct key *code_signing;
	struct key *log;
	struct key *tls;
	struct buf root_cert;
	struct buf issuing_cert;
	struct buf code_signing_cert;
	struct buf tls_cert;
	struct person people[PEOPLE];
};

/* Everything but the database. */
void realm_make(struct test_realm *t);
/* The database, with the people as operators. */
void realm_make_store(struct test_realm *t);
/* A certificate of `profile` for `k`, by `issuer`. */
void realm_certify(const struct test_realm *t, enum profile profile, const char *name,
	const struct key *k, const struct key *issuer, struct bytes issuer_cert, struct buf *der);
/* A folder with all that is in it. */
void folder_remove(const char *path);
void realm_remove(struct test_realm *t);

#endif
