#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/message.h"

static struct bytes text(const char *s)
{
	return bytes_str(s);
}

static struct message call_message(void)
{
	static const uint8_t fingerprint[MESSAGE_HASH_SIZE] = {1, 2, 3};
	struct message m = {.type = MSG_CALL, .id = 77, .fd = -1, .n = 8};
	m.f[0].num = 3;
	m.f[1].bytes = bytes_of(fingerprint, sizeof(fingerprint));
	m.f[2].bytes = text("PUMP-1");
	m.f[5].num = UINT64_MAX;
	m.f[7].bytes = text("{\"reason\":\"lost\"}");
	return m;
}

static enum err_code parse_as(struct buf *b, int fd, enum role from, enum role to,
	struct message *out, struct err *e)
{
	return message_parse(buf_view(b), fd, from, to, out, e);
}

static void what_is_encoded_is_parsed(void **state)
{
	(void)state;
	struct err e;
	struct buf b = buf_new(MESSAGE_MAX);
	struct message m = call_message();
	struct message got;
	assert_int_equal(message_encode(&m, &b, &e), ERR_OK);
	assert_int_equal(parse_as(&b, -1, ROLE_WORKER, ROLE_KEEPER, &got, &e), ERR_OK);
	assert_int_equal(got.type, MSG_CALL);
	assert_int_equal(got.id, 77);
	assert_int_equal(got.n, 8);
	assert_true(got.f[5].num == UINT64_MAX);
	for (size_t i = 1; i < 8; i++)
		if (i != 5 && i != 6)
			assert_true(bytes_equal(got.f[i].bytes, m.f[i].bytes));
	buf_free(&b);
}

static void only_the_table_s_ways_are_open(void **state)
{
	(void)state;
	struct err e;
	struct buf b = buf_new(MESSAGE_MAX);
	struct message m = call_message();
	struct message got;
	assert_int_equal(message_encode(&m, &b, &e), ERR_OK);
	for (int from = 0; from < ROLE_COUNT; from++)
		for (int to = 0; to < ROLE_COUNT; to++) {
			bool open = from == ROLE_WORKER && to == ROLE_KEEPER;
			enum err_code rc = parse_as(&b, -1, (enum role)from, (enum role)to, &got,
				&e);
			assert_int_equal(rc, open ? ERR_OK : ERR_PROTOCOL);
		}
	buf_free(&b);
}

static void no_worker_can_ask_for_a_certificate_or_a_release(void **state)
{
	(void)state;
	static const enum message_type keepers_own[] = {MSG_SIGN_CERT, MSG_SIGN_CRL,
		MSG_SIGN_RELEASE, MSG_SIGN_CHECKPOINT};
	for (size_t i = 0; i < sizeof(keepers_own) / sizeof(keepers_own[0]); i++) {
		struct buf b = buf_new(MESSAGE_MAX);
		buf_u16be(&b, (uint16_t)keepers_own[i]);
		buf_u16be(&b, 0);
		buf_u32be(&b, 1);
		struct message got;
		struct err e;
		assert_int_equal(parse_as(&b, -1, ROLE_WORKER, ROLE_SIGNER, &got, &e), ERR_PROTOCOL);
		assert_non_null(strstr(e.reason, "may not send"));
		buf_free(&b);
	}
}

static void each_shortened_or_lengthened_datagram_is_refused(void **state)
{
	(void)state;
	struct err e;
	struct buf b = buf_new(MESSAGE_MAX);
	struct message m = call_message();
	struct message got;
	assert_int_equal(message_encode(&m, &b, &e), ERR_OK);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(message_parse(bytes_of(b.p, n), -1, ROLE_WORKER, ROLE_KEEPER, &got,
			&e), ERR_PROTOCOL);
	buf_u8(&b, 0);
	assert_int_equal(parse_as(&b, -1, ROLE_WORKER, ROLE_KEEPER, &got, &e), ERR_PROTOCOL);
	buf_free(&b);
}

static void sizes_counts_and_descriptors_are_held(void **state)
{
	(void)state;
	static uint8_t large[MESSAGE_BODY_MAX + 1];
	struct err e;
	struct buf b = buf_new(2 * MESSAGE_MAX);
	struct message m = call_message();
	m.f[7].bytes = bytes_of(large, sizeof(large));
	assert_int_equal(message_encode(&m, &b, &e), ERR_PROTOCOL);
	m = call_message();
	m.f[2].bytes = bytes_of("a\0b", 3);
	assert_int_equal(message_encode(&m, &b, &e), ERR_PROTOCOL);
	m = call_message();
	m.f[1].bytes.len--;
	assert_int_equal(message_encode(&m, &b, &e), ERR_PROTOCOL);
	m = call_message();
	m.n--;
	assert_int_equal(message_encode(&m, &b, &e), ERR_PROTOCOL);
	m = (struct message){.type = MSG_TRUST, .fd = -1, .n = 1};
	assert_int_equal(message_encode(&m, &b, &e), ERR_PROTOCOL);
	m = (struct message){.type = MSG_CRL, .fd = 3};
	assert_int_equal(message_encode(&m, &b, &e), ERR_PROTOCOL);
	m = (struct message){.type = MSG_COUNT, .fd = -1};
	assert_int_equal(message_encode(&m, &b, &e), ERR_PROTOCOL);
	buf_free(&b);
}

/* The page must hold exactly what the program says of itself. */
static void the_specification_is_the_table(void **state)
{
	(void)state;
	char path[4096];
	const char *source = getenv("MEDSEAL_SOURCE");
	assert_non_null(source);
	(void)snprintf(path, sizeof(path), "%s/docs/spec/ipc.md", source);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	static char page[65536];
	size_t n = fread(page, 1, sizeof(page) - 1, f);
	page[n] = '\0';
	(void)fclose(f);
	struct buf b = buf_new(BUF_MAX_DEFAULT);
	message_print_table(&b);
	if (strstr(page, buf_cstr(&b)) == NULL)
		fail_msg("docs/spec/ipc.md should hold:\n%s", buf_cstr(&b));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_parsed),
		cmocka_unit_test(only_the_table_s_ways_are_open),
		cmocka_unit_test(no_worker_can_ask_for_a_certificate_or_a_release),
		cmocka_unit_test(each_shortened_or_lengthened_datagram_is_refused),
		cmocka_unit_test(sizes_counts_and_descriptors_are_held),
		cmocka_unit_test(the_specification_is_the_table),
	};
	return RUN_TAP(tests);
}
