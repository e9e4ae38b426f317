#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/entry.h"

/* tests/unit/audit/golden/entries: written by hand from docs/spec/log-entry.md. */
static struct buf golden(void)
{
	char path[500];
	static uint8_t data[8192];
	(void)snprintf(path, sizeof(path), "%s/golden/entries", getenv("TEST_DATA"));
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	struct buf b = buf_new(sizeof(data));
	size_t n = fread(data, 1, sizeof(data), f);
	buf_bytes(&b, bytes_of(data, n));
	assert_int_equal(fclose(f), 0);
	return b;
}

static struct bytes line_of(const struct buf *b, unsigned number)
{
	const uint8_t *p = b->p;
	const uint8_t *end = b->p + b->len;
	for (;;) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
		assert_non_null(nl);
		if (number-- == 0)
			return bytes_of(p, (size_t)(nl - p));
		p = nl + 1;
	}
}

static void assert_encodes_to(const struct entry *en, struct bytes want)
{
	struct buf b = buf_new(ENTRY_MAX);
	assert_int_equal(entry_encode(en, &b, NULL), ERR_OK);
	if (!bytes_equal(buf_view(&b), want))
		print_message("%s\n%.*s\n", buf_cstr(&b), (int)want.len, (const char *)want.p);
	assert_true(bytes_equal(buf_view(&b), want));
	buf_free(&b);
}

static void the_golden_entries_are_made_byte_for_byte(void **state)
{
	(void)state;
	struct buf g = golden();
	struct entry en;
	uint8_t id[32];
	for (uint8_t i = 0; i < sizeof(id); i++)
		id[i] = i;

	entry_start(&en, 1767225599, "realm.created", "medseald", "Klinik \xc3\x84" "2");
	assert_encodes_to(&en, line_of(&g, 0));

	entry_start(&en, 1767225600, "device.enrolled", "device:PUMP-1", "PUMP-1");
	entry_detail_hex(&en, "cert", bytes_of(id, sizeof(id)));
	entry_detail_num(&en, "not_after", UINT64_MAX);
	entry_detail(&en, "by", "ticket");
	en.seq = 7;
	memcpy(en.prev.b, id, sizeof(id));
	assert_encodes_to(&en, line_of(&g, 1));

	entry_start(&en, 0, "a", "x", "");
	entry_detail(&en, "quote", "say \"no\" to C:\\");
	entry_detail(&en, "slash", "a/b");
	entry_detail(&en, "wide", "\xe2\x82\xac \xf0\x9f\x94\x91");
	entry_detail(&en, "empty", "");
	en.seq = 9007199254740991;
	assert_encodes_to(&en, line_of(&g, 2));
	buf_free(&g);
}

static void what_is_parsed_encodes_to_the_same_bytes(void **state)
{
	(void)state;
	struct buf g = golden();
	struct entry en;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(entry_parse(line_of(&g, i), &en, NULL), ERR_OK);
		assert_encodes_to(&en, line_of(&g, i));
	}
	assert_int_equal(entry_parse(line_of(&g, 1), &en, NULL), ERR_OK);
	assert_int_equal(en.seq, 7);
	assert_int_equal(en.time, 1767225600);
	assert_string_equal(en.act, "device.enrolled");
	assert_string_equal(en.actor, "device:PUMP-1");
	assert_string_equal(en.object, "PUMP-1");
	assert_string_equal(entry_detail_get(&en, "by"), "ticket");
	assert_string_equal(entry_detail_get(&en, "not_after"), "18446744073709551615");
	assert_null(entry_detail_get(&en, "b"));
	assert_int_equal(en.prev.b[31], 31);
	buf_free(&g);
}

/* A flipped bit gives another entry or none, never the same one in other words. */
static void no_flipped_bit_goes_unseen(void **state)
{
	(void)state;
	struct buf g = golden();
	for (unsigned n = 0; n < 3; n++) {
		struct bytes line = line_of(&g, n);
		uint8_t copy[1000];
		for (size_t bit = 0; bit < line.len * 8; bit++) {
			struct entry en;
			memcpy(copy, line.p, line.len);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (entry_parse(bytes_of(copy, line.len), &en, NULL) == ERR_OK)
				assert_encodes_to(&en, bytes_of(copy, line.len));
		}
		for (size_t len = 0; len < line.len; len++) {
			struct entry en;
			assert_int_equal(entry_parse(bytes_of(line.p, len), &en, NULL),
				ERR_LOG_ENTRY);
		}
	}
	buf_free(&g);
}

#define PREV "\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\"}"
#define HEAD "{\"v\":1,\"seq\":0,\"time\":\"2026-01-31T23:59:59Z\",\"act\":\"a\",\"actor\":\"b\","

static void another_spelling_is_refused(void **state)
{
	(void)state;
	struct entry en;
	static const char good[] = HEAD "\"object\":\"c\",\"detail\":{\"k\":\"v\"}," PREV;
	assert_int_equal(entry_parse(bytes_str(good), &en, NULL), ERR_OK);
	static const char *const bad[] = {
		" " HEAD "\"object\":\"c\",\"detail\":{}," PREV,
		HEAD "\"object\":\"c\",\"detail\":{}," PREV "\n",
		HEAD "\"object\":\"c\",\"detail\":{}," PREV "{}",
		HEAD "\"object\": \"c\",\"detail\":{}," PREV,
		HEAD "\"object\":\"\\u0063\",\"detail\":{}," PREV,
		HEAD "\"object\":\"a\\/b\",\"detail\":{}," PREV,
		HEAD "\"object\":\"a\\nb\",\"detail\":{}," PREV,
		HEAD "\"object\":\"a\\u0000b\",\"detail\":{}," PREV,
		HEAD "\"object\":\"a\nb\",\"detail\":{}," PREV,
		HEAD "\"object\":\"a\x7f\",\"detail\":{}," PREV,
		HEAD "\"object\":\"a\xc2\x9b\",\"detail\":{}," PREV, /* CSI of a terminal */
		HEAD "\"object\":\"a\xff\",\"detail\":{}," PREV,
		HEAD "\"object\":\"a\xc0\x80\",\"detail\":{}," PREV,
		HEAD "\"object\":\"\xed\xa0\xbd\xed\xb4\x91\",\"detail\":{}," PREV,
		HEAD "\"object\":3,\"detail\":{}," PREV,
		HEAD "\"object\":null,\"detail\":{}," PREV,
		HEAD "\"detail\":{},\"object\":\"c\"," PREV,
		HEAD "\"object\":\"c\",\"object\":\"c\",\"detail\":{}," PREV,
		HEAD "\"object\":\"c\",\"detail\":{},\"more\":\"x\"," PREV,
		HEAD "\"object\":\"c\",\"detail\":[]," PREV,
		HEAD "\"object\":\"c\",\"detail\":{\"k\":1}," PREV,
		HEAD "\"object\":\"c\",\"detail\":{\"K\":\"v\"}," PREV,
		HEAD "\"object\":\"c\",\"detail\":{\"\":\"v\"}," PREV,
		HEAD "\"object\":\"c\",\"detail\":{\"k\":\"v\",\"k\":\"w\"}," PREV,
		HEAD "\"object\":\"c\",\"detail\":{\"k\":\"v\",}," PREV,
		HEAD "\"object\":\"c\",\"detail\":{/**/}," PREV,
		HEAD "\"object\":\"c\",\"detail\":{},\"prev\":\"00\"}",
		HEAD "\"object\":\"c\",\"detail\":{},\"prev\":\"A000000000000000000000000000000000"
		     "000000000000000000000000000000\"}",
		"{\"v\":2,\"seq\":0,\"time\":\"2026-01-31T23:59:59Z\",\"act\":\"a\",\"actor\":\"b\","
		"\"object\":\"c\",\"detail\":{}," PREV,
		"{\"v\":1,\"seq\":-0,\"time\":\"2026-01-31T23:59:59Z\",\"act\":\"a\",\"actor\":\"b\","
		"\"object\":\"c\",\"detail\":{}," PREV,
		"{\"v\":1,\"seq\":0.0,\"time\":\"2026-01-31T23:59:59Z\",\"act\":\"a\",\"actor\":\"b\","
		"\"object\":\"c\",\"detail\":{}," PREV,
		"{\"v\":1,\"seq\":9007199254740992,\"time\":\"2026-01-31T23:59:59Z\",\"act\":\"a\","
		"\"actor\":\"b\",\"object\":\"c\",\"detail\":{}," PREV,
		"{\"v\":1,\"seq\":0,\"time\":\"2026-02-30T23:59:59Z\",\"act\":\"a\",\"actor\":\"b\","
		"\"object\":\"c\",\"detail\":{}," PREV,
		"{\"v\":1,\"seq\":0,\"time\":\"2026-01-31T23:59:59Z\",\"act\":\"A b\",\"actor\":\"b\","
		"\"object\":\"c\",\"detail\":{}," PREV,
		"{\"v\":1,\"seq\":0,\"time\":\"2026-01-31T23:59:59Z\",\"act\":\"a\",\"actor\":\"\","
		"\"object\":\"c\",\"detail\":{}," PREV,
		"[]", "{}", "", "null", "{\"v\":1}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (entry_parse(bytes_str(bad[i]), &en, NULL) == ERR_OK)
			print_message("# accepted: %s\n", bad[i]);
		assert_int_equal(entry_parse(bytes_str(bad[i]), &en, NULL), ERR_LOG_ENTRY);
	}
}

static void what_does_not_fit_is_not_cut(void **state)
{
	(void)state;
	char text[600];
	struct entry en;
	struct buf b = buf_new(2 * ENTRY_MAX);
	memset(text, 'x', sizeof(text));

	text[ENTRY_OBJECT_MAX] = '\0';
	entry_start(&en, 0, "a", "b", text);
	assert_int_equal(entry_encode(&en, &b, NULL), ERR_OK);
	text[ENTRY_OBJECT_MAX] = 'x';
	text[ENTRY_OBJECT_MAX + 1] = '\0';
	entry_start(&en, 0, "a", "b", text);
	assert_int_equal(entry_encode(&en, &b, NULL), ERR_LOG_ENTRY);
	entry_start(&en, 0, "a", "b", NULL);
	assert_int_equal(entry_encode(&en, &b, NULL), ERR_LOG_ENTRY);

	text[ENTRY_OBJECT_MAX + 1] = 'x';
	text[ENTRY_DETAIL_VALUE_MAX + 1] = '\0';
	entry_start(&en, 0, "a", "b", "c");
	entry_detail(&en, "k", text);
	assert_int_equal(entry_encode(&en, &b, NULL), ERR_LOG_ENTRY);

	entry_start(&en, 0, "a", "b", "c");
	entry_detail_hex(&en, "k", bytes_of(text, ENTRY_DETAIL_VALUE_MAX / 2 + 1));
	assert_int_equal(entry_encode(&en, &b, NULL), ERR_LOG_ENTRY);

	entry_start(&en, 0, "a", "b", "c");
	for (int i = 0; i <= ENTRY_DETAIL_MAX; i++) {
		char key[8];
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(entry_encode(&en, &b, NULL), ERR_OK);
		entry_detail(&en, key, "v");
		buf_reset(&b);
	}
	assert_int_equal(entry_encode(&en, &b, NULL), ERR_LOG_ENTRY);
	buf_free(&b);
}

/* All members at their limits are under ENTRY_MAX; escapes may take them over it. */
static void the_largest_entry_and_one_more(void **state)
{
	(void)state;
	char value[ENTRY_DETAIL_VALUE_MAX + 1];
	struct entry en;
	struct entry again;
	struct buf b = buf_new(2 * ENTRY_MAX);
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int escaped = 0; escaped < 2; escaped++) {
		if (escaped)
			memset(value, '"', sizeof(value) - 1);
		entry_start(&en, 0, "a", "b", "c");
		for (int i = 0; i < ENTRY_DETAIL_MAX; i++) {
			char key[8];
			(void)snprintf(key, sizeof(key), "k%d", i);
			entry_detail(&en, key, value);
		}
		buf_reset(&b);
		assert_int_equal(entry_encode(&en, &b, NULL), escaped ? ERR_LIMIT : ERR_OK);
		if (!escaped)
			assert_int_equal(entry_parse(buf_view(&b), &again, NULL), ERR_OK);
		else
			assert_int_equal(b.len, 0);
	}
	buf_free(&b);
}

static void a_clock_at_1970_is_a_time_like_any_other(void **state)
{
	(void)state;
	struct entry en;
	struct entry again;
	struct buf b = buf_new(ENTRY_MAX);
	entry_start(&en, 1, "a", "b", "c");
	assert_int_equal(entry_encode(&en, &b, NULL), ERR_OK);
	assert_non_null(strstr(buf_cstr(&b), "1970-01-01T00:00:01Z"));
	assert_int_equal(entry_parse(buf_view(&b), &again, NULL), ERR_OK);
	assert_int_equal(again.time, 1);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_golden_entries_are_made_byte_for_byte),
		cmocka_unit_test(what_is_parsed_encodes_to_the_same_bytes),
		cmocka_unit_test(no_flipped_bit_goes_unseen),
		cmocka_unit_test(another_spelling_is_refused),
		cmocka_unit_test(what_does_not_fit_is_not_cut),
		cmocka_unit_test(the_largest_entry_and_one_more),
		cmocka_unit_test(a_clock_at_1970_is_a_time_like_any_other),
	};
	return RUN_TAP(tests);
}
