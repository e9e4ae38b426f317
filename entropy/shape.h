/* What samples look like, for people: the numbers behind the plots of an assessment. */
#ifndef ENTROPY_SHAPE_H
#define ENTROPY_SHAPE_H

#include "entropy/samples.h"

#define SHAPE_LAGS 128   /* as far as the lag estimator looks */
#define SHAPE_RUNS 32    /* longer runs count with the longest */
#define SHAPE_WINDOW 1024 /* samples of a spectrum; all windows are averaged */

struct shape {
	double histogram[256];            /* share of each symbol; `alphabet` of them */
	double autocorrelation[SHAPE_LAGS]; /* of lag 1 on */
	double chance;                    /* 99.9 % of those of independent samples are within +- this */
	double runs[SHAPE_RUNS];          /* runs of equal samples of length 1 on */
	double runs_expected[SHAPE_RUNS]; /* if the samples were independent */
	double spectrum[SHAPE_WINDOW / 2]; /* power at 1, 2, ... / SHAPE_WINDOW; 1: white */
	bool has_spectrum;                /* there was a window of samples */
};

void shape_of(const struct samples *s, struct shape *out);

#endif
