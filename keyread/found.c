#include "keyread/found.h"

/* What an honest, badly damaged input may cost beside its length: 16 records of the largest size.
 */
#define WASTE_MIN ((uint64_t)16 * STREAM_RECORD_MAX)
/* And for each byte of it. */
#define WASTE_FACTOR 8

void found_open(struct found *f, const char *file, uint64_t from, const struct key_sink *sink,
	struct err *why)
{
	*f = (struct found){.sink = sink,
		.from = from,
		.at = {.file = file, .form = "record"},
		.name = buf_new(FOUND_NAME_MAX),
		.spki = buf_new(PUBKEY_SPKI_MAX),
		.work = buf_new_secret(STREAM_RECORD_MAX),
		.why = why};
}

void found_close(struct found *f)
{
	buf_free(&f->name);
	buf_free(&f->spki);
	buf_free(&f->work);
}

void found_record(struct found *f, const struct stream *s, size_t ahead)
{
	f->at.offset = s->offset + ahead;
	f->at.line = 0;
	if (s->text)
		f->at.line = s->line + count_lines(bytes_of(s->p + s->at, ahead));
	f->at.record++;
	f->at.form = "record";
	f->at.name = BYTES_NONE;
	f->keys = 0;
}

bool found_earlier(const struct found *f)
{
	return f->at.offset < f->from;
}

void found_name(struct found *f, struct bytes text)
{
	buf_reset(&f->name);
	if (text.len > FOUND_NAME_MAX)
		text.len = FOUND_NAME_MAX;
	buf_bytes(&f->name, text);
	f->at.name = buf_view(&f->name);
}

void found_key(struct found *f, const char *form, const struct pubkey *k, struct bytes name_der,
	struct bytes subject_key_id)
{
	f->keys++;
	if (f->stopped != ERR_OK || found_earlier(f))
		return;
	f->at.form = form;
	f->stopped = f->sink->key(f->sink->arg, k, &f->at, name_der, subject_key_id, f->why);
}

void found_signature(struct found *f, const struct signature_seen *s)
{
	if (f->stopped != ERR_OK || found_earlier(f) || f->sink->signature == NULL)
		return;
	f->stopped = f->sink->signature(f->sink->arg, s, &f->at, f->why);
}

bool found_may_look_again(struct found *f, uint64_t n)
{
	f->wasted += n;
	return f->wasted <= WASTE_MIN + WASTE_FACTOR * f->at.offset;
}

void found_flaw(struct found *f, const char *form, const struct err *why)
{
	if (f->stopped != ERR_OK || found_earlier(f))
		return;
	f->at.form = form;
	f->sink->flaw(f->sink->arg, &f->at, why);
}
