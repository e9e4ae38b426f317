#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/base64.h"
#include "firmware/approval.h"
#include "tests/unit/firmware/people.h"
#include "x509/crl.h"

#define STATEMENT                                                                                  \
	"{\"v\":1,\"product\":\"pump\",\"version\":\"1.2.3\",\"security_counter\":7,"              \
	"\"format\":\"plain\",\"image\":{\"sha256\":"                                              \
	"\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\",\"size\":1234}}"
#define OTHER                                                                                      \
	"{\"v\":1,\"product\":\"pump\",\"version\":\"1.2.4\",\"security_counter\":7,"              \
	"\"format\":\"plain\",\"image\":{\"sha256\":"                                              \
	"\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\",\"size\":1234}}"

static struct people all;

static int setup(void **state)
{
	(void)state;
	people_make(&all);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	people_free(&all);
	return 0;
}

static struct approval_trust trust_now(void)
{
	return (struct approval_trust){.roots = &all.root.cert, .roots_n = 1, .at = PEOPLE_NOW};
}

static struct buf sign(const struct person *p, enum approval_meaning m, const char *statement,
	int64_t at)
{
	struct buf b = buf_new(APPROVAL_ENVELOPE_MAX);
	struct err e = {0};
	if (approval_make(m, at, bytes_str(statement), p->key, buf_view(&p->der), &b, &e) != ERR_OK)
		fail_msg("%s: %s", err_name(e.code), e.reason);
	return b;
}

static enum err_code check(struct bytes envelope, const struct approval_trust *t)
{
	struct approval a;
	enum err_code rc = approval_parse(envelope, &a, NULL);
	if (rc == ERR_OK) {
		rc = approval_check(&a, t, NULL);
		approval_free(&a);
	}
	return rc;
}

static void what_was_signed_is_read_back_and_holds(void **state)
{
	(void)state;
	struct approval_trust t = trust_now();
	struct buf b = sign(&all.carol, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	struct approval a;
	assert_int_equal(approval_parse(buf_view(&b), &a, NULL), ERR_OK);
	assert_int_equal(a.meaning, APPROVAL_APPROVE);
	assert_string_equal(a.name, "Carol M\xc3\xbcller");
	assert_int_equal(a.time, PEOPLE_NOW);
	assert_true(bytes_equal(a.statement, bytes_str(STATEMENT)));
	assert_string_equal(a.release.product, "pump");
	assert_int_equal(approval_check(&a, &t, NULL), ERR_OK);
	approval_free(&a);
	buf_free(&b);
}

static void the_signature_is_over_the_encoding_of_dsse(void **state)
{
	(void)state;
	struct buf b = sign(&all.alice, APPROVAL_PROPOSE, STATEMENT, PEOPLE_NOW);
	struct approval a;
	char pae[2 * APPROVAL_PAYLOAD_MAX];
	assert_int_equal(approval_parse(buf_view(&b), &a, NULL), ERR_OK);
	/* built here from the words of the specification, not by the code under test */
	int n = snprintf(pae, sizeof(pae), "DSSEv1 37 application/vnd.medseal.approval+json %zu %s",
		a.payload.len, buf_cstr(&a.payload));
	assert_int_equal(key_verify(all.alice.key, bytes_of(pae, (size_t)n),
		buf_view(&a.signature), ERR_APPROVAL_SIGNATURE, NULL), ERR_OK);
	assert_string_equal(buf_cstr(&a.payload),
		"{\"v\":1,\"meaning\":\"propose\",\"name\":\"alice\","
		"\"time\":\"2026-01-01T00:00:00Z\",\"release\":" STATEMENT "}");
	approval_free(&a);
	buf_free(&b);
}

static void no_changed_bit_is_accepted_as_another_approval(void **state)
{
	(void)state;
	struct approval_trust t = trust_now();
	struct buf b = sign(&all.bob, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	struct approval was, is;
	assert_int_equal(approval_parse(buf_view(&b), &was, NULL), ERR_OK);
	for (size_t i = 0; i < b.len; i += 3) {
		b.p[i] ^= 1;
		/* an unknown member's name or the base64 alphabet may change, what is said may not */
		if (approval_parse(buf_view(&b), &is, NULL) == ERR_OK) {
			if (approval_check(&is, &t, NULL) == ERR_OK)
				assert_true(bytes_equal(buf_view(&is.payload),
					buf_view(&was.payload)));
			approval_free(&is);
		}
		b.p[i] ^= 1;
	}
	approval_free(&was);
	buf_free(&b);
}

/* `b` with the first `from` replaced by `to`. */
static struct buf edited(const struct buf *b, const char *from, const char *to)
{
	struct buf out = buf_new(2 * APPROVAL_ENVELOPE_MAX);
	const char *at = memmem(b->p, b->len, from, strlen(from));
	assert_non_null(at);
	size_t before = (size_t)(at - (const char *)b->p);
	buf_bytes(&out, bytes_of(b->p, before));
	buf_str(&out, to);
	buf_bytes(&out, bytes_of(b->p + before + strlen(from), b->len - before - strlen(from)));
	return out;
}

static void envelopes_of_another_form_are_refused(void **state)
{
	(void)state;
	static const char *const edits[][2] = {
		{"vnd.medseal.approval", "vnd.other.approval"},
		{"\"signatures\":[", "\"signatures\":[{},"},
		{"\"signatures\"", "\"signature\""},
		{"\"payload\":\"", "\"payload\":\"*"},
		{"\"payload\":\"", "\"payload\":\"\",\"payload\":\""},
		{"\"sig\":\"", "\"sig\":\"\",\"sig\":\""},
		{"\"keyid\":\"", "\"keyid\":\"00"},
		{"\"cert\":\"", "\"cert\":\"AAAA"},
		{"{", "[{"},
		{"}]}", "}]} x"},
	};
	struct buf b = sign(&all.bob, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	struct approval a;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct buf x = edited(&b, edits[i][0], edits[i][1]);
		if (approval_parse(buf_view(&x), &a, NULL) != ERR_APPROVAL_SIGNATURE)
			fail_msg("accepted: %s for %s", edits[i][1], edits[i][0]);
		buf_free(&x);
	}
	/* DSSE: what is not known is passed over, and keyid is a hint that may be missing */
	struct buf x = edited(&b, "{\"payload\"", "{\"note\":\"x\",\"payload\"");
	struct approval_trust t = trust_now();
	assert_int_equal(check(buf_view(&x), &t), ERR_OK);
	buf_free(&x);
	buf_free(&b);
}

/* A payload of any text, truly signed by `p`. */
static struct buf sign_payload(const struct person *p, const char *payload)
{
	struct buf tbs = buf_new(8192), sig = buf_new(256), out = buf_new(APPROVAL_ENVELOPE_MAX);
	buf_printf(&tbs, "DSSEv1 %zu %s %zu %s", strlen(APPROVAL_TYPE), APPROVAL_TYPE,
		strlen(payload), payload);
	assert_int_equal(key_sign(p->key, buf_view(&tbs), &sig, NULL), ERR_OK);
	buf_str(&out, "{\"payload\":\"");
	base64_encode(bytes_str(payload), 0, &out);
	buf_str(&out, "\",\"payloadType\":\"" APPROVAL_TYPE "\",\"signatures\":[{\"sig\":\"");
	base64_encode(buf_view(&sig), 0, &out);
	buf_str(&out, "\",\"cert\":\"");
	base64_encode(buf_view(&p->der), 0, &out);
	buf_str(&out, "\"}]}");
	assert_int_equal(buf_end(&out, NULL, "envelope"), ERR_OK);
	buf_free(&tbs);
	buf_free(&sig);
	return out;
}

static void signed_payloads_of_another_form_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *payload;
		enum err_code want;
	} cases[] = {
		{"{\"v\":1,\"meaning\":\"approve\",\"name\":\"bob\",\"time\":\"2026-01-01T00:00:00Z\","
		 "\"release\":" STATEMENT "}", ERR_OK},
		{"{\"v\":2,\"meaning\":\"approve\",\"name\":\"bob\",\"time\":\"2026-01-01T00:00:00Z\","
		 "\"release\":" STATEMENT "}", ERR_APPROVAL_SIGNATURE},
		{"{\"v\":1,\"meaning\":\"review\",\"name\":\"bob\",\"time\":\"2026-01-01T00:00:00Z\","
		 "\"release\":" STATEMENT "}", ERR_APPROVAL_SIGNATURE},
		{"{\"v\":1,\"meaning\":\"approve\",\"name\":\"alice\",\"time\":\"2026-01-01T00:00:00Z\","
		 "\"release\":" STATEMENT "}", ERR_APPROVAL_SIGNATURE},
		{"{\"v\":1,\"meaning\":\"approve\",\"name\":\"bob\",\"time\":\"yesterday\","
		 "\"release\":" STATEMENT "}", ERR_APPROVAL_SIGNATURE},
		{"{\"v\":1,\"meaning\":\"approve\",\"name\":\"bob\",\"time\":\"2026-01-01T00:00:00Z\","
		 "\"release\": " STATEMENT "}", ERR_RELEASE_STATEMENT},
		{"{\"v\":1,\"meaning\":\"approve\",\"name\":\"bob\",\"time\":\"2026-01-01T00:00:00Z\","
		 "\"release\":" STATEMENT ",\"x\":1}", ERR_RELEASE_STATEMENT},
		{"{\"v\":1,\"meaning\":\"approve\",\"meaning\":\"propose\",\"name\":\"bob\","
		 "\"time\":\"2026-01-01T00:00:00Z\",\"release\":" STATEMENT "}",
			ERR_APPROVAL_SIGNATURE},
		{"{\"meaning\":\"approve\",\"v\":1,\"name\":\"bob\",\"time\":\"2026-01-01T00:00:00Z\","
		 "\"release\":" STATEMENT "}", ERR_APPROVAL_SIGNATURE},
		{"{}", ERR_APPROVAL_SIGNATURE},
	};
	struct approval_trust t = trust_now();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = sign_payload(&all.bob, cases[i].payload);
		enum err_code rc = check(buf_view(&b), &t);
		if (rc != cases[i].want)
			fail_msg("case %zu: %s", i, err_name(rc));
		buf_free(&b);
	}
}

static void strangers_and_wrong_purposes_are_refused(void **state)
{
	(void)state;
	struct approval_trust t = trust_now();
	struct person root2, mallory, device_like;
	person_make(&root2, NULL, PROFILE_ROOT, "Test Root", PEOPLE_NOW - 3600);
	person_make(&mallory, &root2, PROFILE_OPERATOR, "bob", PEOPLE_NOW - 3600);
	person_make(&device_like, &all.root, PROFILE_CODE_SIGNING, "bob", PEOPLE_NOW - 3600);
	struct buf b = sign(&mallory, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	assert_int_equal(check(buf_view(&b), &t), ERR_OPERATOR_UNKNOWN);
	buf_free(&b);
	b = sign(&device_like, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	assert_int_equal(check(buf_view(&b), &t), ERR_PEER_PURPOSE);
	buf_free(&b);
	person_free(&root2);
	person_free(&mallory);
	person_free(&device_like);
}

static void time_is_held_to(void **state)
{
	(void)state;
	struct approval_trust t = trust_now();
	struct buf b = sign(&all.bob, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW + APPROVAL_SKEW + 1);
	assert_int_equal(check(buf_view(&b), &t), ERR_APPROVAL_SIGNATURE);
	t.at += 1;
	assert_int_equal(check(buf_view(&b), &t), ERR_OK);
	t.at = all.bob.cert.not_after + 1;
	assert_int_equal(check(buf_view(&b), &t), ERR_PEER_EXPIRED);
	t.at = 0; /* a clock at 1970 */
	assert_int_equal(check(buf_view(&b), &t), ERR_PEER_EXPIRED);
	buf_free(&b);
	t = trust_now();
	b = sign(&all.bob, APPROVAL_APPROVE, STATEMENT, all.bob.cert.not_before - 1);
	assert_int_equal(check(buf_view(&b), &t), ERR_PEER_EXPIRED);
	buf_free(&b);
}

static bool bob_is_gone(void *arg, const struct cert *c)
{
	return memcmp(c->fingerprint, ((struct person *)arg)->cert.fingerprint, SHA256_SIZE) == 0;
}

static void the_revoked_are_refused(void **state)
{
	(void)state;
	struct approval_trust t = trust_now();
	struct crl_entry entry = {.revoked_at = PEOPLE_NOW - 60};
	struct crl_fields f = {.number = 1, .this_update = PEOPLE_NOW - 60,
		.next_update = PEOPLE_NOW + 86400, .entries = &entry, .entries_n = 1};
	struct buf crl = buf_new(65536), b = sign(&all.bob, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	memcpy(entry.serial, all.bob.cert.serial, sizeof(entry.serial));
	assert_int_equal(crl_build(&f, all.root.key, buf_view(&all.root.der), &crl, NULL), ERR_OK);
	t.revoked = bob_is_gone;
	t.revoked_arg = &all.bob;
	assert_int_equal(check(buf_view(&b), &t), ERR_OPERATOR_REVOKED);
	t.revoked_arg = &all.alice;
	assert_int_equal(check(buf_view(&b), &t), ERR_OK);
	t.root_crl = buf_view(&crl);
	t.crl_at = PEOPLE_NOW;
	assert_int_equal(check(buf_view(&b), &t), ERR_OPERATOR_REVOKED);
	t.crl_at = CRL_ANY_TIME;
	assert_int_equal(check(buf_view(&b), &t), ERR_OPERATOR_REVOKED);
	t.crl_at = PEOPLE_NOW + 86401; /* the list is too old to say that nobody is revoked */
	assert_int_not_equal(check(buf_view(&b), &t), ERR_OK);
	struct buf c = sign(&all.carol, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	assert_int_not_equal(check(buf_view(&c), &t), ERR_OK);
	t.crl_at = PEOPLE_NOW;
	assert_int_equal(check(buf_view(&c), &t), ERR_OK);
	buf_free(&b);
	buf_free(&c);
	buf_free(&crl);
}

static enum err_code judge(const struct buf *proposal, const struct buf *x, const struct buf *y,
	unsigned needed, struct approval_set *out)
{
	struct approval_trust t = trust_now();
	struct bytes list[2] = {x != NULL ? buf_view(x) : BYTES_NONE,
		y != NULL ? buf_view(y) : BYTES_NONE};
	return approvals_check(buf_view(proposal), list, (x != NULL) + (size_t)(y != NULL), needed,
		&t, out, NULL);
}

static void two_others_are_needed(void **state)
{
	(void)state;
	struct approval_set set;
	struct person bob2, alice2;
	struct buf p = sign(&all.alice, APPROVAL_PROPOSE, STATEMENT, PEOPLE_NOW);
	struct buf own = sign(&all.alice, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	struct buf b = sign(&all.bob, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW + 5);
	struct buf again = sign(&all.bob, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW + 9);
	struct buf c = sign(&all.carol, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	struct buf other = sign(&all.carol, APPROVAL_APPROVE, OTHER, PEOPLE_NOW);
	assert_int_equal(judge(&p, &b, &c, 2, &set), ERR_OK);
	assert_string_equal(set.proposer, "alice");
	assert_string_equal(set.approvers[0], "bob");
	assert_int_equal(set.approvers_n, 2);
	assert_int_equal(set.last, PEOPLE_NOW + 5);
	assert_string_equal(set.statement, STATEMENT);
	assert_int_equal(judge(&p, NULL, NULL, 2, NULL), ERR_APPROVALS_MISSING);
	assert_int_equal(judge(&p, &b, NULL, 2, NULL), ERR_APPROVALS_MISSING);
	assert_int_equal(judge(&p, &b, &own, 2, NULL), ERR_APPROVAL_SELF);
	assert_int_equal(judge(&p, &b, &b, 2, NULL), ERR_APPROVAL_TWICE);
	assert_int_equal(judge(&p, &b, &again, 2, NULL), ERR_APPROVAL_TWICE);
	assert_int_equal(judge(&p, &b, &other, 2, NULL), ERR_APPROVAL_MISMATCH);
	assert_int_equal(judge(&p, &b, &p, 2, NULL), ERR_APPROVAL_MISMATCH);
	assert_int_equal(judge(&b, &c, NULL, 0, NULL), ERR_APPROVAL_MISMATCH);
	/* a second certificate, for the same key or the same name, makes nobody another person */
	person_make(&bob2, &all.root, PROFILE_OPERATOR, "bob", PEOPLE_NOW - 3600);
	struct buf b2 = sign(&bob2, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	assert_int_equal(judge(&p, &b, &b2, 2, NULL), ERR_APPROVAL_TWICE);
	person_certify(&alice2, all.alice.key, &all.root, PROFILE_OPERATOR, "eve", PEOPLE_NOW - 3600);
	struct buf a2 = sign(&alice2, APPROVAL_APPROVE, STATEMENT, PEOPLE_NOW);
	assert_int_equal(judge(&p, &a2, NULL, 1, NULL), ERR_APPROVAL_SELF);
	alice2.key = NULL; /* still alice's */
	person_free(&bob2);
	person_free(&alice2);
	buf_free(&p);
	buf_free(&own);
	buf_free(&b);
	buf_free(&again);
	buf_free(&c);
	buf_free(&other);
	buf_free(&b2);
	buf_free(&a2);
}

static void nobody_signs_with_a_key_that_is_not_their_certificates(void **state)
{
	(void)state;
	struct buf b = buf_new(APPROVAL_ENVELOPE_MAX);
	assert_int_equal(approval_make(APPROVAL_APPROVE, PEOPLE_NOW, bytes_str(STATEMENT),
		all.bob.key, buf_view(&all.alice.der), &b, NULL), ERR_APPROVAL_SIGNATURE);
	assert_int_equal(approval_make(APPROVAL_APPROVE, PEOPLE_NOW, bytes_str("{}"), all.bob.key,
		buf_view(&all.bob.der), &b, NULL), ERR_RELEASE_STATEMENT);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_signed_is_read_back_and_holds),
		cmocka_unit_test(the_signature_is_over_the_encoding_of_dsse),
		cmocka_unit_test(no_changed_bit_is_accepted_as_another_approval),
		cmocka_unit_test(envelopes_of_another_form_are_refused),
		cmocka_unit_test(signed_payloads_of_another_form_are_refused),
		cmocka_unit_test(strangers_and_wrong_purposes_are_refused),
		cmocka_unit_test(time_is_held_to),
		cmocka_unit_test(the_revoked_are_refused),
		cmocka_unit_test(two_others_are_needed),
		cmocka_unit_test(nobody_signs_with_a_key_that_is_not_their_certificates),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
