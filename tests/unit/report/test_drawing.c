/* Bars and graphs: what they show, that they are the same each time, and what they refuse. */
#include "tests/unit/cmocka_tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/graph.h"
#include "report/histogram.h"

#define OK(call) assert_int_equal((call), ERR_OK)

static void bars_have_the_length_of_their_counts(void **state)
{
	(void)state;
	const struct histogram_bar bar[] = {
		{"RSA 2048", 1000000}, {"half", 500000}, {"one", 1}, {"none", 0}};
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	histogram_text(f, bar, 4);
	fclose(f);
	char want[400] = "  RSA 2048  ";
	for (int i = 0; i < 40; i++)
		snprintf(want + strlen(want), 4, "\xe2\x96\x88");
	snprintf(want + strlen(want), 60, " 1000000\n  half      ");
	for (int i = 0; i < 20; i++)
		snprintf(want + strlen(want), 4, "\xe2\x96\x88");
	snprintf(want + strlen(want), 100, " 500000\n  one       \xe2\x96\x8f 1\n  none       0\n");
	assert_string_equal(text, want);
	free(text);
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, part)) != NULL; p += strlen(part))
		n++;
	return n;
}

static void bars_as_svg_escape_their_labels(void **state)
{
	(void)state;
	const struct histogram_bar bar[] = {{"<script>", 4}, {"b", 1}};
	struct buf out = buf_new(10000);
	histogram_svg(&out, bar, 2);
	assert_int_equal(count(buf_cstr(&out), "<rect"), 2);
	assert_int_equal(count(buf_cstr(&out), "width=\"520\""), 1);
	assert_int_equal(count(buf_cstr(&out), "width=\"130\""), 1);
	assert_null(strstr(buf_cstr(&out), "<script>"));
	assert_string_equal(buf_cstr(&out) + out.len - 6, "</svg>");
	buf_free(&out);
}

/* A ring of n. */
static void ring(struct buf *out, size_t n)
{
	struct graph_node node[GRAPH_NODES_MAX];
	struct graph_edge edge[GRAPH_NODES_MAX];
	for (uint32_t i = 0; i < n; i++) {
		node[i] = (struct graph_node){i % 2 == 0 ? GRAPH_CIRCLE : GRAPH_DIAMOND,
			i % 2 == 0 ? "<b>" : NULL, "a & b"};
		edge[i] = (struct graph_edge){i, (i + 1) % (uint32_t)n};
	}
	OK(graph_svg(out, node, n, edge, n, NULL));
	OK(buf_end(out, NULL, "svg"));
}

static void a_graph_is_drawn_whole_and_the_same_each_time(void **state)
{
	(void)state;
	struct buf a = buf_new(1 << 20), b = buf_new(1 << 20);
	ring(&a, 12);
	ring(&b, 12);
	assert_string_equal(buf_cstr(&a), buf_cstr(&b));
	assert_int_equal(count(buf_cstr(&a), "<circle"), 6);
	assert_int_equal(count(buf_cstr(&a), "l8 8l-8 8"), 6);
	assert_int_equal(count(buf_cstr(&a), "<path d=\"M"), 12 + 6);
	assert_int_equal(count(buf_cstr(&a), "&lt;b&gt;"), 6);
	assert_int_equal(count(buf_cstr(&a), "<title>a &amp; b</title>"), 12);
	assert_null(strstr(buf_cstr(&a), "nan"));
	buf_free(&a);
	buf_free(&b);
}

/* Every dot within the picture and none on another, for graphs of all shapes and sizes. */
static void dots_lie_apart_and_inside(void **state)
{
	(void)state;
	for (size_t n = 1; n <= GRAPH_NODES_MAX; n += n < 8 ? 1 : 28) {
		for (int shape = 0; shape < 3; shape++) {
			struct graph_node node[GRAPH_NODES_MAX] = {0};
			struct graph_edge edge[GRAPH_NODES_MAX];
			struct buf out = buf_new(1 << 20);
			double x[GRAPH_NODES_MAX], y[GRAPH_NODES_MAX], width, height;
			size_t edges =
				shape == 2 ? 0 : n - 1; /* a star, a chain, no lines at all */
			for (uint32_t i = 0; i < edges; i++)
				edge[i] = (struct graph_edge){shape == 0 ? 0 : i, i + 1};
			OK(graph_svg(&out, node, n, edge, edges, NULL));
			const char *p = strstr(buf_cstr(&out), "viewBox=\"0 0 ");
			assert_int_equal(sscanf(p, "viewBox=\"0 0 %lf %lf", &width, &height), 2);
			p = buf_cstr(&out);
			for (size_t i = 0; i < n; i++) {
				p = strstr(p + 1, "<circle");
				assert_int_equal(
					sscanf(p, "<circle cx=\"%lf\" cy=\"%lf\"", &x[i], &y[i]),
					2);
				assert_true(x[i] >= 7 && x[i] <= width - 7);
				assert_true(y[i] >= 7 && y[i] <= height - 7);
				for (size_t j = 0; j < i; j++)
					assert_true(hypot(x[i] - x[j], y[i] - y[j]) > 2);
			}
			buf_free(&out);
		}
	}
}

static void a_graph_that_shows_nothing_is_refused(void **state)
{
	(void)state;
	struct graph_node node[GRAPH_NODES_MAX + 1] = {0};
	struct buf out = buf_new(1 << 20);
	assert_int_equal(graph_svg(&out, node, 0, NULL, 0, NULL), ERR_LIMIT);
	assert_int_equal(graph_svg(&out, node, GRAPH_NODES_MAX + 1, NULL, 0, NULL), ERR_LIMIT);
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars_have_the_length_of_their_counts),
		cmocka_unit_test(bars_as_svg_escape_their_labels),
		cmocka_unit_test(a_graph_is_drawn_whole_and_the_same_each_time),
		cmocka_unit_test(dots_lie_apart_and_inside),
		cmocka_unit_test(a_graph_that_shows_nothing_is_refused),
	};
	return RUN_TAP(tests);
}
