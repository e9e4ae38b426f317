#include "report/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/page.h"

/* Fruchterman and Reingold: "Graph Drawing by Force-directed Placement" (1991). */
#define ROUNDS 400
#define LENGTH 1.0 /* of a line at rest */
#define HEAT_FIRST 0.6

#define SCALE 84.0 /* pixels for LENGTH */
#define MARGIN 56.0
#define WIDTH_MAX 1040.0
#define WIDTH_MIN 220.0

struct point {
	double x, y;
};

static void push(struct point *a, struct point *b, double dx, double dy, double by)
{
	double d = sqrt(dx * dx + dy * dy);

	a->x += dx / d * by;
	a->y += dy / d * by;
	b->x -= dx / d * by;
	b->y -= dy / d * by;
}

static void round_of(struct point *at, struct point *force, size_t n, const struct graph_edge *edge,
	size_t edges, double heat)
{
	memset(force, 0, n * sizeof(*force));
	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; j < n; j++) {
			double dx = at[i].x - at[j].x, dy = at[i].y - at[j].y;
			double d = sqrt(dx * dx + dy * dy);
			if (d < 1e-6) {
				dx = 1e-3 * (double)(i + 1);
				dy = 1e-3 * (double)(j + 1);
				d = 1e-3;
			}
			push(&force[i], &force[j], dx, dy, LENGTH * LENGTH / d);
		}
	}
	for (size_t i = 0; i < edges; i++) {
		uint32_t a = edge[i].from, b = edge[i].to;
		double dx = at[b].x - at[a].x, dy = at[b].y - at[a].y;
		double d = sqrt(dx * dx + dy * dy);
		if (d > 1e-9)
			push(&force[a], &force[b], dx, dy, d * d / LENGTH);
	}
	for (size_t i = 0; i < n; i++) {
		double f = sqrt(force[i].x * force[i].x + force[i].y * force[i].y);
		if (f < 1e-12)
			continue;
		double step = f < heat ? f : heat;
		at[i].x += force[i].x / f * step;
		at[i].y += force[i].y / f * step;
	}
}

/* Wider than high: turned so that its long side lies. */
static void lay_down(struct point *at, size_t n)
{
	double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

	for (size_t i = 0; i < n; i++) {
		mx += at[i].x / (double)n;
		my += at[i].y / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		double dx = at[i].x - mx, dy = at[i].y - my;
		xx += dx * dx;
		yy += dy * dy;
		xy += dx * dy;
	}
	double angle = 0.5 * atan2(2 * xy, xx - yy);
	for (size_t i = 0; i < n; i++) {
		double dx = at[i].x - mx, dy = at[i].y - my;
		at[i].x = dx * cos(angle) + dy * sin(angle);
		at[i].y = dy * cos(angle) - dx * sin(angle);
	}
}

static void lay_out(struct point *at, struct point *force, size_t n, const struct graph_edge *edge,
	size_t edges)
{
	for (size_t i = 0; i < n;
		i++) { /* a spiral: no two in one place, no symmetry to be stuck in */
		double turn = 2.399963 * (double)i, r = 0.5 * sqrt((double)i + 1);
		at[i] = (struct point){r * cos(turn), r * sin(turn)};
	}
	for (int i = 0; i < ROUNDS; i++)
		round_of(at, force, n, edge, edges, HEAT_FIRST * (ROUNDS - i) / ROUNDS);
	lay_down(at, n);
}

/* To pixels, from (MARGIN, MARGIN); how large the picture is. */
static struct point to_pixels(struct point *at, size_t n)
{
	struct point low = at[0], high = at[0];

	for (size_t i = 1; i < n; i++) {
		low = (struct point){fmin(low.x, at[i].x), fmin(low.y, at[i].y)};
		high = (struct point){fmax(high.x, at[i].x), fmax(high.y, at[i].y)};
	}
	double scale = SCALE, room = WIDTH_MAX - 2 * MARGIN;
	if ((high.x - low.x) * scale > room)
		scale = room / (high.x - low.x);
	for (size_t i = 0; i < n; i++)
		at[i] = (struct point){
			MARGIN + (at[i].x - low.x) * scale, MARGIN / 3 + (at[i].y - low.y) * scale};
	return (struct point){fmax(WIDTH_MIN, 2 * MARGIN + (high.x - low.x) * scale),
		MARGIN + (high.y - low.y) * scale};
}

static void draw_node(struct buf *out, const struct graph_node *node, struct point at)
{
	buf_str(out, "<g>");
	if (node->detail != NULL) {
		buf_str(out, "<title>");
		page_escape(out, bytes_str(node->detail));
		buf_str(out, "</title>");
	}
	if (node->shape == GRAPH_DIAMOND)
		buf_printf(out,
			"<path d=\"M%.1f %.1fl8 8l-8 8l-8 -8z\" fill=\"var(--error)\" "
			"stroke=\"var(--paper)\" stroke-width=\"2\"/>",
			at.x, at.y - 8);
	else
		buf_printf(out,
			"<circle cx=\"%.1f\" cy=\"%.1f\" r=\"7\" fill=\"var(--accent)\" "
			"stroke=\"var(--paper)\" stroke-width=\"2\"/>",
			at.x, at.y);
	if (node->label != NULL) {
		/* A rim of paper, so that a line behind does not strike the text out. */
		buf_printf(out,
			"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" fill=\"var(--ink)\" "
			"stroke=\"var(--paper)\" "
			"stroke-width=\"4\" paint-order=\"stroke\">",
			at.x, at.y + 22);
		page_escape(out, bytes_str(node->label));
		buf_str(out, "</text>");
	}
	buf_str(out, "</g>\n");
}

enum err_code graph_svg(struct buf *out, const struct graph_node *node, size_t nodes,
	const struct graph_edge *edge, size_t edges, struct err *e)
{
	struct point at[GRAPH_NODES_MAX], force[GRAPH_NODES_MAX];

	if (nodes == 0 || nodes > GRAPH_NODES_MAX)
		return err_set(e, ERR_LIMIT, "graph", "%zu nodes", nodes);
	lay_out(at, force, nodes, edge, edges);
	struct point size = to_pixels(at, nodes);
	buf_printf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
		"width=\"%.0f\" "
		"role=\"img\" font-family=\"ui-monospace,monospace\" font-size=\"12\">\n"
		"<g stroke=\"var(--soft)\" stroke-width=\"1.5\">\n",
		size.x, size.y, size.x);
	for (size_t i = 0; i < edges; i++)
		buf_printf(out, "<path d=\"M%.1f %.1fL%.1f %.1f\"/>\n", at[edge[i].from].x,
			at[edge[i].from].y, at[edge[i].to].x, at[edge[i].to].y);
	buf_str(out, "</g>\n");
	for (size_t i = 0; i < nodes; i++)
		draw_node(out, &node[i], at[i]);
	buf_str(out, "</svg>");
	return ERR_OK;
}
