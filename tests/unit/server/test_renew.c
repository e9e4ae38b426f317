/*
 * The server's own certificate: when it is replaced, what is recorded, and what happens when the
 * signer refuses, the disk fails or the power goes in between.  The signer's rules are the real ones.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/server_cert.h"
#include "server/files.h"
#include "server/keeper.h"
#include "server/signer.h"
#include "server/wire.h"
#include "tests/unit/cmocka_tap.h"
#include "tests/unit/server/faulty_disk.h"
#include "tests/unit/server/realm_maker.h"

#define DAY ((int64_t)86400)
#define LIFE (396 * DAY + 3600) /* with the hour that it is backdated */

static struct test_realm realm;
static struct keeper *keeper;
static struct signer signer;
static struct channel parent; /* its end of the keeper's channel */
static int64_t now;
static bool refuses;
static struct err err;

#define OK(call) assert_int_equal((call), ERR_OK)

static enum err_code sign(void *arg, const struct cert_fields *f, struct buf *der, struct err *e)
{
	struct message in = wire_message(MSG_SIGN_CERT, 1), out;
	struct buf names = buf_new(MESSAGE_NAME_MAX), mem = buf_new(MESSAGE_BODY_MAX);
	(void)arg;
	if (refuses)
		return err_set(e, ERR_SIGNER_REFUSED, "signer", "not now");
	wire_cert_put(f, &names, &in);
	enum err_code rc = signer_answer(&signer, ROLE_KEEPER, &in, &mem, &out, e);
	if (rc == ERR_OK)
		buf_bytes(der, out.f[0].bytes);
	buf_free(&names);
	buf_free(&mem);
	return rc;
}

static void start(void)
{
	int fds[2];
	keeper = calloc(1, sizeof(*keeper));
	assert_non_null(keeper);
	OK(keeper_open(&realm.realm, clock_fixed(&now), keeper, &err));
	OK(signer_open(&realm.realm, bytes_str(TEST_PASSPHRASE), clock_fixed(&now), &signer, &err));
	keeper->a.signer.cert = sign;
	OK(channel_pair(fds, &err));
	OK(channel_open(&keeper->parent, fds[0], ROLE_KEEPER, ROLE_PARENT, 0, &err));
	OK(channel_open(&parent, fds[1], ROLE_PARENT, ROLE_KEEPER, 0, &err));
}

static void stop(void)
{
	keeper_close(keeper);
	free(keeper);
	signer_free(&signer);
	channel_close(&parent);
}

static int set_up(void **state)
{
	(void)state;
	now = clock_now(clock_system());
	refuses = false;
	realm_make(&realm);
	realm_make_store(&realm);
	start();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	disk_fail(DISK_SYNC, 0);
	stop();
	realm_remove(&realm);
	return 0;
}

static uint64_t log_size(void)
{
	uint64_t n;
	OK(store_log_size(keeper->a.store, &n, &err));
	return n;
}

static struct cert file_cert(void)
{
	struct cert c;
	OK(files_cert(realm.realm.dir, "certs/tls.pem", &c, &err));
	struct cert values = c; /* numbers and names: what it points to is gone */
	cert_free(&c);
	return values;
}

static bool same(const struct cert *a, const struct cert *b)
{
	return memcmp(a->fingerprint, b->fingerprint, sizeof(a->fingerprint)) == 0;
}

/* Has the parent been told, once? */
static bool told(void)
{
	struct message m;
	enum err_code rc = channel_receive(&parent, false, &m, &err);
	if (rc == ERR_BUSY)
		return false;
	OK(rc);
	assert_int_equal(m.type, MSG_RENEWED);
	assert_int_equal(channel_receive(&parent, false, &m, &err), ERR_BUSY);
	return true;
}

static void write_cert(const char *part, struct bytes der)
{
	char path[PATH_MAX];
	struct buf pem = buf_new(2 * CERT_DER_MAX);
	OK(realm_path(realm.realm.dir, part, path, &err));
	OK(cert_to_pem(der, &pem, &err));
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, pem.p, pem.len), (ssize_t)pem.len);
	close(fd);
	buf_free(&pem);
}

/* Nothing is done, and nobody told. */
static void assert_left_alone(void)
{
	uint64_t before = log_size();
	struct cert was = file_cert();
	OK(keeper_renew(keeper, &err));
	struct cert is = file_cert();
	assert_true(same(&was, &is));
	assert_int_equal(log_size(), before);
	assert_false(told());
}

/* A new certificate: signed, stored, logged, in the file, the parent told; the next look finds it good. */
static void assert_renewed(void)
{
	uint64_t before = log_size(), seq;
	struct cert_row row;
	struct cert was = file_cert();
	OK(keeper_renew(keeper, &err));
	struct cert is = file_cert();
	assert_false(same(&was, &is));
	assert_memory_equal(is.spki_id, was.spki_id, sizeof(is.spki_id));
	assert_int_equal(is.not_before, now - 3600);
	assert_int_equal(is.not_after, now + 396 * DAY);
	OK(store_cert_get(keeper->a.store, is.fingerprint, &row, &err));
	assert_int_equal(row.profile, PROFILE_SERVER);
	assert_int_equal(row.state, CERT_ISSUED);
	assert_int_equal(log_size(), before + 1);
	OK(store_log_find(keeper->a.store, "server.certified", TEST_REALM, &seq, &err));
	assert_int_equal(seq, before);
	assert_true(told());
	assert_left_alone();
}

/* ---- tests ---- */

static void it_is_replaced_after_two_thirds_of_its_life(void **state)
{
	(void)state;
	struct cert_row row;
	assert_renewed(); /* the first: this realm's database has none yet */
	struct cert first = file_cert();
	now = first.not_before + LIFE - LIFE / 3 - 1;
	assert_left_alone();
	now++;
	assert_renewed();
	OK(store_cert_get(keeper->a.store, first.fingerprint, &row, &err));
	assert_int_equal(row.state, CERT_REPLACED);
}

static void one_that_has_expired_or_is_of_the_future_is_replaced(void **state)
{
	(void)state;
	assert_renewed();
	now += 3 * 366 * DAY;
	assert_renewed();
	now -= 366 * DAY;
	assert_renewed();
}

static void one_that_ends_with_its_ca_is_not_replaced_for_its_age(void **state)
{
	(void)state;
	int64_t ends = now + 300 * DAY; /* in ten years P-256 is not admitted any more */
	keeper->a.issuing_ends = ends;
	signer.issuing_cert.not_after = ends;
	OK(keeper_renew(keeper, &err));
	assert_true(told());
	struct cert last = file_cert();
	assert_int_equal(last.not_after, ends);
	now += 290 * DAY;
	assert_left_alone();
	keeper->a.issuing_ends++;
	signer.issuing_cert.not_after++;
	OK(keeper_renew(keeper, &err));
	assert_true(told());
}

static void other_names_in_the_configuration_need_another(void **state)
{
	(void)state;
	struct config *c = &realm.realm.config;
	assert_renewed();
	stop();
	(void)snprintf(c->server_names[1], sizeof(c->server_names[1]), "192.0.2.7");
	c->server_names_n = 2;
	start();
	assert_renewed();
}

static void another_key_needs_another(void **state)
{
	(void)state;
	struct cert newest;
	struct key *k;
	assert_renewed();
	OK(key_generate(KEY_P256, &k, &err));
	buf_reset(&keeper->tls_spki);
	OK(key_spki(k, &keeper->tls_spki, &err));
	keeper->a.tls_spki = buf_view(&keeper->tls_spki);
	/* the signer's rule holds beside: it certifies no key but its own */
	assert_int_equal(keeper_renew(keeper, &err), ERR_PROTOCOL);
	buf_reset(&signer.tls_spki);
	buf_bytes(&signer.tls_spki, keeper->a.tls_spki);
	OK(keeper_renew(keeper, &err));
	assert_true(told());
	OK(server_cert_newest(&keeper->a, &newest, &err));
	uint8_t id[SHA256_SIZE];
	sha256_of(keeper->a.tls_spki, id);
	assert_memory_equal(newest.spki_id, id, sizeof(id));
	cert_free(&newest);
	key_free(k);
}

static void the_file_follows_the_database(void **state)
{
	(void)state;
	assert_renewed();
	struct cert newest = file_cert();
	uint64_t before = log_size();
	write_cert("certs/tls.pem", buf_view(&realm.tls_cert)); /* as before: a crash came between */
	stop();
	start();
	OK(keeper_renew(keeper, &err));
	struct cert is = file_cert();
	assert_true(same(&is, &newest));
	assert_int_equal(log_size(), before);
	assert_true(told());
	assert_left_alone();
}

static void assert_refused(enum err_code why)
{
	uint64_t before = log_size();
	struct cert was = file_cert();
	assert_int_equal(keeper_renew(keeper, &err), why);
	struct cert is = file_cert();
	assert_true(same(&was, &is));
	assert_int_equal(log_size(), before);
	assert_false(told());
	assert_true(keeper->renew_due > clock_monotonic_ms() + 3500 * 1000);
	assert_true(keeper->renew_due <= clock_monotonic_ms() + 3600 * 1000);
	assert_false(keeper->stop);
}

static void what_fails_is_tried_again(void **state)
{
	(void)state;
	refuses = true;
	assert_refused(ERR_SIGNER_REFUSED);
	refuses = false;
	disk_full();
	assert_refused(ERR_DISK_FULL);
	disk_fail(DISK_SYNC, 0);
	int64_t then = now;
	now = 86400;
	assert_refused(ERR_CLOCK);
	now = then;
	assert_renewed();
}

static void a_file_that_cannot_be_written_is_written_later(void **state)
{
	(void)state;
	char path[PATH_MAX];
	struct cert was = file_cert();
	OK(realm_path(realm.realm.dir, "certs/tls.pem.new", path, &err));
	assert_int_equal(mkdir(path, 0700), 0);
	uint64_t before = log_size();
	for (int i = 0; i < 2; i++) { /* the second time it has one already, and signs no other */
		assert_int_equal(keeper_renew(keeper, &err), ERR_IO);
		struct cert is = file_cert();
		assert_true(same(&is, &was));
		assert_int_equal(log_size(), before + 1);
		assert_false(told());
	}
	assert_int_equal(rmdir(path), 0);
	OK(keeper_renew(keeper, &err));
	struct cert is = file_cert();
	assert_false(same(&is, &was));
	assert_int_equal(log_size(), before + 1);
	assert_true(told());
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(it_is_replaced_after_two_thirds_of_its_life),
		TEST(one_that_has_expired_or_is_of_the_future_is_replaced),
		TEST(one_that_ends_with_its_ca_is_not_replaced_for_its_age),
		TEST(other_names_in_the_configuration_need_another),
		TEST(another_key_needs_another),
		TEST(the_file_follows_the_database),
		TEST(what_fails_is_tried_again),
		TEST(a_file_that_cannot_be_written_is_written_later),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
