#include "cli/keys_rows.h"

#include <stdlib.h>
#include <string.h>

struct making {
	struct audit *a;
	enum severity severity;
	size_t rows, lines;
	void (*each)(void *arg, const struct key_row *r);
	void *arg;
	uint64_t left;
	struct buf places, shared, kind;
	uint64_t places_n;
};

static enum err_code put_place(void *arg, const struct keyset_place *at, struct err *e)
{
	struct making *m = arg;

	(void)e;
	if (m->places_n++ < m->lines) {
		if (m->places_n > 1)
			buf_str(&m->places, "\n");
		place_print(m->a, at, &m->places);
	}
	return ERR_OK;
}

static enum err_code put_shared(struct making *m, const struct keyset_finding *f, struct err *e)
{
	for (size_t i = 0; i < f->shared_n && i < m->lines; i++) {
		struct pubkey k;
		char id[2 * SHA256_SIZE + 1];
		enum err_code rc = keyset_key(m->a->set, f->shared[i], &k, e);
		if (rc != ERR_OK)
			return rc;
		hex_encode(k.id, SHA256_SIZE, id);
		buf_printf(&m->shared, "%s%s", i > 0 ? "\n" : "", id);
	}
	return ERR_OK;
}

static enum err_code put_row(void *arg, const struct keyset_finding *f, struct err *e)
{
	struct making *m = arg;
	struct key_row r = {.check = f->check};
	char why[FINDING_WHY_MAX];
	struct pubkey k;
	enum err_code rc;

	if (check_severity(f->check) != m->severity)
		return ERR_OK;
	if (m->rows == 0) {
		m->left++;
		return ERR_OK;
	}
	m->rows--;
	buf_reset(&m->places);
	buf_reset(&m->shared);
	buf_reset(&m->kind);
	m->places_n = 0;
	rc = keyset_key(m->a->set, f->key, &k, e);
	if (rc == ERR_OK)
		rc = keyset_sources(m->a->set, f->key, put_place, m, e);
	if (rc == ERR_OK)
		rc = put_shared(m, f, e);
	if (rc != ERR_OK)
		return rc;
	if (m->places_n > m->lines)
		r.places_left = m->places_n - m->lines;
	if (f->shared_total > m->lines)
		r.shared_left = f->shared_total - m->lines;
	hex_encode(k.id, SHA256_SIZE, r.id);
	buf_str(&m->kind, pubkey_kind_name(k.kind));
	if (pubkey_bits(&k) > 0 &&
		(k.kind == PUBKEY_RSA || k.kind == PUBKEY_EC || k.kind == PUBKEY_DSA))
		buf_printf(&m->kind, " %u", pubkey_bits(&k));
	snprintf(why, sizeof(why), "%.*s", (int)f->why.len, (const char *)f->why.p);
	r.why = why;
	r.kind = buf_cstr(&m->kind);
	r.places = buf_cstr(&m->places);
	r.shared = buf_cstr(&m->shared);
	m->each(m->arg, &r);
	return ERR_OK;
}

enum err_code key_rows(struct audit *a, size_t rows, size_t lines,
	void (*each)(void *arg, const struct key_row *r), void *arg, uint64_t *left, struct err *e)
{
	struct making m = {.a = a, .rows = rows, .lines = lines, .each = each, .arg = arg};
	enum err_code rc = ERR_OK;

	m.places = buf_new(BUF_MAX_DEFAULT);
	m.shared = buf_new(BUF_MAX_DEFAULT);
	m.kind = buf_new(BUF_MAX_DEFAULT);
	for (int s = SEVERITY_ERROR; rc == ERR_OK && s >= SEVERITY_NOTE; s--) {
		m.severity = (enum severity)s;
		rc = keyset_findings(a->set, put_row, &m, e);
	}
	buf_free(&m.places);
	buf_free(&m.shared);
	buf_free(&m.kind);
	*left = m.left;
	return rc;
}

static int more_keys(const void *a, const void *b)
{
	const struct tally_size *x = *(const struct tally_size *const *)a;
	const struct tally_size *y = *(const struct tally_size *const *)b;

	return x->n > y->n ? -1 : x->n < y->n;
}

/* The sizes that most keys have stay, in their order; the others are one bar. */
void bars_make(const struct tally *t, struct bars *out)
{
	const struct tally_size *sorted[TALLY_SIZES_MAX];
	size_t kept = t->size_n;
	uint64_t least = 0, other = t->size_other;

	*out = (struct bars){0};
	if (kept > BARS_MAX - 1) {
		for (size_t i = 0; i < t->size_n; i++)
			sorted[i] = &t->size[i];
		qsort(sorted, t->size_n, sizeof(sorted[0]), more_keys);
		kept = BARS_MAX - 1;
		least = sorted[kept - 1]->n;
	}
	for (size_t i = 0; i < t->size_n; i++) {
		const struct tally_size *s = &t->size[i];
		if (s->n < least || out->n == kept) {
			other += s->n;
			continue;
		}
		if (s->kind == PUBKEY_RSA || s->kind == PUBKEY_EC || s->kind == PUBKEY_DSA)
			snprintf(out->label[out->n], sizeof(out->label[0]), "%s %u",
				pubkey_kind_name(s->kind), s->bits);
		else
			snprintf(out->label[out->n], sizeof(out->label[0]), "%s",
				pubkey_kind_name(s->kind));
		out->bar[out->n] = (struct histogram_bar){out->label[out->n], s->n};
		out->n++;
	}
	if (other > 0)
		out->bar[out->n++] = (struct histogram_bar){"other", other};
}

void tally_sentence(const struct tally *t, struct buf *out)
{
	buf_printf(out, "%llu file%s (%.1f MiB): %llu key%s in %llu place%s",
		(unsigned long long)t->files, t->files == 1 ? "" : "s", (double)t->bytes / 1048576,
		(unsigned long long)t->keys, t->keys == 1 ? "" : "s",
		(unsigned long long)t->sources, t->sources == 1 ? "" : "s");
	buf_printf(
		out, "; %llu RSA moduli compared with each other", (unsigned long long)t->moduli);
	if (t->signatures > 0)
		buf_printf(
			out, "; %llu ECDSA signatures judged", (unsigned long long)t->signatures);
	if (t->signatures_dropped > 0)
		buf_printf(
			out, " (%llu more did not fit)", (unsigned long long)t->signatures_dropped);
	buf_str(out, ".");
	if (t->without_keys > 0)
		buf_printf(out, " %llu other %s no keys.", (unsigned long long)t->without_keys,
			t->without_keys == 1 ? "file holds" : "files hold");
	if (t->links > 0)
		buf_printf(out, " %llu symbolic %s not followed.", (unsigned long long)t->links,
			t->links == 1 ? "link was" : "links were");
}
