#include "entropy/restart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N RESTART_SIZE
#define CONFIDENCE 0.99

/* ---- the cut-off ---- */

/* Chances of 0 to N; only those below `len` are not 0. */
struct chances {
	double *v;
	unsigned len;
};

/* The sum of two independent numbers, cut off above N. */
static void add(struct chances *a, const struct chances *b, double *scratch)
{
	unsigned len = a->len + b->len - 1 < N + 1 ? a->len + b->len - 1 : N + 1;

	memset(scratch, 0, len * sizeof(*scratch));
	for (unsigned i = 0; i < a->len; i++) {
		for (unsigned j = 0; j < b->len && i + j < len; j++)
			scratch[i + j] += a->v[i] * b->v[j];
	}
	memcpy(a->v, scratch, len * sizeof(*scratch));
	a->len = len;
}

/* A Poisson number of that mean, but not above `most`: what is missing is not made up for. */
static void poisson(struct chances *a, double mean, unsigned most)
{
	a->len = most + 1 < N + 1 ? most + 1 : N + 1;
	for (unsigned i = 0; i < a->len; i++)
		a->v[i] = mean > 0 ? exp(i * log(mean) - mean - lgamma(i + 1.0)) : i == 0;
}

/*
 * The chance that no value comes more than `most` times in N samples.  Counts of N samples are
 * independent Poisson numbers, given that their sum is N; so it is the chance that such numbers are
 * all at most `most` and sum to N, over the chance that they sum to N.
 */
static double chance_within(
	double p, unsigned most, struct chances *sum, struct chances *power, double *scratch)
{
	unsigned full =
		(unsigned)floor(1.0 / p * (1 + 1e-12)); /* 1/p may be whole but for rounding */
	double rest = 1.0 - full * p;

	poisson(sum, rest > 0 ? N * rest : 0, most);
	poisson(power, N * p, most);
	for (; full > 0; full >>= 1) { /* binary powers */
		if (full & 1)
			add(sum, power, scratch);
		if (full > 1)
			add(power, power, scratch);
	}
	return sum->len > N ? sum->v[N] / exp(N * log(N) - N - lgamma(N + 1.0)) : 0;
}

enum err_code restart_cutoff(double h_initial, unsigned *out, struct err *e)
{
	double alpha = 1.0 - pow(CONFIDENCE, 1.0 / (2.0 * N)), p = exp2(-h_initial);
	struct chances sum = {malloc((N + 1) * sizeof(double)), 0};
	struct chances power = {malloc((N + 1) * sizeof(double)), 0};
	double *scratch = malloc((N + 1) * sizeof(double));
	unsigned low = 0, high = N; /* above low, at most high */
	enum err_code rc = ERR_OK;

	if (sum.v == NULL || power.v == NULL || scratch == NULL) {
		rc = err_set(e, ERR_NO_MEMORY, "restart tests", "for the cut-off");
	} else {
		while (high - low > 1) {
			unsigned mid = (low + high) / 2;
			if (chance_within(p, mid, &sum, &power, scratch) >= 1.0 - alpha)
				high = mid;
			else
				low = mid;
		}
		*out = high;
	}
	free(sum.v);
	free(power.v);
	free(scratch);
	return rc;
}

/* ---- the tests ---- */

/* How often the commonest value of any of the stretches of N comes. */
static unsigned most_in_a_stretch(const uint8_t *s)
{
	unsigned most = 0;

	for (unsigned i = 0; i < N; i++) {
		unsigned count[256] = {0};
		for (unsigned j = 0; j < N; j++) {
			unsigned c = ++count[s[i * N + j]];
			most = c > most ? c : most;
		}
	}
	return most;
}

/* The first samples after all restarts, then the second ones, and so on (section 3.1.4.1). */
static enum err_code take_columns(const struct samples *s, struct samples *out, struct err *e)
{
	uint8_t *columns;
	enum err_code rc;

	if (s->n != RESTART_SAMPLES)
		return err_set(e, ERR_USAGE, "restart tests",
			"%zu samples; 1,000 restarts of 1,000 samples are wanted", s->n);
	columns = malloc(s->n);
	if (columns == NULL)
		return err_set(e, ERR_NO_MEMORY, "restart tests", "for the columns");
	for (unsigned i = 0; i < N; i++) {
		for (unsigned j = 0; j < N; j++)
			columns[j * N + i] = s->raw[i * N + j];
	}
	rc = samples_take(bytes_of(columns, s->n), s->bits, "restart tests", out, e);
	free(columns);
	return rc;
}

enum err_code restart_iid(const struct samples *s, const struct iid_options *o,
	struct iid_result *row, struct iid_result *column, struct err *e)
{
	struct iid_result by_row, by_column;
	struct samples columns;
	enum err_code rc = take_columns(s, &columns, e);

	if (rc != ERR_OK)
		return rc;
	rc = iid_test(s, o, &by_row, e);
	if (rc == ERR_OK)
		rc = iid_test(&columns, o, &by_column, e);
	samples_free(&columns);
	if (rc != ERR_OK)
		return rc;
	*row = by_row;
	*column = by_column;
	return ERR_OK;
}

enum err_code restart_test(const struct samples *s, double h_initial, enum assess_depth depth,
	struct restart_result *out, struct err *e)
{
	struct restart_result r = {.sane = false};
	struct samples columns;
	enum err_code rc;

	if (!(h_initial >= 0 && h_initial <= s->bits))
		return err_set(e, ERR_USAGE, "restart tests",
			"an initial estimate of %g bits in %u", h_initial, s->bits);
	rc = take_columns(s, &columns, e);
	if (rc != ERR_OK)
		return rc;
	r.row_most = most_in_a_stretch(s->symbols);
	r.column_most = most_in_a_stretch(columns.symbols);
	rc = restart_cutoff(h_initial, &r.cutoff, e);
	r.sane = rc == ERR_OK && r.row_most <= r.cutoff && r.column_most <= r.cutoff;
	if (rc == ERR_OK && s->alphabet > 1)
		rc = assess_string(s->symbols, s->n, s->alphabet, depth, s->bits, &r.h_row, e);
	if (rc == ERR_OK && s->alphabet > 1)
		rc = assess_string(
			columns.symbols, s->n, s->alphabet, depth, s->bits, &r.h_column, e);
	samples_free(&columns);
	if (rc != ERR_OK)
		return rc;
	r.valid = fmin(r.h_row, r.h_column) >= h_initial / 2;
	if (r.sane && r.valid)
		r.min_entropy = fmin(h_initial, fmin(r.h_row, r.h_column));
	*out = r;
	return ERR_OK;
}
