#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "crypto/der.h"

#define R(s) reader_of(DER_LITERAL(s))

static void reads_what_was_written(void **state)
{
	(void)state;
	struct buf b = buf_new(4096);
	size_t seq = der_open(&b, DER_SEQUENCE);
	der_write_u64(&b, 0);
	der_write_u64(&b, 127);
	der_write_u64(&b, 128);
	der_write_u64(&b, UINT64_MAX);
	der_write_bool(&b, true);
	der_write_bits(&b, bytes_str("bits"));
	der_write_time(&b, 1767225599); /* 2025-12-31T23:59:59Z */
	der_write_time(&b, 2524608000); /* 2050-01-01T00:00:00Z */
	uint8_t long_text[300];
	memset(long_text, 'x', sizeof(long_text));
	der_write(&b, DER_UTF8, bytes_of(long_text, sizeof(long_text)));
	der_close(&b, seq);

	struct reader r = reader_of(buf_view(&b));
	struct reader in = der_enter(&r, DER_SEQUENCE);
	assert_int_equal(der_read_u64(&in), 0);
	assert_int_equal(der_read_u64(&in), 127);
	assert_int_equal(der_read_u64(&in), 128);
	assert_true(der_read_u64(&in) == UINT64_MAX);
	assert_true(der_read_bool(&in));
	assert_true(bytes_equal(der_read_bits(&in), bytes_str("bits")));
	assert_int_equal(der_peek(&in), DER_UTC_TIME);
	assert_int_equal(der_read_time(&in), 1767225599);
	assert_int_equal(der_peek(&in), DER_GENERALIZED_TIME);
	assert_int_equal(der_read_time(&in), 2524608000);
	assert_true(bytes_equal(der_read(&in, DER_UTF8), bytes_of(long_text, sizeof(long_text))));
	assert_int_equal(reader_end(&in, NULL, "t"), ERR_OK);
	assert_int_equal(reader_end(&r, NULL, "t"), ERR_OK);
	buf_free(&b);
}

static void lengths_take_the_shortest_form(void **state)
{
	(void)state;
	for (size_t len = 0; len < 70000; len = len * 2 + 1) {
		static uint8_t zeros[70000];
		struct buf b = buf_new(100000);
		der_write(&b, DER_OCTET_STRING, bytes_of(zeros, len));
		struct reader r = reader_of(buf_view(&b));
		assert_int_equal(der_read(&r, DER_OCTET_STRING).len, len);
		assert_int_equal(reader_end(&r, NULL, "t"), ERR_OK);
		buf_free(&b);
	}
}

static void what_is_ber_and_not_der_is_refused(void **state)
{
	(void)state;
	struct reader bad[] = {
		R("\x04\x80\x00\x00"),         /* indefinite length */
		R("\x04\x81\x01z"),            /* long form of a short length */
		R("\x04\x82\x00\x81"),         /* a leading zero in the length */
		R("\x04\x05z"),                /* longer than the input */
		R("\x04\x84\xff\xff\xff\xff"), /* far longer */
		R("\x04"),
		R(""),
		R("\x1f\x04\x00"),             /* another tag */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(der_read(&bad[i], DER_OCTET_STRING).len, 0);
		assert_true(bad[i].bad);
	}
	struct reader ints[] = {R("\x02\x00"), R("\x02\x02\x00\x01"), R("\x02\x02\xff\x80")};
	for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
		(void)der_read_integer(&ints[i]);
		assert_true(ints[i].bad);
	}
	struct reader negative = R("\x02\x01\x80");
	(void)der_read_u64(&negative);
	assert_true(negative.bad);
	struct reader truth = R("\x01\x01\x01");
	(void)der_read_bool(&truth);
	assert_true(truth.bad);
	struct reader unused = R("\x03\x02\x01\x80");
	(void)der_read_bits(&unused);
	assert_true(unused.bad);
	struct reader high_tag = R("\x1f\x81\x00\x00");
	(void)der_read_whole(&high_tag, 0);
	assert_true(high_tag.bad);
}

static void times_that_do_not_exist_are_refused(void **state)
{
	(void)state;
	struct reader bad[] = {
		R("\x17\x0d" "260230000000Z"), /* 30 February */
		R("\x17\x0d" "261301000000Z"),
		R("\x17\x0d" "260101006000Z"),
		R("\x17\x0d" "2601010000000"),
		R("\x17\x0b" "2601010000Z"), /* no seconds */
		R("\x18\x0f" "2026010100000-Z"),
		R("\x18\x11" "20260101000000.1Z"),
		R("\x04\x0d" "260101000000Z"),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)der_read_time(&bad[i]);
		assert_true(bad[i].bad);
	}
	struct reader never = R("\x18\x0f" "99991231235959Z");
	assert_true(der_read_time(&never) == 253402300799);
	assert_false(never.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(lengths_take_the_shortest_form),
		cmocka_unit_test(what_is_ber_and_not_der_is_refused),
		cmocka_unit_test(times_that_do_not_exist_are_refused),
	};
	return RUN_TAP(tests);
}
