/*
 * The n-th operation of the database fails, for every n: then there is no entry without its change
 * and no change without its entry, and the next try succeeds.  sqlite3_step is taken over at link
 * time (--wrap).
 */
#include "tests/unit/cmocka_tap.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "authority/device.h"
#include "authority/journal.h"
#include "authority/release.h"
#include "authority/revoke.h"
#include "tests/unit/authority/realm_maker.h"

static struct test_realm r;
static struct key *k;
static struct request_mem mem;
static struct enrol_request request;
static struct buf envelope;
static struct release_row row;
static struct release release;
static char ticket[TICKET_TEXT_SIZE]; /* one that was committed */
static char made[TICKET_TEXT_SIZE];

static long fail_at; /* 0: never */
static long steps;

int __real_sqlite3_step(sqlite3_stmt *s);
int __wrap_sqlite3_step(sqlite3_stmt *s);

int __wrap_sqlite3_step(sqlite3_stmt *s)
{
	const char *sql = sqlite3_sql(s);
	/* a rollback that fails leaves a transaction that cannot commit: not a case of ours */
	bool undo = sql != NULL && (strncmp(sql, "ROLLBACK", 8) == 0);
	if (!undo && fail_at != 0 && ++steps == fail_at)
		return SQLITE_FULL;
	return __real_sqlite3_step(s);
}

/* What can be counted: a change shows in at least one of them. */
struct counts {
	uint64_t log, certs, devices[3], releases, approvals, published, crl, checkpoint;
	bool ticket_used;
};

static enum err_code count_release(void *arg, const struct release_row *x)
{
	struct counts *c = arg;
	c->releases++;
	c->published += x->state == RELEASE_PUBLISHED;
	return ERR_OK;
}

static enum err_code count_approval(void *arg, const char *name, int64_t at, struct bytes b)
{
	struct counts *c = arg;
	(void)name;
	(void)at;
	(void)b;
	c->approvals++;
	return ERR_OK;
}

static struct counts count(void)
{
	struct counts c;
	struct ticket t;
	uint8_t hash[SHA256_SIZE];
	int64_t ends;
	struct buf b = buf_new(65536);
	memset(&c, 0, sizeof(c));
	c.log = realm_log_size(&r);
	assert_int_equal(store_cert_count(r.a.store, &c.certs, NULL), ERR_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_device_count(r.a.store, (enum device_state)i, &c.devices[i],
			NULL), ERR_OK);
	assert_int_equal(store_release_list(r.a.store, count_release, &c, NULL), ERR_OK);
	if (row.id[0] != '\0')
		assert_int_equal(store_approval_list(r.a.store, row.id, count_approval, &c, NULL),
			ERR_OK);
	if (store_crl_get(r.a.store, &c.crl, &ends, &b, NULL) != ERR_OK)
		c.crl = 0;
	buf_reset(&b);
	if (store_checkpoint_newest(r.a.store, &c.checkpoint, &b, NULL) != ERR_OK)
		c.checkpoint = 0;
	if (ticket[0] != '\0') {
		assert_int_equal(ticket_hash(ticket, hash, NULL), ERR_OK);
		assert_int_equal(store_ticket_get(r.a.store, hash, &t, NULL), ERR_OK);
		c.ticket_used = t.used_at != 0;
	}
	buf_free(&b);
	return c;
}

static bool equal(const struct counts *x, const struct counts *y)
{
	return memcmp(x, y, sizeof(*x)) == 0;
}

/*
 * Run `act` with the n-th step failing, n = 1, 2, ... until it succeeds.  Each failure must leave
 * everything as it was, the audit state in memory included; the success adds `entries`.
 */
static void fails_cleanly(enum err_code (*act)(void), uint64_t entries)
{
	struct counts before = count(), after;
	enum err_code rc = ERR_STORE;
	for (long n = 1; rc != ERR_OK && n < 1000; n++) {
		steps = 0;
		fail_at = n;
		struct audit_state mark;
		authority_mark(&r.a, &mark);
		rc = store_begin(r.a.store, NULL);
		if (rc == ERR_OK)
			rc = act();
		if (rc == ERR_OK)
			rc = store_commit(r.a.store, NULL);
		if (rc != ERR_OK) {
			store_rollback(r.a.store);
			authority_reset(&r.a, &mark);
		}
		bool fired = steps >= n;
		fail_at = 0;
		after = count();
		if (rc == ERR_OK && fired)
			fail_msg("step %ld failed and nobody noticed", n);
		if (rc != ERR_OK && !equal(&before, &after))
			fail_msg("step %ld: something was left behind", n);
	}
	assert_int_equal(rc, ERR_OK);
	assert_int_equal(after.log, before.log + entries);
	assert_false(equal(&before, &after));
	realm_check_log(&r);
}

/*
 * The same inside a batch: an act that fails is undone alone, and what stands beside it in the
 * transaction is committed.
 */
static void fails_alone(enum err_code (*act)(void))
{
	enum err_code rc = ERR_STORE;
	for (long n = 2; rc != ERR_OK && n < 1000; n++) {
		struct counts before = count();
		struct audit_state mark;
		authority_mark(&r.a, &mark);
		assert_int_equal(store_begin(r.a.store, NULL), ERR_OK);
		assert_int_equal(journal_note(&r.a, "test.before", "x", NULL), ERR_OK);
		steps = 0;
		fail_at = n;
		rc = act();
		bool fired = steps >= n;
		fail_at = 0;
		if (rc == ERR_OK && fired)
			fail_msg("step %ld failed and nobody noticed", n);
		assert_int_equal(journal_note(&r.a, "test.after", "x", NULL), ERR_OK);
		enum err_code end = store_commit(r.a.store, NULL);
		if (end != ERR_OK) { /* the database gave the whole transaction up: so do we */
			store_rollback(r.a.store);
			authority_reset(&r.a, &mark);
			continue;
		}
		struct counts after = count();
		assert_int_equal(after.log, before.log + 2 + (rc == ERR_OK));
		before.log = after.log;
		if (rc != ERR_OK && !equal(&before, &after))
			fail_msg("step %ld: something was left behind", n);
		realm_check_log(&r);
	}
	assert_int_equal(rc, ERR_OK);
}

static enum err_code act_add(void)
{
	struct device d;
	return device_add(&r.a, "operator:alice", "B", "pump", "", &d, NULL);
}

static enum err_code act_ticket(void)
{
	int64_t until;
	return device_ticket(&r.a, "operator:alice", "A", 0, made, &until, NULL);
}

static enum err_code act_enrol(void)
{
	struct enrol_grant g;
	struct cert_fields f;
	struct buf der = buf_new(CERT_DER_MAX);
	enum err_code rc = enrol_decide(&r.a, &request, &g, NULL);
	if (rc == ERR_OK) {
		enrol_fields(&r.a, &g, &f);
		rc = r.a.signer.cert(r.a.signer.arg, &f, &der, NULL);
	}
	if (rc == ERR_OK)
		rc = enrol_commit(&r.a, &g, buf_view(&der), NULL);
	buf_free(&der);
	return rc;
}

static enum err_code act_revoke(void)
{
	struct device d;
	return revoke_device(&r.a, "operator:bob", "A", "stolen", &d, NULL);
}

static enum err_code act_propose(void)
{
	struct release_row x;
	return release_propose(&r.a, &r.alice, buf_view(&envelope), &x, NULL);
}

static enum err_code act_approve(void)
{
	struct release_row x;
	return release_approve(&r.a, &r.bob, row.id, buf_view(&envelope), &x, NULL);
}

static enum err_code act_publish(void)
{
	struct release_row x;
	return release_publish(&r.a, &r.alice, row.id, &x, NULL);
}

static enum err_code act_refresh(void)
{
	bool done;
	return revoke_refresh(&r.a, &done, NULL);
}

static int setup(void **state)
{
	struct device d;
	(void)state;
	fail_at = 0;
	ticket[0] = '\0';
	memset(&row, 0, sizeof(row));
	realm_make(&r);
	assert_int_equal(REALM_DO(&r, device_add(&r.a, "operator:alice", "A", "pump", "", &d, NULL)),
		ERR_OK);
	assert_int_equal(key_generate(KEY_P256, &k, NULL), ERR_OK);
	request = realm_request(&r, &mem, k, "A");
	release = realm_image(&r, "pump", bytes_str("firmware"), RELEASE_PLAIN, 2, 7);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	realm_check_log(&r);
	request_free(&mem);
	buf_free(&envelope);
	key_free(k);
	realm_free(&r);
	return 0;
}

static void with_ticket(void)
{
	assert_int_equal(REALM_DO(&r, act_ticket()), ERR_OK);
	memcpy(ticket, made, sizeof(ticket));
	(void)snprintf(request.ticket_serial, sizeof(request.ticket_serial), "A");
	(void)snprintf(request.ticket, sizeof(request.ticket), "%s", ticket);
}

static void adding_a_device(void **state)
{
	(void)state;
	fails_cleanly(act_add, 1);
}

static void making_a_ticket(void **state)
{
	(void)state;
	/* the counts see no ticket before there is one; the log does */
	fails_cleanly(act_ticket, 1);
}

static void enrolling(void **state)
{
	(void)state;
	with_ticket();
	fails_cleanly(act_enrol, 1);
}

static void enrolling_in_a_batch(void **state)
{
	(void)state;
	with_ticket();
	fails_alone(act_enrol);
}

static void revoking(void **state)
{
	(void)state;
	with_ticket();
	assert_int_equal(REALM_DO(&r, act_enrol()), ERR_OK);
	fails_cleanly(act_revoke, 1);
}

static void revoking_in_a_batch(void **state)
{
	(void)state;
	with_ticket();
	assert_int_equal(REALM_DO(&r, act_enrol()), ERR_OK);
	fails_alone(act_revoke);
}

static void refreshing_the_list(void **state)
{
	(void)state;
	fails_cleanly(act_refresh, 1);
}

static void proposing(void **state)
{
	(void)state;
	envelope = realm_envelope(&r, &r.people.alice, APPROVAL_PROPOSE, &release);
	fails_cleanly(act_propose, 1);
}

static void propose_now(void)
{
	struct buf b = realm_envelope(&r, &r.people.alice, APPROVAL_PROPOSE, &release);
	assert_int_equal(REALM_DO(&r, release_propose(&r.a, &r.alice, buf_view(&b), &row, NULL)),
		ERR_OK);
	buf_free(&b);
}

static void approving(void **state)
{
	(void)state;
	propose_now();
	envelope = realm_envelope(&r, &r.people.bob, APPROVAL_APPROVE, &release);
	fails_cleanly(act_approve, 1);
}

static void approve_now(void)
{
	struct release_row x;
	const struct person *people[] = {&r.people.bob, &r.people.carol};
	const struct operator_row *who[] = {&r.bob, &r.carol};
	for (size_t i = 0; i < 2; i++) {
		struct buf b = realm_envelope(&r, people[i], APPROVAL_APPROVE, &release);
		assert_int_equal(REALM_DO(&r, release_approve(&r.a, who[i], row.id, buf_view(&b),
			&x, NULL)), ERR_OK);
		buf_free(&b);
	}
}

static void publishing(void **state)
{
	(void)state;
	propose_now();
	approve_now();
	fails_cleanly(act_publish, 1);
}

static void publishing_in_a_batch(void **state)
{
	(void)state;
	propose_now();
	approve_now();
	fails_alone(act_publish);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(adding_a_device),
		TEST(making_a_ticket),
		TEST(enrolling),
		TEST(enrolling_in_a_batch),
		TEST(revoking),
		TEST(revoking_in_a_batch),
		TEST(refreshing_the_list),
		TEST(proposing),
		TEST(approving),
		TEST(publishing),
		TEST(publishing_in_a_batch),
	};
	return RUN_TAP(tests);
}
