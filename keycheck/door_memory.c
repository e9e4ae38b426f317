/* What is remembered besides keys: which are broken, and who is set aside. */
#include <stdlib.h>
#include <string.h>

#include "keycheck/door_impl.h"

bool is_broken(const struct door *d, const uint8_t id[SHA256_SIZE], uint8_t other[SHA256_SIZE])
{
	for (size_t i = 0; i < d->broken_n; i++) {
		if (memcmp(d->broken[i].id, id, SHA256_SIZE) == 0) {
			memcpy(other, d->broken[i].other, SHA256_SIZE);
			return true;
		}
	}
	return false;
}

static struct aside *aside_of(const struct door *d, struct bytes owner)
{
	for (size_t i = 0; i < d->aside_n; i++)
		if (bytes_equal(bytes_str(d->aside[i].owner), owner))
			return &d->aside[i];
	return NULL;
}

bool door_set_aside(const struct door *d, const char *owner)
{
	return aside_of(d, bytes_str(owner)) != NULL;
}

static enum err_code no_memory(struct err *e)
{
	return err_set(e, ERR_NO_MEMORY, "door", "what it remembers");
}

enum err_code remember(struct door *d, const struct record *r, struct err *e)
{
	uint8_t other[SHA256_SIZE];
	struct aside *a = aside_of(d, r->owner);
	switch (r->kind) {
	case RECORD_BROKEN:
		if (is_broken(d, r->id, other))
			return ERR_OK;
		if (!grow((void **)&d->broken, d->broken_n, &d->broken_room, sizeof(*d->broken)))
			return no_memory(e);
		d->broken[d->broken_n] = (struct broken){.at = r->at};
		memcpy(d->broken[d->broken_n].id, r->id, SHA256_SIZE);
		memcpy(d->broken[d->broken_n++].other, r->other, SHA256_SIZE);
		return ERR_OK;
	case RECORD_SET_ASIDE:
		if (a != NULL)
			return ERR_OK;
		if (!grow((void **)&d->aside, d->aside_n, &d->aside_room, sizeof(*d->aside)))
			return no_memory(e);
		a = &d->aside[d->aside_n++];
		*a = (struct aside){.at = r->at};
		memcpy(a->owner, r->owner.p, r->owner.len);
		memcpy(a->id, r->id, SHA256_SIZE);
		return ERR_OK;
	case RECORD_RELEASED:
		if (a != NULL)
			*a = d->aside[--d->aside_n];
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

void memory_encode(const struct door *d, struct buf *out)
{
	for (size_t i = 0; i < d->broken_n; i++) {
		struct record r = {.kind = RECORD_BROKEN, .at = d->broken[i].at};
		memcpy(r.id, d->broken[i].id, SHA256_SIZE);
		memcpy(r.other, d->broken[i].other, SHA256_SIZE);
		record_encode(&r, out);
	}
	for (size_t i = 0; i < d->aside_n; i++) {
		struct record r = {.kind = RECORD_SET_ASIDE, .at = d->aside[i].at,
			.owner = bytes_str(d->aside[i].owner)};
		memcpy(r.id, d->aside[i].id, SHA256_SIZE);
		record_encode(&r, out);
	}
}

enum err_code door_release(struct door *d, const char *owner, int64_t now, struct err *e)
{
	struct record r = {.kind = RECORD_RELEASED, .at = now, .owner = bytes_str(owner)};
	if (!door_set_aside(d, owner))
		return err_set(e, ERR_NOT_FOUND, owner, "it is not set aside");
	enum err_code rc = log_append(d, &r, e);
	if (rc == ERR_OK)
		rc = door_sync(d, e);
	return rc == ERR_OK ? remember(d, &r, e) : rc;
}
