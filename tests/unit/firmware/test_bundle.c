#include "tests/unit/cmocka_tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firmware/bundle.h"
#include "firmware/file.h"

/* Bundles of 2026-01-01, made once and kept: what was published stays readable. */
#define PUBLISHED ((int64_t)1767225600)
#define YEARS(n) ((n) * 365 * (int64_t)86400)

static struct cert root;
static struct note_key log_key;

static int golden(const char *name)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/release/%s", GOLDEN, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail_msg("%s", path);
	return fd;
}

static struct buf all_of(int fd)
{
	uint64_t size;
	struct buf b = buf_new(1 << 20);
	assert_int_equal(file_size(fd, &size, NULL), ERR_OK);
	assert_int_equal(file_read(fd, 0, (size_t)size, &b, NULL), ERR_OK);
	return b;
}

static int setup(void **state)
{
	(void)state;
	int fd = golden("root.der");
	struct buf b = all_of(fd);
	assert_int_equal(cert_parse(buf_view(&b), &root, NULL), ERR_OK);
	buf_free(&b);
	(void)close(fd);
	fd = golden("log.vkey");
	b = all_of(fd);
	assert_int_equal(note_key_parse(buf_cstr(&b), &log_key, NULL), ERR_OK);
	buf_free(&b);
	(void)close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cert_free(&root);
	return 0;
}

static void bundles_of_old_still_verify(void **state)
{
	(void)state;
	static const char *const names[] = {"plain.bundle", "mcuboot.bundle"};
	static const int64_t clocks[] = {0, PUBLISHED, PUBLISHED + YEARS(15)};
	for (size_t i = 0; i < 2; i++) {
		int fd = golden(names[i]);
		for (size_t j = 0; j < 3; j++) {
			struct bundle b;
			struct bundle_verdict v;
			struct err e = {0};
			struct bundle_trust t = {.root = &root, .log_key = log_key,
				.approvals = 2, .now = clocks[j]};
			assert_int_equal(bundle_open(fd, &b, &e), ERR_OK);
			if (bundle_verify(&b, &t, &v, &e) != ERR_OK)
				fail_msg("%s: %s: %s", names[i], err_name(e.code), e.reason);
			assert_int_equal(v.published_at, PUBLISHED);
			assert_string_equal(v.people.proposer, "alice");
			assert_string_equal(v.people.approvers[1], "Carol M\xc3\xbcller");
			bundle_free(&b);
		}
		(void)close(fd);
	}
}

struct span {
	size_t at, len; /* with its header of ten bytes */
};

/* The sections of a bundle, found by the words of docs/spec/bundle.md. */
static size_t spans_of(const struct buf *b, struct span *out)
{
	size_t n = 0;
	for (size_t at = 10; at < b->len; n++) {
		uint64_t len = 0;
		for (size_t i = 0; i < 8; i++)
			len = len << 8 | b->p[at + 2 + i];
		out[n] = (struct span){at, (size_t)len + 10};
		at += out[n].len;
	}
	return n;
}

static enum err_code parse(const struct buf *b)
{
	struct bundle x;
	enum err_code rc = bundle_parse(buf_view(b), b->len, &x, NULL);
	if (rc == ERR_OK)
		bundle_free(&x);
	return rc;
}

static void sections_stand_once_in_their_order(void **state)
{
	(void)state;
	struct span s[16];
	int fd = golden("plain.bundle");
	struct buf b = all_of(fd);
	size_t n = spans_of(&b, s);
	assert_int_equal(n, 9); /* two approvals */
	assert_int_equal(parse(&b), ERR_OK);
	for (size_t i = 0; i < n; i++) {
		struct buf without = buf_new(1 << 20), twice = buf_new(1 << 20);
		buf_bytes(&without, bytes_of(b.p, s[i].at));
		buf_bytes(&without, bytes_of(b.p + s[i].at + s[i].len,
			b.len - s[i].at - s[i].len));
		buf_bytes(&twice, bytes_of(b.p, s[i].at + s[i].len));
		buf_bytes(&twice, bytes_of(b.p + s[i].at, b.len - s[i].at));
		/* one approval fewer or more is a matter for the rule, not for the form */
		bool approval = i == 2 || i == 3;
		assert_int_equal(parse(&without), approval ? ERR_OK : ERR_BUNDLE_FORM);
		assert_int_equal(parse(&twice), approval ? ERR_OK : ERR_BUNDLE_FORM);
		buf_free(&without);
		buf_free(&twice);
	}
	buf_free(&b);
	(void)close(fd);
}

static void a_length_that_does_not_fit_is_refused(void **state)
{
	(void)state;
	static const uint8_t lengths[][8] = {
		{0},
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0x80},
		{0, 0, 0, 1},
		{0, 0, 0, 0, 0, 1},
	};
	struct span s[16];
	int fd = golden("mcuboot.bundle");
	struct buf b = all_of(fd);
	size_t n = spans_of(&b, s);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
			uint8_t was[8];
			memcpy(was, b.p + s[i].at + 2, 8);
			memcpy(b.p + s[i].at + 2, lengths[j], 8);
			assert_int_not_equal(parse(&b), ERR_OK);
			memcpy(b.p + s[i].at + 2, was, 8);
		}
	}
	buf_free(&b);
	(void)close(fd);
}

static void a_bundle_cut_anywhere_is_refused(void **state)
{
	(void)state;
	struct bundle x;
	int fd = golden("plain.bundle");
	struct buf b = all_of(fd);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(bundle_parse(bytes_of(b.p, n), n, &x, NULL), ERR_BUNDLE_FORM);
	/* nor is anything that is no file */
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(bundle_open(pipes[0], &x, NULL), ERR_IO);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	buf_free(&b);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bundles_of_old_still_verify),
		cmocka_unit_test(sections_stand_once_in_their_order),
		cmocka_unit_test(a_length_that_does_not_fit_is_refused),
		cmocka_unit_test(a_bundle_cut_anywhere_is_refused),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
