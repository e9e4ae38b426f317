/*
 * A report as one HTML file that needs no network and runs no script: head, style, sections,
 * tables.  All text is escaped here, so that hostile names stay text, and is taken as UTF-8; a line
 * feed in a cell begins a new line.  Colours for drawings: var(--ink), var(--soft), var(--line),
 * var(--band), var(--paper), var(--accent), var(--error), var(--warning), var(--note).
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "base/bytes.h"

/* Everything is appended to `out`; buf_end tells whether it fitted.  `subtitle` may be NULL. */
void page_begin(struct buf *out, const char *title, const char *subtitle);
void page_section(struct buf *out, const char *heading);
void page_text(struct buf *out, const char *paragraph);
/* A table: begin with `n` headings, rows of `n` cells, end.  A cell of "error", "warning" or "note"
 * has that colour. */
void page_table_begin(struct buf *out, const char *const *headings, size_t n);
void page_table_row(struct buf *out, const char *const *cells, size_t n);
void page_table_end(struct buf *out);
/* A drawing that is SVG already, with a caption below. */
void page_figure(struct buf *out, struct bytes svg, const char *caption);
void page_end(struct buf *out);
/* Text with the five characters that mean something in HTML (and in SVG) replaced, and made fit to
 * be shown as report/text.h says. */
void page_escape(struct buf *out, struct bytes text);

#endif
