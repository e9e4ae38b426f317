/* Keys in memory: the open bucket's, and those that are held. */
#include <stdlib.h>
#include <string.h>

#include "keycheck/door_impl.h"

#define RECORDS_MAX ((size_t)BUCKET_KEYS_MAX * DOOR_RECORD_MAX)

bool grow(void **p, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return true;
	size_t more = *room == 0 ? 64 : 2 * *room;
	void *q = realloc(*p, more * size);
	if (q == NULL)
		return false;
	*p = q;
	*room = more;
	return true;
}

void set_init(struct key_set *s)
{
	*s = (struct key_set){.records = buf_new(RECORDS_MAX)};
	pile_init(&s->pile);
}

enum err_code set_add(struct key_set *s, const struct record *r, struct err *e)
{
	size_t at = s->records.len;
	if (!grow((void **)&s->place, s->n, &s->room, sizeof(*s->place)))
		return err_set(e, ERR_NO_MEMORY, "keys", "%zu of them", s->n);
	record_encode(r, &s->records);
	enum err_code rc = buf_end(&s->records, e, "keys");
	if (rc != ERR_OK) {
		s->records.len = at;
		s->records.bad = false;
		return rc;
	}
	s->place[s->n++] = (struct key_place){modulus_fingerprint(r->modulus), at};
	pile_add(&s->pile, r->modulus);
	return ERR_OK;
}

static bool read_at(const struct key_set *s, size_t at, struct record *out)
{
	struct reader in = reader_of(bytes_of(s->records.p + at, s->records.len - at));
	return record_parse(&in, out, NULL) == ERR_OK;
}

bool set_find(const struct key_set *s, struct bytes modulus, uint64_t fingerprint,
	struct record *out)
{
	struct record r;
	for (size_t i = 0; i < s->n; i++) {
		if (s->place[i].fingerprint == fingerprint && read_at(s, s->place[i].at, &r) &&
			bytes_equal(r.modulus, modulus)) {
			*out = r;
			return true;
		}
	}
	return false;
}

enum err_code set_each(const struct key_set *s, record_fn each, void *arg, struct err *e)
{
	enum err_code rc = ERR_OK;
	for (size_t i = 0; i < s->n && rc == ERR_OK; i++) {
		struct record r;
		if (read_at(s, s->place[i].at, &r))
			rc = each(arg, &r, e);
	}
	return rc;
}

void set_clear(struct key_set *s)
{
	s->n = 0;
	buf_reset(&s->records);
	pile_clear(&s->pile);
}

void set_free(struct key_set *s)
{
	pile_clear(&s->pile);
	buf_free(&s->records);
	free(s->place);
}

bool modulus_fits(struct bytes n)
{
	return n.len > 0 && n.len <= DOOR_MODULUS_MAX && n.p[n.len - 1] % 2 == 1 &&
		(n.len > 1 || n.p[0] > 1);
}

bool door_find(const struct door *d, struct bytes modulus, struct record *out)
{
	uint64_t f = modulus_fingerprint(modulus);
	if (set_find(&d->open, modulus, f, out) || set_find(&d->held, modulus, f, out))
		return true;
	for (size_t i = d->closed_n; i-- > 0;)
		if (bucket_find(&d->closed[i], modulus, f, out))
			return true;
	return false;
}
