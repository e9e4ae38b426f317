/* DER of ECDSA signatures: one encoding per pair of numbers, every other is refused. */
#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "verify/image.h"

static struct verify_signature sig;

static enum verify_code parse(const void *der, size_t len)
{
	uint8_t *exact = test_malloc(len == 0 ? 1 : len);
	memcpy(exact, der, len);
	enum verify_code rc = signature_parse(exact, len, &sig);
	test_free(exact);
	return rc;
}

#define PARSE(s) parse((s), sizeof(s) - 1)

static void small_and_large_numbers_are_right_aligned(void **state)
{
	(void)state;
	assert_int_equal(PARSE("\x30\x06\x02\x01\x05\x02\x01\x7f"), VERIFY_OK);
	uint8_t want[64] = {0};
	want[31] = 5;
	want[63] = 0x7f;
	assert_memory_equal(sig.scalars, want, 64);
	assert_int_equal(sig.der_len, 8);

	uint8_t der[72] = {0x30, 70, 0x02, 33, 0};
	memset(der + 5, 0xff, 32);
	der[37] = 0x02;
	der[38] = 33;
	der[39] = 0;
	memset(der + 40, 0x80, 32);
	assert_int_equal(parse(der, sizeof(der)), VERIFY_OK);
	memset(want, 0xff, 32);
	memset(want + 32, 0x80, 32);
	assert_memory_equal(sig.scalars, want, 64);
}

static void every_other_encoding_is_refused(void **state)
{
	(void)state;
	assert_int_equal(PARSE(""), VERIFY_SIGNATURE);
	assert_int_equal(PARSE("\x31\x06\x02\x01\x05\x02\x01\x7f"), VERIFY_SIGNATURE); /* a SET */
	assert_int_equal(PARSE("\x30\x81\x06\x02\x01\x05\x02\x01\x7f"), VERIFY_SIGNATURE);
	assert_int_equal(PARSE("\x30\x80\x02\x01\x05\x02\x01\x7f\0\0"), VERIFY_SIGNATURE); /* BER */
	assert_int_equal(PARSE("\x30\x06\x02\x01\x05\x02\x01\x7f\0"), VERIFY_SIGNATURE); /* trailing */
	assert_int_equal(PARSE("\x30\x07\x02\x01\x05\x02\x01\x7f\0"), VERIFY_SIGNATURE); /* inside */
	assert_int_equal(PARSE("\x30\x05\x02\x01\x05\x02\x01\x7f"), VERIFY_SIGNATURE); /* less */
	assert_int_equal(PARSE("\x30\x07\x02\x01\x05\x02\x01\x7f"), VERIFY_SIGNATURE); /* more */
	assert_int_equal(PARSE("\x30\x06\x02\x01\x05\x03\x01\x7f"), VERIFY_SIGNATURE); /* tag */
	assert_int_equal(PARSE("\x30\x06\x02\x01\x00\x02\x01\x7f"), VERIFY_SIGNATURE); /* r is 0 */
	assert_int_equal(PARSE("\x30\x06\x02\x01\x05\x02\x01\x00"), VERIFY_SIGNATURE); /* s is 0 */
	assert_int_equal(PARSE("\x30\x06\x02\x01\x85\x02\x01\x7f"), VERIFY_SIGNATURE); /* negative */
	assert_int_equal(PARSE("\x30\x07\x02\x02\0\x05\x02\x01\x7f"), VERIFY_SIGNATURE); /* padded */
	assert_int_equal(PARSE("\x30\x07\x02\x02\x05\x02\x02\x00\x7f"), VERIFY_SIGNATURE);
	assert_int_equal(PARSE("\x30\x06\x02\x00\x02\x02\x01\x7f"), VERIFY_SIGNATURE); /* empty */
	assert_int_equal(PARSE("\x30\x06\x02\x7f\x05\x02\x01\x7f"), VERIFY_SIGNATURE); /* beyond */
	assert_int_equal(PARSE("\x30\x06\x02\x04\x05\x02\x01\x7f"), VERIFY_SIGNATURE); /* one only */
	assert_int_equal(PARSE("\x30\x06\x02\x02\x05\x02\x01\x7f"), VERIFY_SIGNATURE);
	assert_int_equal(PARSE("\x30\x06\x02\x01\x05\x02\x02\x7f"), VERIFY_SIGNATURE);
}

static void numbers_over_256_bits_are_refused(void **state)
{
	(void)state;
	uint8_t der[41] = {0x30, 38, 0x02, 33, 0x01}; /* 257 bits */
	der[37] = 0x02;
	der[38] = 1;
	der[39] = 1;
	assert_int_equal(parse(der, 40), VERIFY_SIGNATURE);
	der[4] = 0;
	der[5] = 0x80;
	assert_int_equal(parse(der, 40), VERIFY_OK);
	uint8_t longer[42] = {0x30, 39, 0x02, 34, 0, 0x80};
	longer[38] = 0x02;
	longer[39] = 1;
	longer[40] = 1;
	assert_int_equal(parse(longer, 41), VERIFY_SIGNATURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_and_large_numbers_are_right_aligned),
		cmocka_unit_test(every_other_encoding_is_refused),
		cmocka_unit_test(numbers_over_256_bits_are_refused),
	};
	return RUN_TAP(tests);
}
