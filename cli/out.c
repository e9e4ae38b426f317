#include "cli/out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define PROGRESS_EVERY_MS 200 /* often enough to be seen moving */
#define CELL_MAX 100          /* a column with longer text is left to --json */
#define VALUE_MAX 512         /* so is a longer value: a signed envelope, a PEM text */
#define COLUMNS_MAX 16        /* of a table; the API's widest object has 11 members */

static bool is_control(const unsigned char *s)
{
	/* U+0000 to U+001F, U+007F, and U+0080 to U+009F as UTF-8. */
	return *s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f);
}

void out_clean(FILE *f, const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p != '\0'; p++) {
		if (!is_control(p)) {
			putc(*p, f);
			continue;
		}
		putc('?', f);
		if (*p == 0xc2)
			p++;
	}
}

/* A scalar as text, into `scratch` when it is a number. */
static const char *scalar_text(yyjson_val *v, char scratch[32])
{
	if (yyjson_is_str(v))
		return yyjson_get_str(v);
	if (yyjson_is_bool(v))
		return yyjson_get_bool(v) ? "yes" : "no";
	if (yyjson_is_uint(v))
		snprintf(scratch, 32, "%" PRIu64, yyjson_get_uint(v));
	else if (yyjson_is_int(v))
		snprintf(scratch, 32, "%" PRId64, yyjson_get_sint(v));
	else if (yyjson_is_num(v))
		snprintf(scratch, 32, "%g", yyjson_get_num(v));
	else
		return "-";
	return scratch;
}

static size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80; /* not a UTF-8 continuation */
	return n;
}

static void indent(unsigned depth)
{
	printf("%*s", (int)(2 * depth), "");
}

static void print_cell(const char *text, size_t width, bool last)
{
	out_clean(stdout, text);
	if (!last)
		printf("%*s", (int)(width - text_width(text) + 2), "");
}

/*
 * Leave out the columns that no line could hold; how many stay.  The last may be longer, because
 * nothing has to stand in line behind it: sentences are put there.
 */
static size_t drop_wide(const char **head, size_t *width, size_t n)
{
	size_t kept = 0;

	for (size_t c = 0; c < n; c++) {
		if (width[c] > (c + 1 == n ? VALUE_MAX : CELL_MAX))
			continue;
		head[kept] = head[c];
		width[kept++] = width[c];
	}
	return kept;
}

static void print_table(yyjson_val *rows, unsigned depth)
{
	const char *head[COLUMNS_MAX];
	size_t width[COLUMNS_MAX];
	size_t n = 0, i, max;
	yyjson_val *key, *value, *row;
	char scratch[32];

	yyjson_obj_foreach(yyjson_arr_get_first(rows), i, max, key, value) {
		if (n == COLUMNS_MAX || yyjson_is_ctn(value))
			continue;
		head[n] = yyjson_get_str(key);
		width[n] = text_width(head[n]);
		n++;
	}
	yyjson_arr_foreach(rows, i, max, row) {
		for (size_t c = 0; c < n; c++) {
			size_t w = text_width(scalar_text(yyjson_obj_get(row, head[c]), scratch));
			width[c] = w > width[c] ? w : width[c];
		}
	}
	n = drop_wide(head, width, n);
	indent(depth);
	for (size_t c = 0; c < n; c++)
		print_cell(head[c], width[c], c + 1 == n);
	putchar('\n');
	yyjson_arr_foreach(rows, i, max, row) {
		indent(depth);
		for (size_t c = 0; c < n; c++)
			print_cell(scalar_text(yyjson_obj_get(row, head[c]), scratch), width[c],
				c + 1 == n);
		putchar('\n');
	}
}

static void print_value(yyjson_val *v, unsigned depth);

static void print_array(yyjson_val *v, unsigned depth)
{
	size_t i, max;
	yyjson_val *item;
	char scratch[32];

	if (yyjson_is_obj(yyjson_arr_get_first(v))) {
		print_table(v, depth);
		return;
	}
	yyjson_arr_foreach(v, i, max, item) {
		indent(depth);
		out_clean(stdout, scalar_text(item, scratch));
		putchar('\n');
	}
}

static void print_object(yyjson_val *v, unsigned depth)
{
	size_t i, max, width = 0;
	yyjson_val *key, *value;
	char scratch[32];

	yyjson_obj_foreach(v, i, max, key, value) {
		size_t w = text_width(yyjson_get_str(key));
		if (!yyjson_is_ctn(value) && w > width)
			width = w;
	}
	yyjson_obj_foreach(v, i, max, key, value) {
		const char *name = yyjson_get_str(key);
		indent(depth);
		if (!yyjson_is_ctn(value)) {
			print_cell(name, width, false);
			if (yyjson_get_len(value) > VALUE_MAX && yyjson_is_str(value))
				printf("(%zu characters; --json shows them)", yyjson_get_len(value));
			else
				out_clean(stdout, scalar_text(value, scratch));
			putchar('\n');
			continue;
		}
		out_clean(stdout, name);
		if (unsafe_yyjson_get_len(value) == 0) {
			printf(": none\n");
			continue;
		}
		printf(":\n");
		print_value(value, depth + 1);
	}
}

static void print_value(yyjson_val *v, unsigned depth)
{
	char scratch[32];

	if (yyjson_is_obj(v)) {
		print_object(v, depth);
	} else if (yyjson_is_arr(v)) {
		print_array(v, depth);
	} else {
		out_clean(stdout, scalar_text(v, scratch));
		putchar('\n');
	}
}

static enum err_code flush(struct err *e)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_sys(e, ERR_IO, "standard output", errno, "cannot write");
	return ERR_OK;
}

enum err_code out_value(const struct cli *c, yyjson_val *v, struct err *e)
{
	if (c->json) {
		size_t len;
		char *text = yyjson_val_write(v, 0, &len);
		if (text == NULL)
			return err_set(e, ERR_NO_MEMORY, NULL, "for the result");
		fwrite(text, 1, len, stdout);
		putchar('\n');
		free(text);
	} else {
		print_value(v, 0);
	}
	return flush(e);
}

enum err_code out_doc(const struct cli *c, yyjson_mut_doc *doc, struct err *e)
{
	yyjson_doc *fixed = yyjson_mut_doc_imut_copy(doc, NULL);
	enum err_code rc;

	yyjson_mut_doc_free(doc);
	if (fixed == NULL)
		return err_set(e, ERR_NO_MEMORY, NULL, "for the result");
	rc = out_value(c, yyjson_doc_get_root(fixed), e);
	yyjson_doc_free(fixed);
	return rc;
}

void out_note(const struct cli *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet || c->json)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void print_err_object(const struct err *e)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc);
	char *text;

	yyjson_mut_doc_set_root(doc, o);
	yyjson_mut_obj_add_str(doc, o, "error", err_name(e->code));
	yyjson_mut_obj_add_str(doc, o, "message", err_sentence(e->code));
	yyjson_mut_obj_add_str(doc, o, "object", e->object);
	yyjson_mut_obj_add_str(doc, o, "reason", e->reason);
	text = yyjson_mut_write(doc, 0, NULL);
	if (text != NULL)
		puts(text);
	free(text);
	yyjson_mut_doc_free(doc);
}

void out_err(const struct cli *c, const struct err *e)
{
	char line[ERR_OBJECT_MAX + ERR_REASON_MAX + 256];

	err_print(e, line, sizeof(line));
	fflush(stdout);
	fprintf(stderr, "medseal: %s\n", line);
	if (c->json)
		print_err_object(e);
}

static bool progress_wanted(const struct cli *c)
{
	return !c->quiet && !c->json && isatty(STDERR_FILENO);
}

void out_progress(const struct cli *c, const char *what, uint64_t done, uint64_t total)
{
	static int64_t last;
	int64_t now = clock_monotonic_ms();

	if (!progress_wanted(c) || (now - last < PROGRESS_EVERY_MS && (done != total || total == 0)))
		return;
	last = now;
	if (total > 0)
		fprintf(stderr, "\r%s  %3u%%  %.1f of %.1f MiB\033[K", what,
			(unsigned)(done * 100 / total), (double)done / 1048576.0,
			(double)total / 1048576.0);
	else
		fprintf(stderr, "\r%s  %.1f MiB\033[K", what, (double)done / 1048576.0);
}

void out_step(const struct cli *c, const char *what, unsigned done, unsigned total)
{
	if (progress_wanted(c))
		fprintf(stderr, "\r%3u%%  %s\033[K", done * 100 / total, what);
}

void out_progress_end(const struct cli *c)
{
	if (progress_wanted(c))
		fprintf(stderr, "\r\033[K");
}
