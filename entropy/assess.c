#include "entropy/assess.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name, *title, *meaning, *advice;
} words[ESTIMATOR_COUNT] = {
	[ESTIMATOR_MCV] = {"mcv", "most common value",
		"one value comes more often than the others",
		"The values are unevenly spread. Look at the histogram: a digitiser that clips, an offset "
		"or a threshold that is off centre does this. If the shape is what the physics says, the "
		"estimate is simply right."},
	[ESTIMATOR_COLLISION] = {"collision", "collision",
		"equal bits come sooner than they would from a fair coin",
		"Single bits of the samples are biased, often the upper ones, which move little. The bits "
		"one by one say which."},
	[ESTIMATOR_MARKOV] = {"markov", "Markov",
		"a bit tells something of the next",
		"Neighbouring bits depend on each other. Sampling faster than the source changes does "
		"this, and so do bits of one sample that move together."},
	[ESTIMATOR_COMPRESSION] = {"compression", "compression",
		"blocks of six bits return sooner than they would at random",
		"Some blocks are much commoner than others. With samples of several bits this is mostly "
		"an uneven spread of values seen through their bits; this estimator is also the most "
		"cautious of the ten, and low even for good sources."},
	[ESTIMATOR_T_TUPLE] = {"t-tuple", "t-tuple",
		"one short sequence of values comes more often than the others",
		"The source has favourite sequences. Look at the autocorrelation: an oscillation, or a "
		"value that is held for several samples, does this."},
	[ESTIMATOR_LRS] = {"lrs", "longest repeated substring",
		"a sequence too long to come back by chance came back",
		"Something repeats as a whole: a buffer that is sent twice, a pattern, a generator of "
		"short period, or a capture that was put together from parts."},
	[ESTIMATOR_MULTI_MCW] = {"multi-mcw", "MultiMCW prediction",
		"the commonest of the last values is often the next",
		"The source drifts: for a while one value is likelier, then another. Temperature, supply "
		"voltage or an adaptive threshold does this."},
	[ESTIMATOR_LAG] = {"lag", "lag prediction",
		"the value some fixed number of samples ago is often the next",
		"The source is periodic. The highest bar of the autocorrelation names the period: "
		"mains hum, a clock that couples in, or interleaved converters."},
	[ESTIMATOR_MULTI_MMC] = {"multi-mmc", "MultiMMC prediction",
		"the last few values tell something of the next",
		"The source has a memory. Samples taken too fast depend on each other; take fewer, or "
		"find what carries over from one to the next."},
	[ESTIMATOR_LZ78Y] = {"lz78y", "LZ78Y prediction",
		"sequences seen before are continued as they were then",
		"The source repeats itself in words of changing length. A deterministic process behind "
		"the noise, such as a counter or a state machine, does this."},
};

const char *estimator_name(enum estimator x)
{
	return words[x].name;
}

const char *estimator_title(enum estimator x)
{
	return words[x].title;
}

const char *estimator_meaning(enum estimator x)
{
	return words[x].meaning;
}

const char *estimator_advice(enum estimator x)
{
	return words[x].advice;
}

/* ---- one string of symbols ---- */

struct string {
	const uint8_t *s;
	size_t n;
	unsigned k;
	struct estimate *to; /* ESTIMATOR_COUNT of them */
};

static enum err_code run_pass(const struct string *x, struct err *e)
{
	x->to[ESTIMATOR_MCV] = estimate_mcv(x->s, x->n, x->k);
	if (x->k != 2) /* the next three know bits only */
		return ERR_OK;
	x->to[ESTIMATOR_COLLISION] = estimate_collision(x->s, x->n);
	x->to[ESTIMATOR_MARKOV] = estimate_markov(x->s, x->n);
	return estimate_compression(x->s, x->n, &x->to[ESTIMATOR_COMPRESSION], e);
}

static enum err_code run_tuples(const struct string *x, struct err *e)
{
	return estimate_tuples(x->s, x->n, x->k, &x->to[ESTIMATOR_T_TUPLE], &x->to[ESTIMATOR_LRS], e);
}

static enum err_code run_mcw(const struct string *x, struct err *e)
{
	(void)e;
	x->to[ESTIMATOR_MULTI_MCW] = estimate_multi_mcw(x->s, x->n, x->k);
	return ERR_OK;
}

static enum err_code run_lag(const struct string *x, struct err *e)
{
	(void)e;
	x->to[ESTIMATOR_LAG] = estimate_lag(x->s, x->n, x->k);
	return ERR_OK;
}

static enum err_code run_mmc(const struct string *x, struct err *e)
{
	return estimate_multi_mmc(x->s, x->n, x->k, &x->to[ESTIMATOR_MULTI_MMC], e);
}

static enum err_code run_lz78y(const struct string *x, struct err *e)
{
	return estimate_lz78y(x->s, x->n, x->k, &x->to[ESTIMATOR_LZ78Y], e);
}

static const struct {
	const char *what;
	enum err_code (*run)(const struct string *x, struct err *e);
	bool quick;
} steps[] = {
	{"single values", run_pass, true},
	{"most common in window", run_mcw, true},
	{"lag", run_lag, true},
	{"repeated strings", run_tuples, false},
	{"MultiMMC", run_mmc, false},
	{"LZ78Y", run_lz78y, false},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static enum err_code run_all(const struct string *x, const struct assess_options *o,
	const char *of, unsigned done, unsigned total, struct err *e)
{
	enum err_code rc = ERR_OK;

	if (o->depth == ASSESS_IID) {
		x->to[ESTIMATOR_MCV] = estimate_mcv(x->s, x->n, x->k);
		return ERR_OK;
	}
	for (unsigned i = 0; rc == ERR_OK && i < STEPS; i++) {
		char what[64];
		if (o->depth == ASSESS_QUICK && !steps[i].quick)
			continue;
		snprintf(what, sizeof(what), "%s of the %s", steps[i].what, of);
		if (o->progress != NULL)
			o->progress(o->arg, what, done + i, total);
		rc = steps[i].run(x, e);
	}
	return rc;
}

/* The least of those that ran, at most `most`. */
static double least(const struct estimate *x, double most, enum estimator *which)
{
	double h = most;

	*which = ESTIMATOR_MCV;
	for (unsigned i = 0; i < ESTIMATOR_COUNT; i++) {
		if (!x[i].ran || x[i].h >= h)
			continue;
		h = x[i].h;
		*which = (enum estimator)i;
	}
	return h;
}

enum err_code assess_string(const uint8_t *s, size_t n, unsigned k, enum assess_depth depth,
	double most, double *h, struct err *e)
{
	struct estimate all[ESTIMATOR_COUNT] = {{.ran = false}};
	struct string x = {s, n, k, all};
	struct assess_options o = {.depth = depth};
	enum estimator which;
	enum err_code rc = run_all(&x, &o, "", 0, STEPS, e);

	if (rc == ERR_OK)
		*h = least(all, most, &which);
	return rc;
}

enum err_code assess(const struct samples *s, const struct assess_options *o,
	struct assessment *out, struct err *e)
{
	struct assessment a = {.has_bits = s->alphabet > 2};
	struct string original = {s->symbols, s->n, s->alphabet, a.original};
	struct string bits = {NULL, s->n * s->bits, 2, a.bits};
	enum estimator by_bits;
	unsigned total = STEPS * (a.has_bits ? 2 : 1);
	uint8_t *string = NULL;
	enum err_code rc;

	if (s->alphabet < 2) {
		*out = a;
		return ERR_OK;
	}
	rc = run_all(&original, o, "samples", 0, total, e);
	if (rc == ERR_OK && a.has_bits) {
		bits.s = string = samples_bits(s);
		if (string == NULL)
			rc = err_set(e, ERR_NO_MEMORY, "bit string", "of %zu bits", bits.n);
		else
			rc = run_all(&bits, o, "bits", STEPS, total, e);
	}
	free(string);
	if (rc != ERR_OK)
		return rc;
	a.h_original = least(a.original, s->bits, &a.limiting);
	a.h_bitstring = least(a.bits, 1.0, &by_bits);
	a.min_entropy = a.h_original;
	if (a.has_bits && a.h_bitstring * s->bits < a.h_original) {
		a.min_entropy = a.h_bitstring * s->bits;
		a.limiting = by_bits;
		a.limiting_bits = true;
	}
	*out = a;
	return ERR_OK;
}
