#include "tests/unit/cmocka_tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/device.h"
#include "authority/image.h"
#include "authority/release.h"
#include "authority/revoke.h"
#include "tests/unit/authority/realm_maker.h"

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

static enum err_code add(const char *serial, const char *product, const char *maker)
{
	struct device d;
	return REALM_DO(&r, device_add(&r.a, "operator:alice", serial, product, maker, &d, NULL));
}

static void a_device_is_added_once_and_logged(void **state)
{
	(void)state;
	struct entry en;
	struct device d;
	assert_int_equal(add("SN:1.2:3-4", "pump", ""), ERR_OK);
	assert_int_equal(realm_log_size(&r), 1);
	realm_last_entry(&r, &en);
	assert_string_equal(en.act, "device.added");
	assert_string_equal(en.actor, "operator:alice");
	assert_string_equal(en.object, "SN:1.2:3-4");
	assert_string_equal(entry_detail_get(&en, "product"), "pump");
	assert_int_equal(store_device_get(r.a.store, "SN:1.2:3-4", &d, NULL), ERR_OK);
	assert_int_equal(d.state, DEVICE_REGISTERED);
	assert_int_equal(d.added_at, r.now);
	assert_int_equal(add("SN:1.2:3-4", "pump", ""), ERR_EXISTS);
	assert_int_equal(realm_log_size(&r), 1);
}

static void names_that_cannot_be_are_refused(void **state)
{
	(void)state;
	static const char *const serials[] = {"", " ", "a b", "a_b", "-a", ".", "a/b", "a\nb", "\xc3\xa4",
		"a\"b", "12345678901234567890123456789012345678901234567890123456789012345"};
	for (size_t i = 0; i < sizeof(serials) / sizeof(serials[0]); i++) {
		enum err_code rc = add(serials[i], "pump", "");
		if (rc != ERR_SERIAL_FORM && rc != ERR_LIMIT)
			fail_msg("%s: %s", serials[i], err_name(rc));
	}
	assert_int_equal(add("A", "", ""), ERR_USAGE);
	assert_int_equal(add("A", "a b", ""), ERR_USAGE);
	assert_int_equal(add("A", "pump", "nobody"), ERR_NOT_FOUND);
	assert_int_equal(realm_log_size(&r), 0);
}

static enum err_code maker(const char *name, struct bytes der)
{
	return REALM_DO(&r, manufacturer_add(&r.a, "operator:alice", name, der, NULL));
}

static void a_manufacturer_is_a_ca_and_not_ourselves(void **state)
{
	(void)state;
	struct person factory, old;
	person_make(&factory, NULL, PROFILE_ROOT, "Factory", PEOPLE_NOW - 60);
	person_make(&old, NULL, PROFILE_ROOT, "Old", PEOPLE_NOW - 60 * 365 * (int64_t)86400);
	assert_int_equal(maker("factory", buf_view(&factory.der)), ERR_OK);
	assert_int_equal(maker("factory", buf_view(&factory.der)), ERR_EXISTS);
	assert_int_equal(maker("us", buf_view(&r.issuing.der)), ERR_EXISTS);
	assert_int_equal(maker("us", buf_view(&r.people.root.der)), ERR_EXISTS);
	assert_int_equal(maker("bob", buf_view(&r.people.bob.der)), ERR_PEER_PURPOSE);
	assert_int_equal(maker("old", buf_view(&old.der)), ERR_PEER_EXPIRED);
	assert_int_equal(maker("a b", buf_view(&factory.der)), ERR_USAGE);
	assert_int_not_equal(maker("x", bytes_str("no certificate")), ERR_OK);
	assert_int_equal(realm_log_size(&r), 1);
	assert_int_equal(add("A", "pump", "factory"), ERR_OK);
	person_free(&factory);
	person_free(&old);
}

static void a_ticket_lives_as_long_as_it_is_told(void **state)
{
	(void)state;
	char text[TICKET_TEXT_SIZE], other[TICKET_TEXT_SIZE];
	uint8_t hash[SHA256_SIZE];
	struct ticket t;
	struct entry en;
	int64_t until = 0;
	assert_int_equal(add("A", "pump", ""), ERR_OK);
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", "A", 60, text, &until,
		NULL)), ERR_OK);
	assert_int_equal(until, r.now + 60);
	assert_int_equal(strlen(text), 39);
	/* only the hash is kept, in the database and in the log */
	assert_int_equal(ticket_hash(text, hash, NULL), ERR_OK);
	assert_int_equal(store_ticket_get(r.a.store, hash, &t, NULL), ERR_OK);
	assert_string_equal(t.serial, "A");
	assert_int_equal(t.expires_at, until);
	realm_last_entry(&r, &en);
	for (size_t i = 0; i < en.detail_n; i++)
		assert_null(strstr(en.detail[i].value, text));
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", "A", 0, other, &until,
		NULL)), ERR_OK);
	assert_string_not_equal(text, other);
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", "A", 31 * 86400, other,
		&until, NULL)), ERR_LIMIT);
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", "A", -1, other, &until,
		NULL)), ERR_LIMIT);
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", "B", 0, other, &until,
		NULL)), ERR_DEVICE_UNKNOWN);
}

static void the_digits_of_a_ticket_are_those_of_rfc_4648(void **state)
{
	(void)state;
	/* python3: base64.b32encode(bytes(range(20))), and its hashlib.sha256 */
	uint8_t secret[20], want[SHA256_SIZE], got[SHA256_SIZE];
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	sha256_of(bytes_of(secret, sizeof(secret)), want);
	assert_int_equal(ticket_hash("AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT", got, NULL), ERR_OK);
	assert_memory_equal(got, want, SHA256_SIZE);
	assert_int_equal(ticket_hash("AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQ", got, NULL),
		ERR_TICKET_UNKNOWN);
	assert_int_equal(ticket_hash("", got, NULL), ERR_TICKET_UNKNOWN);
}

static struct buf crl_now(uint64_t *number, int64_t *ends)
{
	struct buf der = buf_new(65536);
	assert_int_equal(store_crl_get(r.a.store, number, ends, &der, NULL), ERR_OK);
	return der;
}

static void revoking_makes_the_list_that_says_so(void **state)
{
	(void)state;
	struct key *k = NULL;
	struct device d;
	struct cert c;
	struct entry en;
	struct request_mem mem;
	char text[TICKET_TEXT_SIZE];
	int64_t ends;
	uint64_t number;
	bool revoked = false;
	struct buf der = buf_new(CERT_DER_MAX);
	assert_int_equal(add("A", "pump", ""), ERR_OK);
	assert_int_equal(key_generate(KEY_P256, &k, NULL), ERR_OK);
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", "A", 0, text, &ends,
		NULL)), ERR_OK);
	struct enrol_request q = realm_request(&r, &mem, k, "A");
	(void)snprintf(q.ticket_serial, sizeof(q.ticket_serial), "A");
	(void)snprintf(q.ticket, sizeof(q.ticket), "%s", text);
	assert_int_equal(realm_enrol(&r, &q, &der), ERR_OK);
	assert_int_equal(cert_parse(buf_view(&der), &c, NULL), ERR_OK);
	assert_int_equal(REALM_DO(&r, revoke_device(&r.a, "operator:bob", "A", "", &d, NULL)),
		ERR_USAGE);
	assert_int_equal(REALM_DO(&r, revoke_device(&r.a, "operator:bob", "A", "a\nb", &d, NULL)),
		ERR_USAGE);
	assert_int_equal(REALM_DO(&r, revoke_device(&r.a, "operator:bob", "B", "x", &d, NULL)),
		ERR_DEVICE_UNKNOWN);
	assert_int_equal(REALM_DO(&r, revoke_device(&r.a, "operator:bob", "A", "stolen", &d, NULL)),
		ERR_OK);
	assert_int_equal(d.state, DEVICE_IS_REVOKED);
	realm_last_entry(&r, &en);
	assert_string_equal(en.act, "device.revoked");
	assert_string_equal(entry_detail_get(&en, "reason"), "stolen");
	assert_string_equal(entry_detail_get(&en, "certs"), "1");
	struct buf crl = crl_now(&number, &ends);
	assert_int_equal(number, (uint64_t)r.now); /* follows the clock */
	assert_int_equal(crl_check(buf_view(&crl), &r.issuing.cert, c.serial, r.now, &revoked, NULL),
		ERR_OK);
	assert_true(revoked);
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	sha256_of(buf_view(&crl), digest);
	hex_encode(digest, SHA256_SIZE, hex);
	assert_string_equal(entry_detail_get(&en, "crl"), hex);
	buf_free(&crl);
	buf_free(&der);
	cert_free(&c);
	request_free(&mem);
	key_free(k);
}

static void the_list_is_renewed_when_half_of_it_is_over(void **state)
{
	(void)state;
	bool made = false;
	int64_t ends;
	uint64_t number, first;
	assert_int_equal(REALM_DO(&r, revoke_refresh(&r.a, &made, NULL)), ERR_OK);
	assert_true(made);
	struct buf crl = crl_now(&first, &ends);
	buf_free(&crl);
	assert_int_equal(ends, r.now + 7 * 86400);
	r.now += 7 * 86400 / 2;
	assert_int_equal(REALM_DO(&r, revoke_refresh(&r.a, &made, NULL)), ERR_OK);
	assert_false(made);
	r.now += 1;
	assert_int_equal(REALM_DO(&r, revoke_refresh(&r.a, &made, NULL)), ERR_OK);
	assert_true(made);
	crl = crl_now(&number, &ends);
	buf_free(&crl);
	assert_true(number > first);
	assert_int_equal(realm_log_size(&r), 2);
}

static size_t images(void)
{
	char path[96];
	size_t n = 0;
	(void)snprintf(path, sizeof(path), "%s/images", r.dir);
	DIR *d = opendir(path);
	assert_non_null(d);
	for (struct dirent *f = readdir(d); f != NULL; f = readdir(d))
		n += f->d_name[0] != '.';
	(void)closedir(d);
	return n;
}

static int file_of(size_t size)
{
	static char data[1 << 16];
	int fd = memfd_create("image", MFD_CLOEXEC);
	memset(data, 'x', sizeof(data));
	for (size_t done = 0; done < size;) {
		size_t n = size - done < sizeof(data) ? size - done : sizeof(data);
		assert_int_equal(write(fd, data, n), (ssize_t)n);
		done += n;
	}
	return fd;
}

static void images_come_whole_or_not_at_all(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	uint64_t size = 0;
	int fd = file_of(100000), got = -1;
	assert_int_equal(image_add(&r.a, fd, digest, &size, NULL), ERR_OK);
	assert_int_equal(size, 100000);
	assert_int_equal(image_add(&r.a, fd, digest, &size, NULL), ERR_OK);
	assert_int_equal(images(), 1);
	assert_int_equal(image_open(&r.a, digest, &got, NULL), ERR_OK);
	(void)close(got);
	digest[0] ^= 1;
	assert_int_equal(image_open(&r.a, digest, &got, NULL), ERR_NOT_FOUND);
	(void)close(fd);
	fd = file_of(0);
	assert_int_equal(image_add(&r.a, fd, digest, &size, NULL), ERR_LIMIT);
	(void)close(fd);
	fd = file_of((1 << 20) + 1);
	assert_int_equal(image_add(&r.a, fd, digest, &size, NULL), ERR_LIMIT);
	(void)close(fd);
	assert_int_equal(images(), 1);
}

static void a_file_that_cannot_grow_leaves_nothing_behind(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	uint64_t size = 0;
	int fd = file_of(200000);
	struct rlimit was, small = {100000, 100000};
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small.rlim_max = was.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	enum err_code rc = image_add(&r.a, fd, digest, &size, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(rc, ERR_DISK_FULL);
	assert_int_equal(images(), 0);
	assert_int_equal(image_add(&r.a, fd, digest, &size, NULL), ERR_OK);
	(void)close(fd);
}

static void what_an_interrupted_upload_left_is_tidied(void **state)
{
	(void)state;
	uint8_t digest[SHA256_SIZE];
	uint64_t size = 0;
	int fd = file_of(10);
	assert_int_equal(image_add(&r.a, fd, digest, &size, NULL), ERR_OK);
	(void)close(fd);
	fd = openat(r.a.images_dir, "unfinished-0011223344556677", O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(images(), 2);
	assert_int_equal(image_tidy(&r.a, NULL), ERR_OK);
	assert_int_equal(images(), 1);
	assert_int_equal(image_open(&r.a, digest, &fd, NULL), ERR_OK);
	(void)close(fd);
}

static void touch(const uint8_t digest[SHA256_SIZE], int64_t at)
{
	char name[2 * SHA256_SIZE + 1];
	struct timespec times[2] = {{.tv_sec = at}, {.tv_sec = at}};
	hex_encode(digest, SHA256_SIZE, name);
	assert_int_equal(utimensat(r.a.images_dir, name, times, 0), 0);
}

static void an_image_that_nobody_proposed_goes_after_a_week(void **state)
{
	(void)state;
	int fd = -1;
	struct release_row row;
	struct release used = realm_image(&r, "pump", bytes_str("used"), RELEASE_PLAIN, 1, 1);
	struct release idle = realm_image(&r, "pump", bytes_str("idle"), RELEASE_PLAIN, 2, 1);
	struct buf b = realm_envelope(&r, &r.people.alice, APPROVAL_PROPOSE, &used);
	assert_int_equal(REALM_DO(&r, release_propose(&r.a, &r.alice, buf_view(&b), &row, NULL)),
		ERR_OK);
	buf_free(&b);
	touch(used.image_digest, r.now - IMAGE_KEEP - 1);
	touch(idle.image_digest, r.now - IMAGE_KEEP);
	assert_int_equal(image_tidy(&r.a, NULL), ERR_OK);
	assert_int_equal(images(), 2);
	touch(idle.image_digest, r.now - IMAGE_KEEP - 1);
	int64_t now = r.now;
	r.now = 0; /* a clock that knows nothing throws nothing away */
	assert_int_equal(image_tidy(&r.a, NULL), ERR_OK);
	assert_int_equal(images(), 2);
	r.now = now;
	assert_int_equal(image_tidy(&r.a, NULL), ERR_OK);
	assert_int_equal(images(), 1);
	assert_int_equal(image_open(&r.a, used.image_digest, &fd, NULL), ERR_OK);
	(void)close(fd);
	assert_int_equal(image_open(&r.a, idle.image_digest, &fd, NULL), ERR_NOT_FOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_device_is_added_once_and_logged),
		TEST(names_that_cannot_be_are_refused),
		TEST(a_manufacturer_is_a_ca_and_not_ourselves),
		TEST(a_ticket_lives_as_long_as_it_is_told),
		TEST(the_digits_of_a_ticket_are_those_of_rfc_4648),
		TEST(revoking_makes_the_list_that_says_so),
		TEST(the_list_is_renewed_when_half_of_it_is_over),
		TEST(images_come_whole_or_not_at_all),
		TEST(a_file_that_cannot_grow_leaves_nothing_behind),
		TEST(what_an_interrupted_upload_left_is_tidied),
		TEST(an_image_that_nobody_proposed_goes_after_a_week),
	};
	return RUN_TAP(tests);
}
