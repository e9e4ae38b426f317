/*
 * Errors: one code per kind of refusal, with the object it concerns and the reason.
 *
 * A function that can fail returns `enum err_code` (ERR_OK is 0) and fills the caller's
 * `struct err`.  Libraries never log: an error is said once, by the caller that knows the
 * context.  Codes and sentences stand in base/err_codes.def and nowhere else; the names are part
 * of the interface (HTTP replies, --json, exit codes, docs/spec/errors.md) and are never reused.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
#define ERR(sym, name, http, exit_status, sentence) ERR_##sym,
#include "base/err_codes.def"
#undef ERR
	ERR_COUNT
};

/* Longest object name (a path, a serial) and longest reason kept; longer ones are cut. */
#define ERR_OBJECT_MAX 160
#define ERR_REASON_MAX 320

struct err {
	enum err_code code;
	char object[ERR_OBJECT_MAX]; /* what it concerns: a file, a serial, a field; may be "" */
	char reason[ERR_REASON_MAX]; /* what was wrong and what to do; may be "" */
};

/*
 * Fill `e` (may be NULL) and return `code`, so that a failing line reads
 * `return err_set(e, ERR_X, object, "why %d", n)`.  `object` may be NULL.  Bytes that are not
 * printable ASCII are replaced by '?' in object and reason: both may echo hostile input.
 */
enum err_code err_set(struct err *e, enum err_code code, const char *object, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* As err_set, with the text of errno `errnum` appended to the reason. */
enum err_code err_sys(struct err *e, enum err_code code, const char *object, int errnum,
	const char *fmt, ...) PRINTF_LIKE(5, 6);

void err_clear(struct err *e);

/* The code's stable name ("ticket-used"), its sentence, HTTP status and exit status. */
const char *err_name(enum err_code code);
const char *err_sentence(enum err_code code);
int err_http(enum err_code code);
int err_exit(enum err_code code);

/* The code with that name; ERR_INTERNAL when there is none. */
enum err_code err_from_name(const char *name);

/*
 * One line for people, "object: sentence (reason) [name]", into `buf` of `size` bytes; always
 * terminated, cut when longer.
 */
void err_print(const struct err *e, char *buf, size_t size);

#endif
