/* The counted length of bzip2's output equals the length of its output. */
#include "tests/unit/cmocka_tap.h"

#include <bzlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "entropy/bz_length.h"
#include "tests/unit/entropy/sources.h"

static char *text, *packed;
#define TEXT_MAX 4000000

/* A number, and a space if one follows; how many characters. */
static size_t put_word(char *to, unsigned v, bool more)
{
	size_t len = 0;
	if (v >= 100)
		to[len++] = (char)('0' + v / 100);
	if (v >= 10)
		to[len++] = (char)('0' + v / 10 % 10);
	to[len++] = (char)('0' + v % 10);
	if (more)
		to[len++] = ' ';
	return len;
}

static size_t by_libbz2(const uint8_t *s, size_t n)
{
	unsigned size = TEXT_MAX;
	size_t len = 0;
	for (size_t i = 0; i < n; i++)
		len += put_word(text + len, s[i], i + 1 < n);
	assert_int_equal(BZ2_bzBuffToBuffCompress(packed, &size, text, (unsigned)len, BZ_LEVEL, 0, 0),
		BZ_OK);
	return size;
}

static void compare(struct bz_work *w, const uint8_t *s, size_t n, const char *what, unsigned which)
{
	size_t got = bz_length(w, s, n), want = by_libbz2(s, n);
	if (got != want)
		fail_msg("%s %u, %zu samples: %zu, not %zu", what, which, n, got, want);
}

static struct bz_work *work(void)
{
	struct bz_work *w = bz_work_new();
	assert_non_null(w);
	return w;
}

static void sources_of_all_widths(void **state)
{
	(void)state;
	struct bz_work *w = work();
	uint8_t *s = malloc(400000);
	assert_non_null(s);
	for (unsigned kind = 0; kind <= SOURCE_ALTERNATE; kind++) {
		for (unsigned bits = 1; bits <= 8; bits += kind < 1 ? 1 : 7) {
			source_fill((enum source)kind, bits, s, 160000);
			compare(w, s, 150000 + 1000 * bits, "source", kind * 10 + bits);
		}
	}
	free(s);
	bz_work_free(w);
}

/* A block ends within a number, behind it, in a run of equal digits, or just before the last one. */
static void every_end_of_a_block(void **state)
{
	(void)state;
	struct bz_work *w = work();
	uint8_t *s = malloc(300000);
	static const uint8_t values[] = {7, 42, 111, 255, 22, 100};
	assert_non_null(s);
	for (unsigned v = 0; v < sizeof(values); v++) {
		size_t chars = v == 0 ? 2 : v == 1 || v == 4 ? 3 : 4;
		size_t fit = BZ_BLOCK_MAX / chars;
		for (unsigned shift = 0; shift < 3; shift++) {
			memset(s, values[v], 300000);
			for (unsigned i = 0; i < shift; i++)
				s[i] = 5; /* moves all others by two characters or one */
			for (size_t i = fit - 2; i < fit + 3; i++)
				compare(w, s, i, "value", values[v]);
		}
	}
	free(s);
	bz_work_free(w);
}

static void any_short_text(void **state)
{
	(void)state;
	struct bz_work *w = work();
	uint8_t s[3000];
	for (size_t n = 1; n < sizeof(s); n += n < 200 ? 1 : 297) {
		source_fill(SOURCE_FLAT, 1 + n % 8, s, n);
		compare(w, s, n, "short", 0);
		source_fill(SOURCE_SPARSE, 1 + n % 8, s, n);
		compare(w, s, n, "short sparse", 0);
	}
	bz_work_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_of_all_widths),
		cmocka_unit_test(every_end_of_a_block),
		cmocka_unit_test(any_short_text),
	};
	text = malloc(TEXT_MAX);
	packed = malloc(TEXT_MAX);
	int rc = text == NULL || packed == NULL ? 1 : RUN_TAP(tests);
	free(text);
	free(packed);
	return rc;
}
