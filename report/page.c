#include "report/page.h"

#include <string.h>

#include "report/text.h"

/*
 * No script, no network: a browser that obeys the policy could not run or fetch what a hostile name
 * smuggled in, if the escaping below ever failed.
 */
static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" "
	"content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<meta name=\"generator\" content=\"medseal " MEDSEAL_VERSION "\">\n";

/* The colours have names, which drawings use too: var(--error) and so on. */
static const char style[] =
	"<style>\n"
	":root{--paper:#fff;--ink:#1c2430;--soft:#5c6878;--line:#d9dfe7;--band:#f5f7fa;"
	"--accent:#1f5fa8;--error:#b3261e;--warning:#9a6200;--note:#3f6b52}\n"
	"@media(prefers-color-scheme:dark){:root{--paper:#14181e;--ink:#e4e9f0;--soft:#9aa7b8;"
	"--line:#303a47;--band:#1b212a;--accent:#7ab2f0;--error:#ff8a80;--warning:#f0b45c;"
	"--note:#8fcfaa}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:72rem;padding:2.5rem 1.5rem 4rem;background:var(--paper);"
	"color:var(--ink);font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}\n"
	"header{border-bottom:2px solid var(--ink);margin-bottom:2rem;padding-bottom:.75rem}\n"
	"h1{font-size:1.9rem;line-height:1.2;margin:0 0 .35rem}\n"
	"h2{font-size:1.25rem;margin:2.5rem 0 .75rem}\n"
	"header p{color:var(--soft);margin:0;overflow-wrap:anywhere}\n"
	"p{max-width:46rem;overflow-wrap:anywhere}\n"
	".wide{overflow-x:auto}\n"
	"table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-"
	"nums}\n"
	"th,td{text-align:left;vertical-align:top;padding:.45rem .75rem;min-width:6.5rem;"
	"border-bottom:1px solid var(--line);overflow-wrap:anywhere;white-space:pre-line}\n"
	"th{color:var(--soft);font-weight:600;white-space:nowrap;border-bottom:2px solid "
	"var(--line)}\n"
	"tbody tr:nth-child(even){background:var(--band)}\n"
	".error{color:var(--error);font-weight:600}.warning{color:var(--warning);font-weight:600}"
	".note{color:var(--note);font-weight:600}\n"
	"td.id{font-family:ui-monospace,monospace;font-size:.8rem;min-width:calc(32ch + 1.5rem)}\n"
	"figure{margin:1rem 2rem 1.5rem 0;display:inline-block;vertical-align:top;max-width:100%}\n"
	"figure svg{display:block;max-width:100%;height:auto}\n"
	"figcaption{color:var(--soft);font-size:.92rem;margin-top:.5rem;max-width:46rem}\n"
	"@media "
	"print{body{max-width:none;padding:0}h2{break-after:avoid}figure,tr{break-inside:avoid}}\n"
	"</style>\n";

void page_escape(struct buf *out, struct bytes text)
{
	size_t used;

	for (size_t at = 0; at < text.len; at += used) {
		struct bytes c = text_next(bytes_of(text.p + at, text.len - at), &used);
		/* Lines and tabs are ours to use in a cell; other control characters are not. */
		if (text.p[at] == '\n' || text.p[at] == '\t')
			c = bytes_of(text.p + at, 1);
		switch (c.p[0]) {
		case '&':
			buf_str(out, "&amp;");
			break;
		case '<':
			buf_str(out, "&lt;");
			break;
		case '>':
			buf_str(out, "&gt;");
			break;
		case '"':
			buf_str(out, "&quot;");
			break;
		case '\'':
			buf_str(out, "&#39;");
			break;
		default:
			buf_bytes(out, c);
		}
	}
}

static void element(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "<%s>", name);
	page_escape(out, bytes_str(text));
	buf_printf(out, "</%s>\n", name);
}

void page_begin(struct buf *out, const char *title, const char *subtitle)
{
	buf_str(out, head);
	element(out, "title", title);
	buf_str(out, style);
	buf_str(out, "</head>\n<body>\n<header>\n");
	element(out, "h1", title);
	if (subtitle != NULL)
		element(out, "p", subtitle);
	buf_str(out, "</header>\n");
}

void page_section(struct buf *out, const char *heading)
{
	element(out, "h2", heading);
}

void page_text(struct buf *out, const char *paragraph)
{
	element(out, "p", paragraph);
}

void page_table_begin(struct buf *out, const char *const *headings, size_t n)
{
	buf_str(out, "<div class=\"wide\"><table>\n<thead><tr>");
	for (size_t i = 0; i < n; i++)
		element(out, "th", headings[i]);
	buf_str(out, "</tr></thead>\n<tbody>\n");
}

/* SHA-256 in hex. */
#define ID_DIGITS 64

/* Does the cell end with an id?  All ids then have the same width, and break in their middle. */
static bool ends_with_id(const char *cell)
{
	size_t len = strlen(cell);

	return len >= ID_DIGITS &&
	       strspn(cell + len - ID_DIGITS, "0123456789abcdef") == ID_DIGITS &&
	       (len == ID_DIGITS || cell[len - ID_DIGITS - 1] == '\n');
}

static bool is_level(const char *cell)
{
	return strcmp(cell, "error") == 0 || strcmp(cell, "warning") == 0 ||
	       strcmp(cell, "note") == 0;
}

void page_table_row(struct buf *out, const char *const *cells, size_t n)
{
	buf_str(out, "<tr>");
	for (size_t i = 0; i < n; i++) {
		if (is_level(cells[i]))
			buf_printf(out, "<td class=\"%s\">", cells[i]);
		else
			buf_str(out, ends_with_id(cells[i]) ? "<td class=\"id\">" : "<td>");
		page_escape(out, bytes_str(cells[i]));
		buf_str(out, "</td>\n");
	}
	buf_str(out, "</tr>\n");
}

void page_table_end(struct buf *out)
{
	buf_str(out, "</tbody>\n</table></div>\n");
}

void page_figure(struct buf *out, struct bytes svg, const char *caption)
{
	buf_str(out, "<figure>\n");
	buf_bytes(out, svg);
	buf_str(out, "\n");
	element(out, "figcaption", caption);
	buf_str(out, "</figure>\n");
}

void page_end(struct buf *out)
{
	buf_str(out, "</body>\n</html>\n");
}
