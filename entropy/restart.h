/*
 * Does the source come up different each time?  The restart tests of SP 800-90B, section 3.1.4.
 *
 * The data are RESTART_SIZE x RESTART_SIZE samples in the order of row datasets: the 1,000 samples
 * after the first restart, then those after the second, and so on, one sample a byte.
 */
#ifndef ENTROPY_RESTART_H
#define ENTROPY_RESTART_H

#include "entropy/assess.h"
#include "entropy/iid.h"

#define RESTART_SIZE 1000
#define RESTART_SAMPLES (RESTART_SIZE * RESTART_SIZE)

struct restart_result {
	unsigned cutoff;  /* X_cutoff: no value may come more often in a row or a column */
	unsigned row_most, column_most;
	bool sane;        /* neither is above the cut-off (section 3.1.4.3) */
	double h_row, h_column; /* the least of the estimates of each (section 3.1.4.2) */
	bool valid;       /* neither is below half of h_initial */
	double min_entropy; /* the least of h_row, h_column and h_initial; 0 unless sane and valid */
};

/*
 * `h_initial` is the initial entropy estimate H_I (0 to the width of the samples).  `depth`: ASSESS_FULL, or
 * ASSESS_IID for a source that is IID.  ERR_USAGE when there are not RESTART_SAMPLES samples.  Restarts
 * that all give one value are no error: they have no entropy, and are not sane unless none is claimed.
 */
MUST_USE enum err_code restart_test(const struct samples *s, double h_initial,
	enum assess_depth depth, struct restart_result *out, struct err *e);

/*
 * A source may count as IID only when the rows and the columns are too (section 3.1.2): the tests of
 * entropy/iid.h on both.  ERR_USAGE as above, and for restarts that all give one value.
 */
MUST_USE enum err_code restart_iid(const struct samples *s, const struct iid_options *o,
	struct iid_result *row, struct iid_result *column, struct err *e);

/*
 * X_cutoff for sources of `h_initial` bits: the least x that the commonest of RESTART_SIZE samples
 * exceeds with a chance of at most alpha, 1 - 0.99^(1/2000), in the worst case: as many values as
 * can be of chance 2^-h_initial, and one of the rest.  Computed, where NIST's program simulates.
 */
MUST_USE enum err_code restart_cutoff(double h_initial, unsigned *out, struct err *e);

#endif
