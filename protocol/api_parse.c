/* Requests to calls: hostile bytes, no decisions. */
#include "protocol/api.h"

#include <string.h>
#include <yyjson.h>

#include "x509/cert.h"

enum body { BODY_NONE, BODY_IMAGE, BODY_DEVICE, BODY_LIFETIME, BODY_REASON, BODY_EMPTY,
	BODY_MANUFACTURER, BODY_ENVELOPE };
enum query { QUERY_NONE, QUERY_PAGE, QUERY_RANGE, QUERY_SEQ };

/* The table of docs/spec/api.md; '*' is one segment of the path, which becomes `a`. */
static const struct route {
	const char *method;
	const char *path;
	enum api_op op;
	enum body body;
	enum query query;
} routes[] = {
	{"GET", "/v1/status", API_STATUS, BODY_NONE, QUERY_NONE},
	{"GET", "/v1/devices", API_DEVICE_LIST, BODY_NONE, QUERY_PAGE},
	{"POST", "/v1/devices", API_DEVICE_ADD, BODY_DEVICE, QUERY_NONE},
	{"GET", "/v1/devices/*", API_DEVICE_SHOW, BODY_NONE, QUERY_NONE},
	{"POST", "/v1/devices/*/ticket", API_DEVICE_TICKET, BODY_LIFETIME, QUERY_NONE},
	{"POST", "/v1/devices/*/release", API_DEVICE_RELEASE, BODY_EMPTY, QUERY_NONE},
	{"POST", "/v1/devices/*/revoke", API_DEVICE_REVOKE, BODY_REASON, QUERY_NONE},
	{"GET", "/v1/manufacturers", API_MANUFACTURER_LIST, BODY_NONE, QUERY_NONE},
	{"POST", "/v1/manufacturers", API_MANUFACTURER_ADD, BODY_MANUFACTURER, QUERY_NONE},
	{"GET", "/v1/operators", API_OPERATOR_LIST, BODY_NONE, QUERY_NONE},
	{"POST", "/v1/images", API_IMAGE_ADD, BODY_IMAGE, QUERY_NONE},
	{"GET", "/v1/releases", API_RELEASE_LIST, BODY_NONE, QUERY_NONE},
	{"POST", "/v1/releases", API_RELEASE_PROPOSE, BODY_ENVELOPE, QUERY_NONE},
	{"GET", "/v1/releases/*", API_RELEASE_SHOW, BODY_NONE, QUERY_NONE},
	{"POST", "/v1/releases/*/approvals", API_RELEASE_APPROVE, BODY_ENVELOPE, QUERY_NONE},
	{"POST", "/v1/releases/*/publish", API_RELEASE_PUBLISH, BODY_EMPTY, QUERY_NONE},
	{"GET", "/v1/releases/*/image", API_RELEASE_IMAGE, BODY_NONE, QUERY_NONE},
	{"GET", "/v1/releases/*/bundle", API_RELEASE_BUNDLE, BODY_NONE, QUERY_NONE},
	{"GET", "/v1/log/checkpoint", API_LOG_CHECKPOINT, BODY_NONE, QUERY_NONE},
	{"GET", "/v1/log/entries", API_LOG_ENTRIES, BODY_NONE, QUERY_RANGE},
	{"GET", "/v1/log/proof", API_LOG_PROOF, BODY_NONE, QUERY_SEQ},
	{"GET", "/v1/log/export", API_LOG_EXPORT, BODY_NONE, QUERY_NONE},
};

#define ROUTES_N (sizeof(routes) / sizeof(routes[0]))
#define PAGE_DEFAULT 100

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decoding (RFC 3986 §2.1) into a text; false for what is malformed, too long or has a
 * zero byte. */
static bool percent_decode(const char *s, size_t n, char out[API_TEXT_MAX + 1])
{
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];
		if (c == '%') {
			if (n - i < 3 || hex_digit(s[i + 1]) < 0 || hex_digit(s[i + 2]) < 0)
				return false;
			c = hex_digit(s[i + 1]) * 16 + hex_digit(s[i + 2]);
			i += 2;
		}
		if (at == API_TEXT_MAX || c == 0)
			return false;
		out[at++] = (char)c;
	}
	out[at] = '\0';
	return true;
}

/* Does `path` (n bytes) have the form of `pattern`?  The segment at '*' goes to `star`. */
static bool path_matches(const char *path, size_t n, const char *pattern, const char **star,
	size_t *star_n)
{
	const char *end = path + n;
	for (; *pattern != '\0'; pattern++) {
		if (*pattern != '*') {
			if (path == end || *path++ != *pattern)
				return false;
			continue;
		}
		*star = path;
		while (path < end && *path != '/')
			path++;
		*star_n = (size_t)(path - *star);
		if (*star_n == 0)
			return false;
	}
	return path == end;
}

static enum err_code route_find(const char *method, const char *path, size_t n,
	const struct route **out, char star_text[API_TEXT_MAX + 1], struct err *e)
{
	bool other_method = false;
	for (size_t i = 0; i < ROUTES_N; i++) {
		const char *star = "";
		size_t star_n = 0;
		if (!path_matches(path, n, routes[i].path, &star, &star_n))
			continue;
		if (strcmp(method, routes[i].method) != 0) {
			other_method = true;
			continue;
		}
		if (!percent_decode(star, star_n, star_text))
			return err_set(e, ERR_HTTP_PATH, "path", "a segment is malformed");
		*out = &routes[i];
		return ERR_OK;
	}
	if (other_method)
		return err_set(e, ERR_HTTP_METHOD, method, "another one is used at this path");
	return err_set(e, ERR_HTTP_PATH, "path", "see docs/spec/api.md");
}

static bool number_parse(const char *s, uint64_t *out)
{
	uint64_t v = 0;
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || v > (UINT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	*out = v;
	return true;
}

/* One "key=value" of the query; each key once, and only those of the route. */
static enum err_code query_pair(enum query kind, const char *pair, size_t n, struct api_call *c,
	unsigned *seen, struct err *e)
{
	static const struct {
		enum query kind;
		const char *key;
		char to;
	} keys[] = {
		{QUERY_PAGE, "after", 'a'},
		{QUERY_PAGE, "limit", 'n'},
		{QUERY_RANGE, "from", 'n'},
		{QUERY_RANGE, "to", 'm'},
		{QUERY_SEQ, "seq", 'n'},
	};
	char text[API_TEXT_MAX + 1];
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t k = strlen(keys[i].key);
		if (keys[i].kind != kind || n <= k || memcmp(pair, keys[i].key, k) != 0 ||
			pair[k] != '=')
			continue;
		bool ok = (*seen & 1U << i) == 0 && percent_decode(pair + k + 1, n - k - 1, text);
		*seen |= 1U << i;
		if (ok && keys[i].to == 'a')
			memcpy(c->a, text, sizeof(text));
		else if (ok)
			ok = number_parse(text, keys[i].to == 'n' ? &c->n : &c->m);
		return ok ? ERR_OK : err_set(e, ERR_USAGE, keys[i].key, "it has no such value");
	}
	return err_set(e, ERR_USAGE, "query", "see docs/spec/api.md");
}

static enum err_code query_parse(enum query kind, const char *query, struct api_call *c,
	struct err *e)
{
	unsigned seen = 0;
	if (kind == QUERY_PAGE)
		c->n = PAGE_DEFAULT;
	if (kind == QUERY_RANGE)
		c->m = UINT64_MAX; /* to the end */
	while (*query != '\0') {
		size_t n = strcspn(query, "&");
		enum err_code rc = query_pair(kind, query, n, c, &seen, e);
		if (rc != ERR_OK)
			return rc;
		query += n;
		if (*query == '&')
			query++;
	}
	if (kind == QUERY_SEQ && seen == 0)
		return err_set(e, ERR_USAGE, "seq", "say which entry");
	return ERR_OK;
}

/* A member of a JSON body: a text of at most API_TEXT_MAX, or a number. */
struct member {
	const char *key;
	bool required;
	char *text;
	uint64_t *num;
	yyjson_val *found;
};

static enum err_code member_take(struct member *m, yyjson_val *v, struct err *e)
{
	if (m->found != NULL)
		return err_set(e, ERR_JSON, m->key, "it stands there twice");
	m->found = v;
	if (m->num != NULL) {
		if (!yyjson_is_uint(v))
			return err_set(e, ERR_JSON, m->key, "it must be a number, 0 or more");
		*m->num = yyjson_get_uint(v);
	} else if (m->text != NULL) {
		size_t n = yyjson_get_len(v);
		if (!yyjson_is_str(v) || n > API_TEXT_MAX ||
			memchr(yyjson_get_str(v), 0, n) != NULL)
			return err_set(e, ERR_JSON, m->key, "it must be a text of at most %d bytes",
				API_TEXT_MAX);
		memcpy(m->text, yyjson_get_str(v), n + 1);
	} else if (!yyjson_is_str(v)) {
		return err_set(e, ERR_JSON, m->key, "it must be a text");
	}
	return ERR_OK;
}

/* An object with these members and no others, each once. */
static enum err_code members_take(yyjson_val *root, struct member *m, size_t n, struct err *e)
{
	yyjson_val *k, *v;
	size_t at, max;
	if (!yyjson_is_obj(root))
		return err_set(e, ERR_JSON, "body", "it must be an object");
	yyjson_obj_foreach(root, at, max, k, v) {
		size_t i = 0;
		while (i < n && !yyjson_equals_str(k, m[i].key))
			i++;
		if (i == n)
			return err_set(e, ERR_JSON, yyjson_get_str(k), "there is no such member");
		enum err_code rc = member_take(&m[i], v, e);
		if (rc != ERR_OK)
			return rc;
	}
	for (size_t i = 0; i < n; i++)
		if (m[i].required && m[i].found == NULL)
			return err_set(e, ERR_JSON, m[i].key, "it is missing");
	return ERR_OK;
}

/* PEM here, DER from here on: the keeper sees no text that a stranger wrote. */
static enum err_code manufacturer_take(yyjson_val *root, struct api_call *c, struct err *e)
{
	struct cert cert;
	struct member m[] = {{"name", true, c->a, NULL, NULL}, {"cert", true, NULL, NULL, NULL}};
	enum err_code rc = members_take(root, m, 2, e);
	if (rc != ERR_OK)
		return rc;
	rc = cert_parse_pem(bytes_of(yyjson_get_str(m[1].found), yyjson_get_len(m[1].found)),
		&cert, e);
	if (rc != ERR_OK)
		return rc;
	c->body_mem = buf_new(CERT_DER_MAX);
	buf_bytes(&c->body_mem, cert.der);
	cert_free(&cert);
	c->body = buf_view(&c->body_mem);
	return buf_end(&c->body_mem, e, "certificate");
}

static enum err_code fields_take(enum body kind, yyjson_val *root, struct api_call *c,
	struct err *e)
{
	struct member device[] = {{"serial", true, c->a, NULL, NULL},
		{"product", true, c->b, NULL, NULL}, {"manufacturer", false, c->c, NULL, NULL}};
	struct member lifetime[] = {{"lifetime", false, NULL, &c->n, NULL}};
	struct member reason[] = {{"reason", true, c->b, NULL, NULL}};
	switch (kind) {
	case BODY_DEVICE:
		return members_take(root, device, 3, e);
	case BODY_LIFETIME:
		return members_take(root, lifetime, 1, e);
	case BODY_REASON:
		return members_take(root, reason, 1, e);
	case BODY_MANUFACTURER:
		return manufacturer_take(root, c, e);
	case BODY_EMPTY:
		return members_take(root, NULL, 0, e);
	default:
		return yyjson_is_obj(root) ? ERR_OK :
			err_set(e, ERR_JSON, "body", "it must be an object");
	}
}

static bool type_is_json(const char *type)
{
	static const char *const names[] = {"application/json", "application/vnd.dsse+json"};
	for (size_t i = 0; type != NULL && i < 2; i++) {
		size_t n = strlen(names[i]);
		if (strncmp(type, names[i], n) == 0 && strchr("; \t", type[n]) != NULL)
			return true; /* '\0' counts: strchr finds the terminator */
	}
	return false;
}

static enum err_code body_parse(enum body kind, const char *type, struct bytes body,
	struct api_call *c, struct err *e)
{
	if (kind == BODY_NONE || kind == BODY_IMAGE)
		return body.len == 0 ? ERR_OK :
			err_set(e, ERR_HTTP_FRAMING, "body", "there is none in this request");
	if (body.len == 0 && (kind == BODY_LIFETIME || kind == BODY_EMPTY))
		return ERR_OK;
	if (!type_is_json(type))
		return err_set(e, ERR_HTTP_TYPE, "Content-Type", "it must be application/json");
	if (body.len > API_BODY_MAX)
		return err_set(e, ERR_HTTP_BODY_SIZE, "body", "at most %d bytes", API_BODY_MAX);
	yyjson_doc *doc = body.len > 0 ? yyjson_read((const char *)body.p, body.len, 0) : NULL;
	if (doc == NULL)
		return err_set(e, ERR_JSON, "body", "it is not JSON");
	enum err_code rc = fields_take(kind, yyjson_doc_get_root(doc), c, e);
	yyjson_doc_free(doc);
	if (rc == ERR_OK && kind == BODY_ENVELOPE)
		c->body = body;
	return rc;
}

enum err_code api_parse(const char *method, const char *path_query, const char *content_type,
	struct bytes body, struct api_call *out, struct err *e)
{
	struct api_call c = {.op = API_OP_COUNT};
	const struct route *r = NULL;
	size_t n = strcspn(path_query, "?");
	enum err_code rc = route_find(method, path_query, n, &r, c.a, e);
	if (rc != ERR_OK)
		return rc;
	c.op = r->op;
	rc = query_parse(r->query, path_query[n] == '?' ? path_query + n + 1 : "", &c, e);
	if (rc == ERR_OK && r->body == BODY_IMAGE && (content_type == NULL ||
				strcmp(content_type, "application/octet-stream") != 0))
		rc = err_set(e, ERR_HTTP_TYPE, "Content-Type",
			"it must be application/octet-stream");
	if (rc == ERR_OK)
		rc = body_parse(r->body, content_type, body, &c, e);
	if (rc != ERR_OK) {
		api_call_free(&c);
		return rc;
	}
	*out = c;
	return ERR_OK;
}

bool api_takes_image(const char *method, const char *path)
{
	return strcmp(method, "POST") == 0 && strcmp(path, "/v1/images") == 0;
}

void api_call_free(struct api_call *c)
{
	if (c == NULL)
		return;
	buf_free(&c->body_mem);
	c->body = BYTES_NONE;
}
