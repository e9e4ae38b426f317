#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "crypto/base64.h"
#include "ipc/message.h"
#include "protocol/est.h"
#include "x509/cms.h"

#define NOW ((int64_t)1795000000)

static void paths_with_and_without_label(void **state)
{
	(void)state;
	static const struct {
		const char *method;
		const char *target;
		enum err_code want;
		enum est_op op;
	} rows[] = {
		{"GET", "/.well-known/est/cacerts", ERR_OK, EST_CACERTS},
		{"GET", "/.well-known/est/line-7/cacerts", ERR_OK, EST_CACERTS},
		{"POST", "/.well-known/est/simpleenroll", ERR_OK, EST_SIMPLEENROLL},
		{"POST", "/.well-known/est/a.b_c/simplereenroll", ERR_OK, EST_SIMPLEREENROLL},
		{"GET", "/.well-known/est/csrattrs", ERR_OK, EST_CSRATTRS},
		{"POST", "/.well-known/est/cacerts", ERR_HTTP_METHOD, 0},
		{"GET", "/.well-known/est/simpleenroll", ERR_HTTP_METHOD, 0},
		{"GET", "/.well-known/est/", ERR_HTTP_PATH, 0},
		{"GET", "/.well-known/est/serverkeygen", ERR_HTTP_PATH, 0},
		{"GET", "/.well-known/est//cacerts", ERR_HTTP_PATH, 0},
		{"GET", "/.well-known/est/a/b/cacerts", ERR_HTTP_PATH, 0},
		{"GET", "/.well-known/est/../cacerts/", ERR_HTTP_PATH, 0},
		{"GET", "/.well-known/est/cacerts?x", ERR_HTTP_PATH, 0},
		{"GET", "/.well-known/est", ERR_HTTP_PATH, 0},
		{"GET", "/", ERR_HTTP_PATH, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum est_op op = EST_CACERTS;
		const char *allow;
		struct err e;
		enum err_code rc = est_route(rows[i].method, rows[i].target, &op, &allow, &e);
		if (rc != rows[i].want || (rc == ERR_OK && op != rows[i].op))
			fail_msg("%s %s: %s", rows[i].method, rows[i].target, err_name(rc));
		assert_int_equal(allow != NULL, rc == ERR_HTTP_METHOD);
	}
}

/* A request for PUMP-1, DER. */
static void make_csr(struct buf *der)
{
	struct key *k;
	struct err e;
	assert_int_equal(key_generate(KEY_P256, &k, &e), ERR_OK);
	assert_int_equal(csr_encode(k, NULL, "PUMP-1", der, &e), ERR_OK);
	key_free(k);
}

static enum err_code read_text(const char *type, const char *text, struct err *e)
{
	struct csr c;
	enum err_code rc = est_read_csr(type, bytes_str(text), NOW, &c, e);
	if (rc == ERR_OK)
		csr_free(&c);
	return rc;
}

static void a_request_is_read_however_it_is_wrapped(void **state)
{
	(void)state;
	struct err e;
	struct buf der = buf_new(CSR_DER_MAX);
	make_csr(&der);
	static const size_t lines[] = {0, 64, 76};
	for (size_t i = 0; i < 3; i++) {
		struct buf text = buf_new(BUF_MAX_DEFAULT);
		base64_encode(buf_view(&der), lines[i], &text);
		struct csr c;
		assert_int_equal(est_read_csr("application/pkcs10", buf_view(&text), NOW, &c, &e),
			ERR_OK);
		struct enrol_request q = {0};
		assert_int_equal(est_fill(EST_SIMPLEREENROLL, &c, &q, &e), ERR_OK);
		assert_int_equal(q.op, ENROL_RE);
		assert_string_equal(q.csr_serial, "PUMP-1");
		assert_true(q.spki.len > 0);
		csr_free(&c);
		buf_free(&text);
	}
	buf_free(&der);
}

static void types_and_base64_are_checked(void **state)
{
	(void)state;
	struct err e;
	struct buf der = buf_new(CSR_DER_MAX);
	struct buf text = buf_new(BUF_MAX_DEFAULT);
	make_csr(&der);
	base64_encode(buf_view(&der), 0, &text);
	const char *good = buf_cstr(&text);
	assert_int_equal(read_text("Application/PKCS10 ; charset=x", good, &e), ERR_OK);
	assert_int_equal(read_text("application/pkcs10x", good, &e), ERR_HTTP_TYPE);
	assert_int_equal(read_text("application/pkcs7-mime", good, &e), ERR_HTTP_TYPE);
	assert_int_equal(read_text("", good, &e), ERR_HTTP_TYPE);
	assert_int_equal(read_text("application/pkcs10", "", &e), ERR_CSR_FORM);
	assert_int_equal(read_text("application/pkcs10", "MIIB!AAA", &e), ERR_BASE64);
	assert_int_equal(read_text("application/pkcs10", "MIIB=AAA", &e), ERR_BASE64);
	assert_int_equal(read_text("application/pkcs10", "MII", &e), ERR_BASE64);
	assert_int_equal(read_text("application/pkcs10",
		"-----BEGIN CERTIFICATE REQUEST-----", &e), ERR_BASE64);
	buf_free(&text);
	buf_free(&der);
}

static void trailing_bytes_and_flipped_bits_are_refused(void **state)
{
	(void)state;
	struct err e;
	struct buf der = buf_new(CSR_DER_MAX);
	struct buf text = buf_new(BUF_MAX_DEFAULT);
	make_csr(&der);
	buf_u8(&der, 0);
	base64_encode(buf_view(&der), 64, &text);
	assert_int_equal(read_text("application/pkcs10", buf_cstr(&text), &e), ERR_CSR_TRAILING);
	der.len--;
	der.p[der.len - 1] ^= 1; /* the signature's last byte */
	buf_reset(&text);
	base64_encode(buf_view(&der), 64, &text);
	assert_int_equal(read_text("application/pkcs10", buf_cstr(&text), &e), ERR_CSR_SIGNATURE);
	buf_free(&text);
	buf_free(&der);
}

static void what_no_message_holds_is_the_requests_fault(void **state)
{
	(void)state;
	struct err e;
	struct enrol_request q = {0};
	struct buf der = buf_new(CSR_DER_MAX);
	struct csr c;
	make_csr(&der);
	assert_int_equal(csr_parse(buf_view(&der), &c, &e), ERR_OK);
	c.subject.len = 0;
	while (c.subject.len < MESSAGE_NAME_MAX)
		buf_u8(&c.subject, 0);
	while (c.san.len < MESSAGE_NAME_MAX)
		buf_u8(&c.san, 0);
	assert_int_equal(est_fill(EST_SIMPLEENROLL, &c, &q, &e), ERR_OK);
	buf_u8(&c.san, 0);
	assert_int_equal(est_fill(EST_SIMPLEENROLL, &c, &q, &e), ERR_CSR_EXTENSION);
	c.san.len--;
	buf_u8(&c.subject, 0);
	assert_int_equal(est_fill(EST_SIMPLEENROLL, &c, &q, &e), ERR_CSR_SUBJECT);
	csr_free(&c);
	buf_free(&der);
}

static enum err_code read_ticket(const char *plain, struct enrol_request *q, struct err *e)
{
	struct buf text = buf_new(1024);
	buf_str(&text, "Basic ");
	base64_encode(bytes_str(plain), 0, &text);
	enum err_code rc = est_read_ticket(buf_cstr(&text), q, e);
	buf_free(&text);
	return rc;
}

static void a_ticket_is_serial_and_secret(void **state)
{
	(void)state;
	struct enrol_request q = {0};
	struct err e;
	assert_int_equal(read_ticket("PUMP-1:abc:def", &q, &e), ERR_OK);
	assert_string_equal(q.ticket_serial, "PUMP-1");
	assert_string_equal(q.ticket, "abc:def");
	assert_int_equal(est_read_ticket("", &q, &e), ERR_OK);
	assert_string_equal(q.ticket, "");
	assert_int_equal(read_ticket("PUMP-1", &q, &e), ERR_HTTP_AUTH_FORM);
	assert_int_equal(read_ticket(":abc", &q, &e), ERR_HTTP_AUTH_FORM);
	assert_int_equal(read_ticket("PUMP-1:", &q, &e), ERR_HTTP_AUTH_FORM);
	assert_int_equal(est_read_ticket("Bearer abc", &q, &e), ERR_HTTP_AUTH_FORM);
	assert_int_equal(est_read_ticket("Basic !!!", &q, &e), ERR_HTTP_AUTH_FORM);
	assert_int_equal(est_read_ticket("Basic YQA6Yg==", &q, &e), ERR_HTTP_AUTH_FORM); /* NUL */
	char longer[400];
	memset(longer, 'x', sizeof(longer));
	longer[0] = 'a';
	longer[1] = ':';
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(read_ticket(longer, &q, &e), ERR_HTTP_AUTH_FORM);
}

static void a_channel_binding_must_be_this_one(void **state)
{
	(void)state;
	struct err e;
	struct csr c = {.challenge = buf_new(128)};
	struct bytes binding = bytes_of("123456789012", 12);
	assert_int_equal(est_check_channel(&c, binding, &e), ERR_OK); /* none asked for */
	base64_encode(binding, 0, &c.challenge);
	assert_int_equal(est_check_channel(&c, binding, &e), ERR_OK);
	assert_int_equal(est_check_channel(&c, bytes_of("123456789013", 12), &e), ERR_CSR_CHANNEL);
	assert_int_equal(est_check_channel(&c, BYTES_NONE, &e), ERR_CSR_CHANNEL);
	buf_str(&c.challenge, "\n");
	assert_int_equal(est_check_channel(&c, binding, &e), ERR_OK);
	buf_str(&c.challenge, "x");
	assert_int_equal(est_check_channel(&c, binding, &e), ERR_CSR_CHANNEL);
	buf_free(&c.challenge);
}

static void a_reply_is_wrapped_and_holds_what_was_given(void **state)
{
	(void)state;
	struct err e;
	struct key *k;
	struct buf spki = buf_new(KEY_SPKI_MAX);
	struct buf der = buf_new(CERT_DER_MAX);
	assert_int_equal(key_generate(KEY_P256, &k, &e), ERR_OK);
	assert_int_equal(key_spki(k, &spki, &e), ERR_OK);
	struct cert_fields f = {.profile = PROFILE_ROOT, .serial = {1}, .organization = "T",
		.common_name = "T Root", .not_before = NOW, .spki = buf_view(&spki)};
	assert_int_equal(cert_build(&f, k, BYTES_NONE, &der, &e), ERR_OK);
	struct bytes certs[] = {buf_view(&der)};
	struct buf text = buf_new(BUF_MAX_DEFAULT);
	assert_int_equal(est_reply(certs, 1, &text, &e), ERR_OK);
	for (const char *line = buf_cstr(&text); *line != '\0'; line = strchr(line, '\n') + 1)
		assert_true(strchr(line, '\n') != NULL && strchr(line, '\n') - line <= 76);
	struct buf cms = buf_new(BUF_MAX_DEFAULT);
	assert_int_equal(base64_decode(buf_view(&text), true, &cms, &e), ERR_OK);
	struct cert back[2];
	size_t n = 0;
	assert_int_equal(cms_certs_parse(buf_view(&cms), back, 2, &n, &e), ERR_OK);
	assert_int_equal(n, 1);
	assert_true(bytes_equal(back[0].der, buf_view(&der)));
	cert_free(&back[0]);
	buf_free(&cms);
	buf_free(&text);
	buf_free(&der);
	buf_free(&spki);
	key_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_with_and_without_label),
		cmocka_unit_test(a_request_is_read_however_it_is_wrapped),
		cmocka_unit_test(types_and_base64_are_checked),
		cmocka_unit_test(trailing_bytes_and_flipped_bits_are_refused),
		cmocka_unit_test(what_no_message_holds_is_the_requests_fault),
		cmocka_unit_test(a_ticket_is_serial_and_secret),
		cmocka_unit_test(a_channel_binding_must_be_this_one),
		cmocka_unit_test(a_reply_is_wrapped_and_holds_what_was_given),
	};
	return RUN_TAP(tests);
}
