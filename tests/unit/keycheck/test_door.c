/* The door: what it finds, what it remembers, and what damage and crashes cannot make it forget. */
#include "tests/unit/cmocka_tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keycheck/door.h"
#include "keycheck/door_bucket.h"

/* Small primes: what is tested does not depend on their size, and 40,000 of them are made. */
#define PRIME_BITS 60
#define NOW 1800000000

static gmp_randstate_t dice;
static char folder[64];
static unsigned damages;
static struct err last_damage;

struct test_key {
	struct pubkey key;
	struct buf spki;
	struct door_request r;
	char owner[32];
};

static void note_damage(void *arg, const struct err *what)
{
	(void)arg;
	damages++;
	last_damage = *what;
}

static struct door *opened_with(enum door_policy policy, uint64_t inline_max)
{
	struct door *d = NULL;
	struct err e;
	struct door_options o = {.policy = policy, .inline_max = inline_max, .damage = note_damage};
	damages = 0;
	if (door_open(folder, &o, &d, &e) != ERR_OK)
		fail_msg("%s: %s", e.object, e.reason);
	return d;
}

static struct door *opened(void)
{
	return opened_with(DOOR_REFUSE, 0);
}

static void prime(mpz_t p)
{
	mpz_urandomb(p, dice, PRIME_BITS - 1);
	mpz_setbit(p, PRIME_BITS - 1);
	mpz_nextprime(p, p);
}

static void key_of(const mpz_t p, const mpz_t q, const char *owner, struct test_key *k)
{
	const uint8_t exponent[] = {1, 0, 1};
	uint8_t bytes[64];
	size_t n;
	mpz_t m;
	mpz_init(m);
	mpz_mul(m, p, q);
	mpz_export(bytes, &n, 1, 1, 0, 0, m);
	mpz_clear(m);
	*k = (struct test_key){.spki = buf_new(1024)};
	(void)snprintf(k->owner, sizeof(k->owner), "%s", owner);
	assert_int_equal(pubkey_from_rsa(bytes_of(bytes, n), bytes_of(exponent, 3), &k->spki, &k->key,
		NULL), ERR_OK);
	k->r = (struct door_request){&k->key, k->owner, "pump", NOW};
}

static void fresh_key(const char *owner, struct test_key *k)
{
	mpz_t p, q;
	mpz_inits(p, q, NULL);
	prime(p);
	prime(q);
	key_of(p, q, owner, k);
	mpz_clears(p, q, NULL);
}

static struct door_verdict judged(struct door *d, const struct test_key *k)
{
	struct door_verdict v;
	struct err e;
	struct door_request r = k->r;
	r.owner = k->owner; /* the struct may have been copied */
	r.key = &k->key;
	if (keycheck_admit(d, &r, &v, &e) != ERR_OK)
		fail_msg("%s: %s", e.object, e.reason);
	return v;
}

static void added(struct door *d, const struct test_key *k, uint64_t mark)
{
	struct door_request r = k->r;
	r.owner = k->owner;
	r.key = &k->key;
	assert_int_equal(door_add(d, &r, mark, NULL), ERR_OK);
	assert_int_equal(door_mark(d, mark, NULL), ERR_OK);
}

static void admitted(struct door *d, const struct test_key *k, uint64_t mark)
{
	struct door_verdict v = judged(d, k);
	assert_int_equal(v.answer, DOOR_ADMIT);
	assert_int_equal(v.code, ERR_OK);
	added(d, k, mark);
	door_settle(d);
}

static void refused_for(struct door *d, const struct test_key *k, const struct test_key *other)
{
	struct door_verdict v = judged(d, k);
	assert_int_equal(v.answer, DOOR_TURN_AWAY);
	assert_int_equal(v.code, ERR_KEY_SHARED_PRIME);
	assert_true(v.has_other);
	assert_memory_equal(v.other, other->key.id, SHA256_SIZE);
}

static void key_free(struct test_key *k)
{
	buf_free(&k->spki);
}

/* Two keys with one prime in common, of two owners. */
static void sharing_pair(struct test_key *a, struct test_key *b)
{
	mpz_t p, q, r;
	mpz_inits(p, q, r, NULL);
	prime(p);
	prime(q);
	prime(r);
	key_of(p, q, "A", a);
	key_of(r, p, "B", b);
	mpz_clears(p, q, r, NULL);
}

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/medseal-door-XXXXXX");
	return mkdtemp(folder) == NULL;
}

static void path_of(const char *name, char out[512])
{
	(void)snprintf(out, 512, "%s/%s", folder, name);
}

static int remove_folder(void **state)
{
	(void)state;
	DIR *all = opendir(folder);
	char path[512];
	for (struct dirent *f = all != NULL ? readdir(all) : NULL; f != NULL; f = readdir(all)) {
		path_of(f->d_name, path);
		(void)unlink(path);
	}
	if (all != NULL)
		(void)closedir(all);
	return rmdir(folder);
}

static void a_shared_prime_is_found_and_named(void **state)
{
	(void)state;
	struct test_key a, b, c;
	struct door *d = opened();
	sharing_pair(&a, &b);
	fresh_key("C", &c);
	admitted(d, &a, 1);
	admitted(d, &c, 2);
	struct door_verdict v = judged(d, &b);
	assert_int_equal(v.code, ERR_KEY_SHARED_PRIME);
	assert_int_equal(v.check, CHECK_SHARED_PRIME);
	assert_string_equal(v.other_owner, "A");
	refused_for(d, &b, &a); /* the second time too, from memory */
	/* the key that was issued is as broken: it is not renewed */
	v = judged(d, &a);
	assert_int_equal(v.code, ERR_KEY_SHARED_PRIME);
	assert_memory_equal(v.other, b.key.id, SHA256_SIZE);
	door_close(d);
	d = opened();
	refused_for(d, &b, &a);
	v = judged(d, &a);
	assert_int_equal(v.code, ERR_KEY_SHARED_PRIME);
	assert_int_equal(judged(d, &c).code, ERR_OK);
	door_close(d);
	key_free(&a);
	key_free(&b);
	key_free(&c);
}

static void a_key_that_was_refused_is_remembered(void **state)
{
	(void)state;
	mpz_t p, q, r, s;
	struct test_key a, b, c;
	struct door *d = opened();
	mpz_inits(p, q, r, s, NULL);
	prime(p);
	prime(q);
	prime(r);
	prime(s);
	key_of(p, q, "A", &a);
	key_of(q, r, "B", &b);
	key_of(r, s, "C", &c); /* nothing with A */
	admitted(d, &a, 1);
	refused_for(d, &b, &a);
	refused_for(d, &c, &b);
	door_close(d);
	mpz_clears(p, q, r, s, NULL);
	key_free(&a);
	key_free(&b);
	key_free(&c);
}

static void both_primes_shared_with_different_keys(void **state)
{
	(void)state;
	mpz_t p, q, r, s;
	struct test_key a, b, c;
	struct door *d = opened();
	mpz_inits(p, q, r, s, NULL);
	prime(p);
	prime(q);
	prime(r);
	prime(s);
	key_of(p, r, "A", &a);
	key_of(q, s, "B", &b);
	key_of(p, q, "C", &c); /* its gcd with the product of the others is itself */
	admitted(d, &a, 1);
	admitted(d, &b, 2);
	assert_int_equal(judged(d, &c).code, ERR_KEY_SHARED_PRIME);
	assert_int_equal(judged(d, &a).code, ERR_KEY_SHARED_PRIME);
	assert_int_equal(judged(d, &b).code, ERR_KEY_SHARED_PRIME);
	door_close(d);
	mpz_clears(p, q, r, s, NULL);
	key_free(&a);
	key_free(&b);
	key_free(&c);
}

static void the_same_key_again_is_no_hit(void **state)
{
	(void)state;
	struct test_key a;
	for (enum door_policy p = DOOR_REFUSE; p <= DOOR_ALARM; p++) {
		struct door *d = opened_with(p, 0);
		fresh_key("A", &a);
		admitted(d, &a, 1);
		struct door_verdict v = judged(d, &a);
		assert_int_equal(v.answer, DOOR_ADMIT);
		assert_int_equal(v.code, ERR_OK);
		assert_true(v.known);
		uint64_t n = door_keys(d);
		added(d, &a, 2);
		assert_int_equal(door_keys(d), n); /* a modulus is there once */
		/* the same modulus with another exponent is the same key to the mathematics */
		const uint8_t three[] = {3};
		struct test_key other = {.spki = buf_new(1024)};
		assert_int_equal(pubkey_from_rsa(a.key.modulus, bytes_of(three, 1), &other.spki,
			&other.key, NULL), ERR_OK);
		(void)snprintf(other.owner, sizeof(other.owner), "A");
		other.r = (struct door_request){&other.key, other.owner, "pump", NOW};
		assert_true(judged(d, &other).known);
		/* and another device may not have it under any policy */
		(void)snprintf(other.owner, sizeof(other.owner), "B");
		v = judged(d, &other);
		assert_int_equal(v.answer, DOOR_TURN_AWAY);
		assert_int_equal(v.code, ERR_KEY_REUSED);
		assert_string_equal(v.other_owner, "A");
		door_close(d);
		key_free(&a);
		key_free(&other);
	}
}

static void keys_that_arrive_together_are_compared(void **state)
{
	(void)state;
	struct test_key a, b;
	struct door *d = opened();
	sharing_pair(&a, &b);
	assert_int_equal(judged(d, &a).answer, DOOR_ADMIT);
	refused_for(d, &b, &a);
	door_close(d);
	assert_int_equal(remove_folder(NULL), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	/* when the first one's certificate was not made after all, it was never there */
	d = opened();
	assert_int_equal(judged(d, &a).answer, DOOR_ADMIT);
	door_settle(d);
	assert_int_equal(judged(d, &b).answer, DOOR_ADMIT);
	door_close(d);
	key_free(&a);
	key_free(&b);
}

static void an_alarm_lets_in_and_stays_an_alarm(void **state)
{
	(void)state;
	struct test_key a, b;
	struct door *d = opened_with(DOOR_ALARM, 0);
	sharing_pair(&a, &b);
	admitted(d, &a, 1);
	for (int again = 0; again < 2; again++) {
		struct door_verdict v = judged(d, &b);
		assert_int_equal(v.answer, DOOR_ADMIT);
		assert_int_equal(v.code, ERR_KEY_SHARED_PRIME);
		assert_memory_equal(v.other, a.key.id, SHA256_SIZE);
		added(d, &b, 2);
		door_settle(d);
	}
	assert_int_equal(door_keys(d), 2);
	door_close(d);
	key_free(&a);
	key_free(&b);
}

static void quarantine_is_the_owners_until_released(void **state)
{
	(void)state;
	struct test_key a, b, good;
	struct door *d = opened_with(DOOR_QUARANTINE, 0);
	sharing_pair(&a, &b);
	fresh_key("B", &good);
	admitted(d, &a, 1);
	assert_int_equal(judged(d, &b).answer, DOOR_TURN_AWAY);
	for (int again = 0; again < 2; again++) {
		struct door_verdict v = judged(d, &good);
		assert_int_equal(v.answer, DOOR_TURN_AWAY);
		assert_int_equal(v.code, ERR_KEY_QUARANTINED);
		assert_true(door_set_aside(d, "B"));
		assert_false(door_set_aside(d, "A"));
		door_close(d);
		d = opened_with(DOOR_QUARANTINE, 0);
	}
	assert_int_equal(door_release(d, "B", NOW, NULL), ERR_OK);
	assert_int_equal(door_release(d, "B", NOW, NULL), ERR_NOT_FOUND);
	door_close(d);
	d = opened_with(DOOR_QUARANTINE, 0);
	assert_int_equal(judged(d, &good).code, ERR_OK);
	door_close(d);
	key_free(&a);
	key_free(&b);
	key_free(&good);
}

/* ---- the log, cut at every byte */

static size_t size_of(const char *name)
{
	char path[512];
	struct stat st;
	path_of(name, path);
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

static void a_torn_end_costs_only_what_was_torn(void **state)
{
	(void)state;
	struct test_key a, b;
	char path[512];
	struct door *d = opened();
	fresh_key("A", &a);
	fresh_key("B", &b);
	admitted(d, &a, 7);
	size_t first = size_of("open-00000000");
	admitted(d, &b, 8);
	size_t second = size_of("open-00000000");
	door_close(d);
	path_of("open-00000000", path);
	for (size_t at = second; at-- > first;) {
		assert_int_equal(truncate(path, (off_t)at), 0);
		d = opened();
		assert_true(door_keys(d) == 1 || door_keys(d) == 2);
		assert_int_equal(door_marked(d), 7);
		/* B is given again from the database, wherever the cut was */
		added(d, &b, 8);
		assert_int_equal(door_keys(d), 2);
		assert_true(judged(d, &b).known);
		door_close(d);
		d = opened();
		assert_int_equal(door_marked(d), 8);
		assert_int_equal(damages, 0); /* the torn end was cut off by then */
		door_close(d);
	}
	key_free(&a);
	key_free(&b);
}

static void a_write_that_fails_is_caught_up(void **state)
{
	(void)state;
	struct test_key a, b;
	struct rlimit old;
	struct err e;
	struct door *d = opened();
	sharing_pair(&a, &b);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	struct rlimit tight = {size_of("open-00000000") + 50, old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(door_add(d, &a.r, 1, &e), ERR_IO);
	assert_int_equal(door_mark(d, 1, &e), ERR_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	refused_for(d, &b, &a); /* it is seen all the same */
	door_close(d);
	d = opened();
	assert_int_equal(damages, 0);       /* no part of a record was left */
	assert_int_equal(door_marked(d), 0); /* so it is given again */
	door_close(d);
	key_free(&a);
	key_free(&b);
}

/* ---- closed buckets */

/* `n` keys that nobody else uses, with marks up to *mark. */
static void fill(struct door *d, size_t n, uint64_t *mark)
{
	for (size_t i = 0; i < n; i++) {
		struct test_key k;
		fresh_key("F", &k);
		added(d, &k, ++*mark);
		key_free(&k);
	}
}

static void copy_file(const char *from, const char *to)
{
	char a[512], b[512];
	uint8_t bytes[4096];
	ssize_t n;
	path_of(from, a);
	path_of(to, b);
	int in = open(a, O_RDONLY | O_CLOEXEC);
	int out = open(b, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	(void)close(in);
	(void)close(out);
}

static void flip(const char *name, size_t at)
{
	char path[512];
	uint8_t byte;
	path_of(name, path);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	(void)close(fd);
}

/* The product in the file is the product of the keys in the file. */
static void check_product(void)
{
	struct bucket b;
	struct reader in;
	struct record r;
	mpz_t product, n, there;
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(bucket_open(dir, 0, &b, NULL), ERR_OK);
	mpz_init_set_ui(product, 1);
	mpz_init(n);
	in = reader_of(b.records);
	while (reader_left(&in) > 0) {
		assert_int_equal(record_parse(&in, &r, NULL), ERR_OK);
		mpz_import(n, r.modulus.len, 1, 1, 0, 0, r.modulus.p);
		mpz_mul(product, product, n);
	}
	assert_int_equal(mpz_cmp(product, mpz_roinit_n(there, b.product.p, (mp_size_t)b.product.n)), 0);
	mpz_clears(product, n, NULL);
	bucket_close(&b);
	(void)close(dir);
}

struct damage {
	const char *what;
	int part; /* 0 header, 1 a record in the middle, 2 product, 3 cut, 4 longer, 5 gone */
	bool lost; /* the keys of the database are wanted again */
};

static void make_damage(const struct damage *m)
{
	char path[512];
	size_t size = size_of("bucket-00000000");
	path_of("bucket-00000000", path);
	switch (m->part) {
	case 0:
		flip("bucket-00000000", 3);
		break;
	case 1:
		flip("bucket-00000000", BUCKET_HEADER_SIZE + size / 3);
		break;
	case 2:
		flip("bucket-00000000", size - 100);
		break;
	case 3:
		assert_int_equal(truncate(path, (off_t)(size - 5000)), 0);
		break;
	case 4: {
		int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
		assert_int_equal(write(fd, "x", 1), 1);
		(void)close(fd);
		break;
	}
	default:
		assert_int_equal(unlink(path), 0);
	}
}

static void damage_is_found_and_mended(void **state)
{
	(void)state;
	static const struct damage all[] = {{"header", 0, false}, {"record", 1, true},
		{"product", 2, false}, {"cut short", 3, false}, {"longer", 4, false},
		{"gone", 5, true}};
	enum { N = sizeof(all) / sizeof(all[0]) };
	struct test_key a[N], b[N];
	uint64_t mark = 0;
	struct door *d = opened();
	for (size_t i = 0; i < N; i++) {
		sharing_pair(&a[i], &b[i]);
		added(d, &a[i], ++mark);
	}
	fill(d, BUCKET_KEYS, &mark);
	door_close(d);
	check_product();
	copy_file("bucket-00000000", "keep");
	for (size_t i = 0; i < N; i++) {
		make_damage(&all[i]);
		d = opened();
		print_message("# %s: %s: %s\n", all[i].what, last_damage.object, last_damage.reason);
		assert_int_equal(damages, 1);
		assert_string_equal(last_damage.object, "bucket-00000000");
		assert_int_equal(door_marked(d), all[i].lost ? 0 : mark);
		if (!all[i].lost) /* and those that were refused meanwhile */
			assert_int_equal(door_keys(d), BUCKET_KEYS + N + i);
		if (all[i].part == 5)
			added(d, &a[i], mark); /* what the caller does with its certificates */
		door_close(d);
		d = opened();
		assert_int_equal(damages, 0); /* it is whole again */
		refused_for(d, &b[i], &a[i]);
		door_close(d);
		copy_file("keep", "bucket-00000000");
	}
	for (size_t i = 0; i < N; i++) {
		key_free(&a[i]);
		key_free(&b[i]);
	}
}

/* One bit within the record of the first key: what was decided about others stays decided. */
static void a_damaged_log_still_bars(void **state)
{
	(void)state;
	struct test_key a, b, c;
	struct door *d = opened_with(DOOR_QUARANTINE, 0);
	sharing_pair(&a, &b);
	fresh_key(b.owner, &c);
	admitted(d, &a, 1);
	assert_int_equal(judged(d, &b).code, ERR_KEY_SHARED_PRIME);
	assert_int_equal(judged(d, &c).code, ERR_KEY_QUARANTINED);
	door_close(d);
	flip("open-00000000", 300);
	d = opened_with(DOOR_QUARANTINE, 0);
	assert_int_equal(damages, 1);
	assert_string_equal(last_damage.object, "open-00000000");
	assert_int_equal(last_damage.code, ERR_MALFORMED);
	assert_int_equal(door_marked(d), 0); /* the database gives everything again */
	assert_int_equal(judged(d, &c).code, ERR_KEY_QUARANTINED);
	door_close(d);
	d = opened_with(DOOR_QUARANTINE, 0);
	assert_int_equal(damages, 0); /* it is whole again */
	assert_int_equal(judged(d, &c).code, ERR_KEY_QUARANTINED);
	door_close(d);
	key_free(&a);
	key_free(&b);
	key_free(&c);
}

static void a_full_bucket_is_closed_and_searched(void **state)
{
	(void)state;
	struct test_key a, b, c;
	uint64_t mark = 1;
	struct door *d = opened();
	sharing_pair(&a, &b);
	fresh_key("C", &c);
	admitted(d, &a, 1);
	assert_int_equal(judged(d, &b).code, ERR_KEY_SHARED_PRIME); /* broken before the turn */
	copy_file("open-00000000", "early");
	fill(d, BUCKET_KEYS - 3, &mark);
	copy_file("open-00000000", "before");
	fill(d, 1, &mark);
	size_of("bucket-00000000");
	fill(d, 10, &mark);
	uint64_t keys = door_keys(d);
	assert_int_equal(keys, BUCKET_KEYS + 10);
	assert_true(judged(d, &a).known);
	assert_int_equal(judged(d, &c).code, ERR_OK);
	door_close(d);
	check_product();
	d = opened();
	assert_int_equal(door_keys(d), keys);
	assert_int_equal(door_marked(d), mark);
	refused_for(d, &b, &a);
	door_close(d);

	/* the process ended when the bucket was closed and its log not yet followed */
	char path[512];
	copy_file("before", "open-00000000");
	path_of("open-00000001", path);
	assert_int_equal(unlink(path), 0);
	d = opened();
	assert_int_equal(door_keys(d), BUCKET_KEYS);
	assert_int_equal(door_marked(d), mark - 11);
	assert_int_equal(judged(d, &a).code, ERR_KEY_SHARED_PRIME); /* remembered over the turn */
	door_close(d);
	key_free(&a);
	key_free(&b);
	key_free(&c);
}

/* ---- tier 3 of many */

static void sweep_all(struct door *d)
{
	for (int i = 0; door_busy(d); i++) {
		assert_true(i < 100000);
		assert_int_equal(door_sweep(d, 0, NULL), ERR_OK); /* the smallest steps there are */
	}
}

static void many_keys_are_swept_together(void **state)
{
	(void)state;
	enum { GUESTS = 140, OLD = 3 };
	static struct test_key guest[GUESTS];
	struct test_key old[OLD], young[OLD];
	uint64_t mark = 0;
	struct door *d = opened();
	for (int i = 0; i < OLD; i++) {
		sharing_pair(&old[i], &young[i]);
		added(d, &old[i], ++mark);
	}
	/* Of another line, and enough of them that the old ones are not among the newest. */
	fill(d, 6 * BUCKET_KEYS, &mark);
	door_close(d);
	for (int by_tree = 0; by_tree < 2; by_tree++) {
		int n = by_tree == 1 ? GUESTS : OLD + 2;
		d = opened_with(DOOR_REFUSE, 100);
		for (int i = 0; i < n; i++) {
			if (i < OLD) {
				guest[i] = young[i];
				guest[i].spki = buf_new(1);
				guest[i].r.line = "valve"; /* tier 2 does not see it */
				(void)snprintf(guest[i].owner, sizeof(guest[i].owner), "Y%d-%d",
					by_tree, i);
			} else {
				fresh_key("G", &guest[i]);
			}
			struct door_verdict v = judged(d, &guest[i]);
			assert_int_equal(v.answer, DOOR_LATER);
			assert_int_equal(v.code, ERR_KEY_PENDING);
			door_settle(d);
		}
		assert_true(door_busy(d));
		assert_int_equal(judged(d, &guest[n - 1]).answer, DOOR_LATER);
		sweep_all(d);
		for (int i = 0; i < n; i++) {
			if (i < OLD) {
				refused_for(d, &guest[i], &old[i]);
			} else {
				assert_int_equal(judged(d, &guest[i]).code, ERR_OK);
				added(d, &guest[i], ++mark);
			}
			door_settle(d);
		}
		assert_false(door_busy(d));
		door_close(d);
		for (int i = 0; i < n; i++)
			key_free(&guest[i]);
		/* as if the refused had never come: the second way is to find them by itself */
		if (by_tree == 0) {
			for (int i = 0; i < OLD; i++)
				key_free(&young[i]);
			d = opened();
			for (int i = 0; i < OLD; i++) {
				key_free(&old[i]);
				sharing_pair(&old[i], &young[i]);
				added(d, &old[i], ++mark);
			}
			fill(d, 6 * BUCKET_KEYS, &mark);
			door_close(d);
		}
	}
	for (int i = 0; i < OLD; i++) {
		key_free(&old[i]);
		key_free(&young[i]);
	}
}

static void tier_2_answers_at_once(void **state)
{
	(void)state;
	struct test_key a, b, c, e;
	uint64_t mark = 0;
	struct door *d = opened_with(DOOR_REFUSE, 100);
	sharing_pair(&a, &b);
	sharing_pair(&c, &e);
	/* A is old but of B's product line; C is of another line but new */
	a.r.line = "rare";
	b.r.line = "rare";
	added(d, &a, ++mark);
	fill(d, 6 * BUCKET_KEYS, &mark);
	added(d, &c, ++mark);
	refused_for(d, &b, &a);
	e.r.line = "third";
	refused_for(d, &e, &c);
	/* a key that comes while its sweep is under way is compared with what came since */
	struct test_key f, g;
	sharing_pair(&f, &g);
	g.r.line = "fourth";
	assert_int_equal(judged(d, &g).answer, DOOR_LATER);
	assert_int_equal(door_sweep(d, 0, NULL), ERR_OK);
	added(d, &f, ++mark);
	fill(d, 5 * BUCKET_KEYS, &mark);
	sweep_all(d);
	refused_for(d, &g, &f);
	door_close(d);
	key_free(&a);
	key_free(&b);
	key_free(&c);
	key_free(&e);
	key_free(&f);
	key_free(&g);
}

static void one_process_has_the_folder(void **state)
{
	(void)state;
	struct door *d = opened();
	struct door *second = NULL;
	struct err e;
	struct door_options o = {0};
	assert_int_equal(door_open(folder, &o, &second, &e), ERR_BUSY);
	door_close(d);
	door_close(NULL);
}

int main(void)
{
#define DOOR_TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		DOOR_TEST(a_shared_prime_is_found_and_named),
		DOOR_TEST(a_key_that_was_refused_is_remembered),
		DOOR_TEST(both_primes_shared_with_different_keys),
		DOOR_TEST(the_same_key_again_is_no_hit),
		DOOR_TEST(keys_that_arrive_together_are_compared),
		DOOR_TEST(an_alarm_lets_in_and_stays_an_alarm),
		DOOR_TEST(quarantine_is_the_owners_until_released),
		DOOR_TEST(a_torn_end_costs_only_what_was_torn),
		DOOR_TEST(a_write_that_fails_is_caught_up),
		DOOR_TEST(a_full_bucket_is_closed_and_searched),
		DOOR_TEST(damage_is_found_and_mended),
		DOOR_TEST(a_damaged_log_still_bars),
		DOOR_TEST(many_keys_are_swept_together),
		DOOR_TEST(tier_2_answers_at_once),
		DOOR_TEST(one_process_has_the_folder),
	};
	(void)signal(SIGXFSZ, SIG_IGN);
	gmp_randinit_default(dice);
	gmp_randseed_ui(dice, 20121105);
	int failed = RUN_TAP(tests);
	gmp_randclear(dice);
	return failed;
}
