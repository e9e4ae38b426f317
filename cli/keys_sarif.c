/* --sarif FILE: a rule for each check, a result for each finding, a notification for each flaw. */
#include "cli/keys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "report/sarif.h"

/* Places of one result: viewers list them all. */
#define PLACES_MAX 100

static const struct sarif_rule rules[CHECK_COUNT] = {
#define SARIF_LEVEL_NOTE "note"
#define SARIF_LEVEL_WARNING "warning"
#define SARIF_LEVEL_ERROR "error"
#define CHECK(sym, name, severity, sentence, advice)                                               \
	[CHECK_##sym] = {name, sentence, advice, SARIF_LEVEL_##severity},
#include "keycheck/checks.def"
#undef CHECK
};

struct writing {
	struct audit *a;
	struct sarif s;
	size_t places;
};

static struct sarif_place place_of(const struct audit *a, const struct keyset_place *at)
{
	return (struct sarif_place){.file = place_file(a, at),
		.line = at->line,
		.offset = at->offset,
		.whole = at->record == 0,
		.name = at->name};
}

static enum err_code put_place(void *arg, const struct keyset_place *at, struct err *e)
{
	struct writing *w = arg;
	struct sarif_place place = place_of(w->a, at);

	(void)e;
	if (w->places++ < PLACES_MAX)
		sarif_location(&w->s, &place);
	return ERR_OK;
}

static enum err_code count_place(void *arg, const struct keyset_place *at, struct err *e)
{
	(void)at;
	(void)e;
	((struct writing *)arg)->places++;
	return ERR_OK;
}

static enum err_code put_finding(void *arg, const struct keyset_finding *f, struct err *e)
{
	struct writing *w = arg;
	struct buf text = buf_new(65536);
	struct pubkey k;
	char id[2 * SHA256_SIZE + 1];
	enum err_code rc = keyset_key(w->a->set, f->key, &k, e);

	w->places = 0;
	if (rc == ERR_OK)
		rc = keyset_sources(w->a->set, f->key, count_place, w, e);
	if (rc != ERR_OK)
		return rc;
	hex_encode(k.id, SHA256_SIZE, id);
	buf_printf(&text, "Key %s (%s, %u bits): %s; %.*s.", id, pubkey_kind_name(k.kind),
		pubkey_bits(&k), check_sentence(f->check), (int)f->why.len, (const char *)f->why.p);
	if (w->places > PLACES_MAX)
		buf_printf(&text, " It stands in %zu places, of which %d follow.", w->places,
			PLACES_MAX);
	sarif_result(&w->s, f->check, buf_cstr(&text), id);
	buf_free(&text);
	w->places = 0;
	rc = keyset_sources(w->a->set, f->key, put_place, w, e);
	sarif_result_end(&w->s);
	return rc;
}

static enum err_code put_flaw(
	void *arg, const struct keyset_place *at, const struct err *why, struct err *e)
{
	struct writing *w = arg;
	struct sarif_place place = place_of(w->a, at);
	struct buf text = buf_new(65536);

	(void)e;
	buf_printf(&text, "Not read: %s", err_sentence(why->code));
	if (why->reason[0] != '\0')
		buf_printf(&text, " (%s)", why->reason);
	sarif_notification(&w->s, &place, err_name(why->code), buf_cstr(&text));
	buf_free(&text);
	return ERR_OK;
}

enum err_code report_sarif(struct audit *a, struct err *e)
{
	struct writing w = {.a = a};
	struct pending p;
	FILE *f;
	enum err_code rc = pending_start(&p, a->sarif, 0644, true, e);

	if (rc != ERR_OK)
		return rc;
	f = fdopen(dup(p.fd), "w");
	if (f == NULL) {
		pending_drop(&p);
		return err_sys(e, ERR_IO, a->sarif, errno, "cannot write");
	}
	sarif_begin(&w.s, f, rules, CHECK_COUNT);
	rc = keyset_findings(a->set, put_finding, &w, e);
	sarif_invocation(&w.s, true);
	if (rc == ERR_OK)
		rc = keyset_flaws(a->set, put_flaw, &w, e);
	enum err_code end = sarif_end(&w.s, a->sarif, rc == ERR_OK ? e : NULL);
	rc = rc != ERR_OK ? rc : end;
	if (fclose(f) != 0 && rc == ERR_OK)
		rc = err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, a->sarif, errno,
			"cannot write");
	if (rc == ERR_OK)
		return pending_keep(&p, e);
	pending_drop(&p);
	return rc;
}
