#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t system_now(void *arg)
{
	(void)arg;
	return (int64_t)time(NULL);
}

static int64_t fixed_now(void *arg)
{
	return *(int64_t *)arg;
}

struct clock clock_system(void)
{
	return (struct clock){system_now, NULL};
}

struct clock clock_fixed(int64_t *seconds)
{
	return (struct clock){fixed_now, seconds};
}

int64_t clock_now(struct clock c)
{
	return c.now(c.arg);
}

int64_t clock_monotonic_ms(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

bool clock_believable(int64_t seconds)
{
	return seconds >= CLOCK_BELIEVABLE_FROM;
}

void clock_print(int64_t seconds, char out[CLOCK_TEXT_SIZE])
{
	time_t t = (time_t)seconds;
	struct tm tm;
	if (gmtime_r(&t, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099 ||
		strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) != CLOCK_TEXT_SIZE - 1)
		memcpy(out, "0000-00-00T00:00:00Z", CLOCK_TEXT_SIZE);
}

enum err_code clock_parse(const char *s, int64_t *seconds, struct err *e)
{
	struct tm tm = {0};
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);
	char again[CLOCK_TEXT_SIZE] = "";
	if (end != NULL && *end == '\0') {
		int64_t t = (int64_t)timegm(&tm);
		clock_print(t, again);
		/* 2026-02-30 or a short field parses but does not print as it was written. */
		if (strcmp(again, s) == 0) {
			*seconds = t;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_MALFORMED, s, "a time reads 2026-01-31T23:59:59Z");
}
