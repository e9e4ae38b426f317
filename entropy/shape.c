#include "entropy/shape.h"

#include <complex.h>
#include <math.h>
#include <string.h>

#define NORMAL_999 3.2905 /* two-sided */

static double mean_of(const struct samples *s, double *variance)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += s->raw[i];
	sum /= (double)s->n;
	for (size_t i = 0; i < s->n; i++)
		squares += (s->raw[i] - sum) * (s->raw[i] - sum);
	*variance = squares / (double)s->n;
	return sum;
}

static void autocorrelate(const struct samples *s, double mean, double variance, struct shape *out)
{
	out->chance = NORMAL_999 / sqrt((double)s->n);
	for (size_t lag = 1; lag <= SHAPE_LAGS; lag++) {
		double sum = 0;
		for (size_t i = lag; i < s->n; i++)
			sum += (s->raw[i] - mean) * (s->raw[i - lag] - mean);
		out->autocorrelation[lag - 1] = variance > 0 ? sum / (variance * (double)s->n) : 0;
	}
}

/* A run of a value of chance p is l long with chance p^(l-1) (1 - p), and they begin n p (1 - p)
 * times. */
static void count_runs(const struct samples *s, struct shape *out)
{
	size_t run = 1;

	for (size_t i = 1; i <= s->n; i++) {
		if (i < s->n && s->symbols[i] == s->symbols[i - 1]) {
			run++;
			continue;
		}
		out->runs[run < SHAPE_RUNS ? run - 1 : SHAPE_RUNS - 1]++;
		run = 1;
	}
	for (unsigned v = 0; v < s->alphabet; v++) {
		double p = out->histogram[v], begin = (double)s->n * p * (1 - p);
		for (unsigned l = 0; l < SHAPE_RUNS; l++)
			out->runs_expected[l] +=
				begin * pow(p, l) * (l + 1 < SHAPE_RUNS ? 1 - p : 1);
	}
}

/* Cooley and Tukey, in place; SHAPE_WINDOW is a power of two. */
static void transform(double complex x[SHAPE_WINDOW])
{
	for (unsigned i = 1, j = 0; i < SHAPE_WINDOW; i++) {
		unsigned bit = SHAPE_WINDOW >> 1;
		for (; j & bit; bit >>= 1)
			j ^= bit;
		j ^= bit;
		if (i < j) {
			double complex t = x[i];
			x[i] = x[j];
			x[j] = t;
		}
	}
	for (unsigned len = 2; len <= SHAPE_WINDOW; len *= 2) {
		for (unsigned k = 0; k < len / 2; k++) {
			double complex turn = cexp(-2 * M_PI * I * k / len);
			for (unsigned i = k; i < SHAPE_WINDOW; i += len) {
				double complex t = turn * x[i + len / 2];
				x[i + len / 2] = x[i] - t;
				x[i] += t;
			}
		}
	}
}

static void spectrum(const struct samples *s, double mean, double variance, struct shape *out)
{
	size_t windows = s->n / SHAPE_WINDOW;
	double complex x[SHAPE_WINDOW];

	out->has_spectrum = windows > 0 && variance > 0;
	for (size_t w = 0; out->has_spectrum && w < windows; w++) {
		for (unsigned i = 0; i < SHAPE_WINDOW; i++)
			x[i] = s->raw[w * SHAPE_WINDOW + i] - mean;
		transform(x);
		for (unsigned i = 0; i < SHAPE_WINDOW / 2; i++) {
			double a = cabs(x[i + 1]);
			out->spectrum[i] += a * a / (variance * SHAPE_WINDOW * (double)windows);
		}
	}
}

void shape_of(const struct samples *s, struct shape *out)
{
	double variance, mean = mean_of(s, &variance);

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < s->n; i++)
		out->histogram[s->symbols[i]] += 1.0 / (double)s->n;
	autocorrelate(s, mean, variance, out);
	count_runs(s, out);
	spectrum(s, mean, variance, out);
}
