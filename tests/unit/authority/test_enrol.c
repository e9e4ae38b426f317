#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <string.h>

#include "authority/device.h"
#include "authority/revoke.h"
#include "crypto/der.h"
#include "tests/unit/authority/realm_maker.h"
#include "x509/oid.h"

static struct test_realm r;
static struct key *k1, *k2;

static int setup(void **state)
{
	struct device d;
	(void)state;
	realm_make(&r);
	assert_int_equal(key_generate(KEY_P256, &k1, NULL), ERR_OK);
	assert_int_equal(key_generate(KEY_P256, &k2, NULL), ERR_OK);
	struct person maker;
	person_make(&maker, NULL, PROFILE_ROOT, "Factory", PEOPLE_NOW - 60);
	assert_int_equal(REALM_DO(&r, manufacturer_add(&r.a, "operator:alice", "factory",
		buf_view(&maker.der), NULL)), ERR_OK);
	person_free(&maker);
	static const char *const serials[] = {"PUMP-1", "PUMP-2", "PUMP-3"};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(REALM_DO(&r, device_add(&r.a, "operator:alice", serials[i], "pump",
			i == 2 ? "factory" : "", &d, NULL)), ERR_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	realm_check_log(&r);
	key_free(k1);
	key_free(k2);
	realm_free(&r);
	return 0;
}

static void ticket_for(const char *serial, char text[TICKET_TEXT_SIZE])
{
	int64_t until;
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", serial, 0, text, &until,
		NULL)), ERR_OK);
	assert_int_equal(until, r.now + 7 * 86400);
}

static struct enrol_request by_ticket(struct request_mem *mem, const struct key *k,
	const char *serial, const char *ticket)
{
	struct enrol_request q = realm_request(&r, mem, k, serial);
	(void)snprintf(q.ticket_serial, sizeof(q.ticket_serial), "%s", serial);
	(void)snprintf(q.ticket, sizeof(q.ticket), "%s", ticket);
	return q;
}

/* Enrol `serial` with a fresh ticket and key `k`; its certificate goes to `der`. */
static void enrolled(const char *serial, const struct key *k, struct buf *der)
{
	char text[TICKET_TEXT_SIZE];
	struct request_mem mem;
	ticket_for(serial, text);
	struct enrol_request q = by_ticket(&mem, k, serial, text);
	assert_int_equal(realm_enrol(&r, &q, der), ERR_OK);
	request_free(&mem);
}

/* Refused, and nothing was written. */
static void refused(const struct enrol_request *q, enum err_code want)
{
	uint64_t before = realm_log_size(&r);
	enum err_code rc = realm_enrol(&r, q, NULL);
	if (rc != want)
		fail_msg("wanted %s, got %s", err_name(want), err_name(rc));
	assert_int_equal(realm_log_size(&r), before);
}

static void a_ticket_enrols_its_device_once(void **state)
{
	(void)state;
	char text[TICKET_TEXT_SIZE];
	struct request_mem mem;
	struct buf der = buf_new(CERT_DER_MAX);
	struct device d;
	struct cert c;
	struct cert_row row;
	struct entry en;
	ticket_for("PUMP-1", text);
	struct enrol_request q = by_ticket(&mem, k1, "PUMP-1", text);
	uint64_t before = realm_log_size(&r);
	assert_int_equal(realm_enrol(&r, &q, &der), ERR_OK);
	assert_int_equal(realm_log_size(&r), before + 1);
	assert_int_equal(cert_parse(buf_view(&der), &c, NULL), ERR_OK);
	assert_string_equal(c.device_serial, "PUMP-1");
	assert_string_equal(c.common_name, "PUMP-1");
	assert_int_equal(cert_check_chain(&c, &r.issuing.cert, 1, &r.people.root.cert, 1, r.now,
		PROFILE_DEVICE, false, ERR_PEER_UNTRUSTED, NULL), ERR_OK);
	/* the row is what the certificate says */
	assert_int_equal(store_cert_get(r.a.store, c.fingerprint, &row, NULL), ERR_OK);
	assert_string_equal(row.serial, c.serial);
	assert_int_equal(row.not_before, c.not_before);
	assert_int_equal(row.not_after, c.not_after);
	assert_memory_equal(row.spki_id, c.spki_id, SHA256_SIZE);
	assert_int_equal(row.state, CERT_ISSUED);
	assert_int_equal(store_device_get(r.a.store, "PUMP-1", &d, NULL), ERR_OK);
	assert_int_equal(d.state, DEVICE_ENROLLED);
	char hex[2 * SHA256_SIZE + 1];
	hex_encode(c.fingerprint, SHA256_SIZE, hex);
	realm_last_entry(&r, &en);
	assert_string_equal(en.act, "device.enrolled");
	assert_string_equal(en.actor, "device:PUMP-1");
	assert_string_equal(entry_detail_get(&en, "cert"), hex);
	assert_non_null(entry_detail_get(&en, "ticket"));
	refused(&q, ERR_TICKET_USED);
	cert_free(&c);
	buf_free(&der);
	request_free(&mem);
}

static void tickets_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	char text[TICKET_TEXT_SIZE];
	struct request_mem mem;
	ticket_for("PUMP-2", text);
	struct enrol_request q = by_ticket(&mem, k1, "PUMP-1", text);
	refused(&q, ERR_TICKET_SERIAL);
	request_free(&mem);
	q = by_ticket(&mem, k1, "GHOST-9", text);
	refused(&q, ERR_DEVICE_UNKNOWN);
	request_free(&mem);
	q = by_ticket(&mem, k1, "PUMP-2", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH");
	refused(&q, ERR_TICKET_UNKNOWN);
	request_free(&mem);
	static const char *const shapes[] = {"x", "AAAA", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHH1",
		"AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHHA"};
	for (size_t i = 0; i < 4; i++) {
		q = by_ticket(&mem, k1, "PUMP-2", shapes[i]);
		refused(&q, ERR_TICKET_UNKNOWN);
		request_free(&mem);
	}
	r.now += 7 * 86400 + 1;
	q = by_ticket(&mem, k1, "PUMP-2", text);
	refused(&q, ERR_TICKET_EXPIRED);
	/* to the last second, and in small letters without dashes, as people type */
	r.now -= 1;
	char typed[TICKET_TEXT_SIZE];
	size_t n = 0;
	for (const char *p = text; *p != '\0'; p++)
		if (*p != '-')
			typed[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	typed[n] = '\0';
	request_free(&mem);
	q = by_ticket(&mem, k1, "PUMP-2", typed);
	assert_int_equal(realm_enrol(&r, &q, NULL), ERR_OK);
	request_free(&mem);
}

static void nobody_enrols_without_proof(void **state)
{
	(void)state;
	struct request_mem mem;
	struct enrol_request q = realm_request(&r, &mem, k1, "PUMP-1");
	refused(&q, ERR_AUTH_REQUIRED);
	q.op = ENROL_RE;
	refused(&q, ERR_AUTH_REQUIRED);
	/* a ticket does not renew */
	(void)snprintf(q.ticket, sizeof(q.ticket), "AAAA");
	refused(&q, ERR_AUTH_REQUIRED);
	request_free(&mem);
}

static struct enrol_request by_idevid(struct request_mem *mem, const struct key *k,
	const char *serial, const char *maker)
{
	struct enrol_request q = realm_request(&r, mem, k, serial);
	q.peer = PEER_MANUFACTURER;
	(void)snprintf(q.peer_manufacturer, sizeof(q.peer_manufacturer), "%s", maker);
	(void)snprintf(q.peer_serial, sizeof(q.peer_serial), "%s", serial);
	memset(q.peer_fingerprint, 0x5a, sizeof(q.peer_fingerprint));
	return q;
}

static void an_idevid_counts_only_for_its_registered_maker(void **state)
{
	(void)state;
	struct request_mem mem;
	struct entry en;
	struct enrol_request q = by_idevid(&mem, k1, "PUMP-3", "factory");
	q.op = ENROL_RE;
	refused(&q, ERR_CERT_UNKNOWN);
	q.op = ENROL_SIMPLE;
	assert_int_equal(realm_enrol(&r, &q, NULL), ERR_OK);
	realm_last_entry(&r, &en);
	assert_non_null(entry_detail_get(&en, "idevid"));
	request_free(&mem);
	q = by_idevid(&mem, k2, "PUMP-3", "other");
	refused(&q, ERR_DEVICE_MANUFACTURER);
	request_free(&mem);
	q = by_idevid(&mem, k2, "PUMP-1", "factory"); /* registered, but for tickets only */
	refused(&q, ERR_DEVICE_MANUFACTURER);
	request_free(&mem);
	q = by_idevid(&mem, k2, "PUMP-1", "");
	refused(&q, ERR_DEVICE_MANUFACTURER);
	request_free(&mem);
	q = by_idevid(&mem, k2, "GHOST-9", "factory");
	refused(&q, ERR_DEVICE_UNKNOWN);
	request_free(&mem);
	q = by_idevid(&mem, k2, "no spaces please", "factory");
	refused(&q, ERR_SERIAL_FORM);
	request_free(&mem);
}

static void the_subject_must_be_the_devices(void **state)
{
	(void)state;
	char text[TICKET_TEXT_SIZE];
	struct request_mem mem;
	ticket_for("PUMP-1", text);
	struct enrol_request q = by_ticket(&mem, k1, "PUMP-1", text);
	(void)snprintf(q.csr_serial, sizeof(q.csr_serial), "PUMP-2");
	refused(&q, ERR_CSR_SUBJECT);
	q.csr_serial[0] = '\0';
	(void)snprintf(q.csr_common_name, sizeof(q.csr_common_name), "PUMP-2");
	refused(&q, ERR_CSR_SUBJECT);
	(void)snprintf(q.csr_common_name, sizeof(q.csr_common_name), "PUMP-1");
	q.csr_san = bytes_str("a name of its own");
	refused(&q, ERR_CSR_EXTENSION);
	q.csr_san = BYTES_NONE;
	assert_int_equal(realm_enrol(&r, &q, NULL), ERR_OK);
	request_free(&mem);
}

static void a_key_serves_one_device(void **state)
{
	(void)state;
	char text[TICKET_TEXT_SIZE];
	struct request_mem mem;
	enrolled("PUMP-1", k1, NULL);
	ticket_for("PUMP-2", text);
	struct enrol_request q = by_ticket(&mem, k1, "PUMP-2", text);
	refused(&q, ERR_KEY_REUSED);
	request_free(&mem);
	enrolled("PUMP-1", k1, NULL); /* the same device may keep its key */
}

static void two_devices_with_one_key_in_one_batch(void **state)
{
	(void)state;
	char text[2][TICKET_TEXT_SIZE];
	struct request_mem mem[2];
	struct enrol_grant g[2];
	struct buf der = buf_new(CERT_DER_MAX);
	static const char *const serials[] = {"PUMP-1", "PUMP-2"};
	for (size_t i = 0; i < 2; i++) {
		ticket_for(serials[i], text[i]);
		struct enrol_request q = by_ticket(&mem[i], k1, serials[i], text[i]);
		assert_int_equal(enrol_decide(&r.a, &q, &g[i], NULL), ERR_OK);
	}
	struct cert_fields f;
	enrol_fields(&r.a, &g[0], &f);
	assert_int_equal(r.a.signer.cert(r.a.signer.arg, &f, &der, NULL), ERR_OK);
	assert_int_equal(REALM_DO(&r, enrol_commit(&r.a, &g[0], buf_view(&der), NULL)), ERR_OK);
	buf_reset(&der);
	enrol_fields(&r.a, &g[1], &f);
	assert_int_equal(r.a.signer.cert(r.a.signer.arg, &f, &der, NULL), ERR_OK);
	assert_int_equal(REALM_DO(&r, enrol_commit(&r.a, &g[1], buf_view(&der), NULL)),
		ERR_KEY_REUSED);
	buf_free(&der);
	request_free(&mem[0]);
	request_free(&mem[1]);
}

static void what_changes_while_the_signer_works_is_seen_at_the_commit(void **state)
{
	(void)state;
	char text[TICKET_TEXT_SIZE];
	struct request_mem mem;
	struct enrol_grant g;
	struct device d;
	struct cert_fields f;
	struct buf der = buf_new(CERT_DER_MAX);
	ticket_for("PUMP-1", text);
	struct enrol_request q = by_ticket(&mem, k1, "PUMP-1", text);
	assert_int_equal(enrol_decide(&r.a, &q, &g, NULL), ERR_OK);
	enrol_fields(&r.a, &g, &f);
	assert_int_equal(r.a.signer.cert(r.a.signer.arg, &f, &der, NULL), ERR_OK);
	/* the same ticket again, in between */
	assert_int_equal(realm_enrol(&r, &q, NULL), ERR_OK);
	assert_int_equal(REALM_DO(&r, enrol_commit(&r.a, &g, buf_view(&der), NULL)),
		ERR_TICKET_USED);
	/* and then the device itself */
	request_free(&mem);
	ticket_for("PUMP-1", text);
	q = by_ticket(&mem, k1, "PUMP-1", text);
	assert_int_equal(enrol_decide(&r.a, &q, &g, NULL), ERR_OK);
	assert_int_equal(REALM_DO(&r, revoke_device(&r.a, "operator:bob", "PUMP-1", "stolen", &d,
		NULL)), ERR_OK);
	assert_int_equal(REALM_DO(&r, enrol_commit(&r.a, &g, buf_view(&der), NULL)),
		ERR_DEVICE_REVOKED);
	buf_free(&der);
	request_free(&mem);
}

static enum err_code self(struct bytes der)
{
	uint8_t fingerprint[SHA256_SIZE];
	struct buf json = buf_new(1024);
	sha256_of(der, fingerprint);
	enum err_code rc = REALM_DO(&r, enrol_self(&r.a, fingerprint, &json, NULL));
	if (rc == ERR_OK)
		assert_non_null(strstr(buf_cstr(&json), "{\"serial\":\"PUMP-1\",\"product\":\"pump\","
			"\"state\":\"enrolled\",\"not_after\":\"20"));
	buf_free(&json);
	return rc;
}

static void renewing_keeps_the_old_one_until_the_new_one_is_used(void **state)
{
	(void)state;
	struct request_mem mem;
	struct entry en;
	struct buf first = buf_new(CERT_DER_MAX), second = buf_new(CERT_DER_MAX);
	enrolled("PUMP-1", k1, &first);
	struct enrol_request q = realm_request(&r, &mem, k2, "PUMP-1");
	realm_request_renew(&q, &mem, buf_view(&first));
	r.now += 86400;
	assert_int_equal(realm_enrol(&r, &q, &second), ERR_OK);
	realm_last_entry(&r, &en);
	assert_string_equal(en.act, "device.renewed");
	char hex[2 * SHA256_SIZE + 1];
	hex_encode(q.peer_fingerprint, SHA256_SIZE, hex);
	assert_string_equal(entry_detail_get(&en, "previous"), hex);
	/* both still speak */
	assert_int_equal(self(buf_view(&first)), ERR_OK);
	uint64_t before = realm_log_size(&r);
	assert_int_equal(self(buf_view(&first)), ERR_OK);
	assert_int_equal(realm_log_size(&r), before); /* only the first use is an act */
	/* the new one is used: the old one is over */
	assert_int_equal(self(buf_view(&second)), ERR_OK);
	realm_last_entry(&r, &en);
	assert_string_equal(en.act, "certificate.used");
	assert_string_equal(entry_detail_get(&en, "replaced"), "1");
	assert_string_equal(entry_detail_get(&en, "previous"), hex);
	assert_int_equal(self(buf_view(&first)), ERR_CERT_SUPERSEDED);
	refused(&q, ERR_CERT_SUPERSEDED);
	request_free(&mem);
	buf_free(&first);
	buf_free(&second);
}

static void renewing_with_an_unused_one_is_using_it(void **state)
{
	(void)state;
	struct request_mem mem;
	struct buf first = buf_new(CERT_DER_MAX), second = buf_new(CERT_DER_MAX);
	enrolled("PUMP-1", k1, &first);
	struct enrol_request q = realm_request(&r, &mem, k1, "PUMP-1");
	realm_request_renew(&q, &mem, buf_view(&first));
	assert_int_equal(realm_enrol(&r, &q, &second), ERR_OK);
	realm_request_renew(&q, &mem, buf_view(&second));
	assert_int_equal(realm_enrol(&r, &q, NULL), ERR_OK);
	assert_int_equal(self(buf_view(&first)), ERR_CERT_SUPERSEDED);
	assert_int_equal(self(buf_view(&second)), ERR_OK);
	request_free(&mem);
	buf_free(&first);
	buf_free(&second);
}

static void a_renewal_changes_no_name(void **state)
{
	(void)state;
	struct request_mem mem;
	struct buf first = buf_new(CERT_DER_MAX);
	enrolled("PUMP-1", k1, &first);
	struct enrol_request q = realm_request(&r, &mem, k1, "PUMP-1");
	realm_request_renew(&q, &mem, buf_view(&first));
	q.csr_subject = bytes_str("other");
	refused(&q, ERR_CSR_SUBJECT);
	q.csr_subject = q.peer_subject;
	q.csr_san = bytes_str("other");
	refused(&q, ERR_CSR_SUBJECT);
	q.csr_san = q.peer_san;
	q.peer_fingerprint[0] ^= 1;
	refused(&q, ERR_CERT_UNKNOWN);
	q.peer_fingerprint[0] ^= 1;
	r.now += 20 * 365 * (int64_t)86400;
	refused(&q, ERR_PEER_EXPIRED);
	r.now -= 20 * 365 * (int64_t)86400;
	/* simpleenroll with the current certificate is a renewal too (RFC 7030 §4.2.1) */
	q.op = ENROL_SIMPLE;
	assert_int_equal(realm_enrol(&r, &q, NULL), ERR_OK);
	request_free(&mem);
	buf_free(&first);
}

/* The subject {O=Test Pumps, serialNumber, CN} in string types as `openssl req` chooses them. */
static void subject_write(struct buf *b, unsigned tag, const char *serial, const char *cn)
{
	const struct {
		struct bytes type;
		const char *text;
	} rows[] = {{OID_ORGANIZATION, "Test Pumps"}, {OID_SERIAL_NUMBER, serial},
		{OID_COMMON_NAME, cn}};
	size_t name = der_open(b, DER_SEQUENCE);
	for (size_t i = 0; i < 3; i++) {
		size_t rdn = der_open(b, DER_SET);
		size_t pair = der_open(b, DER_SEQUENCE);
		der_write_oid(b, rows[i].type);
		der_write(b, i == 1 ? DER_PRINTABLE : tag, bytes_str(rows[i].text));
		der_close(b, pair);
		der_close(b, rdn);
	}
	der_close(b, name);
}

static void a_renewal_chooses_its_string_types(void **state)
{
	(void)state;
	struct request_mem mem;
	struct buf first = buf_new(CERT_DER_MAX), name = buf_new(1024);
	enrolled("PUMP-1", k1, &first);
	struct enrol_request q = realm_request(&r, &mem, k1, "PUMP-1");
	realm_request_renew(&q, &mem, buf_view(&first));
	subject_write(&name, DER_UTF8, "PUMP-1", "PUMP-2");
	q.csr_subject = buf_view(&name);
	refused(&q, ERR_CSR_SUBJECT);
	buf_reset(&name);
	subject_write(&name, DER_UTF8, "PUMP-1", "PUMP-1");
	q.csr_subject = buf_view(&name);
	assert_false(bytes_equal(q.csr_subject, q.peer_subject));
	assert_int_equal(realm_enrol(&r, &q, NULL), ERR_OK);
	request_free(&mem);
	buf_free(&name);
	buf_free(&first);
}

/* The keeper keeps two requests of one device apart by this. */
static void a_request_is_about_one_device_however_it_came(void **state)
{
	(void)state;
	struct request_mem mem;
	struct enrol_request q = by_idevid(&mem, k1, "PUMP-1", "factory");
	q.csr_serial[0] = '\0';
	q.csr_common_name[0] = '\0';
	assert_string_equal(enrol_device_serial(&r.a, &q), "PUMP-1");
	q.peer = PEER_REALM;
	q.op = ENROL_RE;
	assert_string_equal(enrol_device_serial(&r.a, &q), "PUMP-1");
	(void)snprintf(q.csr_common_name, sizeof(q.csr_common_name), "PUMP-2");
	assert_string_equal(enrol_device_serial(&r.a, &q), "PUMP-1");
	request_free(&mem);
	q = by_ticket(&mem, k1, "PUMP-1", "AAAA");
	q.csr_serial[0] = '\0';
	assert_string_equal(enrol_device_serial(&r.a, &q), "PUMP-1");
	request_free(&mem);
}

static void the_revoked_do_not_return_by_any_path(void **state)
{
	(void)state;
	struct request_mem mem;
	struct device d;
	char text[TICKET_TEXT_SIZE], late[TICKET_TEXT_SIZE];
	int64_t until;
	struct buf der = buf_new(CERT_DER_MAX);
	ticket_for("PUMP-1", text);
	enrolled("PUMP-1", k1, &der);
	enrolled("PUMP-3", k2, NULL);
	assert_int_equal(REALM_DO(&r, revoke_device(&r.a, "operator:bob", "PUMP-1", "stolen", &d,
		NULL)), ERR_OK);
	assert_int_equal(REALM_DO(&r, revoke_device(&r.a, "operator:bob", "PUMP-3", "stolen", &d,
		NULL)), ERR_OK);
	struct enrol_request q = by_ticket(&mem, k1, "PUMP-1", text);
	refused(&q, ERR_DEVICE_REVOKED);
	realm_request_renew(&q, &mem, buf_view(&der));
	refused(&q, ERR_DEVICE_REVOKED);
	q.op = ENROL_SIMPLE;
	q.ticket[0] = '\0';
	refused(&q, ERR_DEVICE_REVOKED);
	request_free(&mem);
	q = by_idevid(&mem, k2, "PUMP-3", "factory");
	refused(&q, ERR_DEVICE_REVOKED);
	request_free(&mem);
	assert_int_equal(self(buf_view(&der)), ERR_DEVICE_REVOKED);
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", "PUMP-1", 0, late,
		&until, NULL)), ERR_DEVICE_REVOKED);
	assert_int_equal(REALM_DO(&r, device_add(&r.a, "operator:alice", "PUMP-1", "pump", "", &d,
		NULL)), ERR_EXISTS);
	assert_int_equal(REALM_DO(&r, revoke_device(&r.a, "operator:bob", "PUMP-1", "again", &d,
		NULL)), ERR_DEVICE_REVOKED);
	buf_free(&der);
}

static void at_1970_nothing_is_issued_or_recorded(void **state)
{
	(void)state;
	struct request_mem mem;
	struct device d;
	char text[TICKET_TEXT_SIZE], other[TICKET_TEXT_SIZE];
	int64_t now = r.now, until;
	struct buf der = buf_new(CERT_DER_MAX);
	ticket_for("PUMP-1", text);
	enrolled("PUMP-2", k2, &der);
	struct enrol_request q = by_ticket(&mem, k1, "PUMP-1", text);
	r.now = 0;
	refused(&q, ERR_CLOCK);
	assert_int_equal(REALM_DO(&r, device_ticket(&r.a, "operator:alice", "PUMP-1", 0, other,
		&until, NULL)), ERR_CLOCK);
	assert_int_equal(REALM_DO(&r, revoke_device(&r.a, "operator:alice", "PUMP-1", "x", &d,
		NULL)), ERR_CLOCK);
	assert_int_equal(self(buf_view(&der)), ERR_PEER_EXPIRED);
	r.now = now;
	assert_int_equal(realm_enrol(&r, &q, NULL), ERR_OK);
	request_free(&mem);
	buf_free(&der);
}

static void no_certificate_outlives_the_ca(void **state)
{
	(void)state;
	struct buf der = buf_new(CERT_DER_MAX);
	struct cert c;
	r.now = r.issuing.cert.not_after - 5 * 86400;
	enrolled("PUMP-1", k1, &der);
	assert_int_equal(cert_parse(buf_view(&der), &c, NULL), ERR_OK);
	assert_int_equal(c.not_after, r.issuing.cert.not_after);
	struct cert_row row;
	assert_int_equal(store_cert_get(r.a.store, c.fingerprint, &row, NULL), ERR_OK);
	assert_int_equal(row.not_after, c.not_after);
	cert_free(&c);
	buf_free(&der);
	char text[TICKET_TEXT_SIZE];
	struct request_mem mem;
	ticket_for("PUMP-2", text);
	struct enrol_request q = by_ticket(&mem, k2, "PUMP-2", text);
	r.now = r.issuing.cert.not_after;
	refused(&q, ERR_UNAVAILABLE);
	request_free(&mem);
}

static void a_signer_that_cannot_leaves_nothing_behind(void **state)
{
	(void)state;
	char text[TICKET_TEXT_SIZE];
	struct request_mem mem;
	struct device d;
	ticket_for("PUMP-1", text);
	struct enrol_request q = by_ticket(&mem, k1, "PUMP-1", text);
	r.signer_fails = true;
	refused(&q, ERR_UNAVAILABLE);
	uint64_t before = realm_log_size(&r);
	assert_int_equal(REALM_DO(&r, revoke_device(&r.a, "operator:bob", "PUMP-1", "x", &d, NULL)),
		ERR_UNAVAILABLE);
	assert_int_equal(realm_log_size(&r), before);
	assert_int_equal(store_device_get(r.a.store, "PUMP-1", &d, NULL), ERR_OK);
	assert_int_equal(d.state, DEVICE_REGISTERED);
	r.signer_fails = false;
	assert_int_equal(realm_enrol(&r, &q, NULL), ERR_OK); /* the ticket is still good */
	request_free(&mem);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ticket_enrols_its_device_once),
		TEST(tickets_that_do_not_fit_are_refused),
		TEST(nobody_enrols_without_proof),
		TEST(an_idevid_counts_only_for_its_registered_maker),
		TEST(the_subject_must_be_the_devices),
		TEST(a_key_serves_one_device),
		TEST(two_devices_with_one_key_in_one_batch),
		TEST(what_changes_while_the_signer_works_is_seen_at_the_commit),
		TEST(renewing_keeps_the_old_one_until_the_new_one_is_used),
		TEST(renewing_with_an_unused_one_is_using_it),
		TEST(a_renewal_changes_no_name),
		TEST(a_renewal_chooses_its_string_types),
		TEST(a_request_is_about_one_device_however_it_came),
		TEST(the_revoked_do_not_return_by_any_path),
		TEST(at_1970_nothing_is_issued_or_recorded),
		TEST(no_certificate_outlives_the_ca),
		TEST(a_signer_that_cannot_leaves_nothing_behind),
	};
	return RUN_TAP(tests);
}
