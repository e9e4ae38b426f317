#include "report/histogram.h"

#include <inttypes.h>
#include <string.h>

#include "report/page.h"

#define TEXT_WIDTH 40u /* of the longest bar, in characters of eight parts */
#define SVG_LABEL 120
#define SVG_BAR 520
#define SVG_WIDTH 760
#define SVG_ROW 26

static uint64_t greatest(const struct histogram_bar *bar, size_t n)
{
	uint64_t most = 1;

	for (size_t i = 0; i < n; i++)
		most = bar[i].n > most ? bar[i].n : most;
	return most;
}

/* `parts` of the longest bar, rounded, and at least one when there is something to show. */
static unsigned share(uint64_t n, uint64_t most, unsigned parts)
{
	unsigned v = (unsigned)((double)n / (double)most * parts + 0.5);

	return n > 0 && v == 0 ? 1 : v;
}

void histogram_text(FILE *f, const struct histogram_bar *bar, size_t n)
{
	/* U+2588, full, down to U+258F, an eighth */
	static const char *const eighth[] = {"", "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d",
		"\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a", "\xe2\x96\x89"};
	uint64_t most = greatest(bar, n);
	int width = 0;

	for (size_t i = 0; i < n; i++)
		width = (int)strlen(bar[i].label) > width ? (int)strlen(bar[i].label) : width;
	for (size_t i = 0; i < n; i++) {
		unsigned parts = share(bar[i].n, most, 8 * TEXT_WIDTH);
		fprintf(f, "  %-*s  ", width, bar[i].label);
		for (unsigned j = 0; j < parts / 8; j++)
			fputs("\xe2\x96\x88", f);
		fprintf(f, "%s %" PRIu64 "\n", eighth[parts % 8], bar[i].n);
	}
}

void histogram_svg(struct buf *out, const struct histogram_bar *bar, size_t n)
{
	uint64_t most = greatest(bar, n);

	buf_printf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %zu\" width=\"%d\" "
		"role=\"img\" font-family=\"system-ui,sans-serif\" font-size=\"14\">\n",
		SVG_WIDTH, n * SVG_ROW + 4, SVG_WIDTH);
	for (size_t i = 0; i < n; i++) {
		size_t y = i * SVG_ROW + 4;
		unsigned width = share(bar[i].n, most, SVG_BAR);
		buf_printf(out, "<text x=\"%d\" y=\"%zu\" text-anchor=\"end\" fill=\"var(--ink)\">",
			SVG_LABEL - 10, y + 14);
		page_escape(out, bytes_str(bar[i].label));
		buf_printf(out,
			"</text><rect x=\"%d\" y=\"%zu\" width=\"%u\" height=\"18\" rx=\"2\" "
			"fill=\"var(--accent)\"/><text x=\"%u\" y=\"%zu\" "
			"fill=\"var(--soft)\">%" PRIu64 "</text>\n",
			SVG_LABEL, y, width, SVG_LABEL + width + 8, y + 14, bar[i].n);
	}
	buf_str(out, "</svg>");
}
