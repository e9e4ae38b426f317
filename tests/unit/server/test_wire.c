/* What one process writes the other reads: every field of every struct. */
#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "server/wire.h"

/* Through the datagram, as it travels. */
static void travel(const struct message *m, struct buf *datagram, enum role from, enum role to,
	struct message *out)
{
	struct err e;
	*datagram = buf_new(MESSAGE_MAX);
	assert_int_equal(message_encode(m, datagram, &e), ERR_OK);
	assert_int_equal(message_parse(buf_view(datagram), -1, from, to, out, &e), ERR_OK);
}

static void an_enrolment(void **state)
{
	(void)state;
	struct enrol_request r = {.op = ENROL_RE, .peer = PEER_MANUFACTURER,
		.peer_manufacturer = "factory", .peer_serial = "P-1",
		.peer_subject = bytes_str("subject"), .peer_san = bytes_str("san"),
		.ticket_serial = "P-2", .ticket = "secret", .spki = bytes_str("spki"),
		.csr_subject = bytes_str("cs"), .csr_san = bytes_str("ca"),
		.csr_common_name = "name", .csr_serial = "P-3",
		.peer_spki = bytes_str("idevid")};
	memset(r.peer_fingerprint, 7, sizeof(r.peer_fingerprint));
	struct message m = wire_message(MSG_ENROL, 1);
	struct message got;
	struct buf b;
	struct enrol_request q;
	struct err e;
	wire_enrol_put(&r, &m);
	travel(&m, &b, ROLE_WORKER, ROLE_KEEPER, &got);
	assert_int_equal(wire_enrol_get(&got, &q, &e), ERR_OK);
	assert_int_equal(q.op, r.op);
	assert_int_equal(q.peer, r.peer);
	assert_memory_equal(q.peer_fingerprint, r.peer_fingerprint, SHA256_SIZE);
	assert_string_equal(q.peer_manufacturer, r.peer_manufacturer);
	assert_string_equal(q.peer_serial, r.peer_serial);
	assert_true(bytes_equal(q.peer_subject, r.peer_subject));
	assert_true(bytes_equal(q.peer_san, r.peer_san));
	assert_string_equal(q.ticket_serial, r.ticket_serial);
	assert_string_equal(q.ticket, r.ticket);
	assert_true(bytes_equal(q.spki, r.spki));
	assert_true(bytes_equal(q.csr_subject, r.csr_subject));
	assert_true(bytes_equal(q.csr_san, r.csr_san));
	assert_string_equal(q.csr_common_name, r.csr_common_name);
	assert_string_equal(q.csr_serial, r.csr_serial);
	assert_true(bytes_equal(q.peer_spki, r.peer_spki));
	got.f[14].bytes = BYTES_NONE;
	assert_int_equal(wire_enrol_get(&got, &q, &e), ERR_PROTOCOL);
	got.f[1].num = PEER_REALM;
	assert_int_equal(wire_enrol_get(&got, &q, &e), ERR_OK);
	got.f[0].num = 2;
	assert_int_equal(wire_enrol_get(&got, &q, &e), ERR_PROTOCOL);
	got.f[0].num = 0;
	got.f[8].bytes = bytes_str("a ticket that is longer than any ticket that was ever made, "
				   "and then some");
	assert_int_equal(wire_enrol_get(&got, &q, &e), ERR_PROTOCOL);
	buf_free(&b);
}

static void a_call(void **state)
{
	(void)state;
	struct api_call c = {.op = API_LOG_ENTRIES, .a = "a", .b = "b", .c = "c", .n = 5,
		.m = UINT64_MAX, .body = bytes_str("{}")};
	memset(c.operator_fingerprint, 9, SHA256_SIZE);
	struct message m = wire_message(MSG_CALL, 1);
	struct message got;
	struct buf b;
	struct api_call d;
	struct err e;
	wire_call_put(&c, &m);
	travel(&m, &b, ROLE_WORKER, ROLE_KEEPER, &got);
	assert_int_equal(wire_call_get(&got, &d, &e), ERR_OK);
	assert_int_equal(d.op, c.op);
	assert_memory_equal(d.operator_fingerprint, c.operator_fingerprint, SHA256_SIZE);
	assert_string_equal(d.a, "a");
	assert_string_equal(d.b, "b");
	assert_string_equal(d.c, "c");
	assert_true(d.n == 5 && d.m == UINT64_MAX);
	assert_true(bytes_equal(d.body, c.body));
	got.f[0].num = API_OP_COUNT;
	assert_int_equal(wire_call_get(&got, &d, &e), ERR_PROTOCOL);
	buf_free(&b);
}

static void certificate_fields(void **state)
{
	(void)state;
	static const char *const names[] = {"localhost", "127.0.0.1", NULL};
	struct cert_fields f = {.profile = PROFILE_DEVICE, .organization = "O", .common_name = "C",
		.device_serial = NULL, .not_before = -5, .not_after = 7,
		.spki = bytes_str("spki"), .names = names, .crl_url = "http://c/"};
	memset(f.serial, 3, sizeof(f.serial));
	struct buf list = buf_new(MESSAGE_NAME_MAX);
	struct message m = wire_message(MSG_SIGN_CERT, 1);
	struct message got;
	struct buf b;
	struct wire_cert c;
	struct err e;
	wire_cert_put(&f, &list, &m);
	travel(&m, &b, ROLE_KEEPER, ROLE_SIGNER, &got);
	assert_int_equal(wire_cert_get(&got, &c, &e), ERR_OK);
	assert_int_equal(c.fields.profile, PROFILE_DEVICE);
	assert_memory_equal(c.fields.serial, f.serial, CERT_SERIAL_SIZE);
	assert_string_equal(c.fields.organization, "O");
	assert_string_equal(c.fields.common_name, "C");
	assert_null(c.fields.device_serial);
	assert_true(c.fields.not_before == -5 && c.fields.not_after == 7);
	assert_true(bytes_equal(c.fields.spki, f.spki));
	assert_string_equal(c.fields.names[0], "localhost");
	assert_string_equal(c.fields.names[1], "127.0.0.1");
	assert_null(c.fields.names[2]);
	assert_string_equal(c.fields.crl_url, "http://c/");
	got.f[8].bytes = bytes_of("\0\0\0\5ab", 6);
	assert_int_equal(wire_cert_get(&got, &c, &e), ERR_PROTOCOL);
	got.f[8].bytes = bytes_of("\0\0\0\2a\0", 6);
	assert_int_equal(wire_cert_get(&got, &c, &e), ERR_PROTOCOL);
	buf_free(&b);
	buf_free(&list);
}

static void a_refusal_is_never_a_success(void **state)
{
	(void)state;
	struct err why;
	struct err back;
	struct message m = wire_message(MSG_REFUSED, 1);
	struct message got;
	struct buf b;
	unsigned retry = 0;
	(void)err_set(&why, ERR_TICKET_USED, "P-1", "twice");
	wire_refusal_put(&why, 9, &m);
	travel(&m, &b, ROLE_KEEPER, ROLE_WORKER, &got);
	assert_int_equal(wire_refusal_get(&got, &back, &retry), ERR_TICKET_USED);
	assert_string_equal(back.object, "P-1");
	assert_string_equal(back.reason, "twice");
	assert_int_equal(retry, 9);
	got.f[0].bytes = bytes_str("ok");
	assert_int_equal(wire_refusal_get(&got, &back, &retry), ERR_INTERNAL);
	got.f[0].bytes = bytes_str("no-such-name");
	assert_int_equal(wire_refusal_get(&got, &back, &retry), ERR_INTERNAL);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_enrolment),
		cmocka_unit_test(a_call),
		cmocka_unit_test(certificate_fields),
		cmocka_unit_test(a_refusal_is_never_a_success),
	};
	return RUN_TAP(tests);
}
