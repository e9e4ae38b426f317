#include "report/plot.h"

#include <math.h>

#define LEFT 70
#define RIGHT 15
#define TOP 30
#define BOTTOM 45
#define INNER_WIDTH (PLOT_WIDTH - LEFT - RIGHT)
#define INNER_HEIGHT (PLOT_HEIGHT - TOP - BOTTOM)
#define TICKS 5

struct scale {
	double low, high; /* of y, or of its logarithm */
	bool log;
};

static double at(const struct scale *s, double y)
{
	double v = s->log ? (y > 0 ? log10(y) : s->low) : y;
	double share = (v - s->low) / (s->high - s->low);
	share = share < 0 ? 0 : share > 1 ? 1 : share;
	return TOP + INNER_HEIGHT * (1 - share);
}

static void reach(struct scale *s, double y)
{
	if (s->log && !(y > 0))
		return;
	y = s->log ? log10(y) : y;
	s->low = fmin(s->low, y);
	s->high = fmax(s->high, y);
}

static struct scale scale_of(const struct plot *p)
{
	struct scale s = {INFINITY, -INFINITY, p->log_y};

	for (size_t i = 0; i < p->n; i++) {
		reach(&s, p->y[i]);
		if (p->expected != NULL)
			reach(&s, p->expected[i]);
	}
	if (p->band > 0) {
		reach(&s, p->band);
		reach(&s, -p->band);
	}
	if (p->bars && !p->log_y)
		reach(&s, 0);
	if (!(s.low <= s.high))
		s.low = s.high = 0;
	if (s.log) {
		s.low = floor(s.low);
		s.high = ceil(s.high);
	}
	if (s.high - s.low < 1e-300) {
		s.low -= 0.5;
		s.high += 0.5;
	}
	return s;
}

static double place(const struct plot *p, double i)
{
	return LEFT + INNER_WIDTH * (i + 0.5) / (double)p->n;
}

static void axes(struct buf *out, const struct plot *p, const struct scale *s)
{
	buf_printf(out,
		"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
		"stroke=\"var(--line)\"/>",
		LEFT, TOP, INNER_WIDTH, INNER_HEIGHT);
	for (unsigned t = 0; t < TICKS; t++) {
		double v = s->low + (s->high - s->low) * t / (TICKS - 1);
		double y = TOP + INNER_HEIGHT * (1 - (double)t / (TICKS - 1));
		size_t i = (p->n - 1) * t / (TICKS - 1);
		buf_printf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>",
			LEFT - 6, y + 4, s->log ? pow(10, v) : v);
		buf_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.4g</text>",
			place(p, (double)i), TOP + INNER_HEIGHT + 16,
			p->x_first + p->x_step * (double)i);
	}
	buf_printf(out, "<text x=\"%d\" y=\"18\" font-weight=\"bold\">%s</text>", LEFT, p->title);
	buf_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>",
		LEFT + INNER_WIDTH / 2, PLOT_HEIGHT - 10, p->x_label);
	buf_printf(out,
		"<text transform=\"translate(14 %d) rotate(-90)\" text-anchor=\"middle\">%s"
		"</text>",
		TOP + INNER_HEIGHT / 2, p->y_label);
}

static void line(struct buf *out, const struct plot *p, const struct scale *s, const double *y,
	const char *colour)
{
	buf_str(out, "<polyline fill=\"none\" stroke=\"");
	buf_str(out, colour);
	buf_str(out, "\" points=\"");
	for (size_t i = 0; i < p->n; i++)
		buf_printf(out, "%.1f,%.1f ", place(p, (double)i), at(s, y[i]));
	buf_str(out, "\"/>");
}

static void bars(struct buf *out, const struct plot *p, const struct scale *s)
{
	double width = fmax(0.5, 0.8 * INNER_WIDTH / (double)p->n);
	double foot = at(s, s->log ? 0 : fmax(s->low, 0));

	buf_str(out, "<path fill=\"var(--accent)\" d=\"");
	for (size_t i = 0; i < p->n; i++)
		buf_printf(out, "M%.1f %.1fh%.1fV%.1fh%.1fz", place(p, (double)i) - width / 2,
			at(s, p->y[i]), width, foot, -width);
	buf_str(out, "\"/>");
}

void plot_draw(struct buf *out, const struct plot *p, unsigned top)
{
	struct scale s;

	if (p->n == 0)
		return;
	s = scale_of(p);
	buf_printf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" y=\"%u\" width=\"%d\" "
		"height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
		"font-size=\"12\" fill=\"var(--ink)\">",
		top, PLOT_WIDTH, PLOT_HEIGHT, PLOT_WIDTH, PLOT_HEIGHT);
	axes(out, p, &s);
	if (p->bars)
		bars(out, p, &s);
	else
		line(out, p, &s, p->y, "var(--accent)");
	if (p->expected != NULL)
		line(out, p, &s, p->expected, "var(--warning)");
	for (int side = -1; p->band > 0 && side <= 1; side += 2)
		buf_printf(out,
			"<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" "
			"stroke=\"var(--warning)\" stroke-dasharray=\"4 3\"/>",
			LEFT, LEFT + INNER_WIDTH, at(&s, side * p->band), at(&s, side * p->band));
	buf_str(out, "</svg>");
}

void plot_file_begin(struct buf *out, unsigned plots)
{
	buf_printf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\">"
		"<style>svg{--ink:#222;--line:#999;--accent:#2563a8;--warning:#b45309}"
		"</style><rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>",
		PLOT_WIDTH, plots * PLOT_HEIGHT);
}

void plot_file_end(struct buf *out)
{
	buf_str(out, "</svg>\n");
}
