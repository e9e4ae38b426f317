#include "keycheck/keyset_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static enum err_code open_logs(struct keyset *s, const uint64_t size[LOG_COUNT], struct err *e)
{
	for (size_t i = 0; i < LOG_COUNT; i++) {
		enum err_code rc = keylog_open(&s->log[i], s->dir, keyset_log_name[i], size[i], e);
		if (rc != ERR_OK)
			return rc;
	}
	return ERR_OK;
}

/* The tables, from what is on disk. */
static enum err_code take_up_keys(struct keyset *s, struct err *e)
{
	struct keylog *l = &s->log[LOG_KEYS];
	uint64_t at = 0, here;
	struct bytes record;
	enum err_code rc = keylog_map(l, e);

	while (rc == ERR_OK && (here = at) < l->mapped) {
		rc = keylog_get(l, &at, &record, e);
		if (rc == ERR_OK && record.len < KEY_RECORD_IDS)
			rc = err_set(e, ERR_MALFORMED, l->path, "no key at byte %llu",
				(unsigned long long)here);
		if (rc == ERR_OK)
			rc = keyset_take(s, record.p, here, e);
	}
	keylog_unmap(l);
	return rc;
}

static enum err_code take_up_sources(struct keyset *s, struct err *e)
{
	struct keylog *l = &s->log[LOG_SOURCES];
	uint64_t at = 0, here;
	struct bytes record;
	enum err_code rc = keylog_map(l, e);

	while (rc == ERR_OK && (here = at) < l->mapped) {
		rc = keylog_get(l, &at, &record, e);
		if (rc == ERR_OK)
			rc = keyset_take_source(s, record, here, e);
	}
	keylog_unmap(l);
	return rc;
}

static enum err_code start(struct keyset *s, bool resume, struct keyset_position *at, struct err *e)
{
	uint64_t size[LOG_COUNT] = {0};
	enum err_code rc = keyset_lock(s, e);

	if (rc != ERR_OK)
		return rc;
	if (!resume) {
		if (keyset_state_exists(s))
			return err_set(e, ERR_EXISTS, s->dir,
				"there is an audit here; go on with --resume, or take another "
				"folder");
		rc = open_logs(s, size, e);
		return rc != ERR_OK ? rc : keyset_checkpoint(s, at, e);
	}
	rc = keyset_state_read(s, at, size, e);
	if (rc == ERR_OK)
		rc = open_logs(s, size, e);
	if (rc == ERR_OK)
		rc = take_up_keys(s, e);
	if (rc == ERR_OK)
		rc = take_up_sources(s, e);
	return rc;
}

enum err_code keyset_open(const char *dir, bool resume, const uint8_t call[SHA256_SIZE],
	struct keyset_position *at, struct keyset **out, struct err *e)
{
	struct keyset *s = calloc(1, sizeof(*s));
	struct keyset_position from = {0};
	enum err_code rc;

	if (s == NULL)
		return err_set(e, ERR_NO_MEMORY, dir, "work folder");
	s->lock = -1;
	for (size_t i = 0; i < LOG_COUNT; i++)
		s->log[i].fd = -1;
	memcpy(s->call, call, SHA256_SIZE);
	s->work = buf_new(KEYLOG_RECORD_MAX);
	s->dir = mem_strdup(dir);
	rc = s->dir == NULL ? err_set(e, ERR_NO_MEMORY, dir, "work folder")
			    : start(s, resume, &from, e);
	if (rc != ERR_OK) {
		keyset_close(s);
		return rc;
	}
	*at = from;
	*out = s;
	return ERR_OK;
}

void keyset_close(struct keyset *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < LOG_COUNT; i++)
		keylog_close(&s->log[i]);
	if (s->lock >= 0)
		(void)close(s->lock);
	keyindex_free(&s->by_id);
	keyindex_free(&s->by_modulus);
	buf_free(&s->work);
	free(s->entry);
	free(s->modulus_key);
	free(s->dir);
	free(s);
}

enum err_code keyset_checkpoint(struct keyset *s, const struct keyset_position *at, struct err *e)
{
	for (size_t i = 0; i < LOG_COUNT; i++) {
		/* A sealed log does not change. */
		enum err_code rc = s->log[i].map != NULL ? ERR_OK : keylog_sync(&s->log[i], e);
		if (rc != ERR_OK)
			return rc;
	}
	return keyset_state_write(s, at, e);
}

enum err_code keyset_seal(struct keyset *s, struct err *e)
{
	enum err_code rc = keylog_map(&s->log[LOG_KEYS], e);

	if (rc == ERR_OK)
		rc = keylog_map(&s->log[LOG_SOURCES], e);
	if (rc != ERR_OK)
		return rc;
	s->sealed = true;
	keyindex_free(&s->by_id);
	keyindex_free(&s->by_modulus);
	return ERR_OK;
}

uint32_t keyset_count(const struct keyset *s)
{
	return s->n;
}

uint64_t keyset_source_count(const struct keyset *s)
{
	return s->sources;
}

uint32_t keyset_modulus_count(const struct keyset *s)
{
	return s->modulus_n;
}

uint32_t keyset_modulus(const struct keyset *s, uint32_t key)
{
	return s->entry[key].modulus;
}

uint32_t keyset_modulus_first(const struct keyset *s, uint32_t modulus)
{
	return s->modulus_key[modulus];
}

uint32_t keyset_modulus_next(const struct keyset *s, uint32_t key)
{
	return s->entry[key].next;
}
