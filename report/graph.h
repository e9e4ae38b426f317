/*
 * A graph as SVG: dots, and lines between them.  Where the dots lie is computed by a model of
 * springs and charges from a fixed start: the same graph gives the same picture.
 */
#ifndef REPORT_GRAPH_H
#define REPORT_GRAPH_H

#include "base/bytes.h"

/* Above this a picture shows nothing; the caller leaves out and says so. */
#define GRAPH_NODES_MAX 120

enum graph_shape { GRAPH_CIRCLE, GRAPH_DIAMOND };

struct graph_node {
	enum graph_shape shape;
	const char *label;  /* beside it; NULL: none */
	const char *detail; /* shown when it is pointed at; NULL: none */
};

struct graph_edge {
	uint32_t from, to; /* numbers of nodes */
};

/* ERR_LIMIT above GRAPH_NODES_MAX. */
MUST_USE enum err_code graph_svg(struct buf *out, const struct graph_node *node, size_t nodes,
	const struct graph_edge *edge, size_t edges, struct err *e);

#endif
