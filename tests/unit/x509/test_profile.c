#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/objects.h>

#include "x509/oid.h"
#include "x509/profile.h"

/* A change of profile is a change of tests/unit/x509/profiles.txt. */
static void the_profiles_are_the_reviewed_ones(void **state)
{
	(void)state;
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/profiles.txt", getenv("TEST_DATA"));
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	char want[4096];
	size_t n = fread(want, 1, sizeof(want) - 1, f);
	fclose(f);
	want[n] = '\0';
	struct buf got = buf_new(sizeof(want));
	profile_print(&got);
	assert_string_equal(buf_cstr(&got), want);
	buf_free(&got);
}

static void identifiers_are_encoded_as_the_library_does(void **state)
{
	(void)state;
	static const char *const oids[] = {PROFILE_OID_OPERATOR, PROFILE_OID_SERVER_AUTH,
		PROFILE_OID_CLIENT_AUTH, PROFILE_OID_CODE_SIGNING, "2.5.29.37.0", "0.0",
		"1.39.127.128", "2.999.16383.16384",
		"2.25.340282366920938463463374607431768211455"};
	for (size_t i = 0; i < sizeof(oids) / sizeof(oids[0]); i++) {
		uint8_t der[OID_MAX];
		size_t n = 0;
		assert_true(oid_parse(oids[i], strlen(oids[i]), der, &n));
		ASN1_OBJECT *o = OBJ_txt2obj(oids[i], 1);
		assert_non_null(o);
		assert_int_equal(n, OBJ_length(o));
		assert_memory_equal(der, OBJ_get0_data(o), n);
		ASN1_OBJECT_free(o);
	}
}

static void what_is_no_identifier_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "1", "1.", ".1", "3.1", "1.40", "1.2.", "1..2",
		"1.2.x", "1.02", "1.2.-3", "2.25.340282366920938463463374607431768211456",
		"2.25.3402823669209384634633746074317682114550",
		"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16."
		"17.18.19.20.21.22.23.24.25.26.27.28.29.30.31.32.33.34.35"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t der[OID_MAX];
		size_t n = 77;
		assert_false(oid_parse(bad[i], strlen(bad[i]), der, &n));
		assert_int_equal(n, 77);
	}
}

static void only_the_online_profiles_come_from_the_issuing_ca(void **state)
{
	(void)state;
	for (int p = 0; p < PROFILE_COUNT; p++) {
		const struct profile_row *r = profile_row((enum profile)p);
		assert_int_equal(r->online, r->issuer == PROFILE_ISSUING);
		assert_true(r->lifetime > 0 && r->backdate >= 0);
		assert_true(r->lifetime <= profile_row(r->issuer)->lifetime);
		assert_int_equal(r->ca, r->path_len >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_profiles_are_the_reviewed_ones),
		cmocka_unit_test(identifiers_are_encoded_as_the_library_does),
		cmocka_unit_test(what_is_no_identifier_is_refused),
		cmocka_unit_test(only_the_online_profiles_come_from_the_issuing_ca),
	};
	return RUN_TAP(tests);
}
