#include "tests/unit/cmocka_tap.h"

#include "tests/unit/firmware/people.h"

#include <string.h>

#include "crypto/random.h"

void person_certify(struct person *p, struct key *k, const struct person *issuer,
	enum profile profile, const char *name, int64_t now)
{
	struct err e = {0};
	struct buf spki = buf_new(KEY_SPKI_MAX);
	struct cert_fields f = {
		.profile = profile,
		.organization = "Test Pumps",
		.common_name = name,
		.not_before = now,
	};
	*p = (struct person){.key = k, .der = buf_new(CERT_DER_MAX)};
	assert_int_equal(key_spki(k, &spki, &e), ERR_OK);
	assert_int_equal(random_bytes(f.serial, sizeof(f.serial), &e), ERR_OK);
	f.spki = buf_view(&spki);
	enum err_code rc = cert_build(&f, issuer != NULL ? issuer->key : k,
		issuer != NULL ? buf_view(&issuer->der) : BYTES_NONE, &p->der, &e);
	if (rc != ERR_OK)
		fail_msg("%s: %s: %s", name, err_name(rc), e.reason);
	assert_int_equal(cert_parse(buf_view(&p->der), &p->cert, &e), ERR_OK);
	buf_free(&spki);
}

void person_make(struct person *p, const struct person *issuer, enum profile profile,
	const char *name, int64_t now)
{
	struct key *k = NULL;
	assert_int_equal(key_generate(KEY_P256, &k, NULL), ERR_OK);
	person_certify(p, k, issuer, profile, name, now);
}

void person_free(struct person *p)
{
	key_free(p->key);
	cert_free(&p->cert);
	buf_free(&p->der);
	memset(p, 0, sizeof(*p));
}

void people_make(struct people *all)
{
	person_make(&all->root, NULL, PROFILE_ROOT, "Test Root", PEOPLE_NOW - 86400);
	person_make(&all->alice, &all->root, PROFILE_OPERATOR, "alice", PEOPLE_NOW - 3600);
	person_make(&all->bob, &all->root, PROFILE_OPERATOR, "bob", PEOPLE_NOW - 3600);
	person_make(&all->carol, &all->root, PROFILE_OPERATOR, "Carol M\xc3\xbcller", PEOPLE_NOW - 3600);
	person_make(&all->dave, &all->root, PROFILE_OPERATOR, "dave", PEOPLE_NOW - 3600);
}

void people_free(struct people *all)
{
	person_free(&all->root);
	person_free(&all->alice);
	person_free(&all->bob);
	person_free(&all->carol);
	person_free(&all->dave);
}
