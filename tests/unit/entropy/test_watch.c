/* What must be noticed in a fleet's numbers, and that good ones are left alone. */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>

#include "entropy/watch.h"
#include "tests/unit/entropy/sources.h"

struct seen {
	unsigned n[WATCH_SHARED_PRIME + 1];
	char why[4][320];
	char product[4][WATCH_PRODUCT_MAX + 1];
};

static void note(void *arg, const struct watch_finding *f)
{
	struct seen *s = arg;
	s->n[f->sign]++;
	snprintf(s->why[f->sign], sizeof(s->why[0]), "%s", f->why);
	snprintf(s->product[f->sign], sizeof(s->product[0]), "%s", f->product);
}

static struct seen look(struct watch *w)
{
	struct seen s = {{0}, {{0}}, {{0}}};
	assert_int_equal(watch_look(w, note, &s, NULL), ERR_OK);
	return s;
}

static struct watch *begin(void)
{
	struct watch *w = watch_new();
	assert_non_null(w);
	return w;
}

static void put(struct watch *w, const char *product, const char *kind, const uint8_t *v, size_t len,
	uint64_t place)
{
	assert_int_equal(watch_add(w, product, kind, bytes_of(v, len), place, NULL), ERR_OK);
}

/* `n` random values of `len` octets, each changed by `change`. */
static void put_many(struct watch *w, const char *product, const char *kind, unsigned n, size_t len,
	void (*change)(uint8_t *v, size_t len, unsigned i))
{
	uint64_t state = n + len;
	for (unsigned i = 0; i < n; i++) {
		uint8_t v[64];
		for (size_t j = 0; j < len; j++)
			v[j] = (uint8_t)(source_next(&state) >> 32);
		if (change != NULL)
			change(v, len, i);
		put(w, product, kind, v, len, i + 1);
	}
}

static void good_values_are_left_alone(void **state)
{
	(void)state;
	struct watch *w = begin();
	put_many(w, "pump", "nonce", 5000, 16, NULL);
	put_many(w, "pump", "serial", 3000, 20, NULL);
	put_many(w, "valve", "nonce", 100, 8, NULL);
	put_many(w, "monitor", "nonce", 7, 1, NULL); /* too few to say anything */
	struct seen s = look(w);
	for (unsigned i = 0; i < 4; i++) {
		if (s.n[i] > 0 && i != WATCH_DUPLICATE)
			fail_msg("%s: %s", s.product[i], s.why[i]);
	}
	watch_free(w);
}

static void duplicates_are_found_within_a_line(void **state)
{
	(void)state;
	static const uint8_t v[] = {0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4};
	static const uint8_t padded[] = {0, 0, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4};
	struct watch *w = begin();
	put(w, "pump", "nonce", v, sizeof(v), 3);
	put(w, "valve", "nonce", v, sizeof(v), 5);
	put(w, "pump", "serial", v, sizeof(v), 6);
	assert_int_equal(look(w).n[WATCH_DUPLICATE], 0);
	put(w, "pump", "nonce", padded, sizeof(padded), 9); /* the same number */
	struct seen s = look(w);
	assert_int_equal(s.n[WATCH_DUPLICATE], 1);
	assert_string_equal(s.product[WATCH_DUPLICATE], "pump");
	assert_string_equal(s.why[WATCH_DUPLICATE], "deadbeef01020304 came 2 times, at 3 and 9");
	watch_free(w);
}

static void stick(uint8_t *v, size_t len, unsigned i)
{
	(void)i;
	v[len - 2] |= 0x10;
}

static void lean(uint8_t *v, size_t len, unsigned i)
{
	(void)len;
	if (i % 3 == 0)
		v[3] &= 0xfe;
}

static void biased_bits_are_found(void **state)
{
	(void)state;
	struct watch *w = begin();
	put_many(w, "pump", "nonce", WATCH_BIAS_MIN, 16, stick);
	struct seen s = look(w);
	assert_int_equal(s.n[WATCH_BIAS], 1);
	assert_non_null(strstr(s.why[WATCH_BIAS], "bit 12 from the end is 1 in 64 of 64"));
	watch_free(w);
	w = begin();
	put_many(w, "pump", "nonce", 4000, 16, lean); /* 1 in a third, not in half */
	s = look(w);
	assert_int_equal(s.n[WATCH_BIAS], 1);
	assert_non_null(strstr(s.why[WATCH_BIAS], "bit 96 "));
	watch_free(w);
}

static void top_set(uint8_t *v, size_t len, unsigned i)
{
	(void)i;
	v[0] = (v[0] & 0x3f) | 0xc0;
	v[len - 1] |= 1;
}

static void what_is_meant_to_be_set_is_no_bias(void **state)
{
	(void)state;
	struct watch *w = begin();
	put_many(w, "pump", "modulus", 500, 64, top_set);
	assert_int_equal(look(w).n[WATCH_BIAS], 0);
	put_many(w, "pump", "nonce", 500, 64, top_set);
	assert_int_equal(look(w).n[WATCH_BIAS], 3);
	watch_free(w);
}

static void count_up(uint8_t *v, size_t len, unsigned i)
{
	memset(v, 0, len);
	v[0] = 0x40;
	v[len - 2] = (uint8_t)(i >> 8);
	v[len - 1] = (uint8_t)i;
}

static void counters_and_narrow_ranges_are_found(void **state)
{
	(void)state;
	struct watch *w = begin();
	put_many(w, "pump", "serial", 1000, 16, count_up);
	struct seen s = look(w);
	assert_int_equal(s.n[WATCH_COUNTER], 1);
	assert_int_equal(s.n[WATCH_NARROW], 1);
	assert_non_null(strstr(s.why[WATCH_NARROW], "2^10.0"));
	assert_true(s.n[WATCH_BIAS] > 0);
	watch_free(w);
	w = begin();
	put_many(w, "pump", "nonce", 50, 4, NULL); /* random, but of 32 bits only */
	s = look(w);
	assert_int_equal(s.n[WATCH_NARROW], 1);
	assert_int_equal(s.n[WATCH_COUNTER], 0);
	watch_free(w);
}

static enum err_code text(struct watch *w, const char *line, struct err *e)
{
	return watch_add_text(w, bytes_str(line), 7, e);
}

static void count_line(void *arg, const struct watch_line *l)
{
	*(uint64_t *)arg += l->values;
}

static void lists_are_read(void **state)
{
	(void)state;
	struct watch *w = begin();
	struct err e;
	uint64_t values = 0;
	static const char *const good[] = {"product,value", "", "# remark", "pump,DEADBEEF",
		"pump, with a comma,0x1", "{\"product\":\"pump\",\"value\":\"de:ad:be:ef\"}",
		"{\"product\":\"pump\",\"value\":\"01\",\"kind\":\"serial\"}\r\n"};
	static const char *const bad[] = {"pump", ",aa", "pump,", "pump,xyz", "{\"product\":\"p\"}",
		"{", "{\"product\":1,\"value\":\"aa\"}", "\x01,aa", "[]", "{\"product\":\"p\",\"value\":\"aa\","
		"\"kind\":5}"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(text(w, good[i], &e), ERR_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(text(w, bad[i], &e), ERR_MALFORMED);
		assert_string_equal(e.object, "line 7");
	}
	watch_lines(w, count_line, &values);
	assert_int_equal(values, 4);
	assert_int_equal(look(w).n[WATCH_DUPLICATE], 1); /* whatever form it had */
	watch_free(w);
}

static void limits_hold(void **state)
{
	(void)state;
	static uint8_t v[WATCH_VALUE_MAX + 1];
	static char line[2 * WATCH_VALUE_MAX + 16];
	struct watch *w = begin();
	memset(v, 0xff, sizeof(v));
	assert_int_equal(watch_add(w, "p", "k", bytes_of(v, WATCH_VALUE_MAX), 1, NULL), ERR_OK);
	assert_int_equal(watch_add(w, "p", "k", bytes_of(v, sizeof(v)), 1, NULL), ERR_LIMIT);
	memset(line, 'f', sizeof(line) - 1);
	memcpy(line, "p,", 2);
	line[2 + 2 * WATCH_VALUE_MAX] = '\0';
	assert_int_equal(text(w, line, NULL), ERR_OK);
	line[2 + 2 * WATCH_VALUE_MAX] = 'f';
	line[3 + 2 * WATCH_VALUE_MAX] = '\0';
	assert_int_equal(text(w, line, NULL), ERR_MALFORMED);
	for (unsigned i = 0; i < 3000; i++) { /* many lines are kept apart */
		char name[16];
		snprintf(name, sizeof(name), "p%u", i);
		put(w, name, "k", v, 8, i);
	}
	assert_int_equal(look(w).n[WATCH_DUPLICATE], 0);
	watch_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_values_are_left_alone),
		cmocka_unit_test(duplicates_are_found_within_a_line),
		cmocka_unit_test(biased_bits_are_found),
		cmocka_unit_test(what_is_meant_to_be_set_is_no_bias),
		cmocka_unit_test(counters_and_narrow_ranges_are_found),
		cmocka_unit_test(lists_are_read),
		cmocka_unit_test(limits_hold),
	};
	return RUN_TAP(tests);
}
