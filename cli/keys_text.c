/* The report on a terminal: numbers, sizes, findings by kind, the first keys, what was not read. */
#include "cli/keys_rows.h"

#include <inttypes.h>
#include <string.h>

#include "cli/out.h"

#define ROWS 40 /* two screens; all of them are in --json */
#define LINES 3 /* places of one key */
#define FLAWS 20

struct text {
	struct audit *a;
	FILE *f;
	uint64_t flaws;
};

/* Lines of a text, each with this indentation. */
static void put_lines(FILE *f, const char *indent, const char *text)
{
	while (*text != '\0') {
		const char *end = strchrnul(text, '\n');
		fprintf(f, "%s%.*s\n", indent, (int)(end - text), text);
		text = *end == '\0' ? end : end + 1;
	}
}

static void put_more(FILE *f, uint64_t left, const char *one, const char *many)
{
	if (left > 0)
		fprintf(f, "    and %" PRIu64 " more %s\n", left, left == 1 ? one : many);
}

static void put_row(void *arg, const struct key_row *r)
{
	struct text *t = arg;

	fprintf(t->f, "\n%s  %s  %s  %s\n", severity_name(check_severity(r->check)),
		check_name(r->check), r->kind, r->id);
	fprintf(t->f, "    %s\n", check_sentence(r->check));
	put_lines(t->f, "    ", r->why);
	put_lines(t->f, "    in ", r->places);
	put_more(t->f, r->places_left, "place", "places");
	put_lines(t->f, "    with ", r->shared);
	put_more(t->f, r->shared_left, "key", "keys");
}

static void put_checks(FILE *f, const struct tally *t)
{
	fprintf(f, "\nFindings\n  %-28s %-8s %10s  %s\n", "check", "severity", "keys",
		"what to do");
	for (int s = SEVERITY_ERROR; s >= SEVERITY_NOTE; s--) {
		for (unsigned i = 0; i < CHECK_COUNT; i++) {
			if (t->check[i] == 0 || (int)check_severity(i) != s)
				continue;
			fprintf(f, "  %-28s %-8s %10" PRIu64 "  %s\n", check_name(i),
				severity_name(check_severity(i)), t->check[i], check_advice(i));
		}
	}
}

static enum err_code put_flaw(
	void *arg, const struct keyset_place *at, const struct err *why, struct err *e)
{
	struct text *t = arg;
	struct buf place = buf_new(65536);

	(void)e;
	if (t->flaws++ < FLAWS) {
		place_print(t->a, at, &place);
		fprintf(t->f, "  %s: %s%s%s%s [%s]\n", buf_cstr(&place), err_sentence(why->code),
			why->reason[0] != '\0' ? " (" : "", why->reason,
			why->reason[0] != '\0' ? ")" : "", err_name(why->code));
	}
	buf_free(&place);
	return ERR_OK;
}

static enum err_code put_findings(struct text *x, struct err *e)
{
	const struct tally *t = &x->a->tally;
	uint64_t left = 0;
	enum err_code rc;

	if (t->keys_found == 0) {
		fprintf(x->f, "\nNo key has a finding.\n");
		return ERR_OK;
	}
	put_checks(x->f, t);
	rc = key_rows(x->a, ROWS, LINES, put_row, x, &left, e);
	if (left > 0)
		fprintf(x->f,
			"\n... and %" PRIu64 " more findings: --json or --html FILE has them.\n",
			left);
	return rc;
}

static enum err_code put_flaws(struct text *x, struct err *e)
{
	const struct tally *t = &x->a->tally;
	enum err_code rc;

	if (t->flaws == 0)
		return ERR_OK;
	fprintf(x->f, "\nNot read: %" PRIu64 " part%s of the input\n", t->flaws,
		t->flaws == 1 ? "" : "s");
	rc = keyset_flaws(x->a->set, put_flaw, x, e);
	if (t->flaws > FLAWS)
		fprintf(x->f, "  ... and %" PRIu64 " more: --json has them.\n", t->flaws - FLAWS);
	return rc;
}

enum err_code report_text(struct audit *a, FILE *f, struct err *e)
{
	struct text x = {.a = a, .f = f};
	struct buf sentence = buf_new(4096);
	struct bars bars;
	enum err_code rc;

	tally_sentence(&a->tally, &sentence);
	fprintf(f, "%s\n", buf_cstr(&sentence));
	buf_free(&sentence);
	bars_make(&a->tally, &bars);
	if (bars.n > 0) {
		fprintf(f, "\nSizes\n");
		histogram_text(f, bars.bar, bars.n);
	}
	rc = put_findings(&x, e);
	if (rc == ERR_OK)
		rc = put_flaws(&x, e);
	if (rc == ERR_OK)
		fprintf(f,
			"\n%" PRIu64 " key%s with an error, %" PRIu64 " with a warning at most.\n",
			a->tally.keys_worst[SEVERITY_ERROR],
			a->tally.keys_worst[SEVERITY_ERROR] == 1 ? "" : "s",
			a->tally.keys_worst[SEVERITY_WARNING]);
	if (rc == ERR_OK && (fflush(f) != 0 || ferror(f)))
		rc = err_set(e, ERR_IO, "standard output", "cannot write");
	return rc;
}
