/*
 * The key check at enrolment, in a realm with a real database and a real folder of keys: what is
 * refused, what is written into the log, and what is still known after everything else is lost.
 */
#include "tests/unit/cmocka_tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <gmp.h>

#include "authority/device.h"
#include "authority/keydoor.h"
#include "tests/unit/authority/realm_maker.h"

#define PRIME_BITS 1536
#define PRIMES 30
#define SWEEPS 4 /* a second each: by then a key that waits must have its answer */

static struct test_realm r;
static mpz_t primes[PRIMES]; /* no two tests use the same, unless they mean to */
static char folder[96];
static const char owners[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* ---- keys and requests */

struct rsa {
	struct buf spki;
	struct pubkey key;
};

static struct rsa rsa_of(const mpz_t n, uint8_t exponent_low)
{
	const uint8_t exponent[] = {1, 0, exponent_low};
	uint8_t octets[2 * PRIME_BITS / 8];
	size_t len;
	struct rsa k = {.spki = buf_new(KEY_SPKI_MAX)};
	mpz_export(octets, &len, 1, 1, 1, 0, n);
	assert_int_equal(pubkey_from_rsa(bytes_of(octets, len), bytes_of(exponent, 3), &k.spki, &k.key,
		NULL), ERR_OK);
	return k;
}

static struct rsa rsa_key(size_t p, size_t q)
{
	mpz_t n;
	mpz_init(n);
	mpz_mul(n, primes[p], primes[q]);
	struct rsa k = rsa_of(n, 1);
	mpz_clear(n);
	return k;
}

/* Its primes are next to each other. */
static struct rsa weak_key(size_t p)
{
	mpz_t n;
	mpz_init(n);
	mpz_nextprime(n, primes[p]);
	mpz_mul(n, n, primes[p]);
	struct rsa k = rsa_of(n, 1);
	mpz_clear(n);
	return k;
}

static void open_door(enum door_policy policy, uint64_t inline_max)
{
	struct err e = {0};
	struct keydoor_options o = {.policy = policy, .inline_max = inline_max, .lists = ""};
	keydoor_close(r.a.keys);
	r.a.keys = NULL;
	if (keydoor_open(r.a.store, folder, &o, &r.a.keys, &e) != ERR_OK)
		fail_msg("%s: %s: %s", err_name(e.code), e.object, e.reason);
}

static void serial_of(char owner, char out[16])
{
	(void)snprintf(out, 16, "PUMP-%c", owner);
}

/* As the keeper does: a refusal is no reason to roll back, an entry about it stays. */
static enum err_code perform(const struct enrol_request *q, struct err *why)
{
	struct audit_state mark;
	struct enrol_grant g;
	struct cert_fields f;
	struct buf made = buf_new(CERT_DER_MAX);
	realm_begin(&r, &mark);
	enum err_code rc = enrol_decide(&r.a, q, &g, why);
	if (rc == ERR_OK) {
		enrol_fields(&r.a, &g, &f);
		rc = r.a.signer.cert(r.a.signer.arg, &f, &made, why);
	}
	if (rc == ERR_OK)
		rc = enrol_commit(&r.a, &g, buf_view(&made), why);
	assert_int_equal(realm_end(&r, &mark, ERR_OK), ERR_OK);
	if (rc == ERR_OK)
		assert_int_equal(keydoor_add(&r.a, &g, why), ERR_OK);
	assert_int_equal(keydoor_settle(&r.a, true, NULL), ERR_OK);
	buf_free(&made);
	return rc;
}

static struct enrol_request request(char owner, const struct rsa *k)
{
	struct enrol_request q = {.op = ENROL_SIMPLE, .peer = PEER_NONE, .spki = buf_view(&k->spki)};
	serial_of(owner, q.csr_serial);
	return q;
}

static enum err_code enrol_why(char owner, const struct rsa *k, struct err *why)
{
	struct enrol_request q = request(owner, k);
	char text[TICKET_TEXT_SIZE];
	int64_t until;
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", q.csr_serial, 0, text,
		&until, NULL)), ERR_OK);
	memcpy(q.ticket_serial, q.csr_serial, sizeof(q.ticket_serial));
	(void)snprintf(q.ticket, sizeof(q.ticket), "%s", text);
	*why = (struct err){0};
	return perform(&q, why);
}

static enum err_code enrol(char owner, const struct rsa *k)
{
	struct err why;
	return enrol_why(owner, k, &why);
}

static enum err_code enrol_by(const struct rsa *idevid, char owner, const struct rsa *k,
	struct err *why)
{
	struct enrol_request q = request(owner, k);
	q.peer = PEER_MANUFACTURER;
	(void)snprintf(q.peer_manufacturer, sizeof(q.peer_manufacturer), "factory");
	memcpy(q.peer_serial, q.csr_serial, sizeof(q.peer_serial));
	memset(q.peer_fingerprint, owner, sizeof(q.peer_fingerprint));
	q.peer_spki = buf_view(&idevid->spki);
	*why = (struct err){0};
	return perform(&q, why);
}

/* ---- what the log says */

static void says(const struct entry *en, const char *what, const char *expected)
{
	const char *got = entry_detail_get(en, what);
	if (expected == NULL) {
		assert_null(got);
	} else {
		assert_non_null(got);
		assert_string_equal(got, expected);
	}
}

static void names(const struct entry *en, const char *what, const struct rsa *k)
{
	char hex[2 * SHA256_SIZE + 1];
	hex_encode(k->key.id, SHA256_SIZE, hex);
	says(en, what, hex);
}

/* The newest entry is about this device. */
static struct entry last(const char *act, char owner)
{
	struct entry en;
	char serial[16];
	serial_of(owner, serial);
	realm_last_entry(&r, &en);
	assert_string_equal(en.act, act);
	assert_string_equal(en.object, serial);
	return en;
}

static int setup(void **state)
{
	struct device d;
	struct person maker;
	gmp_randstate_t dice;
	(void)state;
	realm_make(&r);
	(void)snprintf(folder, sizeof(folder), "%s/keys-seen", r.dir);
	person_make(&maker, NULL, PROFILE_ROOT, "Factory", PEOPLE_NOW - 60);
	assert_int_equal(REALM_DO(&r, manufacturer_add(&r.a, "operator:alice", "factory",
		buf_view(&maker.der), NULL)), ERR_OK);
	person_free(&maker);
	for (size_t i = 0; i < strlen(owners); i++) {
		char serial[16];
		serial_of(owners[i], serial);
		assert_int_equal(REALM_DO(&r, device_add(&r.a, "operator:alice", serial, "pump",
			"factory", &d, NULL)), ERR_OK);
	}
	gmp_randinit_default(dice);
	gmp_randseed_ui(dice, 2019);
	for (size_t i = 0; i < PRIMES; i++) {
		mpz_init(primes[i]);
		mpz_urandomb(primes[i], dice, PRIME_BITS);
		mpz_setbit(primes[i], PRIME_BITS - 1);
		mpz_setbit(primes[i], PRIME_BITS - 2);
		mpz_nextprime(primes[i], primes[i]);
	}
	gmp_randclear(dice);
	return 0;
}

/* Everything in the folder of keys, and it. */
static void remove_folder(void)
{
	DIR *d = opendir(folder);
	assert_non_null(d);
	for (struct dirent *f = readdir(d); f != NULL; f = readdir(d))
		if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0)
			assert_int_equal(unlinkat(dirfd(d), f->d_name, 0), 0);
	(void)closedir(d);
	assert_int_equal(rmdir(folder), 0);
}

static int teardown(void **state)
{
	(void)state;
	keydoor_close(r.a.keys);
	realm_check_log(&r);
	remove_folder();
	for (size_t i = 0; i < PRIMES; i++)
		mpz_clear(primes[i]);
	realm_free(&r);
	return 0;
}

/* ---- the tests; each begins with the door it needs */

static void the_second_of_two_with_a_common_prime_is_refused(void **state)
{
	(void)state;
	struct rsa first = rsa_key(0, 1), second = rsa_key(0, 2), good = rsa_key(3, 4);
	struct err why;
	open_door(DOOR_REFUSE, 0);
	assert_int_equal(enrol('A', &first), ERR_OK);
	assert_int_equal(enrol_why('B', &second, &why), ERR_KEY_SHARED_PRIME);
	assert_non_null(strstr(why.reason, "PUMP-A"));
	struct entry en = last("key.refused", 'B');
	names(&en, "key", &second);
	names(&en, "other", &first);
	says(&en, "code", "key-shared-prime");
	says(&en, "check", "shared-prime");
	says(&en, "other_device", "PUMP-A");
	says(&en, "device", NULL);
	says(&en, "idevid", NULL);
	/* it asks again: the ticket that is made for it is the only entry */
	uint64_t before = realm_log_size(&r);
	assert_int_equal(enrol('B', &second), ERR_KEY_SHARED_PRIME);
	assert_int_equal(realm_log_size(&r), before + 1);
	/* the first one is as broken now */
	assert_int_equal(enrol('A', &first), ERR_KEY_SHARED_PRIME);
	assert_int_equal(enrol('B', &good), ERR_OK);
	assert_int_equal(enrol('B', &good), ERR_OK); /* its own, again */
	buf_free(&first.spki);
	buf_free(&second.spki);
	buf_free(&good.spki);
}

static void weak_and_foreign_keys_are_refused(void **state)
{
	(void)state;
	struct rsa weak = weak_key(5), mine = rsa_key(5, 6), same;
	struct err why;
	mpz_t n;
	open_door(DOOR_REFUSE, 0);
	assert_int_equal(enrol_why('C', &weak, &why), ERR_KEY_WEAK);
	assert_non_null(strstr(why.reason, "rsa-close-primes"));
	struct entry en = last("key.refused", 'C');
	says(&en, "check", "rsa-close-primes");
	says(&en, "other", NULL);
	/* a weak key is not compared, and nothing of it is kept */
	assert_int_equal(enrol('C', &mine), ERR_OK);
	mpz_init(n);
	mpz_mul(n, primes[5], primes[6]);
	same = rsa_of(n, 3); /* another SubjectPublicKeyInfo, the same modulus */
	mpz_clear(n);
	assert_int_equal(enrol('D', &same), ERR_KEY_REUSED);
	en = last("key.refused", 'D');
	says(&en, "code", "key-reused");
	says(&en, "other_device", "PUMP-C");
	buf_free(&weak.spki);
	buf_free(&mine.spki);
	buf_free(&same.spki);
}

static void what_was_rolled_back_is_told_again(void **state)
{
	(void)state;
	struct rsa bad = weak_key(7);
	struct audit_state mark;
	struct enrol_grant g;
	struct err why;
	struct enrol_request q = request('E', &bad);
	open_door(DOOR_REFUSE, 0);
	char text[TICKET_TEXT_SIZE];
	int64_t until;
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", "PUMP-E", 0, text, &until,
		NULL)), ERR_OK);
	(void)snprintf(q.ticket_serial, sizeof(q.ticket_serial), "PUMP-E");
	(void)snprintf(q.ticket, sizeof(q.ticket), "%s", text);
	uint64_t before = realm_log_size(&r);
	realm_begin(&r, &mark);
	assert_int_equal(enrol_decide(&r.a, &q, &g, &why), ERR_KEY_WEAK);
	assert_int_equal(realm_end(&r, &mark, ERR_IO), ERR_IO);
	assert_int_equal(keydoor_settle(&r.a, false, NULL), ERR_OK);
	assert_int_equal(realm_log_size(&r), before);
	assert_int_equal(perform(&q, &why), ERR_KEY_WEAK);
	(void)last("key.refused", 'E');
	assert_int_equal(realm_log_size(&r), before + 1);
	buf_free(&bad.spki);
}

static void a_quarantined_device_waits_for_an_operator(void **state)
{
	(void)state;
	struct rsa first = rsa_key(8, 9), second = rsa_key(8, 10), good = rsa_key(11, 12);
	struct err e;
	open_door(DOOR_QUARANTINE, 0);
	assert_int_equal(enrol('F', &first), ERR_OK);
	assert_int_equal(enrol('G', &second), ERR_KEY_SHARED_PRIME);
	struct entry en = last("key.refused", 'G');
	says(&en, "device", "set aside");
	assert_int_equal(enrol('G', &good), ERR_KEY_QUARANTINED);
	open_door(DOOR_REFUSE, 0); /* a start, even with another policy, releases nobody */
	assert_int_equal(enrol('G', &good), ERR_KEY_QUARANTINED);
	assert_int_equal(REALM_DO(&r, keydoor_release(&r.a, "operator:bob", "PUMP-F", &e)),
		ERR_NOT_FOUND);
	assert_int_equal(REALM_DO(&r, keydoor_release(&r.a, "operator:bob", "PUMP-G", &e)), ERR_OK);
	en = last("device.released", 'G');
	assert_string_equal(en.actor, "operator:bob");
	assert_int_equal(REALM_DO(&r, keydoor_release(&r.a, "operator:bob", "PUMP-G", &e)),
		ERR_NOT_FOUND);
	assert_int_equal(enrol('G', &good), ERR_OK);
	buf_free(&first.spki);
	buf_free(&second.spki);
	buf_free(&good.spki);
}

static void an_alarm_certifies_and_says_so(void **state)
{
	(void)state;
	struct rsa first = rsa_key(13, 14), second = rsa_key(13, 15);
	open_door(DOOR_ALARM, 0);
	assert_int_equal(enrol('H', &first), ERR_OK);
	uint64_t before = realm_log_size(&r);
	assert_int_equal(enrol('I', &second), ERR_OK);
	/* the ticket, the alarm, the certificate */
	assert_int_equal(realm_log_size(&r), before + 3);
	struct buf line = buf_new(ENTRY_MAX);
	struct merkle_hash leaf;
	struct entry en;
	assert_int_equal(store_log_get(r.a.store, before + 1, &line, &leaf, NULL), ERR_OK);
	assert_int_equal(entry_parse(buf_view(&line), &en, NULL), ERR_OK);
	assert_string_equal(en.act, "key.alarm");
	names(&en, "key", &second);
	names(&en, "other", &first);
	(void)last("device.enrolled", 'I');
	buf_free(&line);
	buf_free(&first.spki);
	buf_free(&second.spki);
}

/* The database has every certificate: the folder can be lost. */
static void a_lost_folder_is_made_again(void **state)
{
	(void)state;
	struct rsa again = rsa_key(3, 16);
	open_door(DOOR_REFUSE, 0);
	keydoor_close(r.a.keys);
	r.a.keys = NULL;
	remove_folder();
	open_door(DOOR_REFUSE, 0);
	assert_int_equal(enrol('J', &again), ERR_KEY_SHARED_PRIME);
	struct entry en = last("key.refused", 'J');
	says(&en, "other_device", "PUMP-B"); /* by the first test */
	buf_free(&again.spki);
}

static void the_key_of_an_idevid_is_judged_too(void **state)
{
	(void)state;
	struct rsa idevid = rsa_key(16, 17), related = rsa_key(28, 18), weak = weak_key(29);
	struct rsa own = rsa_key(19, 20), other = rsa_key(21, 22);
	struct err why;
	char hex[2 * SHA256_SIZE + 1];
	uint8_t fingerprint[SHA256_SIZE];
	open_door(DOOR_REFUSE, 0);
	/* prime 16 was refused above, and is remembered: the folder knows it without a certificate */
	assert_int_equal(enrol_by(&idevid, 'K', &own, &why), ERR_KEY_SHARED_PRIME);
	buf_free(&idevid.spki);
	idevid = rsa_key(23, 28);
	assert_int_equal(enrol_by(&idevid, 'K', &own, &why), ERR_OK);
	assert_int_equal(enrol_by(&idevid, 'K', &own, &why), ERR_OK); /* as often as it likes */
	/* of another device, whose IDevID shares a prime with that one; its own key is good */
	assert_int_equal(enrol_by(&related, 'L', &other, &why), ERR_KEY_SHARED_PRIME);
	assert_non_null(strstr(why.reason, "IDevID"));
	assert_non_null(strstr(why.reason, "PUMP-K"));
	struct entry en = last("key.refused", 'L');
	names(&en, "key", &related);
	names(&en, "other", &idevid);
	memset(fingerprint, 'L', sizeof(fingerprint));
	hex_encode(fingerprint, SHA256_SIZE, hex);
	says(&en, "idevid", hex);
	assert_int_equal(enrol_by(&weak, 'M', &other, &why), ERR_KEY_WEAK);
	en = last("key.refused", 'M');
	names(&en, "key", &weak);
	/* copied into another device */
	assert_int_equal(enrol_by(&own, 'N', &other, &why), ERR_KEY_REUSED);
	/* what is compared with an IDevID's key is a request's key as well */
	assert_int_equal(enrol('L', &related), ERR_KEY_SHARED_PRIME);
	assert_int_equal(enrol('M', &other), ERR_OK);
	buf_free(&idevid.spki);
	buf_free(&related.spki);
	buf_free(&weak.spki);
	buf_free(&own.spki);
	buf_free(&other.spki);
}

static void an_idevid_that_is_no_key_is_refused(void **state)
{
	(void)state;
	struct rsa own = rsa_key(19, 20), none = {.spki = buf_new(16)};
	struct err why;
	open_door(DOOR_REFUSE, 0);
	buf_str(&none.spki, "no key at all");
	assert_int_equal(enrol_by(&none, 'K', &own, &why), ERR_KEY_INVALID);
	assert_non_null(strstr(why.reason, "IDevID"));
	buf_free(&own.spki);
	buf_free(&none.spki);
}

/* More keys than are compared at once: both keys of a request wait for one sweep. */
static void keys_that_wait_wait_together(void **state)
{
	(void)state;
	struct rsa idevid = rsa_key(24, 25), own = rsa_key(26, 27), related = rsa_key(24, 3);
	struct err why;
	open_door(DOOR_REFUSE, 1);
	assert_int_equal(enrol_by(&idevid, 'O', &own, &why), ERR_KEY_PENDING);
	assert_true(keydoor_busy(r.a.keys));
	assert_true(keydoor_patience(r.a.keys) >= 1);
	for (int i = 0; i < SWEEPS && keydoor_busy(r.a.keys); i++)
		assert_int_equal(keydoor_sweep(r.a.keys, 1000, &why), ERR_OK);
	assert_false(keydoor_busy(r.a.keys));
	assert_int_equal(enrol_by(&idevid, 'O', &own, &why), ERR_OK);
	/* what the newest keys show is said at once */
	assert_int_equal(enrol('P', &related), ERR_KEY_SHARED_PRIME);
	buf_free(&idevid.spki);
	buf_free(&own.spki);
	buf_free(&related.spki);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_of_two_with_a_common_prime_is_refused),
		cmocka_unit_test(weak_and_foreign_keys_are_refused),
		cmocka_unit_test(what_was_rolled_back_is_told_again),
		cmocka_unit_test(a_quarantined_device_waits_for_an_operator),
		cmocka_unit_test(an_alarm_certifies_and_says_so),
		cmocka_unit_test(a_lost_folder_is_made_again),
		cmocka_unit_test(the_key_of_an_idevid_is_judged_too),
		cmocka_unit_test(an_idevid_that_is_no_key_is_refused),
		cmocka_unit_test(keys_that_wait_wait_together),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
