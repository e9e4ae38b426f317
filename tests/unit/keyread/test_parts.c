/* The parts that the readers stand on: stream, base64, BER, and the rules of the sink. */
#include "tests/unit/cmocka_tap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/der.h"
#include "keyread/ber.h"
#include "keyread/keyread.h"
#include "keyread/object.h"
#include "keyread/stream.h"
#include "keyread/text64.h"

/* ---- stream ---- */

/* Gives `left` bytes that count up, at most `step` at a time; then ends with `end`. */
struct counter {
	uint64_t given;
	uint64_t left;
	size_t step;
	enum err_code end;
};

static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i * 131 >> 3);
}

static enum err_code count_up(void *ctx, uint8_t *to, size_t room, size_t *got, struct err *e)
{
	struct counter *c = ctx;
	size_t n = room < c->step ? room : c->step;
	if (n > c->left)
		n = (size_t)c->left;
	for (size_t i = 0; i < n; i++)
		to[i] = byte_at(c->given + i);
	c->given += n;
	c->left -= n;
	*got = n;
	return n == 0 && c->end != ERR_OK ? err_set(e, c->end, NULL, "on purpose") : ERR_OK;
}

static void a_window_slides_without_losing_a_byte(void **state)
{
	(void)state;
	static const size_t steps[] = {1, 7, 4096, 100000};
	for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
		struct counter c = {.left = steps[k] == 1 ? 50000 : 1000000, .step = steps[k]};
		uint64_t total = c.left;
		struct stream s;
		assert_int_equal(stream_open(&s, count_up, &c, NULL), ERR_OK);
		uint64_t at = 0;
		for (size_t want = 1; at < total; want = want * 5 % 60013 + 1) {
			size_t have = stream_need(&s, want);
			assert_true(have >= want || at + have == total);
			assert_true(s.offset == at);
			struct bytes w = stream_window(&s);
			for (size_t i = 0; i < w.len; i += 97)
				assert_int_equal(w.p[i], byte_at(at + i));
			size_t skip = have < want ? have : want;
			stream_skip(&s, skip);
			at += skip;
		}
		assert_int_equal(stream_need(&s, 1), 0);
		assert_int_equal(s.failed, ERR_OK);
		stream_close(&s);
	}
}

static void a_record_is_bounded_and_a_failure_kept(void **state)
{
	(void)state;
	struct counter c = {.left = 3 * (uint64_t)STREAM_RECORD_MAX, .step = 1 << 20};
	struct stream s;
	assert_int_equal(stream_open(&s, count_up, &c, NULL), ERR_OK);
	assert_true(stream_need(&s, SIZE_MAX) >= STREAM_RECORD_MAX);
	assert_true(s.cap <= 2 * STREAM_RECORD_MAX);
	stream_close(&s);

	struct counter bad = {.left = 10, .step = 4, .end = ERR_IO};
	assert_int_equal(stream_open(&s, count_up, &bad, NULL), ERR_OK);
	assert_int_equal(stream_need(&s, 100), 10);
	assert_int_equal(s.failed, ERR_IO);
	assert_string_equal(s.why.reason, "on purpose");
	assert_int_equal(stream_need(&s, 100), 10);
	stream_close(&s);
	stream_close(NULL);
}

struct text {
	const char *p;
};

static enum err_code give_text(void *ctx, uint8_t *to, size_t room, size_t *got, struct err *e)
{
	struct text *t = ctx;
	(void)e;
	*got = room > 0 && *t->p != '\0' ? 1 : 0; /* a byte at a time: the worst pipe */
	if (*got > 0)
		to[0] = (uint8_t)*t->p++;
	return ERR_OK;
}

static void lines_are_split_and_counted(void **state)
{
	(void)state;
	struct text t = {"one\r\n\ntwo\nthree"};
	static const char *const want[] = {"one", "", "two", "three"};
	struct stream s;
	assert_int_equal(stream_open(&s, give_text, &t, NULL), ERR_OK);
	s.text = true;
	struct bytes line;
	size_t taken;
	for (size_t i = 0; i < 4; i++) {
		assert_true(stream_line(&s, &line, &taken));
		assert_true(bytes_equal(line, bytes_str(want[i])));
		assert_int_equal(s.line, i + 1);
		stream_skip(&s, taken);
	}
	assert_false(stream_line(&s, &line, &taken));
	stream_close(&s);

	struct text skipped = {"one\ntwo"};
	assert_int_equal(stream_open(&s, give_text, &skipped, NULL), ERR_OK);
	stream_skip_line(&s);
	assert_true(stream_line(&s, &line, &taken));
	assert_true(bytes_equal(line, bytes_str("two")));
	stream_skip_line(&s);
	assert_false(stream_line(&s, &line, &taken));
	stream_close(&s);
}

static void a_secret_is_wiped_from_the_window(void **state)
{
	(void)state;
	struct text t = {"secret and more"};
	struct stream s;
	assert_int_equal(stream_open(&s, give_text, &t, NULL), ERR_OK);
	assert_int_equal(stream_need(&s, 15), 15);
	const uint8_t *p = stream_window(&s).p;
	stream_wipe(&s, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(p[i], 0);
	assert_true(bytes_equal(stream_window(&s), bytes_str(" and more")));
	stream_close(&s);
}

/* ---- base64 ---- */

static void assert_decodes(const char *text, const char *want)
{
	struct buf b = buf_new(1 << 20);
	assert_int_equal(text64_decode(bytes_str(text), &b, NULL, NULL), ERR_OK);
	assert_true(bytes_equal(buf_view(&b), bytes_str(want)));
	buf_free(&b);
}

static void base64_is_read_as_it_is_met(void **state)
{
	(void)state;
	/* RFC 4648 §10 */
	assert_decodes("", "");
	assert_decodes("Zg==", "f");
	assert_decodes("Zm8=", "fo");
	assert_decodes("Zm9v", "foo");
	assert_decodes("Zm9vYg==", "foob");
	assert_decodes("Zm9vYmFy", "foobar");
	/* no padding, white space, the other alphabet */
	assert_decodes("Zm9vYg", "foob");
	assert_decodes(" Zm9\r\n\tvY\nmFy\n", "foobar");
	assert_decodes("Pz8_Pj4-", "??\?>>>");
	assert_decodes("Pz8/Pj4+", "??\?>>>");
	struct buf b = buf_new(64);
	size_t at;
	static const struct {
		const char *text;
		size_t at;
	} bad[] = {{"Zm9v!mFy", 4}, {"Zm9vYg==Zg", 8}, {"Zm\x80v", 2}, {"*", 0}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		at = 99;
		assert_int_equal(text64_decode(bytes_str(bad[i].text), &b, &at, NULL), ERR_BASE64);
		assert_int_equal(at, bad[i].at);
	}
	buf_reset(&b);
	char more[200];
	memset(more, 'A', sizeof(more));
	assert_int_equal(text64_decode(bytes_of(more, sizeof(more)), &b, NULL, NULL), ERR_LIMIT);
	buf_free(&b);
}

/* All lengths around the pieces in which it works, with and without line ends. */
static void base64_of_any_length(void **state)
{
	(void)state;
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static char text[20000];
	for (size_t line = 0; line <= 65; line += 65) {
		size_t n = 0;
		for (size_t i = 0; i < 8200; i++) {
			text[n++] = alphabet[byte_at(i) & 63];
			if (line > 0 && i % line == line - 1)
				text[n++] = '\n';
			if (i % 64 != 63 && i > 10 && (i < 4090 || i > 4110))
				continue;
			struct buf b = buf_new(1 << 16);
			assert_int_equal(text64_decode(bytes_of(text, n), &b, NULL, NULL), ERR_OK);
			assert_int_equal(b.len, (i + 1) * 6 / 8);
			for (size_t k = 0; k < b.len; k++) {
				unsigned bit = (unsigned)(8 * k % 6);
				unsigned v = (byte_at(8 * k / 6) & 63u) << 6 |
					     (byte_at(8 * k / 6 + 1) & 63u);
				assert_int_equal(b.p[k], v >> (4 - bit) & 0xff);
			}
			buf_free(&b);
		}
	}
}

/* ---- BER ---- */

static void ber_takes_what_der_refuses(void **state)
{
	(void)state;
	struct reader r = reader_of(DER_LITERAL("\x04\x82\x00\x02hi"
						"\x30\x80\x04\x01x\x24\x80\x00\x00\x00\x00"
						"\x9f\x81\x01\x01z"
						"\x05\x00"));
	assert_true(bytes_equal(ber_take(&r, DER_OCTET_STRING).content, bytes_str("hi")));
	struct ber b = ber_take(&r, DER_SEQUENCE);
	assert_int_equal(b.whole.len, 11);
	assert_int_equal(b.content.len, 7);
	assert_true(bytes_equal(ber_next(&r).content, bytes_str("z")));
	assert_int_equal(ber_take(&r, DER_NULL).whole.len, 2);
	assert_int_equal(reader_end(&r, NULL, "t"), ERR_OK);
}

static void ber_keeps_to_its_bounds(void **state)
{
	(void)state;
	struct bytes bad[] = {
		DER_LITERAL(""), DER_LITERAL("\x04"), DER_LITERAL("\x04\x05z"),
		DER_LITERAL("\x04\x84\xff\xff\xff\xff"),
		DER_LITERAL("\x04\x89\x01\x00\x00\x00\x00\x00\x00\x00\x00"),
		DER_LITERAL("\x04\x80z\x00\x00"),         /* indefinite, not constructed */
		DER_LITERAL("\x30\x80\x04\x01z"),         /* no end-of-contents */
		DER_LITERAL("\x00\x00"),                  /* end-of-contents of nothing */
		DER_LITERAL("\x1f\x81\x82\x83\x84\x01z"), /* a tag without end */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct reader r = reader_of(bad[i]);
		assert_int_equal(ber_next(&r).tag, 0);
		assert_true(r.bad);
	}
	uint8_t deep[200];
	for (size_t i = 0; i < sizeof(deep); i++)
		deep[i] = i % 2 == 0 ? 0x30 : 0x80;
	struct reader r = reader_of(bytes_of(deep, sizeof(deep)));
	(void)ber_next(&r);
	assert_true(r.bad);
}

static void the_size_is_told_from_the_beginning(void **state)
{
	(void)state;
	bool is_bad;
	assert_true(ber_size(DER_LITERAL("\x30\x82\x01\x00"), &is_bad) == 260 && !is_bad);
	assert_true(ber_size(DER_LITERAL("\x30\x82\x01"), &is_bad) == 0 && !is_bad);
	assert_true(ber_size(DER_LITERAL("\x30\x80\x05\x00"), &is_bad) == 0 && !is_bad);
	assert_true(ber_size(DER_LITERAL("\x30\x80\x05\x00\x00\x00zz"), &is_bad) == 6 && !is_bad);
	assert_true(ber_size(DER_LITERAL("\x00\x01z"), &is_bad) == 0 && is_bad);
	uint8_t lie[200] = {0x30, 0xfe};
	memset(lie + 2, 0xff, sizeof(lie) - 2);
	assert_true(ber_size(bytes_of(lie, sizeof(lie)), &is_bad) == 0 && is_bad);
}

/* ---- the sink ---- */

struct taken {
	unsigned keys;
	unsigned flaws;
	unsigned stop_at; /* the key at which the sink fails; 0: none */
	uint64_t progress;
};

static enum err_code take_key(void *arg, const struct pubkey *k, const struct key_place *at,
	struct bytes name_der, struct bytes subject_key_id, struct err *e)
{
	struct taken *t = arg;
	(void)k;
	(void)at;
	(void)name_der;
	(void)subject_key_id;
	t->keys++;
	if (t->keys == t->stop_at)
		return err_set(e, ERR_DISK_FULL, "sink", "on purpose");
	return ERR_OK;
}

static void take_flaw(void *arg, const struct key_place *at, const struct err *why)
{
	struct taken *t = arg;
	(void)at;
	(void)why;
	t->flaws++;
}

static void take_progress(void *arg, uint64_t offset)
{
	struct taken *t = arg;
	assert_true(offset >= t->progress);
	t->progress = offset;
}

static enum err_code read_text(
	const char *text, size_t times, enum keyread_format format, struct taken *t, struct err *e)
{
	struct key_sink sink = {t, take_key, NULL, take_flaw, take_progress};
	int fd = memfd_create("keys", MFD_CLOEXEC);
	for (size_t i = 0; i < times; i++)
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	enum err_code rc = keyread_fd(fd, "keys", format, 0, &sink, e);
	(void)close(fd);
	return rc;
}

#define MODULUS "c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5\n"

static void an_error_of_the_sink_ends_the_reading(void **state)
{
	(void)state;
	struct err e;
	struct taken t = {.stop_at = 3};
	assert_int_equal(read_text(MODULUS, 10, KEYREAD_AUTO, &t, &e), ERR_DISK_FULL);
	assert_int_equal(t.keys, 3);
	assert_string_equal(e.object, "sink");
	/* nothing is said after it either */
	struct taken late = {.stop_at = 1};
	assert_int_equal(
		read_text(MODULUS "zz\n", 10, KEYREAD_CSV_HEX, &late, NULL), ERR_DISK_FULL);
	assert_int_equal(late.keys + late.flaws, 1);
}

static void progress_reaches_the_end(void **state)
{
	(void)state;
	struct taken t = {0};
	assert_int_equal(read_text(MODULUS, 100000, KEYREAD_AUTO, &t, NULL), ERR_OK);
	assert_int_equal(t.keys, 100000);
	assert_true(t.progress == 100000 * (sizeof(MODULUS) - 1));
}

static void formats_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KEYREAD_FORMATS; i++)
		assert_int_equal(keyread_format_from_name(keyread_format_name(i)), i);
	assert_int_equal(keyread_format_from_name("csv-hex"), KEYREAD_CSV_HEX);
	assert_int_equal(keyread_format_from_name("xml"), KEYREAD_FORMATS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_slides_without_losing_a_byte),
		cmocka_unit_test(a_record_is_bounded_and_a_failure_kept),
		cmocka_unit_test(lines_are_split_and_counted),
		cmocka_unit_test(a_secret_is_wiped_from_the_window),
		cmocka_unit_test(base64_is_read_as_it_is_met),
		cmocka_unit_test(base64_of_any_length),
		cmocka_unit_test(ber_takes_what_der_refuses),
		cmocka_unit_test(ber_keeps_to_its_bounds),
		cmocka_unit_test(the_size_is_told_from_the_beginning),
		cmocka_unit_test(an_error_of_the_sink_ends_the_reading),
		cmocka_unit_test(progress_reaches_the_end),
		cmocka_unit_test(formats_have_names),
	};
	return RUN_TAP(tests);
}
