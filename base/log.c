#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

/* A line is written by one write(2), so that lines of several processes do not mix. */
#define LOG_LINE_MAX 2048

static enum log_format log_format = LOG_LOGFMT;
static enum log_level log_least = LOG_INFO;
static const char *log_process = "medseal";

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_format format, enum log_level least, const char *process)
{
	log_format = format;
	log_least = least;
	log_process = process;
}

struct line {
	char *p;
	size_t len;
	size_t size;
};

static void put(struct line *l, char c)
{
	if (l->len + 2 < l->size) /* '\n' and the terminator always fit */
		l->p[l->len++] = c;
}

static void put_str(struct line *l, const char *s)
{
	for (; *s != '\0'; s++)
		put(l, *s);
}

/* Quoted for both formats: JSON's escapes are also logfmt's. */
static void put_quoted(struct line *l, const char *s)
{
	put(l, '"');
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\') {
			put(l, '\\');
			put(l, (char)c);
		} else if (c < 0x20 || c > 0x7e) {
			char esc[8];
			(void)snprintf(esc, sizeof(esc), "\\u%04x", c);
			put_str(l, esc);
		} else {
			put(l, (char)c);
		}
	}
	put(l, '"');
}

static int is_bare(const char *s)
{
	if (*s == '\0')
		return 0;
	for (; *s != '\0'; s++)
		if (*s <= 0x20 || *s > 0x7e || *s == '"' || *s == '=' || *s == '\\')
			return 0;
	return 1;
}

static void put_pair(struct line *l, enum log_format format, const struct log_field *f)
{
	char num[24];
	(void)snprintf(num, sizeof(num), "%lld", (long long)f->num);
	if (format == LOG_JSON) {
		put(l, l->len == 0 ? '{' : ',');
		put_quoted(l, f->key);
		put(l, ':');
	} else {
		if (l->len > 0)
			put(l, ' ');
		put_str(l, f->key);
		put(l, '=');
	}
	if (f->str == NULL)
		put_str(l, num);
	else if (format == LOG_LOGFMT && is_bare(f->str))
		put_str(l, f->str);
	else
		put_quoted(l, f->str);
}

void log_format_line(enum log_format format, const char *time_text, enum log_level level,
	const char *process, const char *event, const struct log_field *fields, size_t n, char *out,
	size_t size)
{
	/* One byte is held back for JSON's closing brace. */
	struct line l = {out, 0, size - 1};
	put_pair(&l, format, &LOG_STR("time", time_text));
	put_pair(&l, format, &LOG_STR("level", level_names[level]));
	put_pair(&l, format, &LOG_STR("process", process));
	put_pair(&l, format, &LOG_STR("event", event));
	for (size_t i = 0; i < n; i++)
		put_pair(&l, format, &fields[i]);
	if (format == LOG_JSON)
		out[l.len++] = '}';
	out[l.len++] = '\n';
	out[l.len] = '\0';
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
	if (level < log_least)
		return;
	char text[CLOCK_TEXT_SIZE];
	clock_print(clock_now(clock_system()), text);
	char out[LOG_LINE_MAX];
	log_format_line(log_format, text, level, log_process, event, fields, n, out, sizeof(out));
	ssize_t ignored = write(STDERR_FILENO, out, strlen(out));
	(void)ignored; /* nowhere left to say it */
}

void log_err(enum log_level level, const char *event, const struct err *e)
{
	LOG(level, event, LOG_STR("code", err_name(e->code)), LOG_STR("object", e->object),
		LOG_STR("reason", e->reason));
}
