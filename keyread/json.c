/*
 * JSON of any length, an object at a time: JWK sets and answers of get-entries.  Arrays and the
 * objects around them are gone into, not held; so one answer, many of them in a file, a line each
 * or an array of them are all the same.  Each object that holds a key is parsed by yyjson.
 */
#include "keyread/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "keyread/readers.h"

/* Objects within objects that are looked into to find where the outer one ends. */
#define DEPTH_MAX 16

struct json {
	struct found *f;
	struct stream *s;
	struct ct_seen *seen;
	void *pool; /* yyjson's memory for one object */
	size_t pool_size;
	/* Lists that were begun and not ended, so far as the text between objects tells. */
	long open;
	bool in_string, escaped;
	bool unsure; /* something was passed over */
};

enum extent {
	EXTENT_WHOLE,   /* an object, *size long */
	EXTENT_WRAPPER, /* it holds a list of keys or entries, which begins at *size */
	EXTENT_MORE,    /* it goes on behind what is there */
	EXTENT_DEEP,
};

/* Behind the string that begins at b[at]; b.len when it does not end. */
static size_t pass_string(struct bytes b, size_t at)
{
	for (at++; at < b.len;) {
		const uint8_t *quote = memchr(b.p + at, '"', b.len - at);
		if (quote == NULL)
			return b.len;
		size_t end = (size_t)(quote - b.p);
		size_t slashes = 0;
		while (end - slashes > at && b.p[end - slashes - 1] == '\\')
			slashes++;
		if (slashes % 2 == 0)
			return end + 1;
		at = end + 1;
	}
	return b.len;
}

static bool is_list_name(struct bytes string)
{
	return bytes_equal(string, bytes_str("\"keys\"")) ||
	       bytes_equal(string, bytes_str("\"entries\""));
}

/* How far the object at the beginning of `b` reaches. */
static enum extent find_extent(struct bytes b, size_t *size)
{
	unsigned depth = 0;
	struct bytes string = BYTES_NONE; /* the last one at the first level */
	for (size_t i = 0; i < b.len; i++) {
		switch (b.p[i]) {
		case '"': {
			size_t end = pass_string(b, i);
			if (end == b.len)
				return EXTENT_MORE;
			if (depth == 1)
				string = bytes_of(b.p + i, end - i);
			i = end - 1;
			break;
		}
		case '[':
			if (depth == 1 && is_list_name(string)) {
				*size = i;
				return EXTENT_WRAPPER;
			}
			/* fall through */
		case '{':
			if (++depth > DEPTH_MAX)
				return EXTENT_DEEP;
			break;
		case ']':
		case '}':
			if (--depth == 0) {
				*size = i + 1;
				return EXTENT_WHOLE;
			}
			break;
		default:
			break;
		}
	}
	return EXTENT_MORE;
}

static enum err_code read_object(struct json *j, yyjson_val *root, bool *private, struct err *e)
{
	*private = yyjson_obj_get(root, "d") != NULL || yyjson_obj_get(root, "k") != NULL;
	if (yyjson_obj_get(root, "kty") != NULL)
		return jwk_read(j->f, root, e);
	if (yyjson_obj_get(root, "leaf_input") != NULL)
		return ct_json_read(j->f, root, j->seen, e);
	return err_set(e, ERR_MALFORMED, "JSON",
		"an object that is neither a key (RFC 7517) "
		"nor an entry of a log (RFC 6962)");
}

/* Room for yyjson; kept for the next object. */
static bool have_pool(struct json *j, size_t size)
{
	if (size <= j->pool_size)
		return true;
	mem_wipe(j->pool, j->pool_size);
	free(j->pool);
	j->pool = malloc(size);
	j->pool_size = j->pool != NULL ? size : 0;
	return j->pool != NULL;
}

static enum err_code parse_object(struct json *j, struct bytes text, bool *private, struct err *e)
{
	yyjson_alc alc;
	yyjson_read_err why;
	size_t need = yyjson_read_max_memory_usage(text.len, YYJSON_READ_NOFLAG);
	if (!have_pool(j, need) || !yyjson_alc_pool_init(&alc, j->pool, j->pool_size))
		return err_set(e, ERR_NO_MEMORY, "JSON", "an object of %zu bytes", text.len);
	yyjson_doc *doc = yyjson_read_opts(
		(char *)(uintptr_t)text.p, text.len, YYJSON_READ_NOFLAG, &alc, &why);
	if (doc == NULL)
		return err_set(
			e, ERR_JSON, "JSON", "%s at byte %zu of the object", why.msg, why.pos);
	enum err_code rc = read_object(j, yyjson_doc_get_root(doc), private, e);
	yyjson_doc_free(doc);
	if (*private) {
		mem_wipe(j->pool, j->pool_size);
		buf_reset(&j->f->work);
	}
	return rc;
}

/* To the next object behind the first byte: strings cannot be trusted to have ended. */
static void resynchronise(struct stream *s)
{
	stream_skip(s, 1);
	for (;;) {
		struct bytes w = stream_window(s);
		const uint8_t *p = w.len > 0 ? memmem(w.p, w.len, "{\"", 2) : NULL;
		if (p != NULL) {
			stream_skip(s, (size_t)(p - w.p));
			return;
		}
		stream_skip(s, w.len > 0 ? w.len - 1 : 0);
		if (stream_need(s, 2) < 2) {
			stream_skip(s, stream_window(s).len);
			return;
		}
	}
}

/* Does the object hold others, and is it none itself?  Then they are what matters. */
static bool only_holds_others(struct bytes text)
{
	return memmem(text.p, text.len, "\"kty\"", 5) != NULL &&
	       memchr(text.p + 1, '{', text.len - 1) != NULL;
}

static enum extent have_object(struct stream *s, size_t *size)
{
	for (size_t want = (size_t)1 << 14;; want *= 2) {
		size_t have = stream_need(s, want);
		struct bytes w = stream_window(s);
		enum extent x = find_extent(bytes_of(w.p, have < want ? have : want), size);
		if (x != EXTENT_MORE || have < want || want >= JSON_OBJECT_MAX)
			return x;
	}
}

/* An object begins at the window's begin. */
static void read_one(struct json *j)
{
	struct stream *s = j->s;
	struct err why;
	size_t size = 0;
	bool private = false;
	enum extent x = have_object(s, &size);
	struct bytes text = bytes_of(stream_window(s).p, size);
	size_t scanned =
		stream_window(s).len < JSON_OBJECT_MAX ? stream_window(s).len : JSON_OBJECT_MAX;
	if (x == EXTENT_WRAPPER) {
		j->open++;
		stream_skip(s, size);
		return;
	}
	found_record(j->f, s, 0);
	enum err_code rc = ERR_OK;
	if (x == EXTENT_DEEP)
		rc = err_set(&why, ERR_LIMIT, "JSON", "more than %d objects inside each other",
			DEPTH_MAX);
	else if (x == EXTENT_MORE && stream_window(s).len >= JSON_OBJECT_MAX)
		rc = err_set(&why, ERR_LIMIT, "JSON", "an object of more than %zu bytes",
			JSON_OBJECT_MAX);
	else if (x == EXTENT_MORE)
		rc = err_set(&why, ERR_TRUNCATED, "JSON", "the input ends inside an object");
	else if (!found_earlier(j->f) || memchr(text.p + 1, '{', size - 1) != NULL)
		rc = parse_object(j, text, &private, &why);
	if (rc == ERR_OK) {
		if (private)
			stream_wipe(s, size);
		else
			stream_skip(s, size);
		return;
	}
	j->unsure = true;
	bool again = found_may_look_again(j->f, x == EXTENT_WHOLE  ? size
						: x == EXTENT_MORE ? scanned
								   : DEPTH_MAX);
	/* A map of keys by name is gone into; nothing is said of it. */
	if (x != EXTENT_WHOLE || rc != ERR_MALFORMED || !only_holds_others(text) || j->f->keys > 0)
		found_flaw(j->f, "JSON", &why);
	if (x == EXTENT_WHOLE && (!again || (rc != ERR_JSON && !only_holds_others(text))))
		stream_skip(s, size);
	else if (!again && x == EXTENT_MORE)
		stream_skip(s, scanned);
	else
		resynchronise(s);
}

/* Commas, brackets, names: nothing that is looked for, but they tell whether the input is whole. */
static void pass_between(struct json *j, struct bytes b)
{
	for (size_t i = 0; i < b.len; i++) {
		uint8_t c = b.p[i];
		if (j->in_string) {
			j->in_string = c != '"' || j->escaped;
			j->escaped = c == '\\' && !j->escaped;
		} else if (c == '"') {
			j->in_string = true;
		} else if (c == '[') {
			j->open++;
		} else if (c == ']' || c == '}') {
			j->open--;
		}
	}
}

static void check_end(struct json *j)
{
	struct err why;
	if (j->open <= 0 || j->unsure || j->f->stopped != ERR_OK)
		return;
	found_record(j->f, j->s, 0);
	(void)err_set(&why, ERR_TRUNCATED, "JSON", "the input ends inside a list");
	found_flaw(j->f, "JSON", &why);
}

void json_read(struct found *f, struct stream *s)
{
	struct json j = {.f = f, .s = s};
	f->stopped = ct_seen_new(&j.seen, f->why);
	while (f->stopped == ERR_OK && stream_need(s, 1) > 0) {
		struct bytes w = stream_window(s);
		if (w.p[0] == '{') {
			j.in_string = j.escaped = false;
			read_one(&j);
			continue;
		}
		/* What stands between objects (commas, brackets, names) says nothing. */
		const uint8_t *p = memchr(w.p, '{', w.len);
		size_t n = p != NULL ? (size_t)(p - w.p) : w.len;
		pass_between(&j, bytes_of(w.p, n));
		stream_skip(s, n);
	}
	check_end(&j);
	mem_wipe(j.pool, j.pool_size);
	free(j.pool);
	ct_seen_free(j.seen);
}
