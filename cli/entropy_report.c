/* The HTML and SVG of medseal entropy assess. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/entropy.h"
#include "cli/file.h"
#include "entropy/shape.h"
#include "report/page.h"
#include "report/plot.h"

#define PLOTS 4
#define CELL 32

static void fill_plots(const struct samples *s, const struct shape *f, struct plot p[PLOTS])
{
	p[0] = (struct plot){.title = "How often each value comes",
		.x_label = "value, in order",
		.y_label = "share",
		.y = f->histogram,
		.n = s->alphabet,
		.x_step = 1,
		.bars = true};
	p[1] = (struct plot){.title = "Autocorrelation",
		.x_label = "lag in samples",
		.y_label = "correlation",
		.y = f->autocorrelation,
		.n = SHAPE_LAGS,
		.x_first = 1,
		.x_step = 1,
		.bars = true,
		.band = f->chance};
	p[2] = (struct plot){.title = "Runs of equal values",
		.x_label = "length of the run",
		.y_label = "runs",
		.y = f->runs,
		.expected = f->runs_expected,
		.n = SHAPE_RUNS,
		.x_first = 1,
		.x_step = 1,
		.bars = true,
		.log_y = true};
	p[3] = (struct plot){.title = "Spectrum",
		.x_label = "frequency, in cycles a sample",
		.y_label = "power; 1 is white noise",
		.y = f->spectrum,
		.n = f->has_spectrum ? SHAPE_WINDOW / 2 : 0,
		.x_first = 1.0 / SHAPE_WINDOW,
		.x_step = 1.0 / SHAPE_WINDOW};
}

static const char *const captions[PLOTS] = {
	"A level row of bars is what good noise with equally likely values gives.",
	"Bars outside the dashed lines are more than chance: the source remembers, or hums.",
	"The line is what independent samples with these shares would give.",
	"A peak is a frequency that couples in; a slope is drift.",
};

static void cell_of(char cell[CELL], const struct estimate *x)
{
	if (x->ran)
		snprintf(cell, CELL, "%.6f", x->h);
	else
		snprintf(cell, CELL, "-");
}

static void write_page(struct buf *out, const char *path, const struct samples *s,
	const struct assessment *a, const struct plot plots[PLOTS])
{
	static const char *const head[] = {
		"estimator", "of the samples", "of their bits", "looks for"};
	char text[256], one[CELL], two[CELL];

	page_begin(out, "Entropy assessment", path);
	page_section(out, "Result");
	snprintf(text, sizeof(text),
		"%.6f bits of min-entropy in a sample of %u bits (%zu samples, "
		"%u values).",
		a->min_entropy, s->bits, s->n, s->alphabet);
	page_text(out, text);
	if (s->alphabet > 1) {
		snprintf(text, sizeof(text), "Limited by the %s estimate of the %s: %s.",
			estimator_title(a->limiting), a->limiting_bits ? "bits" : "samples",
			estimator_meaning(a->limiting));
		page_text(out, text);
		page_text(out, estimator_advice(a->limiting));
	}
	page_section(out, "Estimators (SP 800-90B, section 6.3)");
	page_table_begin(out, head, 4);
	for (unsigned i = 0; i < ESTIMATOR_COUNT; i++) {
		enum estimator x = (enum estimator)i;
		cell_of(one, &a->original[i]);
		cell_of(two, &a->bits[i]);
		const char *cells[] = {estimator_title(x), one, two, estimator_meaning(x)};
		page_table_row(out, cells, 4);
	}
	page_table_end(out);
	page_section(out, "What the samples look like");
	for (unsigned i = 0; i < PLOTS; i++) {
		struct buf svg = buf_new(BUF_MAX_DEFAULT);
		plot_draw(&svg, &plots[i], 0);
		if (svg.len > 0)
			page_figure(out, buf_view(&svg), captions[i]);
		buf_free(&svg);
	}
	page_end(out);
}

enum err_code entropy_report(const char *html, const char *svg, const char *path,
	const struct samples *s, const struct assessment *a, struct err *e)
{
	struct shape *f = malloc(sizeof(*f));
	struct buf out = buf_new(BUF_MAX_DEFAULT);
	struct plot plots[PLOTS];
	enum err_code rc = ERR_OK;

	if (f == NULL)
		return err_set(e, ERR_NO_MEMORY, path, "for its plots");
	shape_of(s, f);
	fill_plots(s, f, plots);
	if (html != NULL) {
		write_page(&out, path, s, a, plots);
		rc = buf_end(&out, e, html);
		if (rc == ERR_OK)
			rc = disk_replace(html, 0644, buf_view(&out), e);
	}
	if (rc == ERR_OK && svg != NULL) {
		buf_reset(&out);
		plot_file_begin(&out, PLOTS);
		for (unsigned i = 0; i < PLOTS; i++)
			plot_draw(&out, &plots[i], i * PLOT_HEIGHT);
		plot_file_end(&out);
		rc = buf_end(&out, e, svg);
		if (rc == ERR_OK)
			rc = disk_replace(svg, 0644, buf_view(&out), e);
	}
	buf_free(&out);
	free(f);
	return rc;
}
