#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "authority/journal.h"
#include "authority/release.h"
#include "firmware/file.h"
#include "firmware/verify_host.h"
#include "tests/unit/authority/realm_maker.h"
#include "x509/crl.h"

static struct test_realm r;

static int setup(void **state)
{
	(void)state;
	realm_make(&r);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	realm_check_log(&r);
	realm_free(&r);
	return 0;
}

static enum err_code propose(const struct person *p, const struct operator_row *who,
	const struct release *release, struct release_row *row)
{
	struct buf b = realm_envelope(&r, p, APPROVAL_PROPOSE, release);
	enum err_code rc = REALM_DO(&r, release_propose(&r.a, who, buf_view(&b), row, NULL));
	buf_free(&b);
	return rc;
}

static enum err_code approve(const struct person *p, const struct operator_row *who,
	const char *id, const struct release *release)
{
	struct release_row row;
	struct buf b = realm_envelope(&r, p, APPROVAL_APPROVE, release);
	enum err_code rc = REALM_DO(&r, release_approve(&r.a, who, id, buf_view(&b), &row, NULL));
	buf_free(&b);
	return rc;
}

static enum err_code publish(const char *id)
{
	bool made;
	struct release_row row;
	enum err_code rc = REALM_DO(&r, release_publish(&r.a, &r.alice, id, &row, NULL));
	/* as the keeper does once the publication is durable */
	return rc == ERR_OK ? REALM_DO(&r, journal_checkpoint(&r.a, &made, NULL)) : rc;
}

/* Propose by alice, approve by bob and carol, publish; the bundle's descriptor. */
static int released(const struct release *release, char id[RELEASE_ID_SIZE])
{
	int fd = -1;
	struct release_row row;
	assert_int_equal(propose(&r.people.alice, &r.alice, release, &row), ERR_OK);
	assert_int_equal(approve(&r.people.bob, &r.bob, row.id, release), ERR_OK);
	assert_int_equal(approve(&r.people.carol, &r.carol, row.id, release), ERR_OK);
	assert_int_equal(publish(row.id), ERR_OK);
	assert_int_equal(release_bundle(&r.a, row.id, &fd, NULL), ERR_OK);
	if (id != NULL)
		memcpy(id, row.id, sizeof(row.id));
	return fd;
}

static struct bundle_trust trust(void)
{
	return (struct bundle_trust){.root = &r.people.root.cert, .log_key = r.a.log_key,
		.approvals = 2, .now = r.now};
}

static enum err_code verify_fd(int fd, const struct bundle_trust *t, struct bundle_verdict *v)
{
	struct bundle b;
	enum err_code rc = bundle_open(fd, &b, NULL);
	if (rc == ERR_OK) {
		rc = bundle_verify(&b, t, v, NULL);
		bundle_free(&b);
	}
	return rc;
}

/* All bytes of `fd` in a memfd that may be changed. */
static int copy_of(int fd, uint64_t *size)
{
	int out = memfd_create("copy", MFD_CLOEXEC);
	assert_int_equal(file_size(fd, size, NULL), ERR_OK);
	assert_int_equal(file_copy(fd, 0, *size, out, NULL, NULL), ERR_OK);
	return out;
}

static void a_plain_release_goes_all_the_way(void **state)
{
	(void)state;
	struct bundle_verdict v;
	struct bundle_trust t = trust();
	struct entry en;
	char id[RELEASE_ID_SIZE], hex[2 * SHA256_SIZE + 1];
	struct release release = realm_image(&r, "pump", bytes_str("plain firmware"),
		RELEASE_PLAIN, 2, 7);
	int fd = released(&release, id);
	realm_last_entry(&r, &en);
	assert_string_equal(en.act, BUNDLE_ACT);
	assert_string_equal(en.object, id);
	hex_encode(release.image_digest, SHA256_SIZE, hex);
	assert_string_equal(entry_detail_get(&en, "image"), hex);
	t.product = "pump";
	assert_int_equal(verify_fd(fd, &t, &v), ERR_OK);
	assert_string_equal(v.people.proposer, "alice");
	assert_int_equal(v.people.approvers_n, 2);
	assert_int_equal(v.published_at, r.now);
	assert_int_equal(v.log_index, en.seq);
	assert_string_equal(v.signer, "Test Firmware");
	/* and what is extracted is what went in */
	struct bundle b;
	struct buf image = buf_new(1024);
	int out = memfd_create("out", MFD_CLOEXEC);
	assert_int_equal(bundle_open(fd, &b, NULL), ERR_OK);
	assert_int_equal(bundle_extract(&b, out, NULL), ERR_OK);
	assert_int_equal(file_read(out, 0, 14, &image, NULL), ERR_OK);
	assert_string_equal(buf_cstr(&image), "plain firmware");
	buf_free(&image);
	bundle_free(&b);
	(void)close(out);
	(void)close(fd);
}

static void a_mcuboot_release_is_what_a_bootloader_takes(void **state)
{
	(void)state;
	struct bundle_trust t = trust();
	struct bundle b;
	struct buf image = buf_new(65536), spki = buf_new(KEY_SPKI_MAX);
	uint8_t point[1][VERIFY_POINT_SIZE];
	struct verify_result res;
	struct release release = realm_image(&r, "radio", bytes_str("micro firmware"),
		RELEASE_MCUBOOT, 2, 7);
	int fd = released(&release, NULL);
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_OK);
	assert_int_equal(bundle_open(fd, &b, NULL), ERR_OK);
	assert_int_equal(file_read(fd, b.image_at, (size_t)b.image_size, &image, NULL), ERR_OK);
	assert_int_equal(key_spki(r.code_signing.key, &spki, NULL), ERR_OK);
	assert_int_equal(verify_host_point(buf_view(&spki), point[0], NULL), ERR_OK);
	struct verify_policy policy = {.keys = (const uint8_t(*)[VERIFY_POINT_SIZE])point,
		.n_keys = 1, .min_version = {1, 2, 0, 0}, .min_security_counter = 7};
	assert_int_equal(verify_host_image(buf_view(&image), &policy, "image", &res, NULL), ERR_OK);
	assert_memory_equal(res.digest, release.image_digest, SHA256_SIZE);
	bundle_free(&b);
	buf_free(&image);
	buf_free(&spki);
	(void)close(fd);
}

static void nothing_is_published_without_two_others(void **state)
{
	(void)state;
	struct release_row row;
	struct release x = realm_image(&r, "pump", bytes_str("x"), RELEASE_PLAIN, 2, 7);
	struct release y = realm_image(&r, "pump", bytes_str("y"), RELEASE_PLAIN, 3, 7);
	assert_int_equal(propose(&r.people.alice, &r.alice, &x, &row), ERR_OK);
	assert_int_equal(propose(&r.people.alice, &r.alice, &x, &row), ERR_EXISTS);
	uint64_t before = realm_log_size(&r);
	assert_int_equal(publish(row.id), ERR_APPROVALS_MISSING);
	assert_int_equal(approve(&r.people.alice, &r.alice, row.id, &x), ERR_APPROVAL_SELF);
	assert_int_equal(approve(&r.people.bob, &r.bob, row.id, &y), ERR_APPROVAL_MISMATCH);
	/* bob's signature, handed in by carol */
	assert_int_equal(approve(&r.people.bob, &r.carol, row.id, &x), ERR_APPROVAL_SIGNATURE);
	assert_int_equal(approve(&r.people.bob, &r.bob, "00000000000000000000000000000000", &x),
		ERR_NOT_FOUND);
	assert_int_equal(realm_log_size(&r), before);
	assert_int_equal(approve(&r.people.bob, &r.bob, row.id, &x), ERR_OK);
	assert_int_equal(approve(&r.people.bob, &r.bob, row.id, &x), ERR_APPROVAL_TWICE);
	assert_int_equal(publish(row.id), ERR_APPROVALS_MISSING);
	assert_int_equal(approve(&r.people.carol, &r.carol, row.id, &x), ERR_OK);
	assert_int_equal(realm_log_size(&r), before + 2);
	int fd = -1;
	assert_int_equal(release_bundle(&r.a, row.id, &fd, NULL), ERR_RELEASE_STATE);
	assert_int_equal(publish(row.id), ERR_OK);
	assert_int_equal(publish(row.id), ERR_RELEASE_STATE);
	assert_int_equal(approve(&r.people.dave, &r.dave, row.id, &x), ERR_RELEASE_STATE);
}

static void the_revoked_neither_propose_nor_approve_nor_count(void **state)
{
	(void)state;
	struct release_row row;
	struct release x = realm_image(&r, "pump", bytes_str("x"), RELEASE_PLAIN, 2, 7);
	struct release y = realm_image(&r, "pump", bytes_str("y"), RELEASE_PLAIN, 3, 7);
	assert_int_equal(propose(&r.people.alice, &r.alice, &x, &row), ERR_OK);
	assert_int_equal(approve(&r.people.bob, &r.bob, row.id, &x), ERR_OK);
	assert_int_equal(approve(&r.people.carol, &r.carol, row.id, &x), ERR_OK);
	assert_int_equal(REALM_DO(&r, store_operator_revoke(r.a.store, "bob", NULL)), ERR_OK);
	assert_int_equal(publish(row.id), ERR_OPERATOR_REVOKED);
	assert_int_equal(propose(&r.people.bob, &r.bob, &y, &row), ERR_OPERATOR_REVOKED);
	assert_int_equal(propose(&r.people.alice, &r.alice, &y, &row), ERR_OK);
	assert_int_equal(approve(&r.people.bob, &r.bob, row.id, &y), ERR_OPERATOR_REVOKED);
}

static void versions_only_go_up(void **state)
{
	(void)state;
	struct release_row row;
	struct release x = realm_image(&r, "pump", bytes_str("x"), RELEASE_PLAIN, 2, 7);
	(void)close(released(&x, NULL));
	struct release y;
	static const struct {
		uint8_t minor;
		uint32_t counter;
		enum err_code want;
	} cases[] = {
		{1, 7, ERR_RELEASE_VERSION},
		{3, 6, ERR_RELEASE_VERSION},
		{1, 8, ERR_RELEASE_VERSION},
		{2, 8, ERR_OK},
		{3, 7, ERR_OK},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		y = realm_image(&r, "pump", bytes_str("y"), RELEASE_PLAIN, cases[i].minor,
			cases[i].counter);
		assert_int_equal(propose(&r.people.alice, &r.alice, &y, &row), cases[i].want);
	}
	/* the very same numbers with another image */
	y = realm_image(&r, "pump", bytes_str("y"), RELEASE_PLAIN, 2, 7);
	assert_int_equal(propose(&r.people.alice, &r.alice, &y, &row), ERR_RELEASE_VERSION);
	/* another product has its own floor */
	y = realm_image(&r, "other", bytes_str("y"), RELEASE_PLAIN, 1, 1);
	assert_int_equal(propose(&r.people.alice, &r.alice, &y, &row), ERR_OK);
	/* two that were proposed together: the lower one is too late once the higher one is out */
	struct release low = realm_image(&r, "pump", bytes_str("low"), RELEASE_PLAIN, 4, 9);
	struct release high = realm_image(&r, "pump", bytes_str("high"), RELEASE_PLAIN, 5, 9);
	assert_int_equal(propose(&r.people.alice, &r.alice, &low, &row), ERR_OK);
	assert_int_equal(approve(&r.people.bob, &r.bob, row.id, &low), ERR_OK);
	assert_int_equal(approve(&r.people.carol, &r.carol, row.id, &low), ERR_OK);
	(void)close(released(&high, NULL));
	assert_int_equal(publish(row.id), ERR_RELEASE_VERSION);
}

static void the_image_must_be_there_and_the_one(void **state)
{
	(void)state;
	struct release_row row;
	char name[160], hex[2 * SHA256_SIZE + 1];
	struct release x = realm_image(&r, "pump", bytes_str("firmware"), RELEASE_PLAIN, 2, 7);
	struct release missing = x;
	missing.image_digest[0] ^= 1;
	assert_int_equal(propose(&r.people.alice, &r.alice, &missing, &row), ERR_RELEASE_IMAGE);
	assert_int_equal(propose(&r.people.alice, &r.alice, &x, &row), ERR_OK);
	assert_int_equal(approve(&r.people.bob, &r.bob, row.id, &x), ERR_OK);
	assert_int_equal(approve(&r.people.carol, &r.carol, row.id, &x), ERR_OK);
	/* one byte changed after approval, on the server's own disk: the signer notices */
	hex_encode(x.image_digest, SHA256_SIZE, hex);
	(void)snprintf(name, sizeof(name), "%s/images/%s", r.dir, hex);
	FILE *f = fopen(name, "r+b");
	assert_non_null(f);
	assert_int_equal(fputc('F', f), 'F');
	assert_int_equal(fclose(f), 0);
	uint64_t before = realm_log_size(&r);
	assert_int_equal(publish(row.id), ERR_RELEASE_IMAGE);
	assert_int_equal(realm_log_size(&r), before);
}

static void a_signer_that_cannot_publishes_nothing(void **state)
{
	(void)state;
	struct release_row row;
	struct release x = realm_image(&r, "pump", bytes_str("firmware"), RELEASE_PLAIN, 2, 7);
	assert_int_equal(propose(&r.people.alice, &r.alice, &x, &row), ERR_OK);
	assert_int_equal(approve(&r.people.bob, &r.bob, row.id, &x), ERR_OK);
	assert_int_equal(approve(&r.people.carol, &r.carol, row.id, &x), ERR_OK);
	uint64_t before = realm_log_size(&r);
	r.signer_fails = true;
	assert_int_equal(publish(row.id), ERR_UNAVAILABLE);
	r.signer_fails = false;
	assert_int_equal(realm_log_size(&r), before);
	assert_int_equal(publish(row.id), ERR_OK);
}

static void at_1970_nobody_is_judged(void **state)
{
	(void)state;
	struct release_row row;
	struct release x = realm_image(&r, "pump", bytes_str("firmware"), RELEASE_PLAIN, 2, 7);
	struct buf p = realm_envelope(&r, &r.people.alice, APPROVAL_PROPOSE, &x);
	struct buf b = realm_envelope(&r, &r.people.bob, APPROVAL_APPROVE, &x);
	int64_t now = r.now;
	r.now = 0;
	assert_int_equal(REALM_DO(&r, release_propose(&r.a, &r.alice, buf_view(&p), &row, NULL)),
		ERR_CLOCK);
	r.now = now;
	assert_int_equal(REALM_DO(&r, release_propose(&r.a, &r.alice, buf_view(&p), &row, NULL)),
		ERR_OK);
	r.now = 0;
	assert_int_equal(REALM_DO(&r, release_approve(&r.a, &r.bob, row.id, buf_view(&b), &row,
		NULL)), ERR_CLOCK);
	assert_int_equal(publish(row.id), ERR_CLOCK);
	r.now = now;
	assert_int_equal(realm_log_size(&r), 1);
	buf_free(&p);
	buf_free(&b);
}

static void every_doubt_has_its_own_code(void **state)
{
	(void)state;
	struct person other;
	struct key *k = NULL;
	struct release x = realm_image(&r, "pump", bytes_str("firmware"), RELEASE_PLAIN, 2, 7);
	int fd = released(&x, NULL);
	struct bundle_trust t = trust();
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_OK);
	t.product = "other";
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_BUNDLE_PRODUCT);
	t = trust();
	t.has_floor = true;
	t.min_security_counter = 8;
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_BUNDLE_ROLLBACK);
	t.min_security_counter = 7;
	t.min_version = (struct verify_version){1, 2, 0, 1};
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_BUNDLE_ROLLBACK);
	t.min_version = (struct verify_version){1, 2, 0, 0};
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_OK);
	t = trust();
	t.approvals = 3;
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_APPROVALS_MISSING);
	t = trust();
	assert_int_equal(key_generate(KEY_ED25519, &k, NULL), ERR_OK);
	assert_int_equal(note_key_make(r.a.log_key.name, k, &t.log_key, NULL), ERR_OK);
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_LOG_CHECKPOINT);
	key_free(k);
	person_make(&other, NULL, PROFILE_ROOT, "Test Root", PEOPLE_NOW - 3600);
	t = trust();
	t.root = &other.cert;
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_OPERATOR_UNKNOWN);
	person_free(&other);
	/* clocks: 1970 is left aside, years later is fine, before the publication is not */
	t = trust();
	t.now = 0;
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_OK);
	t.now = r.now + 15 * 365 * (int64_t)86400;
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_OK);
	t.now = r.now - APPROVAL_SKEW - 1;
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_BUNDLE_PROOF);
	(void)close(fd);
}

static void an_old_release_keeps_its_certificate(void **state)
{
	(void)state;
	char id[RELEASE_ID_SIZE];
	struct person next, first = r.code_signing;
	struct release x = realm_image(&r, "pump", bytes_str("firmware"), RELEASE_PLAIN, 2, 7);
	struct release y = realm_image(&r, "pump", bytes_str("newer"), RELEASE_PLAIN, 3, 7);
	(void)close(released(&x, id));
	/* the realm gets another code-signing certificate */
	person_make(&next, &r.people.root, PROFILE_CODE_SIGNING, "Next Firmware", r.now);
	r.code_signing = next;
	r.a.code_signing_der = buf_view(&r.code_signing.der);
	struct bundle_verdict v;
	struct bundle_trust t = trust();
	int fd = released(&y, NULL);
	assert_int_equal(verify_fd(fd, &t, &v), ERR_OK);
	assert_string_equal(v.signer, "Next Firmware");
	(void)close(fd);
	assert_int_equal(release_bundle(&r.a, id, &fd, NULL), ERR_OK);
	assert_int_equal(verify_fd(fd, &t, &v), ERR_OK);
	assert_string_equal(v.signer, "Test Firmware");
	(void)close(fd);
	person_free(&first);
}

static struct buf crl_of(const char *serial)
{
	struct crl_entry entry = {.revoked_at = PEOPLE_NOW};
	struct crl_fields f = {.number = 1, .this_update = PEOPLE_NOW - 60,
		.next_update = PEOPLE_NOW + 86400, .entries = &entry, .entries_n = 1};
	struct buf crl = buf_new(65536);
	memcpy(entry.serial, serial, sizeof(entry.serial));
	assert_int_equal(crl_build(&f, r.people.root.key, buf_view(&r.people.root.der), &crl, NULL),
		ERR_OK);
	return crl;
}

static void a_list_from_the_root_revokes_people_and_the_signing_key(void **state)
{
	(void)state;
	struct release x = realm_image(&r, "pump", bytes_str("firmware"), RELEASE_PLAIN, 2, 7);
	int fd = released(&x, NULL);
	struct bundle_trust t = trust();
	struct buf bob = crl_of(r.people.bob.cert.serial);
	struct buf signer = crl_of(r.code_signing.cert.serial);
	struct buf dave = crl_of(r.people.dave.cert.serial);
	t.root_crl = buf_view(&bob);
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_OPERATOR_REVOKED);
	t.now = 0;
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_OPERATOR_REVOKED);
	t.now = r.now;
	t.root_crl = buf_view(&signer);
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_BUNDLE_CHAIN);
	t.root_crl = buf_view(&dave);
	assert_int_equal(verify_fd(fd, &t, NULL), ERR_OK);
	buf_free(&bob);
	buf_free(&signer);
	buf_free(&dave);
	(void)close(fd);
}

/* Flip one bit at `at` and say what comes of it. */
static enum err_code flipped(int fd, uint64_t at)
{
	uint8_t byte;
	struct bundle_trust t = trust();
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	enum err_code rc = verify_fd(fd, &t, NULL);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	return rc;
}

static void no_byte_of_a_bundle_can_be_changed(void **state)
{
	(void)state;
	static const enum release_format formats[] = {RELEASE_PLAIN, RELEASE_MCUBOOT};
	for (size_t f = 0; f < 2; f++) {
		uint64_t size;
		struct bundle b;
		struct release x = realm_image(&r, f == 0 ? "pump" : "radio",
			bytes_str("firmware"), formats[f], 2, 7);
		int fd = released(&x, NULL);
		int copy = copy_of(fd, &size);
		struct bundle_trust t = trust();
		assert_int_equal(verify_fd(copy, &t, NULL), ERR_OK);
		/* each part by its own code */
		assert_int_equal(bundle_open(copy, &b, NULL), ERR_OK);
		uint64_t image_at = b.image_at, statement_at =
			(uint64_t)(b.parts.statement.p - b.head.p);
		uint64_t signature_at = (uint64_t)(b.parts.signature.p - b.head.p);
		bundle_free(&b);
		assert_int_equal(flipped(copy, 0), ERR_BUNDLE_FORM);
		assert_int_equal(flipped(copy, statement_at + 20), ERR_BUNDLE_PROOF);
		assert_int_equal(flipped(copy, signature_at + 8), ERR_BUNDLE_PROOF);
		assert_int_equal(flipped(copy, image_at + (f == 0 ? 2 : 33)),
			f == 0 ? ERR_BUNDLE_IMAGE : ERR_IMG_HASH);
		assert_int_equal(flipped(copy, size - 2),
			f == 0 ? ERR_BUNDLE_IMAGE : ERR_IMG_SIGNATURE);
		/* and every byte of the head, a prime step apart, is noticed */
		for (uint64_t at = f; at < size; at += 13)
			if (flipped(copy, at) == ERR_OK)
				fail_msg("byte %llu of %llu may be changed",
					(unsigned long long)at, (unsigned long long)size);
		/* cut off, or with more behind it */
		for (uint64_t cut = 1; cut < size; cut += 97) {
			assert_int_equal(ftruncate(copy, (off_t)(size - cut)), 0);
			assert_int_not_equal(verify_fd(copy, &t, NULL), ERR_OK);
			if (cut > 97)
				break;
			assert_int_equal(ftruncate(copy, 0), 0);
			assert_int_equal(lseek(copy, 0, SEEK_SET), 0);
			assert_int_equal(file_copy(fd, 0, size, copy, NULL, NULL), ERR_OK);
		}
		assert_int_equal(ftruncate(copy, 0), 0);
		assert_int_equal(lseek(copy, 0, SEEK_SET), 0);
		assert_int_equal(file_copy(fd, 0, size, copy, NULL, NULL), ERR_OK);
		assert_int_equal(ftruncate(copy, (off_t)size + 1), 0);
		assert_int_equal(verify_fd(copy, &t, NULL), ERR_BUNDLE_FORM);
		(void)close(copy);
		(void)close(fd);
	}
}

/* A bundle whose image is another genuine one of the same key. */
static void a_genuine_image_of_another_release_is_refused(void **state)
{
	(void)state;
	struct bundle_trust t = trust();
	struct bundle bx, by;
	struct release x = realm_image(&r, "radio", bytes_str("firmware x"), RELEASE_MCUBOOT, 2, 7);
	struct release y = realm_image(&r, "radio", bytes_str("firmware y"), RELEASE_MCUBOOT, 3, 7);
	int fx = released(&x, NULL), fy = released(&y, NULL);
	int mix = memfd_create("mix", MFD_CLOEXEC);
	assert_int_equal(bundle_open(fx, &bx, NULL), ERR_OK);
	assert_int_equal(bundle_open(fy, &by, NULL), ERR_OK);
	if (bx.image_size == by.image_size) {
		assert_int_equal(file_copy(fx, 0, bx.image_at, mix, NULL, NULL), ERR_OK);
		assert_int_equal(file_copy(fy, by.image_at, by.image_size, mix, NULL, NULL),
			ERR_OK);
		assert_int_equal(verify_fd(mix, &t, NULL), ERR_BUNDLE_IMAGE);
	} else {
		/* signatures of other lengths: then the length gives it away */
		assert_int_equal(file_copy(fx, 0, bx.image_at, mix, NULL, NULL), ERR_OK);
		assert_int_equal(file_copy(fy, by.image_at, by.image_size, mix, NULL, NULL),
			ERR_OK);
		assert_int_equal(verify_fd(mix, &t, NULL), ERR_BUNDLE_FORM);
	}
	bundle_free(&bx);
	bundle_free(&by);
	(void)close(mix);
	(void)close(fx);
	(void)close(fy);
}

static void the_log_is_proven_only_as_far_as_it_is_signed(void **state)
{
	(void)state;
	bool made = false;
	struct buf proof = buf_new(16384);
	assert_int_equal(REALM_DO(&r, journal_note(&r.a, "server.started", "test", NULL)), ERR_OK);
	assert_int_equal(journal_proof(&r.a, 0, &proof, NULL), ERR_NOT_FOUND);
	assert_int_equal(REALM_DO(&r, journal_checkpoint(&r.a, &made, NULL)), ERR_OK);
	assert_true(made);
	assert_int_equal(REALM_DO(&r, journal_checkpoint(&r.a, &made, NULL)), ERR_OK);
	assert_false(made);
	assert_int_equal(journal_proof(&r.a, 0, &proof, NULL), ERR_OK);
	struct tlog_proof p;
	assert_int_equal(tlog_proof_parse(buf_view(&proof), &p, NULL), ERR_OK);
	buf_reset(&proof);
	assert_int_equal(REALM_DO(&r, journal_note(&r.a, "server.started", "test", NULL)), ERR_OK);
	assert_int_equal(journal_proof(&r.a, 1, &proof, NULL), ERR_NOT_FOUND);
	buf_free(&proof);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plain_release_goes_all_the_way),
		TEST(a_mcuboot_release_is_what_a_bootloader_takes),
		TEST(nothing_is_published_without_two_others),
		TEST(the_revoked_neither_propose_nor_approve_nor_count),
		TEST(versions_only_go_up),
		TEST(the_image_must_be_there_and_the_one),
		TEST(a_signer_that_cannot_publishes_nothing),
		TEST(at_1970_nobody_is_judged),
		TEST(every_doubt_has_its_own_code),
		TEST(an_old_release_keeps_its_certificate),
		TEST(a_list_from_the_root_revokes_people_and_the_signing_key),
		TEST(no_byte_of_a_bundle_can_be_changed),
		TEST(a_genuine_image_of_another_release_is_refused),
		TEST(the_log_is_proven_only_as_far_as_it_is_signed),
	};
	return RUN_TAP(tests);
}
