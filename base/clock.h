/*
 * Time.  Whoever needs the time is handed a clock, so that tests decide what time it is and a
 * clock that stands at 1970 is a case like any other.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Seconds since 1970-01-01T00:00:00Z. */
struct clock {
	int64_t (*now)(void *arg);
	void *arg;
};

struct clock clock_system(void);
/* A clock that stands at `*seconds`; the caller owns and moves it. */
struct clock clock_fixed(int64_t *seconds);
int64_t clock_now(struct clock c);

/* Milliseconds that never go back; for durations only. */
int64_t clock_monotonic_ms(void);

/* No Medseal existed before this: an earlier clock is unset (2025-01-01T00:00:00Z). */
#define CLOCK_BELIEVABLE_FROM ((int64_t)1735689600)
MUST_USE bool clock_believable(int64_t seconds);

/* "2026-01-31T23:59:59Z" (RFC 3339), 20 characters and a terminator. */
#define CLOCK_TEXT_SIZE 21
void clock_print(int64_t seconds, char out[CLOCK_TEXT_SIZE]);
/* The inverse; exactly that form. */
MUST_USE enum err_code clock_parse(const char *s, int64_t *seconds, struct err *e);

#endif
