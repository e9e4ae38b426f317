/* Counts as horizontal bars: for a terminal and for a page. */
#ifndef REPORT_HISTOGRAM_H
#define REPORT_HISTOGRAM_H

#include <stdio.h>

#include "base/bytes.h"

struct histogram_bar {
	const char *label;
	uint64_t n;
};

/* Lines of a label, a bar (none for 0; a sliver for what is little but not 0) and the count. */
void histogram_text(FILE *f, const struct histogram_bar *bar, size_t n);
/* The same as SVG, for page_figure. */
void histogram_svg(struct buf *out, const struct histogram_bar *bar, size_t n);

#endif
