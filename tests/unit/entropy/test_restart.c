/* Restart tests and conditioning components. */
#include "tests/unit/cmocka_tap.h"

#include <math.h>
#include <stdlib.h>

#include "entropy/conditioning.h"
#include "entropy/restart.h"
#include "tests/unit/entropy/sources.h"

/* Output_Entropy as NIST's program has it (ea_conditioning 1.1.7, -v). */
static void output_entropy_equals_nists(void **state)
{
	(void)state;
	static const struct {
		struct conditioning c;
		double out;
	} cases[] = {
		{{256, 128, 256, 128, true, 0}, 127},
		{{2048, 256, 256, 256, true, 0}, 255},
		{{256, 256, 256, 250.5, true, 0}, 250.468467758563945083},
		{{1000, 512, 256, 300, true, 0}, 255.9999999999999179961},
		{{8, 4, 8, 3.5, true, 0}, 2.780041501845691763331},
		{{100, 64, 32, 2, true, 0}, 1.999999998992289155434},
		{{1024, 256, 256, 320, true, 0}, 256},
		{{1, 1, 1, 0.5, true, 0}, 0},
		{{40000, 384, 512, 383.25, true, 0}, 382.5768022071810458006},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conditioned r;
		assert_int_equal(conditioning_entropy(&cases[i].c, &r, NULL), ERR_OK);
		if (fabs(r.output_entropy - cases[i].out) > 1e-9)
			fail_msg("%zu: %.12g, not %.12g", i, r.output_entropy, cases[i].out);
	}
}

/* How near to full, where the entropy itself rounds to full: NIST's program says 2^-71.4712. */
static void what_is_missing_is_told(void **state)
{
	(void)state;
	struct conditioning c = {1024, 256, 256, 320, true, 0};
	struct conditioned r;
	assert_int_equal(conditioning_entropy(&c, &r, NULL), ERR_OK);
	assert_true(fabs(r.missing_log2 - 71.47123362705510) < 1e-6);
}

static void unvetted_gives_less(void **state)
{
	(void)state;
	struct conditioning c = {1024, 256, 256, 320, false, 1.0};
	struct conditioned r;
	assert_int_equal(conditioning_entropy(&c, &r, NULL), ERR_OK);
	assert_true(fabs(r.h_out - 0.999 * 256) < 1e-9);
	c.h_prime = 0.5;
	assert_int_equal(conditioning_entropy(&c, &r, NULL), ERR_OK);
	assert_true(fabs(r.h_out - 128) < 1e-9);
}

static void impossible_components_are_refused(void **state)
{
	(void)state;
	struct conditioned r;
	static const struct conditioning cases[] = {
		{0, 1, 1, 1, true, 0},
		{8, 0, 8, 1, true, 0},
		{8, 8, 0, 1, true, 0},
		{8, 8, 8, 9, true, 0},
		{8, 8, 8, 0, true, 0},
		{8, 8, 8, 4, false, 1.5},
		{UINT64_C(1) << 32, 8, 8, 4, true, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(conditioning_entropy(&cases[i], &r, NULL), ERR_USAGE);
}

/* A fair coin's commoner side is binomial: its distribution is known another way. */
static void the_cutoff_of_a_coin_is_binomial(void **state)
{
	(void)state;
	double alpha = 1 - pow(0.99, 1.0 / 2000), tail = 0;
	unsigned x = RESTART_SIZE, cutoff;
	while (tail <= alpha) { /* the chance that either side comes x times or more */
		tail += 2 *
			exp(lgamma(1001) - lgamma(x + 1.0) - lgamma(1001.0 - x) - 1000 * log(2));
		x--;
	}
	assert_int_equal(restart_cutoff(1.0, &cutoff, NULL), ERR_OK);
	assert_int_equal(cutoff, x + 1);
}

/*
 * Computed once with a plain convolution in another language.  NIST's program (ea_restart 1.1.7, five
 * million simulated rounds) says 129, 631: the first is one off, because the chance of more than 128
 * is 4.67e-6, of the 5.03e-6 that are allowed, and it counts some 23 such rounds where 25 are.
 */
static void cutoffs_are_exact(void **state)
{
	(void)state;
	static const struct {
		double h;
		unsigned cutoff;
	} cases[] = {{3.6, 128}, {0.8296, 631}, {4.1, 99}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned cutoff;
		assert_int_equal(restart_cutoff(cases[i].h, &cutoff, NULL), ERR_OK);
		assert_int_equal(cutoff, cases[i].cutoff);
	}
}

static struct samples restarts(uint8_t *data)
{
	struct samples s;
	assert_int_equal(
		samples_take(bytes_of(data, RESTART_SAMPLES), 4, "test", &s, NULL), ERR_OK);
	return s;
}

static void good_restarts_pass_and_equal_ones_do_not(void **state)
{
	(void)state;
	uint8_t *data = malloc(RESTART_SAMPLES);
	struct restart_result r;
	struct samples s;
	assert_non_null(data);
	source_fill(SOURCE_FLAT, 4, data, RESTART_SAMPLES);
	s = restarts(data);
	assert_int_equal(restart_test(&s, 3.9, ASSESS_IID, &r, NULL), ERR_OK);
	assert_true(r.sane && r.valid && r.min_entropy > 3.8);
	samples_free(&s);
	/* always the same after a restart: each column has one value */
	for (unsigned i = 1; i < RESTART_SIZE; i++)
		memcpy(data + i * RESTART_SIZE, data, RESTART_SIZE);
	s = restarts(data);
	assert_int_equal(restart_test(&s, 3.9, ASSESS_IID, &r, NULL), ERR_OK);
	assert_int_equal(r.column_most, RESTART_SIZE);
	assert_false(r.sane);
	assert_true(r.min_entropy <= 0);
	/* never anything else: no error, and no entropy, unless none was claimed */
	memset(data, 5, RESTART_SAMPLES);
	samples_free(&s);
	s = restarts(data);
	assert_int_equal(restart_test(&s, 0.5, ASSESS_FULL, &r, NULL), ERR_OK);
	assert_int_equal(r.row_most, RESTART_SIZE);
	assert_false(r.sane || r.valid);
	assert_int_equal(restart_test(&s, 0, ASSESS_FULL, &r, NULL), ERR_OK);
	assert_true(r.sane && r.valid && r.min_entropy <= 0);
	/* and what is no set of restarts is refused */
	s.n--;
	assert_int_equal(restart_test(&s, 3.9, ASSESS_IID, &r, NULL), ERR_USAGE);
	s.n++;
	assert_int_equal(restart_test(&s, 4.5, ASSESS_IID, &r, NULL), ERR_USAGE);
	samples_free(&s);
	free(data);
}

/* The eighth sample after a restart is always the same: one of a thousand in a row, a column alone. */
static void rows_and_columns_are_tested_for_iid(void **state)
{
	(void)state;
	struct iid_options o = {.seed = IID_SEED_DEFAULT, .rounds = 40};
	struct iid_result row, column;
	uint8_t *data = malloc(RESTART_SAMPLES);
	struct samples s;

	assert_non_null(data);
	source_fill(SOURCE_FLAT, 4, data, RESTART_SAMPLES);
	s = restarts(data);
	assert_int_equal(restart_iid(&s, &o, &row, &column, NULL), ERR_OK);
	assert_true(row.repeat_pass && column.repeat_pass);
	assert_true(row.independence.pass && column.independence.pass);
	assert_true(row.fit.pass && column.fit.pass);
	samples_free(&s);
	for (unsigned i = 0; i < RESTART_SIZE; i++)
		data[i * RESTART_SIZE + 7] = 3;
	s = restarts(data);
	assert_int_equal(restart_iid(&s, &o, &row, &column, NULL), ERR_OK);
	assert_false(column.repeat_pass);
	assert_false(column.pass);
	s.n--;
	assert_int_equal(restart_iid(&s, &o, &row, &column, NULL), ERR_USAGE);
	s.n++;
	samples_free(&s);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_entropy_equals_nists),
		cmocka_unit_test(what_is_missing_is_told),
		cmocka_unit_test(unvetted_gives_less),
		cmocka_unit_test(impossible_components_are_refused),
		cmocka_unit_test(the_cutoff_of_a_coin_is_binomial),
		cmocka_unit_test(cutoffs_are_exact),
		cmocka_unit_test(good_restarts_pass_and_equal_ones_do_not),
		cmocka_unit_test(rows_and_columns_are_tested_for_iid),
	};
	return RUN_TAP(tests);
}
