/* The estimators: equal to NIST's program, and sane where there is nothing to compare with. */
#include "tests/unit/cmocka_tap.h"

#include <math.h>
#include <stdlib.h>

#include "tests/unit/entropy/known.h"

#define TOLERANCE 1e-9 /* the issue asks for 1e-6 */

static struct samples take(const uint8_t *data, size_t n, unsigned bits)
{
	struct samples s;
	assert_int_equal(samples_take(bytes_of(data, n), bits, "test", &s, NULL), ERR_OK);
	return s;
}

static struct assessment assessed(
	const uint8_t *data, size_t n, unsigned bits, enum assess_depth depth)
{
	struct samples s = take(data, n, bits);
	struct assess_options o = {.depth = depth};
	struct assessment a;
	assert_int_equal(assess(&s, &o, &a, NULL), ERR_OK);
	samples_free(&s);
	return a;
}

static void compare(const struct known *k, const char *what, unsigned i, double want,
	const struct estimate *got)
{
	if (want < 0 && !got->ran)
		return;
	if (!got->ran || want < 0 || fabs(got->h - want) > TOLERANCE)
		fail_msg("source %d of %u bits, %zu samples: %s of the %s is %.12g, not %.12g",
			k->kind, k->bits, k->n, estimator_name((enum estimator)i), what,
			got->ran ? got->h : -1, want);
}

static void every_estimator_equals_nists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct known *k = &known[i];
		uint8_t *data = malloc(k->n);
		struct assessment a;
		double least = k->bits;
		assert_non_null(data);
		source_fill(k->kind, k->bits, data, k->n);
		a = assessed(data, k->n, k->bits, ASSESS_FULL);
		for (unsigned j = 0; j < ESTIMATOR_COUNT; j++) {
			compare(k, "samples", j, k->original[j], &a.original[j]);
			compare(k, "bits", j, k->bitstring[j], &a.bits[j]);
			if (k->original[j] >= 0)
				least = fmin(least, k->original[j]);
			if (k->bitstring[j] >= 0)
				least = fmin(least, k->bits * k->bitstring[j]);
		}
		if (fabs(a.min_entropy - least) > TOLERANCE * k->bits)
			fail_msg("%.12g, not %.12g", a.min_entropy, least);
		free(data);
	}
}

/* Slow and plain, from the text of the standard, for what the two fast ways have in common. */
static void repeats_equal_a_plain_count(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind <= SOURCE_ALTERNATE; kind++) {
		enum { N = 300 };
		uint8_t s[N];
		struct repeats r;
		source_fill((enum source)kind, 1 + kind % 4, s, N);
		assert_int_equal(repeats_count(s, N, 1u << (1 + kind % 4), &r, NULL), ERR_OK);
		for (size_t t = 1; t < N; t++) {
			uint64_t pairs = 0;
			uint32_t most = 0;
			for (size_t i = 0; i + t <= N; i++) {
				uint32_t same = 1;
				for (size_t j = i + 1; j + t <= N; j++)
					same += memcmp(s + i, s + j, t) == 0;
				pairs += same - 1;
				most = same > most ? same : most;
			}
			if (pairs == 0) {
				assert_int_equal(r.longest, t - 1);
				break;
			}
			assert_true(t <= r.longest);
			assert_int_equal(r.most[t], most);
			assert_int_equal(r.pairs[t], pairs);
		}
		repeats_free(&r);
	}
}

static void one_value_has_no_entropy(void **state)
{
	(void)state;
	static const uint8_t data[5000] = {0};
	struct assessment a = assessed(data, sizeof(data), 8, ASSESS_FULL);
	assert_true(a.min_entropy <= 0 && a.h_original <= 0 && a.h_bitstring <= 0);
}

/* Longest common prefixes of 100,000 symbols must not cost their square. */
static void a_long_repeat_does_not_hang(void **state)
{
	(void)state;
	size_t n = 100000;
	uint8_t *data = malloc(n);
	struct assessment a;
	assert_non_null(data);
	source_fill(SOURCE_REPEAT, 8, data, n);
	a = assessed(data, n, 8, ASSESS_FULL);
	assert_true(a.original[ESTIMATOR_LRS].h < 0.001);
	memset(data, 7, n);
	data[n - 1] = 8;
	a = assessed(data, n, 8, ASSESS_FULL);
	assert_true(a.min_entropy < 0.001);
	free(data);
}

static void quick_is_an_upper_bound(void **state)
{
	(void)state;
	enum { N = 6000 };
	uint8_t *data = malloc(N);
	assert_non_null(data);
	for (unsigned kind = 0; kind <= SOURCE_DRIFT; kind++) {
		source_fill((enum source)kind, 8, data, N);
		double quick = assessed(data, N, 8, ASSESS_QUICK).min_entropy;
		double full = assessed(data, N, 8, ASSESS_FULL).min_entropy;
		assert_true(quick >= full);
		assert_true(assessed(data, N, 8, ASSESS_IID).min_entropy >= quick);
	}
	free(data);
}

static void any_length_is_assessed(void **state)
{
	(void)state;
	uint8_t data[64];
	for (unsigned bits = 1; bits <= 8; bits++) {
		for (size_t n = SAMPLES_MIN; n <= sizeof(data); n++) {
			source_fill(SOURCE_FLAT, bits, data, n);
			struct assessment a = assessed(data, n, bits, ASSESS_FULL);
			assert_true(a.min_entropy >= 0 && a.min_entropy <= bits);
		}
	}
}

static void a_wide_sample_is_named(void **state)
{
	(void)state;
	uint8_t data[1000] = {0};
	struct samples s;
	struct err e;
	data[700] = 0x1f;
	data[900] = 0x10;
	assert_int_equal(samples_take(bytes_of(data, sizeof(data)), 4, "noise.bin", &s, &e),
		ERR_SAMPLE_WIDTH);
	assert_string_equal(e.object, "noise.bin");
	assert_non_null(strstr(e.reason, "offset 700 is 0x1f"));
	assert_non_null(strstr(e.reason, "2 of 1000"));
}

static void too_few_and_too_wide_are_refused(void **state)
{
	(void)state;
	static const uint8_t one[1] = {1};
	struct samples s;
	assert_int_equal(samples_take(BYTES_NONE, 0, "x", &s, NULL), ERR_TRUNCATED);
	assert_int_equal(samples_take(bytes_of(one, 1), 0, "x", &s, NULL), ERR_TRUNCATED);
	assert_int_equal(samples_take(bytes_of(one, 1), 9, "x", &s, NULL), ERR_USAGE);
}

static void width_and_values_are_found(void **state)
{
	(void)state;
	static const uint8_t data[] = {9, 3, 9, 12};
	struct samples s = take(data, sizeof(data), 0);
	static const uint8_t symbols[] = {1, 0, 1, 2};
	static const uint8_t bits[] = {1, 0, 0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0};
	uint8_t *string = samples_bits(&s);
	assert_int_equal(s.bits, 4);
	assert_int_equal(s.alphabet, 3);
	assert_int_equal(s.value[2], 12);
	assert_memory_equal(s.symbols, symbols, sizeof(symbols));
	assert_memory_equal(string, bits, sizeof(bits));
	free(string);
	samples_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_estimator_equals_nists),
		cmocka_unit_test(repeats_equal_a_plain_count),
		cmocka_unit_test(one_value_has_no_entropy),
		cmocka_unit_test(a_long_repeat_does_not_hang),
		cmocka_unit_test(quick_is_an_upper_bound),
		cmocka_unit_test(any_length_is_assessed),
		cmocka_unit_test(a_wide_sample_is_named),
		cmocka_unit_test(too_few_and_too_wide_are_refused),
		cmocka_unit_test(width_and_values_are_found),
	};
	return RUN_TAP(tests);
}
