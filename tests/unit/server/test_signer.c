/*
 * The signer's rules, asked the way another process asks: each message is encoded, parsed for its
 * sender's role, and answered.  What it refuses is the point.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/random.h"
#include "firmware/approval.h"
#include "server/signer.h"
#include "server/signer_call.h"
#include "server/wire.h"
#include "tests/unit/cmocka_tap.h"
#include "tests/unit/server/realm_maker.h"
#include "x509/cms.h"
#include "x509/crl.h"

static struct test_realm realm;
static struct signer signer;
static int64_t now;
static struct buf made;     /* what the signer made last */
static struct err refusal;  /* why it did not */

static enum err_code reopen(void)
{
	struct err e;
	char text[600];
	signer_free(&signer);
	now = clock_now(clock_system());
	enum err_code rc = signer_open(&realm.realm, bytes_str(TEST_PASSPHRASE), clock_fixed(&now),
		&signer, &e);
	if (rc != ERR_OK) {
		err_print(&e, text, sizeof(text));
		print_message("# %s\n", text);
	}
	return rc;
}

static int set_up(void **state)
{
	(void)state;
	now = clock_now(clock_system());
	realm_make(&realm);
	made = buf_new(MESSAGE_BODY_MAX);
	return reopen() == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	signer_free(&signer);
	buf_free(&made);
	realm_remove(&realm);
	return 0;
}

/* Through the real message table, from `role`; the descriptor stays the caller's. */
static enum err_code ask(enum role from, const struct message *m)
{
	struct buf datagram = buf_new(MESSAGE_MAX);
	struct buf mem = buf_new(MESSAGE_BODY_MAX);
	struct message in, out;

	err_clear(&refusal);
	buf_reset(&made);
	enum err_code rc = message_encode(m, &datagram, &refusal);
	if (rc == ERR_OK)
		rc = message_parse(buf_view(&datagram), m->fd, from, ROLE_SIGNER, &in, &refusal);
	if (rc == ERR_OK)
		rc = signer_answer(&signer, from, &in, &mem, &out, &refusal);
	if (rc == ERR_OK) {
		assert_int_equal(out.id, m->id);
		buf_bytes(&made, out.f[0].bytes);
		/* and the answer is one that the table lets through */
		assert_int_equal(message_encode(&out, &datagram, &refusal), ERR_OK);
	}
	buf_free(&mem);
	buf_free(&datagram);
	return rc;
}

/* ---- certificates ---- */

static struct key *device_key;
static struct buf device_spki;

static struct cert_fields device_fields(void)
{
	struct cert_fields f = {
		.profile = PROFILE_DEVICE,
		.organization = TEST_REALM,
		.common_name = "PUMP-1",
		.device_serial = "PUMP-1",
		.not_before = now,
	};
	if (device_key == NULL) {
		struct err e;
		device_spki = buf_new(KEY_SPKI_MAX);
		assert_int_equal(key_generate(KEY_P256, &device_key, &e), ERR_OK);
		assert_int_equal(key_spki(device_key, &device_spki, &e), ERR_OK);
	}
	f.spki = buf_view(&device_spki);
	memset(f.serial, 0x41, sizeof(f.serial));
	return f;
}

static enum err_code ask_cert(const struct cert_fields *f)
{
	struct buf names = buf_new(MESSAGE_NAME_MAX);
	struct message m = wire_message(MSG_SIGN_CERT, 7);
	wire_cert_put(f, &names, &m);
	enum err_code rc = ask(ROLE_KEEPER, &m);
	buf_free(&names);
	return rc;
}

static void device_certificate_leads_to_the_root(void **state)
{
	(void)state;
	struct err e;
	struct cert leaf, issuing, root;
	struct cert_fields f = device_fields();
	assert_int_equal(ask_cert(&f), ERR_OK);
	assert_int_equal(cert_parse(buf_view(&made), &leaf, &e), ERR_OK);
	assert_int_equal(cert_parse(buf_view(&realm.issuing_cert), &issuing, &e), ERR_OK);
	assert_int_equal(cert_parse(buf_view(&realm.root_cert), &root, &e), ERR_OK);
	assert_string_equal(leaf.device_serial, "PUMP-1");
	assert_int_equal(cert_check_chain(&leaf, &issuing, 1, &root, 1, now, PROFILE_DEVICE, false,
		ERR_PEER_UNTRUSTED, &e), ERR_OK);
	cert_free(&leaf);
	cert_free(&issuing);
	cert_free(&root);
}

static void no_profile_of_the_root(void **state)
{
	(void)state;
	static const enum profile offline[] = {PROFILE_ROOT, PROFILE_ISSUING,
		PROFILE_CODE_SIGNING, PROFILE_OPERATOR};
	for (size_t i = 0; i < sizeof(offline) / sizeof(offline[0]); i++) {
		struct cert_fields f = device_fields();
		f.profile = offline[i];
		f.device_serial = NULL;
		assert_int_equal(ask_cert(&f), ERR_PROTOCOL);
		assert_int_equal(made.len, 0);
	}
	struct cert_fields f = device_fields();
	f.profile = PROFILE_COUNT;
	assert_int_equal(ask_cert(&f), ERR_PROTOCOL);
}

static void organization_is_the_realm(void **state)
{
	(void)state;
	struct cert_fields f = device_fields();
	f.organization = "Other Pumps";
	assert_int_equal(ask_cert(&f), ERR_PROTOCOL);
	f.organization = NULL;
	assert_int_equal(ask_cert(&f), ERR_PROTOCOL);
}

static void server_certificate_for_its_own_key_and_names(void **state)
{
	(void)state;
	static const char *const own[] = {"localhost", NULL};
	static const char *const foreign[] = {"localhost", "bank.example", NULL};
	struct cert_fields f = device_fields();
	f.profile = PROFILE_SERVER;
	f.device_serial = NULL;
	f.common_name = "localhost";
	f.names = own;
	assert_int_equal(ask_cert(&f), ERR_PROTOCOL); /* the key of a device */
	f.spki = buf_view(&signer.tls_spki);
	assert_int_equal(ask_cert(&f), ERR_OK);
	f.names = foreign;
	assert_int_equal(ask_cert(&f), ERR_PROTOCOL);
}

static void validity_is_now_and_within_the_profile(void **state)
{
	(void)state;
	int64_t lifetime = profile_row(PROFILE_DEVICE)->lifetime;
	static const int64_t off[] = {-86400, -SIGNER_CLOCK_SLACK - 1, SIGNER_CLOCK_SLACK + 1,
		86400, INT64_MAX / 4};
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		struct cert_fields f = device_fields();
		f.not_before = now + off[i];
		assert_int_equal(ask_cert(&f), ERR_SIGNER_REFUSED);
	}
	struct cert_fields f = device_fields();
	f.not_before = INT64_MIN;
	assert_int_equal(ask_cert(&f), ERR_SIGNER_REFUSED);
	f = device_fields();
	f.not_after = now + lifetime;
	assert_int_equal(ask_cert(&f), ERR_OK);
	f.not_after = now + lifetime + 1;
	assert_int_equal(ask_cert(&f), ERR_SIGNER_REFUSED);
	f.not_after = now;
	assert_int_equal(ask_cert(&f), ERR_SIGNER_REFUSED);
}

static void nothing_outlives_the_issuing_certificate(void **state)
{
	(void)state;
	struct err e;
	struct cert leaf;
	int64_t real = signer.issuing_cert.not_after;
	struct cert_fields f = device_fields();
	signer.issuing_cert.not_after = now + 86400;
	enum err_code rc = ask_cert(&f);
	signer.issuing_cert.not_after = real;
	assert_int_equal(rc, ERR_OK);
	assert_int_equal(cert_parse(buf_view(&made), &leaf, &e), ERR_OK);
	assert_int_equal(leaf.not_after, now + 86400);
	cert_free(&leaf);
}

static void clock_of_1970_signs_nothing(void **state)
{
	(void)state;
	int64_t real = now;
	now = 17;
	struct cert_fields f = device_fields();
	assert_int_equal(ask_cert(&f), ERR_CLOCK);
	now = real;
}

/* ---- who may ask what ---- */

static void workers_cannot_ask_for_certificates(void **state)
{
	(void)state;
	struct buf names = buf_new(MESSAGE_NAME_MAX);
	struct cert_fields f = device_fields();
	struct message m = wire_message(MSG_SIGN_CERT, 7);
	wire_cert_put(&f, &names, &m);
	assert_int_equal(ask(ROLE_WORKER, &m), ERR_PROTOCOL);
	/* and not behind the message table's back either */
	struct message out;
	struct buf mem = buf_new(MESSAGE_BODY_MAX);
	assert_int_equal(signer_answer(&signer, ROLE_WORKER, &m, &mem, &out, &refusal),
		ERR_PROTOCOL);
	m.type = MSG_TLS_SIGN;
	assert_int_equal(signer_answer(&signer, ROLE_KEEPER, &m, &mem, &out, &refusal),
		ERR_PROTOCOL);
	buf_free(&mem);
	buf_free(&names);
}

/* ---- TLS ---- */

static enum err_code ask_tls(uint64_t scheme, struct bytes tbs)
{
	struct message m = wire_message(MSG_TLS_SIGN, 3);
	m.n = 2;
	m.f[0].num = scheme;
	m.f[1].bytes = tbs;
	return ask(ROLE_WORKER, &m);
}

static void verify_input(struct buf *b, const char *context, size_t hash)
{
	*b = buf_new(1024);
	for (int i = 0; i < 64; i++)
		buf_u8(b, 0x20);
	buf_str(b, context);
	buf_u8(b, 0);
	for (size_t i = 0; i < hash; i++)
		buf_u8(b, (uint8_t)i);
}

static void tls_handshakes_are_signed(void **state)
{
	(void)state;
	static const size_t hashes[] = {32, 48};
	struct err e;
	struct buf b;
	for (size_t i = 0; i < 2; i++) {
		verify_input(&b, "TLS 1.3, server CertificateVerify", hashes[i]);
		assert_int_equal(ask_tls(0x0403, buf_view(&b)), ERR_OK);
		assert_int_equal(key_verify(realm.tls, buf_view(&b), buf_view(&made),
			ERR_CRYPTO, &e), ERR_OK);
		buf_free(&b);
	}
}

static void key_exchange(struct buf *b, uint16_t curve, uint8_t first, size_t len)
{
	*b = buf_new(1024);
	for (int i = 0; i < 64; i++)
		buf_u8(b, 0x20); /* randoms that try to look like the other form */
	buf_u8(b, 3);
	buf_u16be(b, curve);
	buf_u8(b, (uint8_t)len);
	buf_u8(b, first);
	for (size_t i = 1; i < len; i++)
		buf_u8(b, 0x55);
}

static void tls12_key_exchanges_are_signed(void **state)
{
	(void)state;
	static const struct {
		uint16_t curve;
		uint8_t first;
		size_t len;
		enum err_code rc;
	} t[] = {
		{0x17, 4, 65, ERR_OK}, {0x18, 4, 97, ERR_OK}, {0x1d, 9, 32, ERR_OK},
		{0x17, 2, 33, ERR_PROTOCOL}, {0x17, 3, 65, ERR_PROTOCOL},
		{0x19, 4, 133, ERR_PROTOCOL}, {0x1d, 4, 65, ERR_PROTOCOL},
		{0x17, 4, 64, ERR_PROTOCOL}, {0, 4, 65, ERR_PROTOCOL},
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct buf b;
		key_exchange(&b, t[i].curve, t[i].first, t[i].len);
		assert_int_equal(ask_tls(0x0403, buf_view(&b)), t[i].rc);
		/* one byte more, one byte less */
		buf_u8(&b, 0);
		assert_int_equal(ask_tls(0x0403, buf_view(&b)), ERR_PROTOCOL);
		b.len -= 2;
		assert_int_equal(ask_tls(0x0403, buf_view(&b)), ERR_PROTOCOL);
		buf_free(&b);
	}
}

static void tls_key_signs_nothing_else(void **state)
{
	(void)state;
	static const size_t lengths[] = {0, 20, 31, 33, 47, 49, 64};
	struct buf b;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		verify_input(&b, "TLS 1.3, server CertificateVerify", lengths[i]);
		assert_int_equal(ask_tls(0x0403, buf_view(&b)), ERR_PROTOCOL);
		buf_free(&b);
	}
	verify_input(&b, "TLS 1.3, client CertificateVerify", 32);
	assert_int_equal(ask_tls(0x0403, buf_view(&b)), ERR_PROTOCOL);
	buf_free(&b);
	verify_input(&b, "TLS 1.3, server CertificateVerify", 32);
	b.p[10] = 0x21;
	assert_int_equal(ask_tls(0x0403, buf_view(&b)), ERR_PROTOCOL);
	b.p[10] = 0x20;
	assert_int_equal(ask_tls(0x0804, buf_view(&b)), ERR_PROTOCOL); /* another scheme */
	buf_free(&b);
	/* a digest, a certificate */
	assert_int_equal(ask_tls(0x0403, bytes_str("01234567890123456789012345678901")),
		ERR_PROTOCOL);
	assert_int_equal(ask_tls(0x0403, buf_view(&realm.tls_cert)), ERR_PROTOCOL);
}

/* ---- checkpoints ---- */

static enum err_code ask_checkpoint(const char *origin, uint64_t size, uint8_t root)
{
	uint8_t hash[MERKLE_HASH_SIZE];
	struct message m = wire_message(MSG_SIGN_CHECKPOINT, 5);
	memset(hash, root, sizeof(hash));
	m.n = 3;
	m.f[0].bytes = bytes_str(origin);
	m.f[1].num = size;
	m.f[2].bytes = bytes_of(hash, sizeof(hash));
	return ask(ROLE_KEEPER, &m);
}

static void checkpoints_have_one_history(void **state)
{
	(void)state;
	struct err e;
	struct buf text = buf_new(1024);
	struct checkpoint c = {.origin = TEST_ORIGIN, .size = 10};

	assert_int_equal(reopen(), ERR_OK);
	assert_int_equal(ask_checkpoint(TEST_ORIGIN, 10, 1), ERR_OK);
	memset(c.root.b, 1, sizeof(c.root.b));
	assert_int_equal(checkpoint_encode(&c, &text, &e), ERR_OK);
	assert_int_equal(key_verify(realm.log, buf_view(&text), buf_view(&made), ERR_CRYPTO, &e),
		ERR_OK);
	buf_free(&text);
	assert_int_equal(ask_checkpoint(TEST_ORIGIN, 10, 1), ERR_OK);             /* the same */
	assert_int_equal(ask_checkpoint(TEST_ORIGIN, 10, 2), ERR_SIGNER_REFUSED); /* another tree */
	assert_int_equal(ask_checkpoint(TEST_ORIGIN, 9, 1), ERR_SIGNER_REFUSED);  /* cut off */
	assert_int_equal(ask_checkpoint(TEST_ORIGIN, 11, 3), ERR_OK);
	assert_int_equal(ask_checkpoint(TEST_ORIGIN, 10, 1), ERR_SIGNER_REFUSED);
	assert_int_equal(ask_checkpoint("other.example/log", 12, 1), ERR_PROTOCOL);
}

/* ---- CRLs ---- */

static enum err_code ask_crl(uint64_t number, int64_t this_update, int64_t next_update)
{
	static const struct crl_entry entries[] = {
		{"4141414141414141", 1800000000, 1}, {"42", 1800000001, 0}};
	struct crl_fields f = {.number = number, .this_update = this_update,
		.next_update = next_update, .entries = entries, .entries_n = 2};
	struct message m;
	struct err e;
	assert_int_equal(call_crl_encode(&f, &m, &e), ERR_OK);
	enum err_code rc = ask(ROLE_KEEPER, &m);
	close(m.fd);
	return rc;
}

static void crl_numbers_grow(void **state)
{
	(void)state;
	struct err e;
	struct cert issuing;
	bool revoked = false;
	int64_t week = 7 * 86400;

	assert_int_equal(reopen(), ERR_OK);
	assert_int_equal(ask_crl(5, now, now + week), ERR_OK);
	assert_int_equal(cert_parse(buf_view(&realm.issuing_cert), &issuing, &e), ERR_OK);
	assert_int_equal(crl_check(buf_view(&made), &issuing, "4141414141414141", now, &revoked,
		&e), ERR_OK);
	assert_true(revoked);
	assert_int_equal(crl_check(buf_view(&made), &issuing, "43", now, &revoked, &e), ERR_OK);
	assert_false(revoked);
	cert_free(&issuing);
	assert_int_equal(ask_crl(5, now, now + week), ERR_SIGNER_REFUSED);
	assert_int_equal(ask_crl(4, now, now + week), ERR_SIGNER_REFUSED);
	assert_int_equal(ask_crl(6, now - 86400, now + week), ERR_SIGNER_REFUSED);
	assert_int_equal(ask_crl(6, now, now), ERR_SIGNER_REFUSED);
	assert_int_equal(ask_crl(6, now, now + SIGNER_CRL_LIFETIME_MAX + 1), ERR_SIGNER_REFUSED);
	assert_int_equal(ask_crl(6, now, now + week), ERR_OK);
}

static void crl_entries_of_another_form(void **state)
{
	(void)state;
	struct err e;
	struct message m = wire_message(MSG_SIGN_CRL, 1);
	m.n = 3;
	m.f[0].num = 100;
	m.f[1].num = (uint64_t)now;
	m.f[2].num = (uint64_t)now + 3600;
	assert_int_equal(memfd_make("crl", bytes_of("\0\0\0\2" "42rest", 10), &m.fd, &e), ERR_OK);
	assert_int_equal(ask(ROLE_KEEPER, &m), ERR_PROTOCOL);
	close(m.fd);
}

/* ---- releases ---- */

struct proposal {
	struct release release;
	struct buf statement;
	struct buf proposal;
	struct buf approvals[PEOPLE];
	size_t n;
	int image;
};

static void approve(struct proposal *p, size_t person, enum approval_meaning meaning,
	struct buf *out)
{
	struct err e;
	*out = buf_new(APPROVAL_ENVELOPE_MAX);
	assert_int_equal(approval_make(meaning, now, buf_view(&p->statement),
		realm.people[person].key, buf_view(&realm.people[person].cert), out, &e), ERR_OK);
}

static void propose(struct proposal *p, const char *image, uint32_t counter, uint8_t major)
{
	struct err e;
	memset(p, 0, sizeof(*p));
	memcpy(p->release.product, "pump", sizeof("pump"));
	p->release.version.major = major;
	p->release.security_counter = counter;
	p->release.format = RELEASE_PLAIN;
	p->release.image_size = strlen(image);
	sha256_of(bytes_str(image), p->release.image_digest);
	p->statement = buf_new(RELEASE_STATEMENT_MAX);
	assert_int_equal(release_encode(&p->release, &p->statement, &e), ERR_OK);
	assert_int_equal(memfd_make("image", bytes_str(image), &p->image, &e), ERR_OK);
	approve(p, 0, APPROVAL_PROPOSE, &p->proposal);
}

static void approved_by(struct proposal *p, size_t person)
{
	approve(p, person, APPROVAL_APPROVE, &p->approvals[p->n++]);
}

static enum err_code ask_release(const struct proposal *p)
{
	struct err e;
	struct bytes list[PEOPLE];
	struct buf joined = buf_new(MESSAGE_MAX);
	struct message m = wire_message(MSG_SIGN_RELEASE, 9);
	for (size_t i = 0; i < p->n; i++)
		list[i] = buf_view(&p->approvals[i]);
	assert_int_equal(call_approvals_encode(list, p->n, &joined, &e), ERR_OK);
	m.n = 3;
	m.f[0].bytes = buf_view(&p->proposal);
	m.f[1].bytes = buf_view(&joined);
	m.f[2].num = (uint64_t)now;
	m.fd = p->image;
	enum err_code rc = ask(ROLE_KEEPER, &m);
	buf_free(&joined);
	return rc;
}

static void proposal_free(struct proposal *p)
{
	buf_free(&p->statement);
	buf_free(&p->proposal);
	for (size_t i = 0; i < p->n; i++)
		buf_free(&p->approvals[i]);
	close(p->image);
}

static void approved_release_is_signed(void **state)
{
	(void)state;
	struct err e;
	struct proposal p;
	struct cert by;
	assert_int_equal(reopen(), ERR_OK);
	propose(&p, "firmware", 1, 1);
	approved_by(&p, 1);
	approved_by(&p, 2);
	assert_int_equal(ask_release(&p), ERR_OK);
	assert_int_equal(cms_check_digest(buf_view(&made), p.release.image_digest, &by,
		ERR_BUNDLE_SIGNATURE, &e), ERR_OK);
	assert_memory_equal(by.fingerprint, signer.code_signing_cert.fingerprint, SHA256_SIZE);
	cert_free(&by);
	proposal_free(&p);
}

static void one_person_is_not_enough(void **state)
{
	(void)state;
	struct proposal p;
	propose(&p, "firmware", 1, 1);
	assert_int_equal(ask_release(&p), ERR_APPROVALS_MISSING);
	approved_by(&p, 1);
	assert_int_equal(ask_release(&p), ERR_APPROVALS_MISSING);
	approved_by(&p, 1); /* the same one again */
	assert_int_equal(ask_release(&p), ERR_APPROVAL_TWICE);
	proposal_free(&p);
	propose(&p, "firmware", 1, 1);
	approved_by(&p, 1);
	approved_by(&p, 0); /* the proposer */
	assert_int_equal(ask_release(&p), ERR_APPROVAL_SELF);
	proposal_free(&p);
}

static void a_file_cannot_lower_the_number_of_people(void **state)
{
	(void)state;
	struct proposal p;
	unsigned real = realm.realm.config.approvals;
	realm.realm.config.approvals = 0;
	assert_int_equal(reopen(), ERR_OK);
	propose(&p, "firmware", 1, 1);
	approved_by(&p, 1);
	assert_int_equal(ask_release(&p), ERR_APPROVALS_MISSING);
	proposal_free(&p);
	realm.realm.config.approvals = 3;
	assert_int_equal(reopen(), ERR_OK);
	propose(&p, "firmware", 1, 1);
	approved_by(&p, 1);
	approved_by(&p, 2);
	assert_int_equal(ask_release(&p), ERR_APPROVALS_MISSING);
	approved_by(&p, 3);
	assert_int_equal(ask_release(&p), ERR_OK);
	proposal_free(&p);
	realm.realm.config.approvals = real;
	assert_int_equal(reopen(), ERR_OK);
}

static void strangers_do_not_count(void **state)
{
	(void)state;
	struct err e;
	struct proposal p;
	struct person real = realm.people[2];
	struct person *mallory = &realm.people[2];

	/* a certificate from the issuing CA, which the signer itself can use, is no operator's */
	assert_int_equal(key_generate(KEY_P256, &mallory->key, &e), ERR_OK);
	realm_certify(&realm, PROFILE_DEVICE, "carol", mallory->key, realm.issuing,
		buf_view(&realm.issuing_cert), &mallory->cert);
	propose(&p, "firmware", 1, 1);
	approved_by(&p, 1);
	approved_by(&p, 2);
	assert_int_not_equal(ask_release(&p), ERR_OK);
	assert_int_equal(made.len, 0);
	proposal_free(&p);
	key_free(mallory->key);
	buf_free(&mallory->cert);
	*mallory = real;
}

static void approvals_are_for_this_statement(void **state)
{
	(void)state;
	struct proposal p, other;
	propose(&p, "firmware", 1, 1);
	propose(&other, "malware!", 1, 1);
	approved_by(&p, 1);
	approve(&other, 2, APPROVAL_APPROVE, &p.approvals[p.n++]);
	assert_int_equal(ask_release(&p), ERR_APPROVAL_MISMATCH);
	proposal_free(&p);
	proposal_free(&other);
}

static void another_image_is_not_signed(void **state)
{
	(void)state;
	struct err e;
	struct proposal p;
	propose(&p, "firmware", 1, 1);
	approved_by(&p, 1);
	approved_by(&p, 2);
	close(p.image);
	assert_int_equal(memfd_make("image", bytes_str("firmwarE"), &p.image, &e), ERR_OK);
	assert_int_equal(ask_release(&p), ERR_RELEASE_IMAGE);
	close(p.image);
	/* one that its sender could still change */
	p.image = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(p.image, "firmware", 8), 8);
	assert_int_equal(ask_release(&p), ERR_PROTOCOL);
	proposal_free(&p);
}

static enum err_code release_once(const char *image, uint32_t counter, uint8_t major)
{
	struct proposal p;
	propose(&p, image, counter, major);
	approved_by(&p, 1);
	approved_by(&p, 2);
	enum err_code rc = ask_release(&p);
	proposal_free(&p);
	return rc;
}

static void older_releases_stay_behind(void **state)
{
	(void)state;
	assert_int_equal(reopen(), ERR_OK);
	assert_int_equal(release_once("two", 2, 2), ERR_OK);
	assert_int_equal(release_once("two", 2, 2), ERR_OK); /* a commit failed: once more */
	assert_int_equal(release_once("one", 1, 1), ERR_RELEASE_VERSION);
	assert_int_equal(release_once("one", 1, 3), ERR_RELEASE_VERSION); /* counter alone */
	assert_int_equal(release_once("other", 2, 2), ERR_RELEASE_VERSION); /* same numbers */
	assert_int_equal(release_once("three", 3, 3), ERR_OK);
}

/* A keeper that was taken over has only messages: is there one that signs its digest? */
static void no_message_signs_a_digest(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	struct message m = wire_message(MSG_SIGN_RELEASE, 9);
	struct err e;
	sha256_of(bytes_str("malware"), digest);
	assert_int_equal(memfd_make("image", bytes_str("malware"), &m.fd, &e), ERR_OK);
	m.n = 3;
	m.f[0].bytes = bytes_of(digest, sizeof(digest));
	m.f[1].bytes = BYTES_NONE;
	m.f[2].num = (uint64_t)now;
	assert_int_not_equal(ask(ROLE_KEEPER, &m), ERR_OK);
	assert_int_equal(made.len, 0);
	close(m.fd);
	m.fd = -1;
	for (int type = MSG_NONE; type < MSG_COUNT; type++) {
		struct buf mem = buf_new(MESSAGE_BODY_MAX);
		struct message out;
		bool known = type == MSG_SIGN_CERT || type == MSG_SIGN_CRL ||
			type == MSG_SIGN_RELEASE || type == MSG_SIGN_CHECKPOINT;
		m = wire_message((enum message_type)type, 1);
		if (!known)
			assert_int_equal(signer_answer(&signer, ROLE_KEEPER, &m, &mem, &out,
				&refusal), ERR_PROTOCOL);
		buf_free(&mem);
	}
}

/* ---- the realm it is started with ---- */

static void wrong_passphrase_opens_nothing(void **state)
{
	(void)state;
	struct signer s;
	struct err e;
	assert_int_equal(signer_open(&realm.realm, bytes_str("not the passphrase"),
		clock_fixed(&now), &s, &e), ERR_PASSPHRASE);
}

static void keys_open_side_by_side(void **state)
{
	(void)state;
	int64_t start = clock_monotonic_ms();
	assert_int_equal(reopen(), ERR_OK);
	int64_t took = clock_monotonic_ms() - start;
	print_message("# four keys and all certificates open after %lld ms\n", (long long)took);
	assert_true(took < 5000); /* a bound for a busy machine; the figure is in the line above */
}

static void free_keys(void)
{
	key_free(device_key);
	buf_free(&device_spki);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_certificate_leads_to_the_root),
		cmocka_unit_test(no_profile_of_the_root),
		cmocka_unit_test(organization_is_the_realm),
		cmocka_unit_test(server_certificate_for_its_own_key_and_names),
		cmocka_unit_test(validity_is_now_and_within_the_profile),
		cmocka_unit_test(nothing_outlives_the_issuing_certificate),
		cmocka_unit_test(clock_of_1970_signs_nothing),
		cmocka_unit_test(workers_cannot_ask_for_certificates),
		cmocka_unit_test(tls_handshakes_are_signed),
		cmocka_unit_test(tls12_key_exchanges_are_signed),
		cmocka_unit_test(tls_key_signs_nothing_else),
		cmocka_unit_test(checkpoints_have_one_history),
		cmocka_unit_test(crl_numbers_grow),
		cmocka_unit_test(crl_entries_of_another_form),
		cmocka_unit_test(approved_release_is_signed),
		cmocka_unit_test(one_person_is_not_enough),
		cmocka_unit_test(a_file_cannot_lower_the_number_of_people),
		cmocka_unit_test(strangers_do_not_count),
		cmocka_unit_test(approvals_are_for_this_statement),
		cmocka_unit_test(another_image_is_not_signed),
		cmocka_unit_test(older_releases_stay_behind),
		cmocka_unit_test(no_message_signs_a_digest),
		cmocka_unit_test(wrong_passphrase_opens_nothing),
		cmocka_unit_test(keys_open_side_by_side),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	int failed = cmocka_run_group_tests(tests, set_up, tear_down);
	free_keys();
	return failed;
}
