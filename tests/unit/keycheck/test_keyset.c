/* Each key once, with every place; interrupted anywhere, the same in the end. */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bigint/batch.h"
#include "keycheck/keyset.h"

#define OK(call) assert_int_equal((call), ERR_OK)
#define KEYS 3000 /* above the first size of every table */
#define STEPS 10000

static char folder[64];
static const uint8_t call[SHA256_SIZE] = {1, 2, 3};
static const char *const files[] = {"keys.log", "sources.log", "flaws.log", "findings.log",
	"signers.log", "state", "state.new", "lock", "moduli"};

static int begin(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/medseal-keyset-XXXXXX");
	return mkdtemp(folder) == NULL;
}

static const char *path_of(const char *name)
{
	static char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlink(path_of(files[i]));
	return rmdir(folder);
}

static struct keyset *open_new(void)
{
	struct keyset_position at;
	struct keyset *s = NULL;
	OK(keyset_open(folder, false, call, &at, &s, NULL));
	assert_int_equal(at.step + at.file, 0);
	return s;
}

static struct keyset *open_again(struct keyset_position *at)
{
	struct keyset *s = NULL;
	OK(keyset_open(folder, true, call, at, &s, NULL));
	return s;
}

/* The n-th key: an RSA key whose modulus two keys in seven share, a point now and then. */
static void key_of(unsigned n, struct buf *spki, struct pubkey *out)
{
	static const uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	unsigned m = n % 7 == 1 ? n - 1 : n;
	uint8_t modulus[64] = {0xc5, [60] = (uint8_t)(m >> 16), (uint8_t)(m >> 8), (uint8_t)m, 1};
	uint8_t exponent[] = {1, (uint8_t)(n % 7), 1};
	if (n % 10 == 9) {
		OK(pubkey_from_ec(
			bytes_of(p256, sizeof(p256)), bytes_of(modulus, 64), spki, out, NULL));
		return;
	}
	OK(pubkey_from_rsa(bytes_of(modulus, 64), bytes_of(exponent, 3), spki, out, NULL));
}

/* Which key is seen in step i, and where. */
static void see(struct keyset *s, unsigned i)
{
	struct buf spki = buf_new(PUBKEY_SPKI_MAX);
	char name[600];
	struct pubkey k;
	(void)snprintf(name, sizeof(name), "%0*u", i % 100 == 0 ? 599 : 4, i);
	struct keyset_place at = {.file = i / 1000,
		.offset = i,
		.line = 2 * i,
		.record = i + 1,
		.form = bytes_str("certificate"),
		.name = bytes_str(name)};
	key_of(i * 7919 % KEYS, &spki, &k);
	OK(keyset_add(s, &k, &at, NULL, NULL));
	if (i % 97 == 0) {
		struct err why;
		err_set(&why, ERR_MALFORMED, "x", "step %u", i);
		OK(keyset_flaw(s, &at, &why, NULL));
	}
	buf_free(&spki);
}

static enum err_code source_told(void *arg, const struct keyset_place *at, struct err *e)
{
	(void)e;
	buf_printf(arg, " %u:%llu:%llu:%llu:%.*s:%zu", at->file, (unsigned long long)at->offset,
		(unsigned long long)at->line, (unsigned long long)at->record, (int)at->form.len,
		(const char *)at->form.p, at->name.len);
	return ERR_OK;
}

static enum err_code flaw_told(
	void *arg, const struct keyset_place *at, const struct err *why, struct err *e)
{
	(void)e;
	buf_printf(arg, "flaw %llu %s %s %s\n", (unsigned long long)at->offset, err_name(why->code),
		why->object, why->reason);
	return ERR_OK;
}

/* All that a report would say, as text. */
static void tell(struct keyset *s, struct buf *out)
{
	OK(keyset_seal(s, NULL));
	for (uint32_t i = 0; i < keyset_count(s); i++) {
		struct pubkey k;
		char id[2 * SHA256_SIZE + 1];
		OK(keyset_key(s, i, &k, NULL));
		hex_encode(k.id, SHA256_SIZE, id);
		buf_printf(out, "%u %s %u", i, id, keyset_modulus(s, i));
		OK(keyset_sources(s, i, source_told, out, NULL));
		buf_str(out, "\n");
	}
	OK(keyset_flaws(s, flaw_told, out, NULL));
	OK(buf_end(out, NULL, "text"));
}

static void a_key_is_kept_once_with_every_place(void **state)
{
	(void)state;
	struct keyset *s = open_new();
	struct buf text = buf_new(BUF_MAX_DEFAULT);
	for (unsigned i = 0; i < STEPS; i++)
		see(s, i);
	assert_int_equal(keyset_count(s), KEYS);
	assert_int_equal(keyset_source_count(s), STEPS);
	tell(s, &text);
	/* Key 7919 % KEYS = 1919 was seen second, and in steps 3001, 6001 and 9001 again. */
	const char *second = strstr(buf_cstr(&text), "\n1 ");
	assert_non_null(second);
	second = strchr(second + 1, ':');
	static const char places[] =
		":1:2:2:certificate:4 3:3001:6002:3002:certificate:4 "
		"6:6001:12002:6002:certificate:4 9:9001:18002:9002:certificate:4\n";
	assert_memory_equal(second, places, strlen(places));
	assert_non_null(strstr(buf_cstr(&text), ":256")); /* a long name is cut */
	assert_non_null(strstr(buf_cstr(&text), "flaw 97 malformed x step 97\n"));

	/* Each modulus once, and every key of it. */
	uint32_t keys = 0, pairs = 0;
	for (uint32_t m = 0; m < keyset_modulus_count(s); m++) {
		uint32_t n = 0;
		for (uint32_t k = keyset_modulus_first(s, m); k != KEYSET_NONE;
			k = keyset_modulus_next(s, k)) {
			assert_int_equal(keyset_modulus(s, k), m);
			n++;
		}
		keys += n;
		pairs += n == 2;
	}
	uint32_t want_keys = 0, want_pairs = 0;
	for (unsigned n = 0; n < KEYS; n++) {
		want_keys += n % 10 != 9;
		want_pairs += n % 7 == 1 && n % 10 != 9 && (n - 1) % 10 != 9;
	}
	assert_int_equal(keys, want_keys);
	assert_int_equal(pairs, want_pairs);

	struct moduli *file;
	OK(keyset_write_moduli(s, path_of("moduli"), NULL));
	OK(moduli_open(path_of("moduli"), &file, NULL));
	assert_int_equal(moduli_count(file), keyset_modulus_count(s));
	moduli_close(file);
	keyset_close(s);
	buf_free(&text);
}

static void what_may_not_go_into_the_batch_stays_out(void **state)
{
	(void)state;
	static const uint8_t two[] = {2}, one[] = {1}, three[] = {3}, e[] = {1, 0, 1};
	const struct bytes moduli[] = {
		BYTES_NONE, bytes_of(one, 1), bytes_of(two, 1), bytes_of(three, 1)};
	struct keyset *s = open_new();
	for (unsigned i = 0; i < 4; i++) {
		struct buf spki = buf_new(PUBKEY_SPKI_MAX);
		struct pubkey k;
		struct keyset_place at = {.offset = i};
		OK(pubkey_from_rsa(moduli[i], bytes_of(e, 3), &spki, &k, NULL));
		OK(keyset_add(s, &k, &at, NULL, NULL));
		assert_int_equal(keyset_modulus(s, i), i == 3 ? 0 : KEYSET_NONE);
		buf_free(&spki);
	}
	keyset_close(s);
}

/* Stopped at many places, each time with more written than the checkpoint knows of. */
static void an_interrupted_run_ends_like_another(void **state)
{
	struct buf want = buf_new(BUF_MAX_DEFAULT), got = buf_new(BUF_MAX_DEFAULT);
	struct keyset *s = open_new();
	struct keyset_position at = {0}, back;
	for (unsigned i = 0; i < STEPS; i++)
		see(s, i);
	tell(s, &want);
	keyset_close(s);
	assert_int_equal(end(state), 0);
	assert_int_equal(begin(state), 0);

	s = open_new();
	for (unsigned i = 0; i < STEPS;) {
		unsigned stop = i + 1700 < STEPS ? i + 1700 : STEPS;
		for (; i < stop; i++)
			see(s, i);
		at = (struct keyset_position){1, 2, i, 4, 5};
		OK(keyset_checkpoint(s, &at, NULL));
		for (unsigned more = i; more < i + 333; more++)
			see(s, more % STEPS);
		if (i % 3 == 0) /* or these reached the disk, which changes nothing */
			OK(keyset_seal(s, NULL));
		keyset_close(s);
		s = open_again(&back);
		assert_int_equal(back.offset, i);
		assert_int_equal(
			back.step * 1000 + back.file * 100 + back.done * 10 + back.skipped, 1245);
	}
	tell(s, &got);
	assert_string_equal(buf_cstr(&got), buf_cstr(&want));
	keyset_close(s);
	buf_free(&want);
	buf_free(&got);
}

static enum err_code finding_told(void *arg, const struct keyset_finding *f, struct err *e)
{
	(void)e;
	buf_printf(arg, "%u %s %.*s %zu/%llu\n", f->key, check_name(f->check), (int)f->why.len,
		(const char *)f->why.p, f->shared_n, (unsigned long long)f->shared_total);
	return ERR_OK;
}

static void findings_come_in_order_of_keys(void **state)
{
	(void)state;
	struct keyset *s = open_new();
	struct buf text = buf_new(1000);
	uint32_t shared[KEYSET_SHARED_MAX] = {0};
	struct keyset_finding f = {.key = 2, .check = CHECK_RSA_SIZE, .why = bytes_str("first")};
	OK(keyset_finding(s, &f, NULL));
	f = (struct keyset_finding){1, CHECK_SHARED_PRIME, bytes_str("b"), shared, 1000, 5000};
	OK(keyset_finding(s, &f, NULL));
	f = (struct keyset_finding){2, CHECK_SHARED_PRIME, bytes_str(""), shared, 1, 1};
	OK(keyset_finding(s, &f, NULL));
	OK(keyset_findings(s, finding_told, &text, NULL));
	assert_string_equal(buf_cstr(&text),
		"1 shared-prime b 1000/5000\n2 rsa-size first 0/0\n2 shared-prime  1/1\n");
	buf_free(&text);
	keyset_close(s);
}

static void flip(const char *name, long at)
{
	FILE *f = fopen(path_of(name), "r+b");
	assert_non_null(f);
	assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
	int c = fgetc(f);
	assert_int_equal(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
	assert_int_not_equal(fputc(c ^ 1, f), EOF);
	assert_int_equal(fclose(f), 0);
}

static void refused(const uint8_t *c, bool resume, enum err_code want, const char *object)
{
	struct keyset_position at;
	struct keyset *s = NULL;
	struct err e = {0};
	assert_int_equal(keyset_open(folder, resume, c, &at, &s, &e), want);
	assert_non_null(strstr(e.object, object));
	assert_null(s);
}

static void damage_and_mistakes_are_named(void **state)
{
	(void)state;
	const uint8_t other[SHA256_SIZE] = {9};
	refused(call, true, ERR_NOT_FOUND, "state");
	struct keyset *s = open_new();
	struct keyset_position at = {0};
	for (unsigned i = 0; i < 200; i++)
		see(s, i);
	refused(call, true, ERR_BUSY, folder);
	OK(keyset_checkpoint(s, &at, NULL));
	keyset_close(s);
	refused(call, false, ERR_EXISTS, folder);
	refused(other, true, ERR_USAGE, folder);
	for (size_t i = 0; i < 2; i++) {
		static const long places[] = {0, 5, 30, -1};
		for (size_t j = 0; j < 4; j++) {
			flip(files[i], places[j]);
			refused(call, true, ERR_MALFORMED, files[i]);
			flip(files[i], places[j]);
		}
	}
	flip("state", 20);
	refused(call, true, ERR_MALFORMED, "state");
	flip("state", 20);
	s = open_again(&at);
	keyset_close(s);
	assert_int_equal(truncate(path_of("sources.log"), 100), 0);
	refused(call, true, ERR_TRUNCATED, "sources.log");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_kept_once_with_every_place, begin, end),
		cmocka_unit_test_setup_teardown(
			what_may_not_go_into_the_batch_stays_out, begin, end),
		cmocka_unit_test_setup_teardown(an_interrupted_run_ends_like_another, begin, end),
		cmocka_unit_test_setup_teardown(findings_come_in_order_of_keys, begin, end),
		cmocka_unit_test_setup_teardown(damage_and_mistakes_are_named, begin, end),
	};
	return RUN_TAP(tests);
}
