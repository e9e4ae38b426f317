#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "protocol/http.h"

/* Find, then parse, as a worker does. */
static enum err_code read_head(struct bytes b, struct http_head *h, struct err *e)
{
	size_t scanned = 0;
	size_t end = 0;
	enum err_code rc = http_head_find(b, &scanned, &end, e);
	if (rc != ERR_OK)
		return rc;
	if (end == 0)
		return err_set(e, ERR_TRUNCATED, "head", "no end");
	return http_head_parse(bytes_of(b.p, end), h, e);
}

#define HOST "Host: h\r\n"

struct row {
	const char *what;
	const char *head;
	enum err_code want;
};

static const struct row rows[] = {
	{"the plain form", "GET / HTTP/1.1\r\n" HOST "\r\n", ERR_OK},
	{"1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", ERR_OK},
	{"a body", "POST /x HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", ERR_OK},
	{"both lengths", "POST / HTTP/1.1\r\n" HOST
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_HTTP_FRAMING},
	{"both, the other way round", "POST / HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", ERR_HTTP_FRAMING},
	{"chunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"odd letter case", "POST / HTTP/1.1\r\n" HOST "tRANSFER-eNCODING: xchunked\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"two equal lengths", "POST / HTTP/1.1\r\n" HOST
		"Content-Length: 5\r\nContent-Length: 5\r\n\r\n", ERR_HTTP_FRAMING},
	{"two lengths", "POST / HTTP/1.1\r\n" HOST
		"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", ERR_HTTP_FRAMING},
	{"a list of lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"a signed length", "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"a negative length", "POST / HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"a hexadecimal length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"an empty length", "POST / HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\n",
		ERR_HTTP_FRAMING},
	{"a length of 2^64 and 5", "POST / HTTP/1.1\r\n" HOST
		"Content-Length: 18446744073709551621\r\n\r\n", ERR_HTTP_FRAMING},
	{"a space before the colon", "POST / HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"a space before the name", "POST / HTTP/1.1\r\n" HOST " Content-Length: 5\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"a folded line", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", ERR_HTTP_FRAMING},
	{"a folded line with tab", "GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"bare LF", "GET / HTTP/1.1\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"bare LF in the fields", "GET / HTTP/1.1\r\n" HOST "X: a\nContent-Length: 5\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"bare CR in a value", "GET / HTTP/1.1\r\n" HOST "X: a\rContent-Length: 5\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"CR CR LF", "GET / HTTP/1.1\r\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"an empty line in front", "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"a field without colon", "GET / HTTP/1.1\r\n" HOST "nothing\r\n\r\n", ERR_HTTP_FRAMING},
	{"a field without name", "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", ERR_HTTP_FRAMING},
	{"a name with a slash", "GET / HTTP/1.1\r\n" HOST "a/b: x\r\n\r\n", ERR_HTTP_FRAMING},
	{"a name with a high byte", "GET / HTTP/1.1\r\n" HOST "a\xc3: x\r\n\r\n", ERR_HTTP_FRAMING},
	{"a control character in a value", "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n",
		ERR_HTTP_FRAMING},
	{"no Host in 1.1", "GET / HTTP/1.1\r\n\r\n", ERR_HTTP_FRAMING},
	{"two Hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", ERR_HTTP_FRAMING},
	{"two Content-Types", "GET / HTTP/1.1\r\n" HOST
		"Content-Type: a\r\nContent-Type: b\r\n\r\n", ERR_HTTP_FRAMING},
	{"two Authorizations", "GET / HTTP/1.1\r\n" HOST
		"Authorization: a\r\nauthorization: b\r\n\r\n", ERR_HTTP_FRAMING},
	{"two spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"a space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"a tab for a space", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"a fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"an absolute target", "GET http://h/ HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"a star", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"HTTP/0.9", "GET /\r\n\r\n", ERR_HTTP_FRAMING},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\n", ERR_HTTP_FRAMING},
	{"HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"a lower-case protocol", "GET / http/1.1\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"a method that is no token", "G(T / HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"a method too long", "GETGETGETGETGETGET / HTTP/1.1\r\n" HOST "\r\n", ERR_HTTP_FRAMING},
	{"an unknown Expect", "POST / HTTP/1.1\r\n" HOST "Expect: more\r\n\r\n", ERR_HTTP_FRAMING},
};

static void each_form_has_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_head h;
		struct err e = {.code = ERR_OK};
		enum err_code rc = read_head(bytes_str(rows[i].head), &h, &e);
		if (rc != rows[i].want)
			fail_msg("%s: %s (%s)", rows[i].what, err_name(rc), e.reason);
	}
}

static void the_parts_are_found(void **state)
{
	(void)state;
	static const char text[] = "POST /.well-known/est/simpleenroll?a=b HTTP/1.1\r\n"
				   "host:h\r\ncontent-length: 12\r\nContent-Type:\t application/x \r\n"
				   "Authorization: Basic YTpi\r\nExpect: 100-Continue\r\n"
				   "Connection: Upgrade , CLOSE\r\n\r\nbody";
	struct http_head h;
	struct err e;
	assert_int_equal(read_head(bytes_str(text), &h, &e), ERR_OK);
	assert_string_equal(h.method, "POST");
	assert_string_equal(h.target, "/.well-known/est/simpleenroll?a=b");
	assert_int_equal(h.minor, 1);
	assert_true(h.has_length && h.length == 12);
	assert_string_equal(h.content_type, "application/x");
	assert_string_equal(h.authorization, "Basic YTpi");
	assert_true(h.expects_continue);
	assert_false(h.keep_alive);
}

static void keep_alive_depends_on_version_and_wish(void **state)
{
	(void)state;
	struct http_head h;
	struct err e;
	assert_int_equal(read_head(bytes_str("GET / HTTP/1.1\r\n" HOST "\r\n"), &h, &e), ERR_OK);
	assert_true(h.keep_alive);
	assert_int_equal(read_head(bytes_str("GET / HTTP/1.0\r\n\r\n"), &h, &e), ERR_OK);
	assert_false(h.keep_alive);
	assert_int_equal(read_head(bytes_str("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &h,
		&e), ERR_OK);
	assert_true(h.keep_alive);
}

static void a_head_in_pieces_is_the_same_head(void **state)
{
	(void)state;
	static const char text[] = "GET / HTTP/1.1\r\n" HOST "X: y\r\n\r\nrest";
	size_t scanned = 0;
	size_t end = 0;
	struct err e;
	for (size_t n = 0; n <= strlen(text) && end == 0; n++)
		assert_int_equal(http_head_find(bytes_of(text, n), &scanned, &end, &e), ERR_OK);
	assert_int_equal(end, strlen(text) - 4);
}

static void limits_are_held(void **state)
{
	(void)state;
	static uint8_t large[HTTP_HEAD_MAX + 1];
	struct http_head h;
	struct err e;
	memset(large, 'a', sizeof(large));
	size_t scanned = 0;
	size_t end = 0;
	assert_int_equal(http_head_find(bytes_of(large, HTTP_HEAD_MAX - 1), &scanned, &end, &e),
		ERR_OK);
	assert_int_equal(http_head_find(bytes_of(large, HTTP_HEAD_MAX), &scanned, &end, &e),
		ERR_HTTP_HEADER_SIZE);
	struct buf b = buf_new(HTTP_HEAD_MAX);
	buf_str(&b, "GET / HTTP/1.1\r\n" HOST);
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		buf_str(&b, "a: b\r\n");
	buf_str(&b, "\r\n");
	assert_int_equal(read_head(buf_view(&b), &h, &e), ERR_HTTP_HEADER_SIZE);
	buf_reset(&b);
	buf_str(&b, "GET /");
	buf_bytes(&b, bytes_of(large, HTTP_TARGET_MAX));
	buf_str(&b, " HTTP/1.1\r\n" HOST "\r\n");
	assert_int_equal(read_head(buf_view(&b), &h, &e), ERR_HTTP_HEADER_SIZE);
	scanned = 0;
	assert_int_equal(http_head_find(bytes_of("GET /\0 HTTP", 11), &scanned, &end, &e),
		ERR_HTTP_FRAMING);
	buf_free(&b);
}

static void answers_follow_the_request_s_version(void **state)
{
	(void)state;
	struct buf b = buf_new(1024);
	struct http_answer a = {.status = 200, .content_type = "text/plain", .length = 3,
		.fields = "Medseal-Code: x\r\n", .close = true};
	http_answer_encode(&a, 0, 784111777, &b);
	assert_string_equal(buf_cstr(&b), "HTTP/1.0 200 OK\r\n"
					  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
					  "Content-Type: text/plain\r\nContent-Length: 3\r\n"
					  "Medseal-Code: x\r\nConnection: close\r\n\r\n");
	buf_reset(&b);
	a = (struct http_answer){.status = 204};
	http_answer_encode(&a, 1, 0, &b);
	assert_string_equal(buf_cstr(&b), "HTTP/1.1 204 No Content\r\n"
					  "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
					  "Connection: keep-alive\r\n\r\n");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_has_its_verdict),
		cmocka_unit_test(the_parts_are_found),
		cmocka_unit_test(keep_alive_depends_on_version_and_wish),
		cmocka_unit_test(a_head_in_pieces_is_the_same_head),
		cmocka_unit_test(limits_are_held),
		cmocka_unit_test(answers_follow_the_request_s_version),
	};
	return RUN_TAP(tests);
}
