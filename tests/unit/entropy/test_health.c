/* The health tests: what they must notice, what they must not, and how often they are wrong. */
#include "tests/unit/cmocka_tap.h"

#include "entropy/health.h"

/* splitmix64 (Steele, Lea, Flood, 2014): a good source that is the same on every machine. */
static uint64_t state_of_good;

static uint64_t good(void)
{
	uint64_t z = state_of_good += 0x9e3779b97f4a7c15U;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

static struct health prepared(unsigned bits, double min_entropy, unsigned alpha_log2)
{
	struct health h;
	assert_int_equal(health_init(&h, bits, min_entropy, alpha_log2, NULL), ERR_OK);
	return h;
}

static void repetition_cutoffs_are_the_published_ones(void **state)
{
	(void)state;
	/* SP 800-90B, section 4.4.1: alpha 2^-20, H 2.0 gives 11 */
	assert_int_equal(health_repetition_cutoff(2.0, 20), 11);
	assert_int_equal(health_repetition_cutoff(1.0, 30), 31);
	assert_int_equal(health_repetition_cutoff(8.0, 40), 6);
	assert_int_equal(health_repetition_cutoff(0.5, 40), 81);
	assert_int_equal(health_repetition_cutoff(3.0, 40), 15); /* 40/3, rounded up */
}

static void proportion_cutoffs_are_the_published_ones(void **state)
{
	(void)state;
	/* the tables of the jitterentropy library, for H = 1/1, 1/2, ... 1/15 and W = 512 */
	static const uint32_t alpha_30[] = {
		325, 422, 459, 477, 488, 494, 499, 502, 505, 507, 508, 509, 510, 511, 512};
	static const uint32_t alpha_60[] = {
		355, 447, 479, 494, 502, 507, 510, 512, 512, 512, 512, 512, 512, 512, 512};
	for (unsigned i = 0; i < 15; i++) {
		assert_int_equal(health_proportion_cutoff(512, 1.0 / (i + 1), 30), alpha_30[i]);
		assert_int_equal(health_proportion_cutoff(512, 1.0 / (i + 1), 60), alpha_60[i]);
	}
}

static void proportion_cutoffs_agree_with_exact_arithmetic(void **state)
{
	(void)state;
	/* computed once with 400 decimal digits, from the formula in entropy/health.c */
	static const struct {
		uint32_t window;
		double min_entropy;
		unsigned alpha_log2;
		uint32_t cutoff;
	} cases[] = {
		{512, 0.5, 40, 432}, {512, 1, 40, 337}, {512, 2, 40, 202}, {512, 4, 40, 79},
		{512, 6, 40, 36}, {512, 8, 40, 20}, {1024, 1, 40, 626}, {1024, 0.5, 40, 824},
		{1024, 0.1, 40, 1005}, {512, 8, 20, 14}, {1024, 1, 20, 590},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(health_proportion_cutoff(cases[i].window, cases[i].min_entropy,
			cases[i].alpha_log2), cases[i].cutoff);
}

static void a_stuck_source_fails_at_the_cutoff(void **state)
{
	(void)state;
	struct health h = prepared(8, 4, HEALTH_ALPHA_LOG2);
	for (uint32_t i = 1; i < 11; i++)
		assert_int_equal(health_feed(&h, 0), HEALTH_OK);
	assert_int_equal(health_feed(&h, 0), HEALTH_REPETITION);
	/* and a failure stays */
	assert_int_equal(health_feed(&h, 1), HEALTH_REPETITION);
	assert_int_equal(h.samples, 11);
}

static void a_run_that_is_broken_in_time_passes(void **state)
{
	(void)state;
	struct health h = prepared(8, 4, HEALTH_ALPHA_LOG2);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(health_feed(&h, 7), HEALTH_OK);
	assert_int_equal(health_feed(&h, 8), HEALTH_OK);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(health_feed(&h, 7), HEALTH_OK);
}

static void a_biased_source_fails_the_proportion_test(void **state)
{
	(void)state;
	/* never twice the same value in a row, but every other sample is 0 */
	struct health h = prepared(8, 4, HEALTH_ALPHA_LOG2);
	enum health_verdict v = HEALTH_OK;
	for (unsigned i = 0; i < 1024 && v == HEALTH_OK; i++)
		v = health_feed(&h, i % 2 == 0 ? 0 : (uint8_t)(i | 1));
	assert_int_equal(v, HEALTH_PROPORTION);
	assert_int_equal(h.samples, 2 * 79 - 1); /* the 79th zero */
}

static void a_biased_bit_fails_the_proportion_test(void **state)
{
	(void)state;
	/* 80% ones, claimed to be fair */
	struct health h = prepared(1, 1, HEALTH_ALPHA_LOG2);
	enum health_verdict v = HEALTH_OK;
	for (unsigned i = 0; i < 20 * HEALTH_WINDOW_BINARY && v == HEALTH_OK; i++)
		v = health_feed(&h, good() % 10 < 8 ? 1 : 0);
	assert_int_not_equal(v, HEALTH_OK);
}

static void alternation_is_not_noticed_and_is_not_meant_to_be(void **state)
{
	(void)state; /* these tests know total failure only: section 4.4 */
	struct health h = prepared(1, 1, HEALTH_ALPHA_LOG2);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(health_feed(&h, i & 1), HEALTH_OK);
}

static void a_window_begins_anew(void **state)
{
	(void)state;
	/* 200 zeros in each window, spread out: 202 would fail */
	struct health h = prepared(8, 2, HEALTH_ALPHA_LOG2);
	for (unsigned w = 0; w < 20; w++) {
		for (unsigned i = 0; i < HEALTH_WINDOW; i++) {
			uint8_t v = i % 2 == 0 && i < 400 ? 0 : (uint8_t)(1 + i % 200);
			assert_int_equal(health_feed(&h, v), HEALTH_OK);
		}
	}
}

static void a_good_source_passes_a_million_samples(void **state)
{
	(void)state;
	struct health h = prepared(8, 8, HEALTH_ALPHA_LOG2);
	struct health bit = prepared(1, 1, HEALTH_ALPHA_LOG2);
	for (unsigned i = 0; i < 1000000; i++) {
		uint64_t v = good();
		assert_int_equal(health_feed(&h, (uint8_t)v), HEALTH_OK);
		assert_int_equal(health_feed(&bit, (uint8_t)(v >> 63)), HEALTH_OK);
	}
}

/* With a rate that can be seen, alarms come about as often as they are promised to. */
static void false_alarms_come_at_the_promised_rate(void **state)
{
	(void)state;
	/* one window of fair bits at a time, alpha 2^-4: at most 1 in 16, and not far below */
	const unsigned windows = 4000;
	unsigned alarms = 0;
	for (unsigned w = 0; w < windows; w++) {
		struct health h = prepared(1, 1, 4);
		h.repetition_cutoff = UINT32_MAX; /* this test alone */
		enum health_verdict v = HEALTH_OK;
		for (unsigned i = 0; i < HEALTH_WINDOW_BINARY; i++)
			v = health_feed(&h, (uint8_t)(good() >> 63));
		alarms += v == HEALTH_PROPORTION;
	}
	assert_in_range(alarms, windows / 16 / 2, windows / 16 + windows / 100);

	/* runs of 11 equal bits at alpha 2^-10: a run starts at a sample with chance 1/2 * 2^-10 */
	unsigned runs = 0;
	const unsigned samples = 4000000;
	struct health h = prepared(1, 1, 10);
	h.proportion_cutoff = UINT32_MAX;
	for (unsigned i = 0; i < samples; i++) {
		if (health_feed(&h, (uint8_t)(good() >> 63)) != HEALTH_OK) {
			runs++;
			struct health fresh = prepared(1, 1, 10);
			fresh.proportion_cutoff = UINT32_MAX;
			h = fresh;
		}
	}
	assert_in_range(runs, samples / 2048 - samples / 2048 / 8,
		samples / 2048 + samples / 2048 / 8);
}

static void claims_that_cannot_be_are_refused(void **state)
{
	(void)state;
	struct health h;
	assert_int_equal(health_init(&h, 0, 1, 40, NULL), ERR_USAGE);
	assert_int_equal(health_init(&h, 9, 1, 40, NULL), ERR_USAGE);
	assert_int_equal(health_init(&h, 8, 8.1, 40, NULL), ERR_USAGE);
	assert_int_equal(health_init(&h, 8, 0, 40, NULL), ERR_USAGE);
	assert_int_equal(health_init(&h, 8, -1, 40, NULL), ERR_USAGE);
	assert_int_equal(health_init(&h, 8, __builtin_nan(""), 40, NULL), ERR_USAGE);
	assert_int_equal(health_init(&h, 8, 1, 0, NULL), ERR_USAGE);
	assert_int_equal(health_init(&h, 8, 1, 61, NULL), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repetition_cutoffs_are_the_published_ones),
		cmocka_unit_test(proportion_cutoffs_are_the_published_ones),
		cmocka_unit_test(proportion_cutoffs_agree_with_exact_arithmetic),
		cmocka_unit_test(a_stuck_source_fails_at_the_cutoff),
		cmocka_unit_test(a_run_that_is_broken_in_time_passes),
		cmocka_unit_test(a_biased_source_fails_the_proportion_test),
		cmocka_unit_test(a_biased_bit_fails_the_proportion_test),
		cmocka_unit_test(alternation_is_not_noticed_and_is_not_meant_to_be),
		cmocka_unit_test(a_window_begins_anew),
		cmocka_unit_test(a_good_source_passes_a_million_samples),
		cmocka_unit_test(false_alarms_come_at_the_promised_rate),
		cmocka_unit_test(claims_that_cannot_be_are_refused),
	};
	return RUN_TAP(tests);
}
