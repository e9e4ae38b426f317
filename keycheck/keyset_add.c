/* Taking keys in: each once, by its name; its modulus once, by its value. */
#include "keycheck/keyset_impl.h"

#include <stdlib.h>
#include <string.h>

/* Room for one more in an array that doubles. */
static enum err_code grow(void **p, uint32_t n, uint32_t *room, size_t size, struct err *e)
{
	if (n < *room)
		return ERR_OK;
	size_t more = *room == 0 ? 1024 : 2 * (size_t)*room;
	if (more > UINT32_MAX)
		more = UINT32_MAX;
	void *q = reallocarray(*p, more, size);
	if (q == NULL)
		return err_set(e, ERR_NO_MEMORY, "keys", "%zu of them", more);
	*p = q;
	*room = (uint32_t)more;
	return ERR_OK;
}

/* The key whose record begins with these octets at `skip`, or KEYSET_NONE. */
static enum err_code find(const struct keyset *s, const struct keyindex *x, size_t skip,
	const uint8_t id[SHA256_SIZE], uint32_t *found, struct err *e)
{
	size_t cursor = 0;

	while ((*found = keyindex_next(x, id, &cursor)) != KEYINDEX_NONE) {
		uint8_t there[KEY_RECORD_IDS];
		uint32_t key = x == &s->by_modulus ? s->modulus_key[*found] : *found;
		enum err_code rc = keylog_peek(
			&s->log[LOG_KEYS], s->entry[key].record, there, sizeof(there), e);
		if (rc != ERR_OK)
			return rc;
		if (memcmp(there + skip, id, SHA256_SIZE) == 0)
			return ERR_OK;
	}
	return ERR_OK;
}

/* Give the key its modulus: one that is known, whose chain of keys it joins, or a new one. */
static enum err_code take_modulus(
	struct keyset *s, uint32_t key, const uint8_t id[SHA256_SIZE], struct err *e)
{
	static const uint8_t none[SHA256_SIZE];
	uint32_t m;

	s->entry[key].modulus = KEYSET_NONE;
	s->entry[key].next = KEYSET_NONE;
	if (memcmp(id, none, SHA256_SIZE) == 0)
		return ERR_OK;
	enum err_code rc = find(s, &s->by_modulus, SHA256_SIZE, id, &m, e);
	if (rc != ERR_OK)
		return rc;
	if (m != KEYSET_NONE) {
		uint32_t first = s->modulus_key[m];
		s->entry[key].next = s->entry[first].next;
		s->entry[first].next = key;
		s->entry[key].modulus = m;
		return ERR_OK;
	}
	rc = grow((void **)&s->modulus_key, s->modulus_n, &s->modulus_room, sizeof(*s->modulus_key),
		e);
	if (rc == ERR_OK)
		rc = keyindex_add(&s->by_modulus, id, s->modulus_n, e);
	if (rc != ERR_OK)
		return rc;
	s->modulus_key[s->modulus_n] = key;
	s->entry[key].modulus = s->modulus_n++;
	return ERR_OK;
}

enum err_code keyset_take(
	struct keyset *s, const uint8_t ids[KEY_RECORD_IDS], uint64_t record, struct err *e)
{
	if (s->n >= KEYSET_KEYS_MAX)
		return err_set(e, ERR_LIMIT, "keys", "more than %u", KEYSET_KEYS_MAX);
	enum err_code rc = grow((void **)&s->entry, s->n, &s->room, sizeof(*s->entry), e);
	if (rc == ERR_OK)
		rc = keyindex_add(&s->by_id, ids, s->n, e);
	if (rc != ERR_OK)
		return rc;
	s->entry[s->n] = (struct entry){.record = record};
	rc = take_modulus(s, s->n, ids + SHA256_SIZE, e);
	if (rc == ERR_OK)
		s->n++;
	return rc;
}

enum err_code keyset_take_source(struct keyset *s, struct bytes record, uint64_t at, struct err *e)
{
	struct reader r = reader_of(record);
	uint32_t key = read_u32le(&r);

	if (r.bad || key >= s->n)
		return err_set(e, ERR_MALFORMED, "sources.log", "a source of no key at byte %llu",
			(unsigned long long)at);
	s->entry[key].source = at + 1;
	s->sources++;
	return ERR_OK;
}

/* May its modulus go into the batch?  0, 1 and even ones are for the checks of a single key. */
static bool in_batch(const struct pubkey *k)
{
	size_t n = k->modulus.len;

	if (k->kind != PUBKEY_RSA || n == 0)
		return false;
	return (k->modulus.p[n - 1] & 1) != 0 && !(n == 1 && k->modulus.p[0] == 1);
}

static enum err_code add_new(struct keyset *s, const struct pubkey *k, struct err *e)
{
	uint8_t ids[KEY_RECORD_IDS] = {0};
	uint64_t record;

	memcpy(ids, k->id, SHA256_SIZE);
	if (in_batch(k))
		sha256_of(k->modulus, ids + SHA256_SIZE);
	buf_reset(&s->work);
	buf_bytes(&s->work, bytes_of(ids, sizeof(ids)));
	buf_bytes(&s->work, k->spki);
	enum err_code rc = buf_end(&s->work, e, "key");
	if (rc == ERR_OK)
		rc = keylog_add(&s->log[LOG_KEYS], buf_view(&s->work), &record, e);
	return rc != ERR_OK ? rc : keyset_take(s, ids, record, e);
}

static void put_u64(struct buf *b, uint64_t v)
{
	buf_u32le(b, (uint32_t)v);
	buf_u32le(b, (uint32_t)(v >> 32));
}

void keyset_place_put(struct buf *b, const struct keyset_place *at)
{
	struct bytes name = at->name;

	if (name.len > KEYSET_NAME_MAX)
		name.len = KEYSET_NAME_MAX;
	buf_u32le(b, at->file);
	put_u64(b, at->offset);
	put_u64(b, at->line);
	put_u64(b, at->record);
	buf_field(b, at->form);
	buf_field(b, name);
}

enum err_code keyset_add(struct keyset *s, const struct pubkey *k, const struct keyset_place *at,
	uint32_t *number, struct err *e)
{
	uint32_t key;
	uint64_t here;
	enum err_code rc;

	if (s->sealed)
		return err_set(e, ERR_INTERNAL, "keys", "the set is sealed");
	rc = find(s, &s->by_id, 0, k->id, &key, e);
	if (rc == ERR_OK && key == KEYSET_NONE) {
		key = s->n;
		rc = add_new(s, k, e);
	}
	if (rc != ERR_OK)
		return rc;
	buf_reset(&s->work);
	buf_u32le(&s->work, key);
	put_u64(&s->work, s->entry[key].source);
	keyset_place_put(&s->work, at);
	rc = buf_end(&s->work, e, "source");
	if (rc == ERR_OK)
		rc = keylog_add(&s->log[LOG_SOURCES], buf_view(&s->work), &here, e);
	if (rc != ERR_OK)
		return rc;
	s->entry[key].source = here + 1;
	s->sources++;
	if (number != NULL)
		*number = key;
	return ERR_OK;
}

enum err_code keyset_flaw(
	struct keyset *s, const struct keyset_place *at, const struct err *why, struct err *e)
{
	buf_reset(&s->work);
	keyset_place_put(&s->work, at);
	buf_field(&s->work, bytes_str(err_name(why->code)));
	buf_field(&s->work, bytes_str(why->object));
	buf_field(&s->work, bytes_str(why->reason));
	enum err_code rc = buf_end(&s->work, e, "flaw");
	return rc != ERR_OK ? rc : keylog_add(&s->log[LOG_FLAWS], buf_view(&s->work), NULL, e);
}

enum err_code keyset_finding(struct keyset *s, const struct keyset_finding *f, struct err *e)
{
	buf_reset(&s->work);
	buf_u32le(&s->work, f->key);
	buf_field(&s->work, bytes_str(check_name(f->check)));
	buf_field(&s->work, f->why);
	put_u64(&s->work, f->shared_total);
	for (size_t i = 0; i < f->shared_n; i++)
		buf_u32le(&s->work, f->shared[i]);
	enum err_code rc = buf_end(&s->work, e, "finding");
	return rc != ERR_OK ? rc : keylog_add(&s->log[LOG_FINDINGS], buf_view(&s->work), NULL, e);
}
