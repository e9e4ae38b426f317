/*
 * Plots as SVG, for a page (report/page.h) or by themselves.  Nothing in them comes from outside but
 * numbers; titles and labels are literals or have been through page_escape.
 */
#ifndef REPORT_PLOT_H
#define REPORT_PLOT_H

#include <stdbool.h>

#include "base/bytes.h"

#define PLOT_WIDTH 760
#define PLOT_HEIGHT 240

struct plot {
	const char *title, *x_label, *y_label;
	const double *y;       /* n values, finite */
	const double *expected; /* n values drawn as a line over the bars; NULL: none */
	size_t n;
	double x_first, x_step; /* what y[i] stands over */
	double band;           /* lines at plus and minus this: what chance alone gives; 0: none */
	bool bars;             /* else one line */
	bool log_y;            /* values of 0 stand on the lower edge */
};

/* One drawing whose upper edge is at `top` of whatever it is put into. */
void plot_draw(struct buf *out, const struct plot *p, unsigned top);
/* Several below each other as one SVG file: begin, plot_draw with tops of multiples of PLOT_HEIGHT,
 * end. */
void plot_file_begin(struct buf *out, unsigned plots);
void plot_file_end(struct buf *out);

#endif
