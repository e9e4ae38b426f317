#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct err_row {
	const char *name;
	const char *sentence;
	int http;
	int exit_status;
};

static const struct err_row rows[ERR_COUNT] = {
#define ERR(sym, name, http, exit_status, sentence) {name, sentence, http, exit_status},
#include "base/err_codes.def"
#undef ERR
};

/* Echoed input must not steer a terminal or forge a log line. */
static void make_printable(char *s)
{
	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s > 0x7e)
			*s = '?';
}

static void set_object(struct err *e, const char *object)
{
	(void)snprintf(e->object, sizeof(e->object), "%s", object != NULL ? object : "");
	make_printable(e->object);
}

enum err_code err_set(struct err *e, enum err_code code, const char *object, const char *fmt, ...)
{
	if (e == NULL)
		return code;
	e->code = code;
	set_object(e, object);
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(e->reason, sizeof(e->reason), fmt, ap);
	va_end(ap);
	make_printable(e->reason);
	return code;
}

enum err_code err_sys(struct err *e, enum err_code code, const char *object, int errnum,
	const char *fmt, ...)
{
	if (e == NULL)
		return code;
	e->code = code;
	set_object(e, object);
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(e->reason, sizeof(e->reason), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(e->reason))
		(void)snprintf(e->reason + n, sizeof(e->reason) - (size_t)n, ": %s",
			strerror(errnum));
	make_printable(e->reason);
	return code;
}

void err_clear(struct err *e)
{
	if (e != NULL)
		*e = (struct err){.code = ERR_OK};
}

static const struct err_row *row_of(enum err_code code)
{
	return (unsigned)code < ERR_COUNT ? &rows[code] : &rows[ERR_INTERNAL];
}

const char *err_name(enum err_code code)
{
	return row_of(code)->name;
}

const char *err_sentence(enum err_code code)
{
	return row_of(code)->sentence;
}

int err_http(enum err_code code)
{
	return row_of(code)->http;
}

int err_exit(enum err_code code)
{
	return row_of(code)->exit_status;
}

enum err_code err_from_name(const char *name)
{
	for (int i = 0; i < ERR_COUNT; i++)
		if (strcmp(rows[i].name, name) == 0)
			return (enum err_code)i;
	return ERR_INTERNAL;
}

void err_print(const struct err *e, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s%s%s%s%s%s [%s]", e->object, e->object[0] ? ": " : "",
		err_sentence(e->code), e->reason[0] ? " (" : "", e->reason, e->reason[0] ? ")" : "",
		err_name(e->code));
}
