/* The bytes of an entry: docs/spec/log-entry.md. */
#include "audit/entry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yyjson.h>

#include "base/clock.h"
#include "base/utf8.h"

/* JSON numbers are exact everywhere up to here (RFC 8259 §6). */
#define SEQ_MAX ((UINT64_C(1) << 53) - 1)

/* ---- form of the members */

static bool is_word(const char *s, size_t max)
{
	size_t n = strlen(s);
	if (n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= '0' && s[i] <= '9') &&
			s[i] != '.' && s[i] != '_' && s[i] != '-')
			return false;
	return true;
}

static bool is_detail(const struct entry *en)
{
	for (size_t i = 0; i < en->detail_n; i++) {
		if (!is_word(en->detail[i].key, ENTRY_DETAIL_KEY_MAX) ||
			!utf8_is_text(bytes_str(en->detail[i].value)))
			return false;
		for (size_t j = 0; j < i; j++)
			if (strcmp(en->detail[i].key, en->detail[j].key) == 0)
				return false;
	}
	return true;
}

static enum err_code check(const struct entry *en, struct err *e)
{
	if (en->bad)
		return err_set(e, ERR_LOG_ENTRY, en->act, "a member is too long");
	if (en->seq > SEQ_MAX)
		return err_set(e, ERR_LOG_ENTRY, en->act, "seq is above 2^53");
	if (!is_word(en->act, ENTRY_ACT_MAX))
		return err_set(e, ERR_LOG_ENTRY, en->act, "act is not a word of a-z 0-9 . _ -");
	if (en->actor[0] == '\0' || !utf8_is_text(bytes_str(en->actor)) ||
		!utf8_is_text(bytes_str(en->object)))
		return err_set(e, ERR_LOG_ENTRY, en->act,
			"actor or object is not UTF-8 without control characters");
	if (en->detail_n > ENTRY_DETAIL_MAX || !is_detail(en))
		return err_set(e, ERR_LOG_ENTRY, en->act, "detail is malformed");
	return ERR_OK;
}

/* ---- encode */

/* A line under construction on the stack: entries are written for every request. */
struct line {
	size_t len;
	bool full;
	char p[ENTRY_MAX];
};

static void put(struct line *l, const char *s, size_t n)
{
	if (n > sizeof(l->p) - l->len) {
		l->full = true;
		return;
	}
	memcpy(l->p + l->len, s, n);
	l->len += n;
}

#define PUT(l, literal) put((l), (literal), sizeof(literal) - 1)

/* Only what RFC 8259 §7 demands is escaped; control characters were refused before. */
static void put_string(struct line *l, const char *s)
{
	PUT(l, "\"");
	while (*s != '\0') {
		size_t plain = strcspn(s, "\"\\");
		put(l, s, plain);
		s += plain;
		if (*s != '\0') {
			PUT(l, "\\");
			put(l, s++, 1);
		}
	}
	PUT(l, "\"");
}

static void put_number(struct line *l, uint64_t v)
{
	char text[20];
	size_t at = sizeof(text);
	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	put(l, text + at, sizeof(text) - at);
}

static void put_detail(struct line *l, const struct entry *en)
{
	PUT(l, ",\"detail\":{");
	for (size_t i = 0; i < en->detail_n; i++) {
		if (i > 0)
			PUT(l, ",");
		put_string(l, en->detail[i].key);
		PUT(l, ":");
		put_string(l, en->detail[i].value);
	}
	PUT(l, "}");
}

enum err_code entry_encode(const struct entry *en, struct buf *line, struct err *e)
{
	char time[CLOCK_TEXT_SIZE];
	char prev[2 * MERKLE_HASH_SIZE + 1];
	struct line l;
	enum err_code rc = check(en, e);
	if (rc != ERR_OK)
		return rc;
	clock_print(en->time, time);
	hex_encode(en->prev.b, sizeof(en->prev.b), prev);
	l.len = 0;
	l.full = false;
	PUT(&l, "{\"v\":");
	put_number(&l, ENTRY_VERSION);
	PUT(&l, ",\"seq\":");
	put_number(&l, en->seq);
	PUT(&l, ",\"time\":\"");
	put(&l, time, sizeof(time) - 1);
	PUT(&l, "\",\"act\":");
	put_string(&l, en->act);
	PUT(&l, ",\"actor\":");
	put_string(&l, en->actor);
	PUT(&l, ",\"object\":");
	put_string(&l, en->object);
	put_detail(&l, en);
	PUT(&l, ",\"prev\":\"");
	put(&l, prev, sizeof(prev) - 1);
	PUT(&l, "\"}");
	if (l.full)
		return err_set(e, ERR_LIMIT, en->act, "a log entry has at most %d bytes",
			ENTRY_MAX);
	buf_bytes(line, bytes_of(l.p, l.len));
	return buf_end(line, e, "log entry");
}

/* ---- parse */

/* The next member of an object must be called `key`. */
static yyjson_val *member(yyjson_obj_iter *it, const char *key)
{
	yyjson_val *k = yyjson_obj_iter_next(it);
	return k != NULL && yyjson_equals_str(k, key) ? yyjson_obj_iter_get_val(k) : NULL;
}

static bool take(yyjson_val *v, char *out, size_t max)
{
	const char *s = yyjson_get_str(v); /* NULL for anything but a string */
	size_t n = yyjson_get_len(v);
	if (s == NULL || n > max || memchr(s, 0, n) != NULL)
		return false;
	memcpy(out, s, n);
	out[n] = '\0';
	return true;
}

static bool read_detail(yyjson_val *obj, struct entry *out)
{
	yyjson_obj_iter it;
	yyjson_val *k;
	if (!yyjson_is_obj(obj) || yyjson_obj_size(obj) > ENTRY_DETAIL_MAX ||
		!yyjson_obj_iter_init(obj, &it))
		return false;
	while ((k = yyjson_obj_iter_next(&it)) != NULL) {
		struct entry_pair *p = &out->detail[out->detail_n++];
		if (!take(k, p->key, ENTRY_DETAIL_KEY_MAX) ||
			!take(yyjson_obj_iter_get_val(k), p->value, ENTRY_DETAIL_VALUE_MAX))
			return false;
	}
	return true;
}

static bool read_members(yyjson_val *root, struct entry *out)
{
	char time[CLOCK_TEXT_SIZE];
	char prev[2 * MERKLE_HASH_SIZE + 1];
	yyjson_obj_iter it;
	if (!yyjson_is_obj(root) || !yyjson_obj_iter_init(root, &it))
		return false;
	yyjson_val *v = member(&it, "v");
	if (!yyjson_is_uint(v) || yyjson_get_uint(v) != ENTRY_VERSION)
		return false;
	v = member(&it, "seq");
	if (!yyjson_is_uint(v))
		return false;
	out->seq = yyjson_get_uint(v);
	return take(member(&it, "time"), time, sizeof(time) - 1) &&
		clock_parse(time, &out->time, NULL) == ERR_OK &&
		take(member(&it, "act"), out->act, ENTRY_ACT_MAX) &&
		take(member(&it, "actor"), out->actor, ENTRY_ACTOR_MAX) &&
		take(member(&it, "object"), out->object, ENTRY_OBJECT_MAX) &&
		read_detail(member(&it, "detail"), out) &&
		take(member(&it, "prev"), prev, sizeof(prev) - 1) &&
		hex_decode(prev, out->prev.b, sizeof(out->prev.b)) && !yyjson_obj_iter_has_next(&it);
}

enum err_code entry_parse(struct bytes line, struct entry *out, struct err *e)
{
	struct buf again = buf_new(ENTRY_MAX);
	struct entry *en = NULL;
	enum err_code rc = ERR_OK;
	if (line.len == 0 || line.len > ENTRY_MAX)
		return err_set(e, ERR_LOG_ENTRY, "log entry", "it has %zu bytes", line.len);
	yyjson_doc *doc = yyjson_read((const char *)line.p, line.len, YYJSON_READ_NOFLAG);
	en = calloc(1, sizeof(*en));
	if (en == NULL) {
		rc = err_set(e, ERR_NO_MEMORY, "log entry", "%zu bytes", sizeof(*en));
		goto out;
	}
	if (doc == NULL || !read_members(yyjson_doc_get_root(doc), en)) {
		rc = err_set(e, ERR_LOG_ENTRY, "log entry",
			"it is not the JSON of docs/spec/log-entry.md");
		goto out;
	}
	/* One entry, one text: another spelling of the same members is refused. */
	rc = entry_encode(en, &again, e);
	if (rc == ERR_OK && !bytes_equal(buf_view(&again), line))
		rc = err_set(e, ERR_LOG_ENTRY, "log entry", "it is spelled in another way");
	if (rc == ERR_OK)
		*out = *en;
out:
	yyjson_doc_free(doc);
	free(en);
	buf_free(&again);
	return rc;
}

/* ---- make */

/* Copies what fits whole; what does not makes the entry bad, and encoding refuses. */
static void fill(struct entry *en, char *to, size_t max, const char *from)
{
	size_t n = from != NULL ? strnlen(from, max + 1) : max + 1;
	if (n > max) {
		en->bad = true;
		return;
	}
	memcpy(to, from, n + 1);
}

void entry_start(struct entry *en, int64_t time, const char *act, const char *actor,
	const char *object)
{
	en->seq = 0;
	en->time = time;
	en->act[0] = en->actor[0] = en->object[0] = '\0';
	en->detail_n = 0;
	en->prev = (struct merkle_hash){{0}};
	en->bad = false;
	fill(en, en->act, ENTRY_ACT_MAX, act);
	fill(en, en->actor, ENTRY_ACTOR_MAX, actor);
	fill(en, en->object, ENTRY_OBJECT_MAX, object);
}

void entry_detail(struct entry *en, const char *key, const char *value)
{
	if (en->detail_n >= ENTRY_DETAIL_MAX) {
		en->bad = true;
		return;
	}
	struct entry_pair *p = &en->detail[en->detail_n++];
	p->key[0] = p->value[0] = '\0';
	fill(en, p->key, ENTRY_DETAIL_KEY_MAX, key);
	fill(en, p->value, ENTRY_DETAIL_VALUE_MAX, value);
}

void entry_detail_num(struct entry *en, const char *key, uint64_t value)
{
	char text[21];
	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	entry_detail(en, key, text);
}

void entry_detail_hex(struct entry *en, const char *key, struct bytes value)
{
	char text[ENTRY_DETAIL_VALUE_MAX + 1];
	if (value.len > ENTRY_DETAIL_VALUE_MAX / 2) {
		en->bad = true;
		return;
	}
	hex_encode(value.p, value.len, text);
	entry_detail(en, key, text);
}

const char *entry_detail_get(const struct entry *en, const char *key)
{
	for (size_t i = 0; i < en->detail_n; i++)
		if (strcmp(en->detail[i].key, key) == 0)
			return en->detail[i].value;
	return NULL;
}
