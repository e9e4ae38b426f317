#include "protocol/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static enum err_code framing(struct err *e, const char *why)
{
	return err_set(e, ERR_HTTP_FRAMING, "request", "%s", why);
}

enum err_code http_head_find(struct bytes so_far, size_t *scanned, size_t *end, struct err *e)
{
	const uint8_t *p = so_far.p;
	size_t most = so_far.len < HTTP_HEAD_MAX ? so_far.len : HTTP_HEAD_MAX;
	*end = 0;
	for (size_t i = *scanned; i < most; i++) {
		if (p[i] == 0)
			return framing(e, "a NUL in the head");
		if (p[i] != '\n')
			continue;
		if (i == 0 || p[i - 1] != '\r')
			return framing(e, "a line that ends without CR");
		if (i >= 3 && p[i - 2] == '\n') {
			*end = i + 1;
			return ERR_OK;
		}
	}
	*scanned = most;
	if (so_far.len >= HTTP_HEAD_MAX)
		return err_set(e, ERR_HTTP_HEADER_SIZE, "request", "over %d bytes", HTTP_HEAD_MAX);
	return ERR_OK;
}

/* RFC 9110 §5.6.2 */
static bool is_token_char(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (!is_token_char(b.p[i]))
			return false;
	return b.len > 0;
}

/* The next line without its CRLF; false at the end or when the line has no proper one. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
	const uint8_t *cr = rest->len > 0 ? memchr(rest->p, '\r', rest->len) : NULL;
	if (cr == NULL)
		return false;
	size_t n = (size_t)(cr - rest->p);
	if (n + 1 >= rest->len || cr[1] != '\n')
		return false;
	*line = bytes_of(rest->p, n);
	*rest = bytes_of(rest->p + n + 2, rest->len - n - 2);
	return true;
}

static bool copy_text(struct bytes b, char *out, size_t size)
{
	if (b.len >= size)
		return false;
	if (b.len > 0)
		memcpy(out, b.p, b.len);
	out[b.len] = '\0';
	return true;
}

static bool same(struct bytes b, const char *s)
{
	return b.len == strlen(s) && strncasecmp((const char *)b.p, s, b.len) == 0;
}

/* RFC 9112 §3: method SP request-target SP HTTP-version, with single spaces. */
static enum err_code parse_request_line(struct bytes line, struct http_head *h, struct err *e)
{
	const uint8_t *a = memchr(line.p, ' ', line.len);
	if (a == NULL)
		return framing(e, "the request line has no spaces");
	struct bytes method = bytes_of(line.p, (size_t)(a - line.p));
	struct bytes rest = bytes_of(a + 1, line.len - method.len - 1);
	const uint8_t *b = memchr(rest.p, ' ', rest.len);
	if (b == NULL)
		return framing(e, "the request line has no version");
	struct bytes target = bytes_of(rest.p, (size_t)(b - rest.p));
	struct bytes version = bytes_of(b + 1, rest.len - target.len - 1);
	if (!is_token(method) || !copy_text(method, h->method, sizeof(h->method)))
		return framing(e, "the method is no token, or too long");
	if (bytes_equal(version, bytes_str("HTTP/1.1")))
		h->minor = 1;
	else if (!bytes_equal(version, bytes_str("HTTP/1.0")))
		return framing(e, "the version is neither HTTP/1.1 nor HTTP/1.0");
	if (target.len == 0 || target.p[0] != '/')
		return framing(e, "the target does not begin with /");
	for (size_t i = 0; i < target.len; i++)
		if (target.p[i] <= ' ' || target.p[i] >= 0x7f || target.p[i] == '#')
			return framing(e, "the target has a character that is not allowed");
	if (!copy_text(target, h->target, sizeof(h->target)))
		return err_set(e, ERR_HTTP_HEADER_SIZE, "request", "the target is over %d bytes",
			HTTP_TARGET_MAX);
	return ERR_OK;
}

struct seen {
	unsigned hosts;
	unsigned lengths;
	bool close;
	bool keep_alive;
};

static enum err_code take_length(struct bytes v, struct http_head *h, struct seen *seen,
	struct err *e)
{
	if (seen->lengths++ > 0)
		return framing(e, "Content-Length more than once");
	if (v.len == 0 || v.len > 18)
		return framing(e, "Content-Length is no number");
	uint64_t n = 0;
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return framing(e, "Content-Length is no number");
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	}
	h->length = n;
	h->has_length = true;
	return ERR_OK;
}

/* Comma-separated options; unknown ones mean nothing here. */
static void take_connection(struct bytes v, struct seen *seen)
{
	size_t from = 0;
	for (size_t i = 0; i <= v.len; i++) {
		if (i < v.len && v.p[i] != ',')
			continue;
		struct bytes option = bytes_of(v.p + from, i - from);
		while (option.len > 0 && option.p[0] == ' ')
			option = bytes_of(option.p + 1, option.len - 1);
		while (option.len > 0 && option.p[option.len - 1] == ' ')
			option.len--;
		seen->close = seen->close || same(option, "close");
		seen->keep_alive = seen->keep_alive || same(option, "keep-alive");
		from = i + 1;
	}
}

static enum err_code take_text(struct bytes v, char *out, size_t size, const char *name,
	struct err *e)
{
	if (out[0] != '\0')
		return err_set(e, ERR_HTTP_FRAMING, name, "it is there more than once");
	if (!copy_text(v, out, size))
		return err_set(e, ERR_HTTP_HEADER_SIZE, name, "over %zu bytes", size - 1);
	return ERR_OK;
}

static enum err_code take_field(struct bytes name, struct bytes v, struct http_head *h,
	struct seen *seen, struct err *e)
{
	if (same(name, "Transfer-Encoding"))
		return framing(e, "Transfer-Encoding is not accepted; state a Content-Length");
	if (same(name, "Content-Length"))
		return take_length(v, h, seen, e);
	if (same(name, "Host") && seen->hosts++ > 0)
		return framing(e, "Host more than once");
	if (same(name, "Connection"))
		take_connection(v, seen);
	if (same(name, "Content-Type"))
		return take_text(v, h->content_type, sizeof(h->content_type), "Content-Type", e);
	if (same(name, "Authorization"))
		return take_text(v, h->authorization, sizeof(h->authorization), "Authorization", e);
	if (same(name, "Expect")) {
		if (!same(v, "100-continue"))
			return framing(e, "an Expect that is not understood");
		h->expects_continue = true;
	}
	return ERR_OK;
}

/* RFC 9112 §5: name ":" OWS value OWS */
static enum err_code parse_field(struct bytes line, struct http_head *h, struct seen *seen,
	struct err *e)
{
	const uint8_t *colon = memchr(line.p, ':', line.len);
	if (colon == NULL)
		return framing(e, "a header line without a colon");
	struct bytes name = bytes_of(line.p, (size_t)(colon - line.p));
	struct bytes v = bytes_of(colon + 1, line.len - name.len - 1);
	if (!is_token(name))
		return framing(e, "a header name that is no token (a folded line, or a space in it)");
	while (v.len > 0 && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = bytes_of(v.p + 1, v.len - 1);
	while (v.len > 0 && (v.p[v.len - 1] == ' ' || v.p[v.len - 1] == '\t'))
		v.len--;
	for (size_t i = 0; i < v.len; i++)
		if ((v.p[i] < ' ' && v.p[i] != '\t') || v.p[i] == 0x7f)
			return framing(e, "a control character in a header");
	return take_field(name, v, h, seen, e);
}

enum err_code http_head_parse(struct bytes head, struct http_head *out, struct err *e)
{
	struct http_head h = {.length = 0};
	struct seen seen = {0};
	struct bytes rest = head;
	struct bytes line;
	if (!next_line(&rest, &line) || line.len == 0)
		return framing(e, "there is no request line");
	enum err_code rc = parse_request_line(line, &h, e);
	for (unsigned n = 0; rc == ERR_OK; n++) {
		if (!next_line(&rest, &line))
			return framing(e, "the head has no end");
		if (line.len == 0)
			break;
		if (n == HTTP_FIELDS_MAX)
			return err_set(e, ERR_HTTP_HEADER_SIZE, "request", "over %d header fields",
				HTTP_FIELDS_MAX);
		rc = parse_field(line, &h, &seen, e);
	}
	if (rc != ERR_OK)
		return rc;
	if (rest.len != 0)
		return framing(e, "bytes follow after the head");
	if (h.minor == 1 && seen.hosts == 0)
		return framing(e, "Host is missing");
	h.keep_alive = !seen.close && (h.minor == 1 || seen.keep_alive);
	*out = h;
	return ERR_OK;
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} table[] = {{200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
		{400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {409, "Conflict"}, {413, "Content Too Large"},
		{415, "Unsupported Media Type"}, {431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
		{504, "Gateway Timeout"}, {507, "Insufficient Storage"}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].status == status)
			return table[i].text;
	return status < 400 ? "OK" : "Error";
}

/* RFC 9110 §5.6.7, whatever the locale. */
static void put_date(int64_t now, struct buf *out)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)now;
	struct tm tm;
	if (gmtime_r(&t, &tm) == NULL)
		return;
	buf_printf(out, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * tm.tm_wday,
		tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		tm.tm_sec);
}

void http_answer_encode(const struct http_answer *a, unsigned minor, int64_t now, struct buf *out)
{
	buf_printf(out, "HTTP/1.%u %d %s\r\n", minor, a->status, http_reason(a->status));
	put_date(now, out);
	if (a->content_type != NULL)
		buf_printf(out, "Content-Type: %s\r\n", a->content_type);
	/* RFC 9110 §8.6: not with 204. */
	if (a->status != 204)
		buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)a->length);
	if (a->fields != NULL)
		buf_str(out, a->fields);
	buf_printf(out, "Connection: %s\r\n\r\n", a->close ? "close" : "keep-alive");
}
