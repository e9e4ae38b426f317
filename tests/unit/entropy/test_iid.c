/* The IID tests: equal to NIST's program in what is not random, and the same every time. */
#include "tests/unit/cmocka_tap.h"

#include <math.h>
#include <stdlib.h>

#include "entropy/iid_tests.h"
#include "tests/unit/entropy/sources.h"

/*
 * What NIST's program (SP800-90B_EntropyAssessment 1.1.7, ea_iid -i -a -vv) says of the samples as
 * they come.  The first statistic is the excursion, which ours has times n; the average collision
 * is a double.
 */
static const struct known {
	enum source kind;
	unsigned bits;
	size_t n;
	double independence, fit;
	unsigned independence_freedom, fit_freedom;
	size_t longest_repeat;
	double repeat_p, excursion, average_collision;
	int64_t statistic[IID_STATISTICS];
} known[] = {
	{SOURCE_FLAT, 1, 60000, 942.222103544522, 4.93713547936, 1022, 9, 27, 0.999998491273465,
		100.330666666667, 20.3869209809264,
		{0, 4856, 7, 4464, 29979, 16, 0, 58, 1444, 1483, 1452, 1438, 1468, 120594, 120948, 120835,
			120377, 120403, 9382}},
	{SOURCE_FLAT, 8, 200000, 16422.260153747644, 2440.42048415499, 16337, 2295, 4,
		0.990719134044068, 24341.027, 20.4955933592949,
		{0, 133126, 8, 100250, 99862, 18, 0, 62, 788, 771, 775, 774, 816, 3246241862, 3244320941,
			3244214471, 3239121982, 3241894117, 213513}},
	{SOURCE_BIASED, 4, 60000, 220.8004481059817, 143.07414198482, 233, 135, 9, 0.293351010078235,
		737.053, 5.0940736967227,
		{0, 39792, 8, 32483, 29118, 19, 0, 14, 4966, 5036, 5065, 4994, 5053, 3158241, 3160950,
			3154937, 3156720, 3153710, 29905}},
	{SOURCE_GAPS, 8, 60000, 3574.6896187063253, 759.201466439, 3612, 765, 4, 0.999999999999996,
		13324.5209, 12.501979579079,
		{0, 39973, 8, 30246, 29950, 16, 0, 37, 711, 685, 709, 681, 690, 977474907, 975035196,
			973080108, 976463046, 972564282, 51035}},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

static struct samples source(enum source kind, unsigned bits, size_t n)
{
	uint8_t *data = malloc(n);
	struct samples s;
	assert_non_null(data);
	source_fill(kind, bits, data, n);
	assert_int_equal(samples_take(bytes_of(data, n), bits, "test", &s, NULL), ERR_OK);
	free(data);
	return s;
}

static struct iid_result tested(const struct samples *s, uint64_t seed, unsigned threads,
	unsigned rounds)
{
	struct iid_options o = {.seed = seed, .threads = threads, .rounds = rounds};
	struct iid_result r;
	assert_int_equal(iid_test(s, &o, &r, NULL), ERR_OK);
	return r;
}

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (1 + fabs(b));
}

static void fixed_tests_equal_nists(void **state)
{
	(void)state;
	for (size_t i = 0; i < KNOWN; i++) {
		const struct known *k = &known[i];
		struct samples s = source(k->kind, k->bits, k->n);
		struct iid_result r = tested(&s, 1, 1, 1);
		if (!near(r.independence.score, k->independence) || !near(r.fit.score, k->fit) ||
			!near(r.repeat_p, k->repeat_p))
			fail_msg("%zu: %.12g, %.12g, %.12g", i, r.independence.score, r.fit.score,
				r.repeat_p);
		assert_int_equal(r.independence.freedom, k->independence_freedom);
		assert_int_equal(r.fit.freedom, k->fit_freedom);
		assert_int_equal(r.longest_repeat, k->longest_repeat);
		samples_free(&s);
	}
}

static void statistics_equal_nists(void **state)
{
	(void)state;
	for (size_t i = 0; i < KNOWN; i++) {
		const struct known *k = &known[i];
		struct samples s = source(k->kind, k->bits, k->n);
		struct permuted_facts f;
		struct permuted room;
		bool wanted[IID_STATISTICS];
		int64_t value[IID_STATISTICS];
		double average;
		permuted_facts(&s, &f);
		assert_true(permuted_init(&room, &f));
		memset(wanted, true, sizeof(wanted));
		memcpy(room.data, s.raw, s.n);
		permuted_statistics(&room, &f, wanted, value);
		assert_true(near((double)value[IID_EXCURSION] / (double)s.n, k->excursion));
		memcpy(&average, &value[IID_COLLISION_AVERAGE], sizeof(average));
		assert_true(near(average, k->average_collision));
		value[IID_EXCURSION] = value[IID_COLLISION_AVERAGE] = 0;
		for (unsigned j = 0; j < IID_STATISTICS; j++)
			assert_int_equal(value[j], k->statistic[j]);
		permuted_free(&room);
		samples_free(&s);
	}
}

/* The score's place in its distribution, as NIST's program has it. */
static void chi_square_places(void **state)
{
	(void)state;
	struct samples s = source(SOURCE_FLAT, 1, 60000);
	struct iid_result r = tested(&s, 1, 1, 1);
	assert_true(fabs(r.independence.p - 0.9639007623111171) < 1e-9);
	assert_true(fabs(r.fit.p - 0.83975350866621401) < 1e-9);
	samples_free(&s);
}

static void good_samples_pass(void **state)
{
	(void)state;
	/* which NIST's program passes too, all but the largest */
	for (size_t i = 0; i < KNOWN; i++) {
		if (known[i].n > 100000)
			continue;
		struct samples s = source(known[i].kind, known[i].bits, known[i].n);
		struct iid_result r = tested(&s, IID_SEED_DEFAULT, 0, 0);
		assert_true(r.pass);
		assert_true(r.rounds < IID_ROUNDS);
		samples_free(&s);
	}
}

static void dependent_samples_fail(void **state)
{
	(void)state;
	struct samples s = source(SOURCE_MARKOV, 4, 5000);
	struct iid_result r = tested(&s, 1, 0, 300);
	assert_false(r.pass);
	assert_false(r.independence.pass);
	assert_false(r.statistic[IID_PERIODICITY].pass);
	assert_int_equal(r.statistic[IID_PERIODICITY].below, 300);
	assert_int_equal(r.rounds, 300);
	samples_free(&s);
	s = source(SOURCE_REPEAT, 8, 5000);
	r = tested(&s, 1, 0, 10);
	assert_false(r.repeat_pass);
	samples_free(&s);
}

static void the_answer_depends_on_the_seed_alone(void **state)
{
	(void)state;
	struct samples s = source(SOURCE_FLAT, 8, 6000);
	struct iid_result one = tested(&s, 7, 1, 0), again = tested(&s, 7, 1, 0),
			  two = tested(&s, 7, 2, 0), five = tested(&s, 7, 5, 0),
			  other = tested(&s, 8, 1, 0);
	assert_memory_equal(one.statistic, again.statistic, sizeof(one.statistic));
	assert_memory_equal(one.statistic, two.statistic, sizeof(one.statistic));
	assert_memory_equal(one.statistic, five.statistic, sizeof(one.statistic));
	assert_int_equal(one.rounds, five.rounds);
	assert_memory_not_equal(one.statistic, other.statistic, sizeof(one.statistic));
	samples_free(&s);
}

/* The permutation is part of what is promised: the same in every version. */
static void the_shuffle_is_this_one(void **state)
{
	(void)state;
	static const uint8_t from[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	uint8_t data[10], sorted[10] = {0};
	struct permuted p = {.data = data};
	static const uint8_t want[10] = {8, 6, 4, 1, 9, 3, 5, 7, 0, 2};
	permuted_shuffle(&p, from, 10, IID_SEED_DEFAULT, 3);
	for (unsigned i = 0; i < 10; i++)
		sorted[data[i]] = data[i];
	assert_memory_equal(sorted, from, 10);
	assert_memory_equal(data, want, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_tests_equal_nists),
		cmocka_unit_test(statistics_equal_nists),
		cmocka_unit_test(chi_square_places),
		cmocka_unit_test(good_samples_pass),
		cmocka_unit_test(dependent_samples_fail),
		cmocka_unit_test(the_answer_depends_on_the_seed_alone),
		cmocka_unit_test(the_shuffle_is_this_one),
	};
	return RUN_TAP(tests);
}
