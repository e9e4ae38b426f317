/*
 * How far a step is and how long it will take.  The estimate is of this step alone, from what this
 * run has done so far: none is given before it can be more than a guess.
 */
#include "cli/keys.h"

#include <math.h>
#include <unistd.h>

#include "base/clock.h"

#define SHOW_EVERY_MS 200
#define GUESS_AFTER_MS 2000 /* caches are warm and the rate has settled */
#define GUESS_AFTER_SHARE 0.01

void progress_begin(struct keys_progress *p, const struct cli *c, const char *what,
	const char *unit, double first)
{
	*p = (struct keys_progress){.c = c, .what = what, .unit = unit, .first = first};
	p->start_ms = (uint64_t)clock_monotonic_ms();
}

static void put_amount(const struct keys_progress *p, double v)
{
	if (p->unit != NULL)
		fprintf(stderr, "%.0f", v);
	else if (v < 1048576.0 * 1024)
		fprintf(stderr, "%.1f MiB", v / 1048576.0);
	else
		fprintf(stderr, "%.2f GiB", v / 1048576.0 / 1024);
}

static void put_left(double seconds)
{
	if (seconds < 90)
		fprintf(stderr, "  about %.0f s left", ceil(seconds));
	else if (seconds < 5400)
		fprintf(stderr, "  about %.0f min left", ceil(seconds / 60));
	else
		fprintf(stderr, "  about %.1f h left", seconds / 3600);
}

void progress_show(struct keys_progress *p, double done, double total)
{
	uint64_t now = (uint64_t)clock_monotonic_ms();

	if (p->c->quiet || p->c->json || !isatty(STDERR_FILENO))
		return;
	if (p->begun && now - p->last_ms < SHOW_EVERY_MS)
		return;
	p->begun = true;
	p->last_ms = now;
	fprintf(stderr, "\r%s", p->what);
	if (total > 0)
		fprintf(stderr, "  %3.0f%%", floor(done * 100 / total));
	if (p->unit == NULL || p->unit[0] != '\0') {
		fprintf(stderr, "  ");
		put_amount(p, done);
		if (total > 0) {
			fprintf(stderr, " of ");
			put_amount(p, total);
		}
		if (p->unit != NULL)
			fprintf(stderr, " %s", p->unit);
	}
	double here = done - p->first;
	if (total > done && now - p->start_ms >= GUESS_AFTER_MS &&
		here >= GUESS_AFTER_SHARE * total)
		put_left((double)(now - p->start_ms) / 1000 * (total - done) / here);
	fprintf(stderr, "\033[K");
}

void progress_end(struct keys_progress *p)
{
	if (p->begun)
		fprintf(stderr, "\r\033[K");
	p->begun = false;
}
