/*
 * The keeper with a real signer in a process of its own, asked over real channels the way a worker
 * asks.  The test plays the worker, and the disk.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "authority/device.h"
#include "authority/journal.h"
#include "firmware/approval.h"
#include "server/keeper.h"
#include "server/signer.h"
#include "server/wire.h"
#include "tests/unit/cmocka_tap.h"
#include "tests/unit/server/faulty_disk.h"
#include "tests/unit/server/realm_maker.h"

static struct test_realm realm;
static struct keeper *keeper;
static struct channel worker;
static pid_t signer_pid;
static int64_t now;
static struct err err;

#define OK(call) assert_int_equal((call), ERR_OK)

/* ---- processes ---- */

/* The signer's rules behind a channel, until its end. */
static int be_signer(int fd)
{
	struct signer s;
	struct channel c;
	struct message in, out;
	struct err e;
	struct buf mem = buf_new(MESSAGE_BODY_MAX);

	if (signer_open(&realm.realm, bytes_str(TEST_PASSPHRASE), clock_system(), &s, &e) != ERR_OK ||
		channel_open(&c, fd, ROLE_SIGNER, ROLE_KEEPER, 0, &e) != ERR_OK)
		return 1;
	while (channel_receive(&c, true, &in, &e) == ERR_OK) {
		enum err_code rc = signer_answer(&s, ROLE_KEEPER, &in, &mem, &out, &e);
		if (rc == ERR_PROTOCOL)
			break;
		if (rc != ERR_OK) {
			out = wire_message(MSG_REFUSED, in.id);
			wire_refusal_put(&e, 0, &out);
		}
		if (in.fd >= 0)
			close(in.fd);
		if (channel_send(&c, &out, &e) != ERR_OK)
			break;
	}
	return 0;
}

static void start_signer(void)
{
	int fds[2];
	OK(channel_pair(fds, &err));
	signer_pid = fork();
	assert_true(signer_pid >= 0);
	if (signer_pid == 0) {
		close(fds[0]);
		_exit(be_signer(fds[1]));
	}
	close(fds[1]);
	OK(channel_open(&keeper->signer, fds[0], ROLE_KEEPER, ROLE_SIGNER, 0, &err));
}

static void start_worker(unsigned slot, struct channel *c)
{
	int fds[2];
	OK(channel_pair(fds, &err));
	OK(seat_take(keeper, slot, fds[0], &err));
	OK(channel_open(c, fds[1], ROLE_WORKER, ROLE_KEEPER, slot, &err));
}

static void start_keeper(void)
{
	keeper = calloc(1, sizeof(*keeper));
	assert_non_null(keeper);
	OK(keeper_open(&realm.realm, clock_fixed(&now), keeper, &err));
	keeper->crl_due = INT64_MAX / 2;
	start_signer();
	start_worker(0, &worker);
}

static void stop_keeper(void)
{
	keeper_close(keeper); /* with its channel the signer ends */
	free(keeper);
	channel_close(&worker);
	assert_int_equal(waitpid(signer_pid, NULL, 0), signer_pid);
}

static int set_up(void **state)
{
	(void)state;
	now = clock_now(clock_system());
	realm_make(&realm);
	realm_make_store(&realm);
	start_keeper();
	/* as after `medseal init`: a first entry, and a checkpoint of it */
	OK(store_begin(keeper->a.store, &err));
	OK(journal_note(&keeper->a, "realm.created", TEST_REALM, &err));
	OK(store_commit(keeper->a.store, &err));
	OK(keeper_checkpoint(keeper, &err));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	disk_fail(DISK_SYNC, 0);
	stop_keeper();
	realm_remove(&realm);
	return 0;
}

/* ---- a device's wish ---- */

struct wish {
	char serial[32];
	char ticket[TICKET_TEXT_SIZE];
	struct buf spki;
};

static struct wish make_wish(const char *serial)
{
	struct wish w = {.spki = buf_new(KEY_SPKI_MAX)};
	struct key *k;
	struct device d;
	int64_t expires;
	(void)snprintf(w.serial, sizeof(w.serial), "%s", serial);
	OK(key_generate(KEY_P256, &k, &err));
	OK(key_spki(k, &w.spki, &err));
	key_free(k);
	OK(store_begin(keeper->a.store, &err));
	enum err_code rc = device_add(&keeper->a, "operator:alice", serial, "pump", "", &d, &err);
	assert_true(rc == ERR_OK || rc == ERR_EXISTS);
	OK(device_ticket(&keeper->a, "operator:alice", serial, 0, w.ticket, &expires, &err));
	OK(store_commit(keeper->a.store, &err));
	return w;
}

static void ask_enrol(struct channel *c, const struct wish *w, uint32_t id)
{
	struct enrol_request r = {.op = ENROL_SIMPLE, .peer = PEER_NONE};
	struct message m = wire_message(MSG_ENROL, id);
	(void)snprintf(r.ticket_serial, sizeof(r.ticket_serial), "%s", w->serial);
	(void)snprintf(r.ticket, sizeof(r.ticket), "%s", w->ticket);
	(void)snprintf(r.csr_serial, sizeof(r.csr_serial), "%s", w->serial);
	r.spki = buf_view(&w->spki);
	wire_enrol_put(&r, &m);
	OK(channel_send(c, &m, &err));
}

static void rounds(void)
{
	while (keeper_round(keeper, 0))
		;
}

/* The next answer: ERR_OK, or the code it was refused with. */
static enum err_code answer(struct channel *c, struct message *m)
{
	struct err why;
	unsigned retry;
	do {
		OK(channel_receive(c, false, m, &err));
		if (m->type == MSG_TRUST)
			close(m->fd);
	} while (m->type == MSG_TRUST);
	return m->type == MSG_REFUSED ? wire_refusal_get(m, &why, &retry) : ERR_OK;
}

static bool in_store(const struct message *m)
{
	uint8_t fingerprint[SHA256_SIZE];
	struct cert_row row;
	sha256_of(m->f[0].bytes, fingerprint);
	return store_cert_get(keeper->a.store, fingerprint, &row, &err) == ERR_OK;
}

static uint64_t log_size(void)
{
	uint64_t n;
	OK(store_log_size(keeper->a.store, &n, &err));
	return n;
}

static uint64_t cert_count(void)
{
	uint64_t n;
	OK(store_cert_count(keeper->a.store, &n, &err));
	return n;
}

/* The log in the database holds, and what the keeper has in memory is the same. */
static void check_log(void)
{
	struct audit_verdict v;
	struct audit_state fresh;
	OK(audit_verify_store(keeper->a.store, &keeper->a.log_key, &v, &err));
	OK(audit_open(keeper->a.store, &keeper->a.log_key, &fresh, &err));
	assert_int_equal(fresh.edge.size, keeper->a.audit.edge.size);
	assert_memory_equal(&fresh.last, &keeper->a.audit.last, sizeof(fresh.last));
	assert_int_equal(log_size(), fresh.edge.size);
}

/* ---- tests ---- */

static void enrolment_is_stored_and_logged(void **state)
{
	(void)state;
	uint64_t seq;
	struct message m;
	struct wish w = make_wish("ONE");
	uint64_t before = log_size();
	ask_enrol(&worker, &w, 11);
	rounds();
	OK(answer(&worker, &m));
	assert_int_equal(m.type, MSG_ENROLLED);
	assert_int_equal(m.id, 11);
	assert_true(in_store(&m));
	assert_int_equal(log_size(), before + 1);
	OK(store_log_find(keeper->a.store, "device.enrolled", "ONE", &seq, &err));
	assert_int_equal(seq, before);
	check_log();
	buf_free(&w.spki);
}

#define MANY 100

static void many_requests_share_one_fsync(void **state)
{
	(void)state;
	struct wish w[MANY];
	struct message m;
	char serial[32];
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(serial, sizeof(serial), "MANY-%d", i);
		w[i] = make_wish(serial);
	}
	uint64_t before = log_size();

	/* what one request costs, for comparison */
	struct wish one = make_wish("MANY-ONE");
	disk_fail(DISK_SYNC, 0);
	ask_enrol(&worker, &one, 999);
	rounds();
	int syncs_one = disk_count(DISK_SYNC);
	OK(answer(&worker, &m));

	disk_fail(DISK_SYNC, 0);
	for (int i = 0; i < MANY; i++)
		ask_enrol(&worker, &w[i], (uint32_t)i);
	assert_true(keeper_round(keeper, 0));
	int syncs = disk_count(DISK_SYNC);
	print_message("# fsyncs: %d for one request, %d for %d requests\n", syncs_one, syncs, MANY);
	assert_true(syncs_one >= 1);
	assert_true(syncs >= 1 && syncs <= syncs_one + 2); /* a WAL that is written back adds two */
	for (int i = 0; i < MANY; i++) {
		OK(answer(&worker, &m));
		assert_true(in_store(&m));
		buf_free(&w[i].spki);
	}
	assert_int_equal(log_size(), before + 3 + MANY); /* device, ticket and enrolment of `one` */
	check_log();
	buf_free(&one.spki);
}

static void one_ticket_is_used_once_in_a_burst(void **state)
{
	(void)state;
	struct message m;
	struct wish w = make_wish("BURST");
	struct wish again = make_wish("BURST");
	int done = 0, used = 0;
	memcpy(again.ticket, w.ticket, sizeof(again.ticket)); /* another key, the same ticket */
	for (uint32_t i = 0; i < 10; i++)
		ask_enrol(&worker, i % 2 == 0 ? &w : &again, i);
	rounds();
	for (int i = 0; i < 10; i++) {
		enum err_code rc = answer(&worker, &m);
		done += rc == ERR_OK;
		used += rc == ERR_TICKET_USED;
	}
	assert_int_equal(done, 1);
	assert_int_equal(used, 9);
	check_log();
	buf_free(&w.spki);
	buf_free(&again.spki);
}

static void one_key_for_two_devices_in_a_burst(void **state)
{
	(void)state;
	struct message m;
	struct wish w = make_wish("TWIN-1");
	struct wish x = make_wish("TWIN-2");
	buf_reset(&x.spki);
	buf_bytes(&x.spki, buf_view(&w.spki));
	ask_enrol(&worker, &w, 1);
	ask_enrol(&worker, &x, 2);
	rounds();
	OK(answer(&worker, &m));
	assert_int_equal(answer(&worker, &m), ERR_KEY_REUSED);
	check_log();
	buf_free(&w.spki);
	buf_free(&x.spki);
}

#define FAULTY 4 /* requests in a batch that meets a fault */

/* One batch with the n-th operation failing; true when it did fail. */
static bool faulty_batch(enum disk_op op, int n)
{
	struct wish w[FAULTY];
	struct message m;
	char serial[32];
	for (int i = 0; i < FAULTY; i++) {
		(void)snprintf(serial, sizeof(serial), "FAULT-%d-%d-%d", (int)op, n, i);
		w[i] = make_wish(serial);
	}
	uint64_t before = log_size();
	uint64_t certs = cert_count();
	for (int i = 0; i < FAULTY; i++)
		ask_enrol(&worker, &w[i], (uint32_t)i);
	disk_fail(op, n);
	assert_true(keeper_round(keeper, 0));
	bool failed = disk_failed();
	disk_fail(op, 0);

	uint64_t done = 0;
	for (int i = 0; i < FAULTY; i++) {
		enum err_code rc = answer(&worker, &m);
		if (rc == ERR_OK) {
			done++;
			assert_true(in_store(&m));
			continue;
		}
		assert_true(rc == ERR_STORE || rc == ERR_DISK_FULL || rc == ERR_IO);
	}
	assert_true(done == 0 || done == FAULTY); /* a batch is whole or nothing */
	assert_int_equal(log_size(), before + done);
	assert_int_equal(cert_count(), certs + done);
	check_log();

	/* whoever was refused asks again, with the same ticket, and gets it */
	for (int i = 0; i < FAULTY && done == 0; i++)
		ask_enrol(&worker, &w[i], (uint32_t)i);
	rounds();
	for (int i = 0; i < FAULTY && done == 0; i++)
		OK(answer(&worker, &m));
	check_log();
	for (int i = 0; i < FAULTY; i++)
		buf_free(&w[i].spki);
	return failed;
}

static void every_fsync_fails_once(void **state)
{
	(void)state;
	int n = 1;
	while (n < 50 && faulty_batch(DISK_SYNC, n))
		n++;
	print_message("# %d faults\n", n - 1);
	assert_true(n > 1);
}

static void every_write_fails_once(void **state)
{
	(void)state;
	int n = 1;
	while (n < 200 && faulty_batch(DISK_WRITE, n))
		n++;
	print_message("# %d faults\n", n - 1);
	assert_true(n > 1);
}

static void a_full_disk_refuses_and_goes_on(void **state)
{
	(void)state;
	struct message m;
	struct wish w = make_wish("FULL");
	disk_full();
	ask_enrol(&worker, &w, 1);
	rounds();
	assert_int_equal(answer(&worker, &m), ERR_DISK_FULL);
	ask_enrol(&worker, &w, 2);
	rounds();
	assert_int_equal(answer(&worker, &m), ERR_DISK_FULL);
	disk_fail(DISK_SYNC, 0);
	ask_enrol(&worker, &w, 3);
	rounds();
	OK(answer(&worker, &m));
	check_log();
	buf_free(&w.spki);
}

/* ---- the power goes ---- */

#define CUTS 12 /* batches, the power going after each */
#define CUT_BATCH 6

static uint8_t told[CUTS * CUT_BATCH][SHA256_SIZE]; /* fingerprints that clients were given */

static void copy_file(const char *from_dir, const char *to_dir, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX];
	uint8_t piece[65536];
	ssize_t n;
	(void)snprintf(from, sizeof(from), "%.200s/%s", from_dir, name);
	(void)snprintf(to, sizeof(to), "%.200s/%s", to_dir, name);
	int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return; /* no WAL yet */
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(out >= 0);
	while ((n = read(in, piece, sizeof(piece))) > 0)
		assert_int_equal(write(out, piece, (size_t)n), n);
	close(in);
	close(out);
}

static void make_folder(char out[64])
{
	static const char template[] = "/tmp/medseal-cut-XXXXXX";
	memcpy(out, template, sizeof(template));
	assert_non_null(mkdtemp(out));
}

/* Only what was synced is left: does it open, does its log hold, is everybody in it? */
static void check_remains(const char *durable, size_t told_n)
{
	char left[64], path[128];
	struct store *s;
	struct audit_state log;
	struct cert_row row;
	make_folder(left);
	copy_file(durable, left, "medseal.db");
	copy_file(durable, left, "medseal.db-wal");
	(void)snprintf(path, sizeof(path), "%s/medseal.db", left);
	disk_mirror(NULL);
	OK(store_open(path, &s, &err));
	OK(audit_open(s, &keeper->a.log_key, &log, &err));
	for (size_t i = 0; i < told_n; i++)
		OK(store_cert_get(s, told[i], &row, &err));
	store_close(s);
	disk_mirror(durable);
	folder_remove(left);
}

static void a_power_cut_loses_nothing_that_was_told(void **state)
{
	(void)state;
	char durable[64], serial[32];
	struct message m;
	struct wish w[CUT_BATCH];
	size_t told_n = 0;
	make_folder(durable);
	copy_file(realm.realm.dir, durable, "medseal.db");
	copy_file(realm.realm.dir, durable, "medseal.db-wal");
	disk_mirror(durable);
	for (int cut = 0; cut < CUTS; cut++) {
		for (int i = 0; i < CUT_BATCH; i++) {
			(void)snprintf(serial, sizeof(serial), "CUT-%d-%d", cut, i);
			w[i] = make_wish(serial);
			ask_enrol(&worker, &w[i], (uint32_t)i);
		}
		assert_true(keeper_round(keeper, 0));
		for (int i = 0; i < CUT_BATCH; i++) {
			OK(answer(&worker, &m));
			sha256_of(m.f[0].bytes, told[told_n++]);
			buf_free(&w[i].spki);
		}
		check_remains(durable, told_n);
		if (cut % 3 == 0)
			OK(keeper_checkpoint(keeper, &err));
	}
	disk_mirror(NULL);
	folder_remove(durable);
}

static void checkpoints_survive_a_failed_commit(void **state)
{
	(void)state;
	uint64_t size = 0;
	struct message m;
	struct buf note = buf_new(NOTE_MAX);
	struct wish w = make_wish("CHECK");
	OK(keeper_checkpoint(keeper, &err));
	OK(store_checkpoint_newest(keeper->a.store, &size, &note, &err));
	assert_int_equal(size, log_size());
	/* the checkpoint's own transaction fails: it was signed and is signed again */
	ask_enrol(&worker, &w, 1);
	rounds();
	OK(answer(&worker, &m));
	disk_full();
	assert_int_equal(keeper_checkpoint(keeper, &err), ERR_DISK_FULL);
	disk_fail(DISK_SYNC, 0);
	OK(keeper_checkpoint(keeper, &err));
	buf_reset(&note);
	OK(store_checkpoint_newest(keeper->a.store, &size, &note, &err));
	assert_int_equal(size, log_size());
	check_log();
	buf_free(&note);
	buf_free(&w.spki);
}

static void crl_survives_a_failed_commit(void **state)
{
	(void)state;
	uint64_t number;
	int64_t ends;
	struct message m;
	struct buf der = buf_new(1 << 20);
	disk_full();
	assert_int_equal(keeper_refresh_crl(keeper, &err), ERR_DISK_FULL);
	disk_fail(DISK_SYNC, 0);
	now += 2; /* numbers follow the clock */
	OK(keeper_refresh_crl(keeper, &err));
	OK(store_crl_get(keeper->a.store, &number, &ends, &der, &err));
	struct message ask = wire_message(MSG_CRL, 4);
	OK(channel_send(&worker, &ask, &err));
	rounds();
	OK(answer(&worker, &m));
	assert_int_equal(m.type, MSG_RESULT);
	assert_int_equal(m.f[0].num, 200);
	assert_true(bytes_equal(m.f[2].bytes, buf_view(&der)));
	buf_free(&der);
	check_log();
}

static void clock_of_1970_refuses_and_goes_on(void **state)
{
	(void)state;
	struct message m;
	struct wish w = make_wish("EPOCH");
	int64_t real = now;
	now = 100;
	ask_enrol(&worker, &w, 1);
	rounds();
	assert_int_equal(answer(&worker, &m), ERR_CLOCK);
	now = real;
	ask_enrol(&worker, &w, 1);
	rounds();
	OK(answer(&worker, &m));
	buf_free(&w.spki);
}

static void a_worker_that_breaks_the_protocol_loses_its_seat(void **state)
{
	(void)state;
	struct channel bad;
	struct message m;
	struct wish w = make_wish("BESIDE");
	start_worker(1, &bad);
	assert_int_equal(send(bad.fd, "what is this", 12, 0), 12);
	ask_enrol(&worker, &w, 1);
	rounds();
	OK(answer(&worker, &m));
	assert_int_equal(channel_receive(&bad, false, &m, &err), ERR_UNAVAILABLE);
	assert_false(keeper->seats[1].used);
	channel_close(&bad);
	buf_free(&w.spki);
}

/* Three thousand questions and no answer read: nobody waits, and nothing is lost. */
static void a_worker_that_does_not_read_stops_nobody(void **state)
{
	(void)state;
	struct channel lazy;
	struct message m, ask = wire_message(MSG_CRL, 0);
	struct wish w = make_wish("PATIENT");
	uint32_t asked = 0, heard = 0;
	start_worker(2, &lazy);
	while (asked < 3000) {
		ask.id = asked;
		enum err_code rc = channel_try_send(&lazy, &ask, &err);
		if (rc == ERR_OK)
			asked++;
		else
			rounds();
	}
	ask_enrol(&worker, &w, 1);
	rounds();
	OK(answer(&worker, &m));
	while (heard < asked) {
		enum err_code rc = channel_receive(&lazy, false, &m, &err);
		if (rc == ERR_BUSY) {
			(void)keeper_round(keeper, 100);
			continue;
		}
		OK(rc);
		if (m.fd >= 0)
			close(m.fd);
		if (m.type == MSG_TRUST)
			continue;
		assert_int_equal(m.id, heard);
		heard++;
	}
	assert_true(keeper->seats[2].used);
	seat_drop(&keeper->seats[2]);
	channel_close(&lazy);
	buf_free(&w.spki);
}

static void without_a_signer_it_fails_closed(void **state)
{
	(void)state;
	struct message m;
	struct wish w = make_wish("ALONE");
	uint64_t before = log_size();
	assert_int_equal(kill(signer_pid, SIGKILL), 0);
	assert_int_equal(waitpid(signer_pid, NULL, 0), signer_pid);
	ask_enrol(&worker, &w, 1);
	rounds();
	assert_int_equal(answer(&worker, &m), ERR_UNAVAILABLE);
	assert_int_equal(log_size(), before);
	assert_true(keeper->stop);
	assert_int_equal(keeper->status, err_exit(ERR_INTERNAL));
	check_log();
	/* for the tests after this one */
	channel_close(&keeper->signer);
	keeper->lost = false;
	keeper->stop = false;
	start_signer();
	buf_free(&w.spki);
}

/* ---- an operator's calls ---- */

static enum err_code call(size_t person, enum api_op op, const char *a, struct bytes body, int fd,
	struct message *m)
{
	struct api_call c = {.op = op, .body = body};
	struct message out = wire_message(MSG_CALL, 77);
	sha256_of(buf_view(&realm.people[person].cert), c.operator_fingerprint);
	(void)snprintf(c.a, sizeof(c.a), "%s", a);
	wire_call_put(&c, &out);
	out.fd = fd;
	OK(channel_send(&worker, &out, &err));
	rounds();
	return answer(&worker, m);
}

static void envelope(size_t person, enum approval_meaning meaning, const struct buf *statement,
	struct buf *out)
{
	*out = buf_new(APPROVAL_ENVELOPE_MAX);
	OK(approval_make(meaning, now, buf_view(statement), realm.people[person].key,
		buf_view(&realm.people[person].cert), out, &err));
}

static void release_goes_through_the_real_signer(void **state)
{
	(void)state;
	static const char image[] = "firmware of a pump";
	struct message m;
	struct buf statement = buf_new(RELEASE_STATEMENT_MAX), env;
	struct release r = {.product = "pump", .security_counter = 1, .format = RELEASE_PLAIN};
	char id[RELEASE_ID_SIZE];
	int fd;

	r.version.major = 1;
	r.image_size = strlen(image);
	sha256_of(bytes_str(image), r.image_digest);
	OK(release_encode(&r, &statement, &err));
	release_id(buf_view(&statement), id);
	OK(memfd_make("image", bytes_str(image), &fd, &err));
	OK(call(0, API_IMAGE_ADD, "", BYTES_NONE, fd, &m));
	close(fd);
	envelope(0, APPROVAL_PROPOSE, &statement, &env);
	OK(call(0, API_RELEASE_PROPOSE, "", buf_view(&env), -1, &m));
	buf_free(&env);
	for (size_t i = 1; i <= 2; i++) {
		assert_int_equal(call(0, API_RELEASE_PUBLISH, id, BYTES_NONE, -1, &m),
			ERR_APPROVALS_MISSING);
		envelope(i, APPROVAL_APPROVE, &statement, &env);
		OK(call(i, API_RELEASE_APPROVE, id, buf_view(&env), -1, &m));
		buf_free(&env);
	}
	OK(call(0, API_RELEASE_PUBLISH, id, BYTES_NONE, -1, &m));
	assert_int_equal(keeper->checkpointed, log_size());
	OK(call(0, API_RELEASE_BUNDLE, id, BYTES_NONE, -1, &m));
	assert_int_equal(m.f[0].num, 200);
	assert_true(m.fd >= 0);
	close(m.fd);
	buf_free(&statement);
	check_log();
}

static void restart_finds_everything(void **state)
{
	(void)state;
	uint64_t before = log_size();
	uint64_t certs = cert_count();
	stop_keeper();
	start_keeper();
	assert_int_equal(log_size(), before);
	assert_int_equal(cert_count(), certs);
	check_log();
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enrolment_is_stored_and_logged),
		cmocka_unit_test(many_requests_share_one_fsync),
		cmocka_unit_test(one_ticket_is_used_once_in_a_burst),
		cmocka_unit_test(one_key_for_two_devices_in_a_burst),
		cmocka_unit_test(every_fsync_fails_once),
		cmocka_unit_test(every_write_fails_once),
		cmocka_unit_test(a_full_disk_refuses_and_goes_on),
		cmocka_unit_test(a_power_cut_loses_nothing_that_was_told),
		cmocka_unit_test(checkpoints_survive_a_failed_commit),
		cmocka_unit_test(crl_survives_a_failed_commit),
		cmocka_unit_test(clock_of_1970_refuses_and_goes_on),
		cmocka_unit_test(a_worker_that_breaks_the_protocol_loses_its_seat),
		cmocka_unit_test(a_worker_that_does_not_read_stops_nobody),
		cmocka_unit_test(without_a_signer_it_fails_closed),
		cmocka_unit_test(release_goes_through_the_real_signer),
		cmocka_unit_test(restart_finds_everything),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
