#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "base/bytes.h"

static void reads_what_was_written(void **state)
{
	(void)state;
	struct buf b = buf_new(64);
	buf_u8(&b, 0xab);
	buf_u16be(&b, 0x0102);
	buf_u16le(&b, 0x0102);
	buf_u32be(&b, 0x01020304);
	buf_u32le(&b, 0x01020304);
	buf_u64be(&b, 0x0102030405060708);
	buf_field(&b, bytes_str("pump"));

	struct reader r = reader_of(buf_view(&b));
	assert_int_equal(read_u8(&r), 0xab);
	assert_int_equal(read_u16be(&r), 0x0102);
	assert_int_equal(read_u16le(&r), 0x0102);
	assert_int_equal(read_u32be(&r), 0x01020304);
	assert_int_equal(read_u32le(&r), 0x01020304);
	assert_int_equal(read_u64be(&r), 0x0102030405060708);
	assert_true(bytes_equal(read_field(&r, 4), bytes_str("pump")));
	assert_int_equal(reader_end(&r, NULL, "t"), ERR_OK);
	buf_free(&b);
}

static void reading_past_the_end_is_truncated_and_stays_so(void **state)
{
	(void)state;
	struct reader r = reader_of(bytes_of("\x01\x02", 2));
	assert_int_equal(read_u32be(&r), 0);
	assert_int_equal(read_u8(&r), 0);
	struct err e;
	assert_int_equal(reader_end(&r, &e, "thing"), ERR_TRUNCATED);
	assert_string_equal(e.object, "thing");
}

static void bytes_left_over_are_an_error(void **state)
{
	(void)state;
	struct reader r = reader_of(bytes_of("\x01\x02", 2));
	assert_int_equal(read_u8(&r), 1);
	assert_int_equal(reader_end(&r, NULL, "t"), ERR_TRAILING);
}

static void a_field_longer_than_its_limit_is_refused(void **state)
{
	(void)state;
	struct reader r = reader_of(bytes_of("\0\0\0\x03" "abc", 7));
	assert_int_equal(read_field(&r, 2).len, 0);
	assert_true(r.bad);
}

static void a_length_that_wraps_is_refused(void **state)
{
	(void)state;
	struct reader r = reader_of(bytes_of("\xff\xff\xff\xff" "abc", 7));
	assert_int_equal(read_field(&r, SIZE_MAX).len, 0);
	assert_true(r.bad);
}

static void a_buffer_stops_at_its_limit(void **state)
{
	(void)state;
	struct buf b = buf_new(3);
	buf_str(&b, "abc");
	assert_int_equal(buf_end(&b, NULL, "t"), ERR_OK);
	buf_u8(&b, 'd');
	assert_int_equal(buf_end(&b, NULL, "t"), ERR_LIMIT);
	assert_int_equal(buf_view(&b).len, 0);
	buf_free(&b);
}

static void a_buffer_that_was_emptied_is_an_empty_string(void **state)
{
	(void)state;
	struct buf b = buf_new(100);
	buf_str(&b, "before");
	buf_reset(&b);
	assert_string_equal(buf_cstr(&b), "");
	buf_str(&b, "now");
	assert_string_equal(buf_cstr(&b), "now");
	buf_free(&b);
}

static void hex_goes_both_ways_and_refuses_the_rest(void **state)
{
	(void)state;
	uint8_t raw[3];
	char text[7];
	assert_true(hex_decode("00fFa1", raw, 3));
	hex_encode(raw, 3, text);
	assert_string_equal(text, "00ffa1");
	assert_false(hex_decode("00ff", raw, 3));
	assert_false(hex_decode("00fg00", raw, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(reading_past_the_end_is_truncated_and_stays_so),
		cmocka_unit_test(bytes_left_over_are_an_error),
		cmocka_unit_test(a_field_longer_than_its_limit_is_refused),
		cmocka_unit_test(a_length_that_wraps_is_refused),
		cmocka_unit_test(a_buffer_stops_at_its_limit),
		cmocka_unit_test(a_buffer_that_was_emptied_is_an_empty_string),
		cmocka_unit_test(hex_goes_both_ways_and_refuses_the_rest),
	};
	return RUN_TAP(tests);
}
