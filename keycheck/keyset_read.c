/* Reading back what was kept. */
#include "keycheck/keyset_impl.h"

#include <stdlib.h>
#include <string.h>

#include "bigint/batch.h"

static uint64_t read_u64(struct reader *r)
{
	uint64_t low = read_u32le(r);

	return low | (uint64_t)read_u32le(r) << 32;
}

bool keyset_place_read(struct reader *r, struct keyset_place *out)
{
	out->file = read_u32le(r);
	out->offset = read_u64(r);
	out->line = read_u64(r);
	out->record = read_u64(r);
	out->form = read_field(r, KEYSET_NAME_MAX);
	out->name = read_field(r, KEYSET_NAME_MAX);
	return !r->bad;
}

enum err_code keyset_key(const struct keyset *s, uint32_t number, struct pubkey *out, struct err *e)
{
	uint64_t at;
	struct bytes record;
	enum err_code rc;

	if (!s->sealed || number >= s->n)
		return err_set(e, ERR_INTERNAL, "keys", "key %u of %u", number, s->n);
	at = s->entry[number].record;
	rc = keylog_get(&s->log[LOG_KEYS], &at, &record, e);
	if (rc != ERR_OK)
		return rc;
	return pubkey_parse(
		bytes_of(record.p + KEY_RECORD_IDS, record.len - KEY_RECORD_IDS), out, e);
}

static enum err_code source_at(const struct keyset *s, uint64_t at, uint64_t *earlier,
	struct keyset_place *out, struct err *e)
{
	struct bytes record;
	enum err_code rc = keylog_get(&s->log[LOG_SOURCES], &at, &record, e);

	if (rc != ERR_OK)
		return rc;
	struct reader r = reader_of(record);
	(void)read_u32le(&r);
	*earlier = read_u64(&r);
	(void)keyset_place_read(&r, out);
	return reader_end(&r, e, "source");
}

/* Records lead from the newest to the oldest; they are told the other way round. */
enum err_code keyset_sources(const struct keyset *s, uint32_t number,
	enum err_code (*each)(void *arg, const struct keyset_place *at, struct err *e), void *arg,
	struct err *e)
{
	uint64_t *at = NULL;
	size_t n = 0, room = 0;
	struct keyset_place place;
	enum err_code rc = ERR_OK;

	for (uint64_t next = s->entry[number].source; rc == ERR_OK && next != 0;) {
		if (n == room) {
			room = room == 0 ? 16 : 2 * room;
			uint64_t *p = reallocarray(at, room, sizeof(*at));
			if (p == NULL) {
				rc = err_set(e, ERR_NO_MEMORY, "sources", "%zu of one key", room);
				break;
			}
			at = p;
		}
		at[n++] = next - 1;
		uint64_t here = next;
		rc = source_at(s, here - 1, &next, &place, e);
		if (rc == ERR_OK && next >= here)
			rc = err_set(e, ERR_MALFORMED, "sources.log", "the records go round");
	}
	while (rc == ERR_OK && n > 0) {
		uint64_t ignored;
		rc = source_at(s, at[--n], &ignored, &place, e);
		if (rc == ERR_OK)
			rc = each(arg, &place, e);
	}
	free(at);
	return rc;
}

static void copy_text(char *out, size_t size, struct bytes b)
{
	size_t n = b.len < size ? b.len : size - 1;

	if (n > 0)
		memcpy(out, b.p, n);
	out[n] = '\0';
}

enum err_code keyset_flaws(struct keyset *s,
	enum err_code (*each)(
		void *arg, const struct keyset_place *at, const struct err *why, struct err *e),
	void *arg, struct err *e)
{
	struct keylog *l = &s->log[LOG_FLAWS];
	uint64_t at = 0;
	enum err_code rc = keylog_map(l, e);

	while (rc == ERR_OK && at < l->mapped) {
		struct bytes record;
		struct keyset_place place;
		struct err why = {0};
		char code[64];
		rc = keylog_get(l, &at, &record, e);
		if (rc != ERR_OK)
			break;
		struct reader r = reader_of(record);
		(void)keyset_place_read(&r, &place);
		copy_text(code, sizeof(code), read_field(&r, sizeof(code)));
		copy_text(why.object, sizeof(why.object), read_field(&r, ERR_OBJECT_MAX));
		copy_text(why.reason, sizeof(why.reason), read_field(&r, ERR_REASON_MAX));
		why.code = err_from_name(code);
		rc = reader_end(&r, e, l->path);
		if (rc == ERR_OK)
			rc = each(arg, &place, &why, e);
	}
	keylog_unmap(l);
	return rc;
}

static enum check check_from_name(struct bytes name)
{
	unsigned i = 0;

	while (i < CHECK_COUNT && !bytes_equal(name, bytes_str(check_name(i))))
		i++;
	return i;
}

static enum err_code finding_parse(
	struct bytes record, uint32_t *shared, struct keyset_finding *out, struct err *e)
{
	struct reader r = reader_of(record);

	out->key = read_u32le(&r);
	out->check = check_from_name(read_field(&r, KEYSET_NAME_MAX));
	out->why = read_field(&r, FINDING_WHY_MAX);
	out->shared_total = read_u64(&r);
	out->shared = shared;
	out->shared_n = 0;
	while (reader_left(&r) > 0 && out->shared_n < KEYSET_SHARED_MAX)
		shared[out->shared_n++] = read_u32le(&r);
	if (!r.bad && out->check == CHECK_COUNT)
		return err_set(e, ERR_MALFORMED, "findings.log", "an unknown check");
	return reader_end(&r, e, "findings.log");
}

struct found_at {
	uint32_t key;
	uint64_t at;
};

static int by_key(const void *a, const void *b)
{
	const struct found_at *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* Where the findings begin, in the order in which they are told; the caller frees. */
static enum err_code findings_sort(
	const struct keylog *l, struct found_at **out, size_t *out_n, struct err *e)
{
	struct found_at *all = NULL;
	size_t n = 0, room = 0;
	uint64_t at = 0;
	enum err_code rc = ERR_OK;

	while (rc == ERR_OK && at < l->mapped) {
		struct bytes record;
		if (n == room) {
			room = room == 0 ? 1024 : 2 * room;
			struct found_at *p = reallocarray(all, room, sizeof(*all));
			if (p == NULL) {
				rc = err_set(e, ERR_NO_MEMORY, "findings", "%zu of them", room);
				break;
			}
			all = p;
		}
		all[n].at = at;
		rc = keylog_get(l, &at, &record, e);
		struct reader r = reader_of(record);
		all[n++].key = read_u32le(&r);
	}
	if (rc != ERR_OK) {
		free(all);
		return rc;
	}
	if (n > 0)
		qsort(all, n, sizeof(*all), by_key);
	*out = all;
	*out_n = n;
	return ERR_OK;
}

enum err_code keyset_findings(struct keyset *s,
	enum err_code (*each)(void *arg, const struct keyset_finding *f, struct err *e), void *arg,
	struct err *e)
{
	struct keylog *l = &s->log[LOG_FINDINGS];
	uint32_t shared[KEYSET_SHARED_MAX];
	struct found_at *all = NULL;
	size_t n = 0;
	enum err_code rc = keylog_map(l, e);

	if (rc == ERR_OK)
		rc = findings_sort(l, &all, &n, e);
	for (size_t i = 0; rc == ERR_OK && i < n; i++) {
		struct bytes record;
		struct keyset_finding f;
		uint64_t at = all[i].at;
		rc = keylog_get(l, &at, &record, e);
		if (rc == ERR_OK)
			rc = finding_parse(record, shared, &f, e);
		if (rc == ERR_OK)
			rc = each(arg, &f, e);
	}
	free(all);
	keylog_unmap(l);
	return rc;
}

enum err_code keyset_write_moduli(const struct keyset *s, const char *path, struct err *e)
{
	struct moduli_writer *w;
	enum err_code rc = moduli_create(path, &w, e);

	if (rc != ERR_OK)
		return rc;
	for (uint32_t i = 0; rc == ERR_OK && i < s->modulus_n; i++) {
		struct pubkey k;
		rc = keyset_key(s, s->modulus_key[i], &k, e);
		if (rc == ERR_OK)
			rc = moduli_add(w, k.modulus, e);
	}
	if (rc == ERR_OK)
		return moduli_end(w, e);
	moduli_abandon(w);
	return rc;
}
