#include "tests/unit/server/realm_maker.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/random.h"
#include "merkle/note.h"
#include "store/store.h"
#include "tests/unit/cmocka_tap.h"

#define OK(call)                                                                                   \
	do {                                                                                       \
		struct err e;                                                                      \
		struct err *e_ = &e;                                                               \
		err_clear(e_);                                                                     \
		if ((call) != ERR_OK) {                                                            \
			char why_[600];                                                            \
			err_print(e_, why_, sizeof(why_));                                         \
			fail_msg("%s: %s", #call, why_);                                           \
		}                                                                                  \
	} while (0)

static void path_of(const struct test_realm *t, const char *part, char out[PATH_MAX])
{
	OK(realm_path(t->realm.dir, part, out, e_));
}

static void write_file(const struct test_realm *t, const char *part, struct bytes data)
{
	char path[PATH_MAX];
	path_of(t, part, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data.p, data.len), (ssize_t)data.len);
	close(fd);
}

void realm_certify(const struct test_realm *t, enum profile profile, const char *name,
	const struct key *k, const struct key *issuer, struct bytes issuer_cert, struct buf *der)
{
	static const char *const names[] = {"localhost", NULL};
	struct buf spki = buf_new(KEY_SPKI_MAX);
	struct cert_fields f = {
		.profile = profile,
		.organization = TEST_REALM,
		.common_name = name,
		.device_serial = profile == PROFILE_DEVICE ? name : NULL,
		.not_before = clock_now(clock_system()),
		.names = profile == PROFILE_SERVER ? names : NULL,
	};
	(void)t;
	OK(key_spki(k, &spki, e_));
	OK(random_bytes(f.serial, sizeof(f.serial), e_));
	f.spki = buf_view(&spki);
	*der = buf_new(CERT_DER_MAX);
	OK(cert_build(&f, issuer, issuer_cert, der, e_));
	buf_free(&spki);
}

static void save_key(const struct test_realm *t, const char *part, enum key_type type,
	struct key **out)
{
	char path[PATH_MAX];
	path_of(t, part, path);
	OK(key_generate(type, out, e_));
	OK(key_save(*out, path, bytes_str(TEST_PASSPHRASE), e_));
}

static void save_cert(const struct test_realm *t, const char *part, const struct buf *der)
{
	struct buf pem = buf_new(4 * CERT_DER_MAX);
	OK(cert_to_pem(buf_view(der), &pem, e_));
	write_file(t, part, buf_view(&pem));
	buf_free(&pem);
}

static void make_log_key(const struct test_realm *t)
{
	struct note_key vkey;
	struct buf text = buf_new(1024);
	OK(note_key_make(TEST_ORIGIN, t->log, &vkey, e_));
	OK(note_key_print(&vkey, &text, e_));
	buf_u8(&text, '\n');
	write_file(t, "certs/log.vkey", buf_view(&text));
	buf_free(&text);
}

static void make_people(struct test_realm *t)
{
	static const char *const names[PEOPLE] = {"alice", "bob", "carol", "dave"};
	for (size_t i = 0; i < PEOPLE; i++) {
		t->people[i].name = names[i];
		OK(key_generate(KEY_P256, &t->people[i].key, e_));
		realm_certify(t, PROFILE_OPERATOR, names[i], t->people[i].key, t->root,
			buf_view(&t->root_cert), &t->people[i].cert);
	}
}

void realm_make(struct test_realm *t)
{
	struct config *c = &t->realm.config;
	char path[PATH_MAX];

	memset(t, 0, sizeof(*t));
	static const char template[] = "/tmp/medseal-test-XXXXXX";
	memcpy(t->realm.dir, template, sizeof(template));
	assert_non_null(mkdtemp(t->realm.dir));
	config_default(c);
	(void)snprintf(c->name, sizeof(c->name), "%s", TEST_REALM);
	(void)snprintf(c->server_names[0], sizeof(c->server_names[0]), "localhost");
	c->server_names_n = 1;
	c->approvals = 2;
	static const char *const folders[] = {"keys", "certs", "images"};
	for (size_t i = 0; i < 3; i++) {
		path_of(t, folders[i], path);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	OK(key_generate(KEY_P256, &t->root, e_));
	save_key(t, "keys/issuing.pem", KEY_P256, &t->issuing);
	save_key(t, "keys/code-signing.pem", KEY_P256, &t->code_signing);
	save_key(t, "keys/log.pem", KEY_ED25519, &t->log);
	save_key(t, "keys/tls.pem", KEY_P256, &t->tls);
	realm_certify(t, PROFILE_ROOT, "root", t->root, t->root, BYTES_NONE, &t->root_cert);
	struct bytes root = buf_view(&t->root_cert);
	realm_certify(t, PROFILE_ISSUING, "issuing", t->issuing, t->root, root, &t->issuing_cert);
	realm_certify(t, PROFILE_CODE_SIGNING, "code signing", t->code_signing, t->root, root,
		&t->code_signing_cert);
	realm_certify(t, PROFILE_SERVER, "localhost", t->tls, t->issuing,
		buf_view(&t->issuing_cert), &t->tls_cert);
	save_cert(t, "certs/root.pem", &t->root_cert);
	save_cert(t, "certs/issuing.pem", &t->issuing_cert);
	save_cert(t, "certs/code-signing.pem", &t->code_signing_cert);
	save_cert(t, "certs/tls.pem", &t->tls_cert);
	make_log_key(t);
	make_people(t);
}

void realm_make_store(struct test_realm *t)
{
	struct store *s;
	char path[PATH_MAX];
	path_of(t, "medseal.db", path);
	OK(store_create(path, &s, e_));
	OK(store_begin(s, e_));
	OK(store_meta_set(s, "name", TEST_REALM, e_));
	OK(store_meta_set(s, "log_origin", TEST_ORIGIN, e_));
	for (size_t i = 0; i < PEOPLE; i++) {
		struct operator_row o = {.added_at = clock_now(clock_system())};
		(void)snprintf(o.name, sizeof(o.name), "%s", t->people[i].name);
		sha256_of(buf_view(&t->people[i].cert), o.fingerprint);
		OK(store_operator_add(s, &o, buf_view(&t->people[i].cert), e_));
	}
	OK(store_commit(s, e_));
	store_close(s);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void folder_remove(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void realm_remove(struct test_realm *t)
{
	folder_remove(t->realm.dir);
	key_free(t->root);
	key_free(t->issuing);
	key_free(t->code_signing);
	key_free(t->log);
	key_free(t->tls);
	buf_free(&t->root_cert);
	buf_free(&t->issuing_cert);
	buf_free(&t->code_signing_cert);
	buf_free(&t->tls_cert);
	for (size_t i = 0; i < PEOPLE; i++) {
		key_free(t->people[i].key);
		buf_free(&t->people[i].cert);
	}
}
