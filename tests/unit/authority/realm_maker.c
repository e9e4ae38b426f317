#include "tests/unit/cmocka_tap.h"

#include "tests/unit/authority/realm_maker.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/image.h"
#include "authority/journal.h"
#include "firmware/mcuboot.h"
#include "merkle/note.h"
#include "x509/cms.h"

#define ORIGIN "test.example/log"

static enum err_code sign_cert(void *arg, const struct cert_fields *f, struct buf *der,
	struct err *e)
{
	struct test_realm *r = arg;
	if (r->signer_fails)
		return err_set(e, ERR_UNAVAILABLE, "signer", "asked to fail");
	if (!profile_row(f->profile)->online)
		return err_set(e, ERR_SIGNER_REFUSED, "signer", "not an online profile");
	return cert_build(f, r->issuing.key, buf_view(&r->issuing.der), der, e);
}

static enum err_code sign_crl(void *arg, const struct crl_fields *f, struct buf *der,
	struct err *e)
{
	struct test_realm *r = arg;
	if (r->signer_fails)
		return err_set(e, ERR_UNAVAILABLE, "signer", "asked to fail");
	return crl_build(f, r->issuing.key, buf_view(&r->issuing.der), der, e);
}

static enum err_code sign_release(void *arg, struct bytes proposal, const struct bytes *approvals,
	size_t n, int64_t at, int image_fd, struct buf *signature, struct err *e)
{
	struct test_realm *r = arg;
	struct approval_set set;
	struct approval_trust t = {.roots = &r->people.root.cert, .roots_n = 1, .at = at};
	if (r->signer_fails)
		return err_set(e, ERR_UNAVAILABLE, "signer", "asked to fail");
	enum err_code rc = approvals_check(proposal, approvals, n, 2, &t, &set, e);
	if (rc == ERR_OK)
		rc = release_check_image(&set.release, image_fd, e);
	if (rc != ERR_OK)
		return rc;
	if (set.release.format == RELEASE_MCUBOOT)
		return key_sign_digest(r->code_signing.key, set.release.image_digest, signature, e);
	return cms_sign_digest(set.release.image_digest, r->code_signing.key,
		buf_view(&r->code_signing.der), at, signature, e);
}

static enum err_code sign_checkpoint(void *arg, const struct checkpoint *c, uint8_t sig[64],
	struct err *e)
{
	struct test_realm *r = arg;
	struct buf text = buf_new(NOTE_MAX), made = buf_new(64);
	if (r->signer_fails)
		return err_set(e, ERR_UNAVAILABLE, "signer", "asked to fail");
	enum err_code rc = checkpoint_encode(c, &text, e);
	if (rc == ERR_OK)
		rc = key_sign(r->log_key, buf_view(&text), &made, e);
	if (rc == ERR_OK)
		memcpy(sig, made.p, 64);
	buf_free(&text);
	buf_free(&made);
	return rc;
}

static void operator_make(struct test_realm *r, const struct person *p, struct operator_row *o)
{
	*o = (struct operator_row){.added_at = r->now};
	memcpy(o->name, p->cert.common_name, sizeof(o->name));
	memcpy(o->fingerprint, p->cert.fingerprint, SHA256_SIZE);
	assert_int_equal(store_operator_add(r->a.store, o, buf_view(&p->der), NULL), ERR_OK);
}

static void store_make(struct test_realm *r)
{
	char path[96];
	(void)snprintf(path, sizeof(path), "%s/images", r->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	r->a.images_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(r->a.images_dir >= 0);
	(void)snprintf(path, sizeof(path), "%s/medseal.db", r->dir);
	struct err e = {0};
	if (store_create(path, &r->a.store, &e) != ERR_OK)
		fail_msg("%s: %s", e.object, e.reason);
	assert_int_equal(store_begin(r->a.store, NULL), ERR_OK);
	assert_int_equal(store_meta_set(r->a.store, "name", "Test Pumps", NULL), ERR_OK);
	assert_int_equal(store_meta_set(r->a.store, "log_origin", ORIGIN, NULL), ERR_OK);
	operator_make(r, &r->people.alice, &r->alice);
	operator_make(r, &r->people.bob, &r->bob);
	operator_make(r, &r->people.carol, &r->carol);
	operator_make(r, &r->people.dave, &r->dave);
	assert_int_equal(store_commit(r->a.store, NULL), ERR_OK);
}

void realm_make(struct test_realm *r)
{
	struct err e = {0};
	*r = (struct test_realm){.dir = "/tmp/medseal-test.XXXXXX", .now = PEOPLE_NOW};
	assert_non_null(mkdtemp(r->dir));
	people_make(&r->people);
	person_make(&r->issuing, &r->people.root, PROFILE_ISSUING, "Test Issuing",
		PEOPLE_NOW - 3600);
	person_make(&r->code_signing, &r->people.root, PROFILE_CODE_SIGNING, "Test Firmware",
		PEOPLE_NOW - 3600);
	assert_int_equal(key_generate(KEY_ED25519, &r->log_key, &e), ERR_OK);
	r->a = (struct authority){
		.clock = clock_fixed(&r->now),
		.signer = {r, sign_cert, sign_crl, sign_release, sign_checkpoint},
		.policy = {.ticket_lifetime = 7 * 86400, .ticket_lifetime_max = 30 * 86400,
			.crl_lifetime = 7 * 86400, .approvals = 2, .image_max = 1 << 20},
		.realm = "Test Pumps",
		.crl_url = "http://127.0.0.1/crl/issuing.crl",
		.root_der = buf_view(&r->people.root.der),
		.issuing_der = buf_view(&r->issuing.der),
		.code_signing_der = buf_view(&r->code_signing.der),
	};
	assert_int_equal(note_key_make(ORIGIN, r->log_key, &r->a.log_key, &e), ERR_OK);
	store_make(r);
	if (audit_open(r->a.store, &r->a.log_key, &r->a.audit, &e) != ERR_OK)
		fail_msg("%s: %s: %s", err_name(e.code), e.object, e.reason);
}

void realm_free(struct test_realm *r)
{
	char command[128];
	store_close(r->a.store);
	(void)close(r->a.images_dir);
	key_free(r->log_key);
	person_free(&r->issuing);
	person_free(&r->code_signing);
	people_free(&r->people);
	static const char *const files[] = {"medseal.db", "medseal.db-wal", "medseal.db-shm"};
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(command, sizeof(command), "%s/%s", r->dir, files[i]);
		(void)unlink(command);
	}
	(void)snprintf(command, sizeof(command), "%s/images", r->dir);
	int dir = open(command, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(dir);
	for (struct dirent *f = readdir(d); f != NULL; f = readdir(d))
		if (f->d_name[0] != '.')
			(void)unlinkat(dir, f->d_name, 0);
	(void)closedir(d);
	(void)rmdir(command);
	(void)rmdir(r->dir);
}

void realm_begin(struct test_realm *r, struct audit_state *mark)
{
	authority_mark(&r->a, mark);
	assert_int_equal(store_begin(r->a.store, NULL), ERR_OK);
}

enum err_code realm_end(struct test_realm *r, const struct audit_state *mark, enum err_code rc)
{
	if (rc == ERR_OK)
		rc = store_commit(r->a.store, NULL);
	if (rc != ERR_OK) {
		store_rollback(r->a.store);
		authority_reset(&r->a, mark);
	}
	return rc;
}

uint64_t realm_log_size(struct test_realm *r)
{
	uint64_t n = 0;
	assert_int_equal(store_log_size(r->a.store, &n, NULL), ERR_OK);
	return n;
}

void realm_last_entry(struct test_realm *r, struct entry *en)
{
	struct buf line = buf_new(ENTRY_MAX);
	struct merkle_hash leaf;
	uint64_t n = realm_log_size(r);
	*en = (struct entry){0};
	if (n == 0)
		return;
	assert_int_equal(store_log_get(r->a.store, n - 1, &line, &leaf, NULL), ERR_OK);
	assert_int_equal(entry_parse(buf_view(&line), en, NULL), ERR_OK);
	buf_free(&line);
}

void realm_check_log(struct test_realm *r)
{
	struct audit_verdict v;
	struct err e = {0};
	bool made;
	/* what no checkpoint covers, nobody has promised */
	assert_int_equal(REALM_DO(r, journal_checkpoint(&r->a, &made, &e)), ERR_OK);
	if (audit_verify_store(r->a.store, &r->a.log_key, &v, &e) != ERR_OK)
		fail_msg("%s: %s: %s", err_name(e.code), e.object, e.reason);
	assert_int_equal(v.entries, realm_log_size(r));
	assert_int_equal(v.entries, r->a.audit.edge.size);
}

struct buf realm_envelope(struct test_realm *r, const struct person *p, enum approval_meaning m,
	const struct release *release)
{
	struct err e = {0};
	struct buf statement = buf_new(RELEASE_STATEMENT_MAX);
	struct buf out = buf_new(APPROVAL_ENVELOPE_MAX);
	assert_int_equal(release_encode(release, &statement, &e), ERR_OK);
	assert_int_equal(approval_make(m, r->now, buf_view(&statement), p->key, buf_view(&p->der),
		&out, &e), ERR_OK);
	buf_free(&statement);
	return out;
}

struct release realm_image(struct test_realm *r, const char *product, struct bytes image,
	enum release_format format, uint8_t minor, uint32_t counter)
{
	struct err e = {0};
	uint64_t size;
	struct release out = {.version = {1, minor, 0, 0}, .security_counter = counter,
		.format = format};
	struct buf prepared = buf_new(MCUBOOT_IMAGE_MAX);
	struct mcuboot_options opt = {.version = out.version, .security_counter = counter};
	(void)snprintf(out.product, sizeof(out.product), "%s", product);
	if (format == RELEASE_MCUBOOT)
		assert_int_equal(mcuboot_prepare(image, &opt, &prepared, &e), ERR_OK);
	else
		buf_bytes(&prepared, image);
	int fd = memfd_create("image", MFD_CLOEXEC);
	assert_int_equal(write(fd, prepared.p, prepared.len), (ssize_t)prepared.len);
	if (image_add(&r->a, fd, out.image_digest, &size, &e) != ERR_OK)
		fail_msg("%s: %s", err_name(e.code), e.reason);
	out.image_size = size;
	(void)close(fd);
	buf_free(&prepared);
	return out;
}

struct enrol_request realm_request(struct test_realm *r, struct request_mem *mem,
	const struct key *k, const char *serial)
{
	(void)r;
	struct enrol_request q = {.op = ENROL_SIMPLE, .peer = PEER_NONE};
	*mem = (struct request_mem){buf_new(KEY_SPKI_MAX), buf_new(1024), buf_new(1024)};
	assert_int_equal(key_spki(k, &mem->spki, NULL), ERR_OK);
	q.spki = buf_view(&mem->spki);
	(void)snprintf(q.csr_serial, sizeof(q.csr_serial), "%s", serial);
	(void)snprintf(q.csr_common_name, sizeof(q.csr_common_name), "%s", serial);
	return q;
}

void realm_request_renew(struct enrol_request *q, struct request_mem *mem, struct bytes cert_der)
{
	struct cert c;
	assert_int_equal(cert_parse(cert_der, &c, NULL), ERR_OK);
	q->op = ENROL_RE;
	q->peer = PEER_REALM;
	memcpy(q->peer_fingerprint, c.fingerprint, SHA256_SIZE);
	buf_reset(&mem->subject);
	buf_reset(&mem->san);
	assert_int_equal(cert_subject(&c, &mem->subject, NULL), ERR_OK);
	assert_int_equal(cert_san(&c, &mem->san, NULL), ERR_OK);
	q->peer_subject = q->csr_subject = buf_view(&mem->subject);
	q->peer_san = q->csr_san = buf_view(&mem->san);
	cert_free(&c);
}

void request_free(struct request_mem *mem)
{
	buf_free(&mem->spki);
	buf_free(&mem->subject);
	buf_free(&mem->san);
}

enum err_code realm_enrol(struct test_realm *r, const struct enrol_request *q, struct buf *der)
{
	struct enrol_grant g;
	struct cert_fields f;
	struct err e = {0};
	struct buf made = buf_new(CERT_DER_MAX);
	enum err_code rc = enrol_decide(&r->a, q, &g, &e);
	if (rc == ERR_OK) {
		enrol_fields(&r->a, &g, &f);
		rc = r->a.signer.cert(r->a.signer.arg, &f, &made, &e);
	}
	if (rc == ERR_OK)
		rc = REALM_DO(r, enrol_commit(&r->a, &g, buf_view(&made), &e));
	if (rc == ERR_OK && der != NULL)
		buf_bytes(der, buf_view(&made));
	buf_free(&made);
	return rc;
}
