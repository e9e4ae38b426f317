/* A root and people with keys and certificates of their own: real ones, made for each test. */
#ifndef TESTS_UNIT_FIRMWARE_PEOPLE_H
#define TESTS_UNIT_FIRMWARE_PEOPLE_H

#include "crypto/key.h"
#include "x509/cert.h"

#define PEOPLE_NOW ((int64_t)1767225600) /* 2026-01-01T00:00:00Z */

struct person {
	struct key *key;
	struct buf der;
	struct cert cert;
};

struct people {
	struct person root, alice, bob, carol, dave;
};

/* Certify a new P-256 key (`issuer` NULL: self-signed); everything must succeed. */
void person_make(struct person *p, const struct person *issuer, enum profile profile,
	const char *name, int64_t now);
/* The same for a key that exists. */
void person_certify(struct person *p, struct key *k, const struct person *issuer,
	enum profile profile, const char *name, int64_t now);
void person_free(struct person *p);
void people_make(struct people *all);
void people_free(struct people *all);

#endif
