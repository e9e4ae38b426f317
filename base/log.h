/*
 * The operating log (not the audit log): one line an event on standard error, as logfmt or JSON
 * lines, with fields of `key=value`.  It takes only names and values that its callers chose; there
 * is no call that would print a buffer, so no secret gets in by the way.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

/* Once per process, before the first line.  `process` ("worker-1") is kept by reference. */
void log_setup(enum log_format format, enum log_level least, const char *process);

/* A field: a key (a literal, [a-z_]+) and a string or a number. */
struct log_field {
	const char *key;
	const char *str; /* NULL: `num` is meant */
	int64_t num;
};

#define LOG_STR(k, v) ((struct log_field){.key = (k), .str = (v) != NULL ? (v) : ""})
#define LOG_NUM(k, v) ((struct log_field){.key = (k), .num = (int64_t)(v)})

/* `event` is a short literal in dotted words: "device.enrolled". */
void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n);

#define LOG(level, event, ...)                                                                     \
	log_event((level), (event), (const struct log_field[]){__VA_ARGS__},                       \
		sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* An error with its code, object and reason. */
void log_err(enum log_level level, const char *event, const struct err *e);

/* Format one line into `out` (always terminated, ends in '\n'); for tests and for log_event. */
void log_format_line(enum log_format format, const char *time_text, enum log_level level,
	const char *process, const char *event, const struct log_field *fields, size_t n, char *out,
	size_t size);

#endif
