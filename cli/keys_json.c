/*
 * --json: a line for each key with a finding, a line for each part that could not be read, and a
 * last line of counts and times (docs/spec/key-report.md).  Lines are written piece by piece: a key
 * may stand in a million certificates.
 */
#include "cli/keys.h"

#include <stdlib.h>
#include <yyjson.h>

#include "report/text.h"

struct lines {
	struct audit *a;
	FILE *f;
	uint32_t key; /* whose line is begun; KEYSET_NONE: none */
	bool later;   /* not the first of its list */
};

static bool put_value(FILE *f, yyjson_mut_doc *doc)
{
	size_t len;
	char *text = doc != NULL ? yyjson_mut_write(doc, 0, &len) : NULL;
	bool good = text != NULL && fwrite(text, 1, len, f) == len;

	free(text);
	yyjson_mut_doc_free(doc);
	return good;
}

static void add_clean(yyjson_mut_doc *doc, yyjson_mut_val *o, const char *key, struct bytes text)
{
	struct buf b = buf_new(BUF_MAX_DEFAULT);

	text_clean(&b, text, PATH_MAX);
	yyjson_mut_obj_add_strncpy(doc, o, key, buf_cstr(&b), b.len);
	buf_free(&b);
}

static void add_place(const struct audit *a, yyjson_mut_doc *doc, yyjson_mut_val *o,
	const struct keyset_place *at)
{
	add_clean(doc, o, "file", bytes_str(place_file(a, at)));
	yyjson_mut_obj_add_uint(doc, o, "offset", at->offset);
	if (at->line > 0)
		yyjson_mut_obj_add_uint(doc, o, "line", at->line);
	if (at->record > 0)
		yyjson_mut_obj_add_uint(doc, o, "record", at->record);
	add_clean(doc, o, "form", at->form);
	if (at->name.len > 0)
		add_clean(doc, o, "name", at->name);
}

static yyjson_mut_val *object(yyjson_mut_doc **doc)
{
	yyjson_mut_val *o;

	*doc = yyjson_mut_doc_new(NULL);
	o = *doc != NULL ? yyjson_mut_obj(*doc) : NULL;
	if (o != NULL)
		yyjson_mut_doc_set_root(*doc, o);
	return o;
}

static enum err_code no_memory(struct err *e)
{
	return err_set(e, ERR_NO_MEMORY, "report", "for a line, or the output cannot take it");
}

static enum err_code put_source(void *arg, const struct keyset_place *at, struct err *e)
{
	struct lines *l = arg;
	yyjson_mut_doc *doc;
	yyjson_mut_val *o = object(&doc);

	if (l->later)
		putc(',', l->f);
	l->later = true;
	if (o != NULL)
		add_place(l->a, doc, o, at);
	return put_value(l->f, doc) ? ERR_OK : no_memory(e);
}

static void put_hex(FILE *f, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		fprintf(f, "%02x", b.p[i]);
}

/* All names of kinds and checks are ours and need no escaping. */
static enum err_code begin_key(struct lines *l, uint32_t key, struct err *e)
{
	struct pubkey k;
	enum err_code rc = keyset_key(l->a->set, key, &k, e);

	if (rc != ERR_OK)
		return rc;
	fprintf(l->f, "{\"key\":\"");
	put_hex(l->f, bytes_of(k.id, SHA256_SIZE));
	fprintf(l->f, "\",\"kind\":\"%s\",\"bits\":%u", pubkey_kind_name(k.kind), pubkey_bits(&k));
	if (k.kind == PUBKEY_RSA) {
		fprintf(l->f, ",\"modulus\":\"");
		if (k.modulus.len == 0)
			fprintf(l->f, "00");
		put_hex(l->f, k.modulus);
		fprintf(l->f, "\"");
	}
	fprintf(l->f, ",\"sources\":[");
	l->later = false;
	rc = keyset_sources(l->a->set, key, put_source, l, e);
	fprintf(l->f, "],\"findings\":[");
	l->later = false;
	l->key = key;
	return rc;
}

static void end_key(struct lines *l)
{
	if (l->key != KEYSET_NONE)
		fprintf(l->f, "]}\n");
	l->key = KEYSET_NONE;
}

static enum err_code add_shared(struct audit *a, yyjson_mut_doc *doc, yyjson_mut_val *o,
	const struct keyset_finding *f, struct err *e)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, o, "shared_with");

	for (size_t i = 0; i < f->shared_n; i++) {
		struct pubkey k;
		char id[2 * SHA256_SIZE + 1];
		enum err_code rc = keyset_key(a->set, f->shared[i], &k, e);
		if (rc != ERR_OK)
			return rc;
		hex_encode(k.id, SHA256_SIZE, id);
		yyjson_mut_arr_add_strcpy(doc, list, id);
	}
	if (f->shared_total > f->shared_n)
		yyjson_mut_obj_add_uint(doc, o, "shared_total", f->shared_total);
	return ERR_OK;
}

static enum err_code put_finding(void *arg, const struct keyset_finding *f, struct err *e)
{
	struct lines *l = arg;
	yyjson_mut_doc *doc;
	yyjson_mut_val *o;
	enum err_code rc = ERR_OK;

	if (f->key != l->key) {
		end_key(l);
		rc = begin_key(l, f->key, e);
		if (rc != ERR_OK)
			return rc;
	}
	if (l->later)
		putc(',', l->f);
	l->later = true;
	o = object(&doc);
	if (o == NULL) {
		yyjson_mut_doc_free(doc);
		return no_memory(e);
	}
	yyjson_mut_obj_add_str(doc, o, "check", check_name(f->check));
	yyjson_mut_obj_add_str(doc, o, "severity", severity_name(check_severity(f->check)));
	add_clean(doc, o, "why", f->why);
	if (f->shared_n > 0)
		rc = add_shared(l->a, doc, o, f, e);
	if (!put_value(l->f, doc) && rc == ERR_OK)
		rc = no_memory(e);
	return rc;
}

static enum err_code put_flaw(
	void *arg, const struct keyset_place *at, const struct err *why, struct err *e)
{
	struct lines *l = arg;
	yyjson_mut_doc *doc;
	yyjson_mut_val *o = object(&doc), *flaw;

	if (o != NULL) {
		flaw = yyjson_mut_obj_add_obj(doc, o, "flaw");
		add_place(l->a, doc, flaw, at);
		yyjson_mut_obj_add_str(doc, flaw, "error", err_name(why->code));
		yyjson_mut_obj_add_str(doc, flaw, "message", err_sentence(why->code));
		yyjson_mut_obj_add_str(doc, flaw, "reason", why->reason);
	}
	if (!put_value(l->f, doc))
		return no_memory(e);
	putc('\n', l->f);
	return ERR_OK;
}

static void add_counts(const struct tally *t, yyjson_mut_doc *doc, yyjson_mut_val *o)
{
	const struct {
		const char *name;
		uint64_t n;
	} rows[] = {{"files", t->files}, {"bytes", t->bytes},
		{"files_without_keys", t->without_keys}, {"links_not_followed", t->links},
		{"keys", t->keys}, {"sources", t->sources}, {"rsa_moduli", t->moduli},
		{"ecdsa_signatures", t->signatures},
		{"ecdsa_signatures_dropped", t->signatures_dropped}, {"flaws", t->flaws},
		{"keys_with_findings", t->keys_found}};
	yyjson_mut_val *part;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		yyjson_mut_obj_add_uint(doc, o, rows[i].name, rows[i].n);
	part = yyjson_mut_obj_add_obj(doc, o, "worst");
	for (int s = SEVERITY_ERROR; s >= SEVERITY_NOTE; s--)
		yyjson_mut_obj_add_uint(
			doc, part, severity_name((enum severity)s), t->keys_worst[s]);
	part = yyjson_mut_obj_add_obj(doc, o, "checks");
	for (unsigned i = 0; i < CHECK_COUNT; i++) {
		if (t->check[i] > 0)
			yyjson_mut_obj_add_uint(doc, part, check_name(i), t->check[i]);
	}
	part = yyjson_mut_obj_add_arr(doc, o, "sizes");
	for (size_t i = 0; i < t->size_n; i++) {
		yyjson_mut_val *row = yyjson_mut_arr_add_obj(doc, part);
		yyjson_mut_obj_add_str(doc, row, "kind", pubkey_kind_name(t->size[i].kind));
		yyjson_mut_obj_add_uint(doc, row, "bits", t->size[i].bits);
		yyjson_mut_obj_add_uint(doc, row, "keys", t->size[i].n);
	}
	if (t->size_other > 0)
		yyjson_mut_obj_add_uint(doc, o, "sizes_other", t->size_other);
}

static bool put_last(struct lines *l)
{
	static const char *const steps[] = {"read", "check", "signatures", "gcd", "all"};
	const struct tally *t = &l->a->tally;
	yyjson_mut_doc *doc;
	yyjson_mut_val *o = object(&doc), *times;

	if (o != NULL) {
		add_counts(t, doc, yyjson_mut_obj_add_obj(doc, o, "counts"));
		times = yyjson_mut_obj_add_obj(doc, o, "times");
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
			yyjson_mut_obj_add_real(doc, times, steps[i], t->seconds[i]);
	}
	if (!put_value(l->f, doc))
		return false;
	putc('\n', l->f);
	return true;
}

enum err_code report_json(struct audit *a, FILE *f, struct err *e)
{
	struct lines l = {.a = a, .f = f, .key = KEYSET_NONE};
	enum err_code rc = keyset_findings(a->set, put_finding, &l, e);

	end_key(&l);
	if (rc == ERR_OK)
		rc = keyset_flaws(a->set, put_flaw, &l, e);
	if (rc == ERR_OK && !put_last(&l))
		rc = no_memory(e);
	if (rc == ERR_OK && (fflush(f) != 0 || ferror(f)))
		rc = err_set(e, ERR_IO, "standard output", "cannot write");
	return rc;
}
