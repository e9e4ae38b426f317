/* Each object goes in and comes out; each rule of store.h holds. */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/store/temp_store.h"

static int begin(void **state)
{
	static struct temp_store t;
	temp_store_start(&t);
	OK(store_begin(t.store, NULL));
	*state = &t;
	return 0;
}

static int end(void **state)
{
	temp_store_end(*state);
	return 0;
}

static struct store *store_of(void **state)
{
	return ((struct temp_store *)*state)->store;
}

static void values_of_the_realm(void **state)
{
	struct store *s = store_of(state);
	struct buf b = buf_new(100);
	assert_int_equal(store_meta_get(s, "name", &b, NULL), ERR_NOT_FOUND);
	OK(store_meta_set(s, "name", "first", NULL));
	OK(store_meta_set(s, "name", "Klinik \xc3\x84", NULL));
	OK(store_meta_get(s, "name", &b, NULL));
	assert_string_equal(buf_cstr(&b), "Klinik \xc3\x84");
	buf_free(&b);
}

static void a_device_comes_out_as_it_went_in(void **state)
{
	struct store *s = store_of(state);
	struct device d = device_of(1);
	struct device out;
	memset(d.serial, 'x', DEVICE_SERIAL_MAX); /* the longest of everything */
	memset(d.product, 'y', PRODUCT_MAX);
	memset(d.manufacturer, 'z', MANUFACTURER_MAX);
	OK(store_device_add(s, &d, NULL));
	assert_int_equal(store_device_add(s, &d, NULL), ERR_EXISTS);
	OK(store_device_get(s, d.serial, &out, NULL));
	assert_string_equal(out.serial, d.serial);
	assert_string_equal(out.product, d.product);
	assert_string_equal(out.manufacturer, d.manufacturer);
	assert_int_equal(out.state, DEVICE_REGISTERED);
	assert_int_equal(out.added_at, d.added_at);
	assert_int_equal(out.revoked_at, 0);
	assert_string_equal(out.revoked_reason, "");
	assert_int_equal(store_device_get(s, "other", &out, NULL), ERR_NOT_FOUND);
	assert_string_equal(out.serial, d.serial); /* written on success only */
}

static void a_revoked_device_stays_revoked(void **state)
{
	struct store *s = store_of(state);
	struct device d = device_of(1);
	struct device out;
	uint64_t n;
	assert_int_equal(store_device_set_state(s, &d, NULL), ERR_NOT_FOUND);
	OK(store_device_add(s, &d, NULL));
	d.state = DEVICE_ENROLLED;
	OK(store_device_set_state(s, &d, NULL));
	OK(store_device_set_state(s, &d, NULL)); /* a second enrolment */
	d.state = DEVICE_REGISTERED;
	assert_int_equal(store_device_set_state(s, &d, NULL), ERR_STORE);
	d.state = DEVICE_IS_REVOKED;
	d.revoked_at = 5;
	(void)snprintf(d.revoked_reason, sizeof(d.revoked_reason), "stolen");
	OK(store_device_set_state(s, &d, NULL));
	d.state = DEVICE_ENROLLED;
	assert_int_equal(store_device_set_state(s, &d, NULL), ERR_DEVICE_REVOKED);
	d.state = DEVICE_IS_REVOKED;
	d.revoked_at = 0;
	assert_int_equal(store_device_set_state(s, &d, NULL), ERR_DEVICE_REVOKED);
	OK(store_device_get(s, d.serial, &out, NULL));
	assert_int_equal(out.state, DEVICE_IS_REVOKED);
	assert_int_equal(out.revoked_at, 5);
	assert_string_equal(out.revoked_reason, "stolen");
	OK(store_device_count(s, DEVICE_IS_REVOKED, &n, NULL));
	assert_int_equal(n, 1);
	/* And it gets no certificate, whatever the caller thinks. */
	struct cert_row c = cert_of(1, d.serial);
	assert_int_equal(store_cert_add(s, &c, bytes_str("der"), NULL), ERR_DEVICE_REVOKED);
}

static enum err_code count_three(void *arg, const struct device *d)
{
	char *seen = arg;
	memcpy(seen + strlen(seen), d->serial + 7, 4);
	return strlen(seen) < 9 ? ERR_OK : ERR_BUSY;
}

static void devices_are_walked_in_order_and_counted(void **state)
{
	struct store *s = store_of(state);
	char seen[20] = "";
	uint64_t n;
	for (unsigned i = 9; i > 0; i--) {
		struct device d = device_of(i);
		OK(store_device_add(s, &d, NULL));
		d.state = i <= 4 ? DEVICE_ENROLLED : DEVICE_REGISTERED;
		OK(store_device_set_state(s, &d, NULL));
	}
	OK(store_device_list(s, NULL, 2, count_three, seen, NULL));
	assert_string_equal(seen, "001002");
	seen[0] = '\0';
	OK(store_device_list(s, "PUMP-00008", 100, count_three, seen, NULL));
	assert_string_equal(seen, "009");
	seen[0] = '\0';
	assert_int_equal(store_device_list(s, "PUMP-00002", 100, count_three, seen, NULL),
		ERR_BUSY);
	assert_string_equal(seen, "003004005");
	OK(store_device_count(s, DEVICE_REGISTERED, &n, NULL));
	assert_int_equal(n, 5);
	OK(store_device_count(s, DEVICE_ENROLLED, &n, NULL));
	assert_int_equal(n, 4);
	OK(store_device_count(s, DEVICE_IS_REVOKED, &n, NULL));
	assert_int_equal(n, 0);
}

static enum err_code add_names(void *arg, const struct manufacturer *m)
{
	buf_str(arg, m->name);
	buf_bytes(arg, m->cert_der);
	return ERR_OK;
}

static void manufacturers_have_a_name_and_a_certificate_each(void **state)
{
	struct store *s = store_of(state);
	struct buf b = buf_new(100);
	struct manufacturer m = {.name = "acme", .cert_der = bytes_str("DER1"), .added_at = 1};
	OK(store_manufacturer_add(s, &m, NULL));
	m.cert_der = bytes_str("DER2");
	assert_int_equal(store_manufacturer_add(s, &m, NULL), ERR_EXISTS);
	(void)snprintf(m.name, sizeof(m.name), "b");
	OK(store_manufacturer_add(s, &m, NULL));
	(void)snprintf(m.name, sizeof(m.name), "c");
	assert_int_equal(store_manufacturer_add(s, &m, NULL), ERR_EXISTS);
	OK(store_manufacturer_list(s, add_names, &b, NULL));
	assert_string_equal(buf_cstr(&b), "acmeDER1bDER2");
	buf_free(&b);
}

static void a_ticket_works_once(void **state)
{
	struct store *s = store_of(state);
	struct device d = device_of(1);
	struct ticket t = ticket_of(1);
	struct ticket out;
	assert_int_equal(store_ticket_add(s, &t, NULL), ERR_NOT_FOUND); /* no such device */
	OK(store_device_add(s, &d, NULL));
	OK(store_ticket_add(s, &t, NULL));
	assert_int_equal(store_ticket_add(s, &t, NULL), ERR_EXISTS);
	OK(store_ticket_get(s, t.hash, &out, NULL));
	assert_memory_equal(out.hash, t.hash, sizeof(t.hash));
	assert_string_equal(out.serial, t.serial);
	assert_int_equal(out.made_at, t.made_at);
	assert_int_equal(out.expires_at, t.expires_at);
	assert_int_equal(out.used_at, 0);
	OK(store_ticket_use(s, t.hash, 77, NULL));
	assert_int_equal(store_ticket_use(s, t.hash, 78, NULL), ERR_TICKET_USED);
	OK(store_ticket_get(s, t.hash, &out, NULL));
	assert_int_equal(out.used_at, 77);
	t.hash[0] ^= 1;
	assert_int_equal(store_ticket_use(s, t.hash, 78, NULL), ERR_NOT_FOUND);
	assert_int_equal(store_ticket_get(s, t.hash, &out, NULL), ERR_NOT_FOUND);
}

static void a_ticket_used_at_time_zero_is_used(void **state)
{
	struct store *s = store_of(state);
	struct device d = device_of(1);
	struct ticket t = ticket_of(1);
	OK(store_device_add(s, &d, NULL));
	OK(store_ticket_add(s, &t, NULL));
	OK(store_ticket_use(s, t.hash, 0, NULL));
	assert_int_equal(store_ticket_use(s, t.hash, 0, NULL), ERR_TICKET_USED);
}

static enum err_code add_serials(void *arg, const struct cert_row *c)
{
	buf_printf(arg, "%s ", c->serial);
	return ERR_OK;
}

static void a_certificate_comes_out_as_it_went_in(void **state)
{
	struct store *s = store_of(state);
	struct device d = device_of(1);
	struct cert_row c = cert_of(1, d.serial);
	struct cert_row out;
	struct buf der = buf_new(100);
	uint64_t n;
	c.reason = 4;
	memset(c.serial, 'f', CERT_SERIAL_HEX - 1);
	assert_int_equal(store_cert_add(s, &c, bytes_str("DER"), NULL), ERR_NOT_FOUND);
	OK(store_device_add(s, &d, NULL));
	OK(store_cert_add(s, &c, bytes_str("DER"), NULL));
	assert_int_equal(store_cert_add(s, &c, bytes_str("DER"), NULL), ERR_EXISTS);
	OK(store_cert_get(s, c.fingerprint, &out, NULL));
	assert_string_equal(out.serial, c.serial);
	assert_memory_equal(out.fingerprint, c.fingerprint, SHA256_SIZE);
	assert_memory_equal(out.spki_id, c.spki_id, SHA256_SIZE);
	assert_string_equal(out.device, d.serial);
	assert_int_equal(out.profile, PROFILE_DEVICE);
	assert_int_equal(out.state, CERT_ISSUED);
	assert_int_equal(out.not_before, c.not_before);
	assert_int_equal(out.not_after, c.not_after);
	assert_int_equal(out.issued_at, c.issued_at);
	assert_int_equal(out.revoked_at, 0);
	assert_int_equal(out.reason, 4);
	OK(store_cert_der(s, c.fingerprint, &der, NULL));
	assert_string_equal(buf_cstr(&der), "DER");
	buf_free(&der);
	c.fingerprint[0] ^= 1;
	assert_int_equal(store_cert_get(s, c.fingerprint, &out, NULL), ERR_NOT_FOUND);
	assert_int_equal(store_cert_der(s, c.fingerprint, &der, NULL), ERR_NOT_FOUND);
	OK(store_cert_count(s, &n, NULL));
	assert_int_equal(n, 1);
	buf_free(&der);
}

static void a_devices_certificates_are_found_oldest_first(void **state)
{
	struct store *s = store_of(state);
	struct buf b = buf_new(200);
	uint64_t n;
	for (unsigned i = 1; i <= 2; i++) {
		struct device d = device_of(i);
		OK(store_device_add(s, &d, NULL));
	}
	for (unsigned i = 1; i <= 9; i++) {
		struct cert_row c = cert_of(i, i % 3 == 0 ? "" : i % 3 == 1 ? "PUMP-00001"
									    : "PUMP-00002");
		OK(store_cert_add(s, &c, bytes_str("DER"), NULL));
	}
	OK(store_cert_of_device(s, "PUMP-00001", add_serials, &b, NULL));
	assert_string_equal(buf_cstr(&b), "00000001 00000004 00000007 ");
	buf_reset(&b);
	OK(store_cert_of_device(s, "PUMP-00002", add_serials, &b, NULL));
	assert_string_equal(buf_cstr(&b), "00000002 00000005 00000008 ");
	buf_reset(&b);
	OK(store_cert_of_device(s, "", add_serials, &b, NULL));
	assert_string_equal(buf_cstr(&b), "00000003 00000006 00000009 ");
	buf_reset(&b);
	OK(store_cert_of_device(s, "nobody", add_serials, &b, NULL));
	assert_int_equal(b.len, 0);
	OK(store_cert_count(s, &n, NULL));
	assert_int_equal(n, 9);
	buf_free(&b);
}

static enum err_code add_serial_and_der(void *arg, const struct cert_row *c, struct bytes der)
{
	buf_printf(arg, "%s:%.*s ", c->serial + strlen(c->serial) - 2, (int)der.len,
		(const char *)der.p);
	return strcmp(c->serial + strlen(c->serial) - 1, "4") == 0 ? ERR_BUSY : ERR_OK;
}

static void all_certificates_are_walked_in_order_of_issue(void **state)
{
	struct store *s = store_of(state);
	struct device d = device_of(1);
	struct buf b = buf_new(200);
	OK(store_cert_all(s, add_serial_and_der, &b, NULL));
	assert_int_equal(b.len, 0);
	OK(store_device_add(s, &d, NULL));
	for (unsigned i = 1; i <= 3; i++) {
		struct cert_row c = cert_of(i, i == 2 ? "" : "PUMP-00001");
		OK(store_cert_add(s, &c, bytes_str(i == 2 ? "two" : "DER"), NULL));
	}
	OK(store_cert_all(s, add_serial_and_der, &b, NULL));
	assert_string_equal(buf_cstr(&b), "01:DER 02:two 03:DER ");
	for (unsigned i = 4; i <= 5; i++) {
		struct cert_row c = cert_of(i, "PUMP-00001");
		OK(store_cert_add(s, &c, bytes_str("DER"), NULL));
	}
	assert_int_equal(store_cert_all(s, add_serial_and_der, &b, NULL), ERR_BUSY); /* stopped */
	buf_free(&b);
}

static void a_revoked_certificate_stays_revoked(void **state)
{
	struct store *s = store_of(state);
	struct device d = device_of(1);
	struct cert_row c = cert_of(1, d.serial);
	struct cert_row out;
	struct buf b = buf_new(100);
	OK(store_device_add(s, &d, NULL));
	assert_int_equal(store_cert_set_state(s, &c, NULL), ERR_NOT_FOUND);
	OK(store_cert_add(s, &c, bytes_str("DER"), NULL));
	c.state = CERT_USED;
	OK(store_cert_set_state(s, &c, NULL));
	c.state = CERT_ISSUED;
	assert_int_equal(store_cert_set_state(s, &c, NULL), ERR_STORE);
	c.state = CERT_IS_REVOKED;
	c.revoked_at = 5;
	c.reason = 1;
	OK(store_cert_set_state(s, &c, NULL));
	c.state = CERT_USED;
	assert_int_equal(store_cert_set_state(s, &c, NULL), ERR_CERT_REVOKED);
	OK(store_cert_get(s, c.fingerprint, &out, NULL));
	assert_int_equal(out.state, CERT_IS_REVOKED);
	assert_int_equal(out.reason, 1);
	/* In the CRL until it has expired. */
	OK(store_cert_revoked(s, c.not_after, add_serials, &b, NULL));
	assert_string_equal(buf_cstr(&b), "00000001 ");
	buf_reset(&b);
	OK(store_cert_revoked(s, c.not_after + 1, add_serials, &b, NULL));
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void a_key_has_one_owner(void **state)
{
	struct store *s = store_of(state);
	char owner[DEVICE_SERIAL_MAX + 1] = "untouched";
	struct device d = device_of(1);
	struct cert_row c = cert_of(1, d.serial);
	OK(store_device_add(s, &d, NULL));
	OK(store_cert_add(s, &c, bytes_str("DER"), NULL));
	assert_int_equal(store_cert_key_owner(s, c.spki_id, d.serial, owner, NULL), ERR_NOT_FOUND);
	assert_string_equal(owner, "untouched");
	OK(store_cert_key_owner(s, c.spki_id, "PUMP-00002", owner, NULL));
	assert_string_equal(owner, d.serial);
	/* The key of a server belongs to no device. */
	struct cert_row server = cert_of(2, "");
	OK(store_cert_add(s, &server, bytes_str("DER"), NULL));
	OK(store_cert_key_owner(s, server.spki_id, d.serial, owner, NULL));
	assert_string_equal(owner, "");
}

static void only_a_newer_crl_takes_the_place(void **state)
{
	struct store *s = store_of(state);
	struct buf der = buf_new(100);
	uint64_t number;
	int64_t next;
	assert_int_equal(store_crl_get(s, &number, &next, &der, NULL), ERR_NOT_FOUND);
	OK(store_crl_set(s, 7, 100, bytes_str("CRL7"), NULL));
	assert_int_equal(store_crl_set(s, 7, 101, bytes_str("again"), NULL), ERR_EXISTS);
	assert_int_equal(store_crl_set(s, 6, 101, bytes_str("older"), NULL), ERR_EXISTS);
	OK(store_crl_set(s, 8, 200, bytes_str("CRL8"), NULL));
	OK(store_crl_get(s, &number, &next, &der, NULL));
	assert_int_equal(number, 8);
	assert_int_equal(next, 200);
	assert_string_equal(buf_cstr(&der), "CRL8");
	buf_free(&der);
}

static enum err_code add_operator(void *arg, const struct operator_row *o, struct bytes cert)
{
	buf_printf(arg, "%s%s", o->name, o->revoked ? "-revoked " : " ");
	assert_true(bytes_equal(cert, bytes_str("CERT")));
	return ERR_OK;
}

static void operators_are_revoked_for_good(void **state)
{
	struct store *s = store_of(state);
	struct buf b = buf_new(100);
	struct operator_row o = {.name = "bob", .added_at = 1};
	struct operator_row out;
	id_of(1, o.fingerprint);
	OK(store_operator_add(s, &o, bytes_str("CERT"), NULL));
	assert_int_equal(store_operator_add(s, &o, bytes_str("CERT"), NULL), ERR_EXISTS);
	(void)snprintf(o.name, sizeof(o.name), "alice");
	assert_int_equal(store_operator_add(s, &o, bytes_str("CERT"), NULL), ERR_EXISTS);
	id_of(2, o.fingerprint);
	OK(store_operator_add(s, &o, bytes_str("CERT"), NULL));
	OK(store_operator_revoke(s, "bob", NULL));
	OK(store_operator_revoke(s, "bob", NULL));
	assert_int_equal(store_operator_revoke(s, "carol", NULL), ERR_NOT_FOUND);
	OK(store_operator_list(s, add_operator, &b, NULL));
	assert_string_equal(buf_cstr(&b), "alice bob-revoked ");
	OK(store_operator_get(s, o.fingerprint, &out, NULL));
	assert_string_equal(out.name, "alice");
	assert_false(out.revoked);
	id_of(3, o.fingerprint);
	assert_int_equal(store_operator_get(s, o.fingerprint, &out, NULL), ERR_NOT_FOUND);
	buf_free(&b);
}

static struct release_row release_of(const char *id, uint32_t counter, const char *version)
{
	struct release_row r = {.product = "pump", .security_counter = counter, .format = "plain",
		.image_size = 1234567, .proposer = "alice", .proposed_at = 9};
	(void)snprintf(r.id, sizeof(r.id), "%s", id);
	(void)snprintf(r.version, sizeof(r.version), "%s", version);
	id_of(counter, r.image_digest);
	return r;
}

static enum err_code add_approval(void *arg, const char *name, int64_t at, struct bytes envelope)
{
	buf_printf(arg, "%s@%d:", name, (int)at);
	buf_bytes(arg, envelope);
	buf_u8(arg, ' ');
	return ERR_OK;
}

static void a_release_is_approved_and_published_once(void **state)
{
	struct store *s = store_of(state);
	struct release_row r = release_of("r1", 3, "1.2.3");
	struct release_row out;
	struct buf a = buf_new(100);
	struct buf b = buf_new(100);
	OK(store_release_add(s, &r, bytes_str("STATEMENT"), bytes_str("PROPOSAL"), NULL));
	assert_int_equal(store_release_add(s, &r, bytes_str("S"), bytes_str("P"), NULL),
		ERR_EXISTS);
	OK(store_release_get(s, "r1", &out, &a, &b, NULL));
	assert_string_equal(buf_cstr(&a), "STATEMENT");
	assert_string_equal(buf_cstr(&b), "PROPOSAL");
	assert_string_equal(out.product, "pump");
	assert_string_equal(out.version, "1.2.3");
	assert_int_equal(out.security_counter, 3);
	assert_string_equal(out.format, "plain");
	assert_memory_equal(out.image_digest, r.image_digest, SHA256_SIZE);
	assert_int_equal(out.image_size, 1234567);
	assert_string_equal(out.proposer, "alice");
	assert_int_equal(out.proposed_at, 9);
	assert_int_equal(out.state, RELEASE_PROPOSED);
	assert_int_equal(store_release_get(s, "r2", &out, NULL, NULL, NULL), ERR_NOT_FOUND);

	buf_reset(&a);
	assert_int_equal(store_approval_add(s, "r2", "bob", 1, bytes_str("E"), NULL),
		ERR_NOT_FOUND);
	OK(store_approval_add(s, "r1", "carol", 1, bytes_str("E1"), NULL));
	OK(store_approval_add(s, "r1", "bob", 2, bytes_str("E2"), NULL));
	assert_int_equal(store_approval_add(s, "r1", "bob", 3, bytes_str("E3"), NULL),
		ERR_APPROVAL_TWICE);
	OK(store_approval_list(s, "r1", add_approval, &a, NULL));
	assert_string_equal(buf_cstr(&a), "carol@1:E1 bob@2:E2 ");

	buf_reset(&b);
	assert_int_equal(store_release_signature(s, "r1", &b, NULL), ERR_NOT_FOUND);
	assert_int_equal(store_release_set_published(s, "r2", 10, bytes_str("SIG"), NULL),
		ERR_NOT_FOUND);
	OK(store_release_set_published(s, "r1", 10, bytes_str("SIG"), NULL));
	assert_int_equal(store_release_set_published(s, "r1", 11, bytes_str("OTHER"), NULL),
		ERR_RELEASE_STATE);
	OK(store_release_signature(s, "r1", &b, NULL));
	assert_string_equal(buf_cstr(&b), "SIG");
	OK(store_release_get(s, "r1", &out, NULL, NULL, NULL));
	assert_int_equal(out.state, RELEASE_PUBLISHED);
	assert_int_equal(out.published_at, 10);
	buf_free(&a);
	buf_free(&b);
}

static void publish(struct store *s, const char *id, uint32_t counter, const char *version)
{
	struct release_row r = release_of(id, counter, version);
	OK(store_release_add(s, &r, bytes_str("S"), bytes_str("P"), NULL));
	OK(store_release_set_published(s, id, 10, bytes_str("SIG"), NULL));
}

static void the_newest_release_is_by_counter_then_version(void **state)
{
	struct store *s = store_of(state);
	struct release_row out;
	assert_int_equal(store_release_newest(s, "pump", &out, NULL), ERR_NOT_FOUND);
	struct release_row r = release_of("proposed", 99, "9.9");
	OK(store_release_add(s, &r, bytes_str("S"), bytes_str("P"), NULL));
	assert_int_equal(store_release_newest(s, "pump", &out, NULL), ERR_NOT_FOUND);
	static const struct {
		const char *id;
		uint32_t counter;
		const char *version;
		const char *newest;
	} rows[] = {{"a", 1, "1.9.0", "a"}, {"b", 1, "1.10.0", "b"}, {"c", 1, "1.2.3", "b"},
		{"d", 1, "1.10.0+7", "d"}, {"e", 1, "1.10.0+10", "e"}, {"f", 2, "0.1", "f"},
		{"g", 1, "7.0", "f"}, {"h", 4294967295, "0.1", "h"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		publish(s, rows[i].id, rows[i].counter, rows[i].version);
		OK(store_release_newest(s, "pump", &out, NULL));
		assert_string_equal(out.id, rows[i].newest);
	}
	assert_int_equal(out.security_counter, 4294967295);
	assert_int_equal(store_release_newest(s, "other", &out, NULL), ERR_NOT_FOUND);
}

static enum err_code add_entry(void *arg, uint64_t seq, struct bytes entry,
	const struct merkle_hash *leaf)
{
	uint8_t id[SHA256_SIZE];
	id_of((unsigned)seq, id);
	assert_memory_equal(leaf->b, id, SHA256_SIZE);
	assert_int_equal(entry.len, strlen("text of entry 0"));
	buf_printf(arg, "%d ", (int)seq);
	return ERR_OK;
}

static void log_entries_have_no_gap(void **state)
{
	struct store *s = store_of(state);
	struct buf b = buf_new(100);
	uint64_t n;
	OK(store_log_size(s, &n, NULL));
	assert_int_equal(n, 0);
	assert_int_equal(log_add(s, 1, "a", "o", NULL), ERR_STORE);
	OK(log_add(s, 0, "a", "o", NULL));
	assert_int_not_equal(log_add(s, 0, "a", "o", NULL), ERR_OK);
	assert_int_equal(log_add(s, 2, "a", "o", NULL), ERR_STORE);
	OK(log_add(s, 1, "a", "p", NULL));
	OK(log_add(s, 2, "b", "o", NULL));
	OK(store_log_size(s, &n, NULL));
	assert_int_equal(n, 3);
	OK(store_log_list(s, 0, UINT64_MAX, add_entry, &b, NULL));
	assert_string_equal(buf_cstr(&b), "0 1 2 ");
	buf_reset(&b);
	OK(store_log_list(s, 1, 2, add_entry, &b, NULL));
	assert_string_equal(buf_cstr(&b), "1 ");
	buf_reset(&b);
	OK(store_log_get(s, 1, &b, NULL, NULL));
	assert_string_equal(buf_cstr(&b), "text of entry 1");
	assert_int_equal(store_log_get(s, 3, &b, NULL, NULL), ERR_NOT_FOUND);
	buf_free(&b);
}

static void the_newest_entry_about_an_object_is_found(void **state)
{
	struct store *s = store_of(state);
	uint64_t n;
	static const char *const acts[] = {"release.published", "device.enrolled"};
	for (size_t i = 0; i < 2; i++) {
		OK(log_add(s, 3 * i, acts[i], "x", NULL));
		OK(log_add(s, 3 * i + 1, acts[i], "x", NULL));
		OK(log_add(s, 3 * i + 2, "other.act", "x", NULL));
	}
	for (size_t i = 0; i < 2; i++) {
		OK(store_log_find(s, acts[i], "x", &n, NULL));
		assert_int_equal(n, 3 * i + 1);
		assert_int_equal(store_log_find(s, acts[i], "y", &n, NULL), ERR_NOT_FOUND);
	}
}

static void tiles_only_grow(void **state)
{
	struct store *s = store_of(state);
	uint8_t hashes[257 * 32];
	struct buf b = buf_new(sizeof(hashes));
	for (size_t i = 0; i < sizeof(hashes); i++)
		hashes[i] = (uint8_t)(i * 7 / 3);
	assert_int_equal(store_tile_get(s, 1, 0, &b, NULL), ERR_NOT_FOUND);
	OK(store_tile_add(s, 1, 0, bytes_of(hashes, 64), NULL));
	OK(store_tile_add(s, 1, 0, bytes_of(hashes, 96), NULL));
	assert_int_equal(store_tile_add(s, 1, 0, bytes_of(hashes, 96), NULL), ERR_STORE);
	assert_int_equal(store_tile_add(s, 1, 0, bytes_of(hashes, 32), NULL), ERR_STORE);
	assert_int_equal(store_tile_add(s, 1, 0, bytes_of(hashes + 1, 128), NULL), ERR_STORE);
	assert_int_equal(store_tile_add(s, 1, 1, bytes_of(hashes, 33), NULL), ERR_STORE);
	assert_int_equal(store_tile_add(s, 0, 1, bytes_of(hashes, 32), NULL), ERR_STORE);
	OK(store_tile_add(s, 1, 0, bytes_of(hashes, 8192), NULL));
	assert_int_equal(store_tile_add(s, 1, 0, bytes_of(hashes, 8224), NULL), ERR_STORE);
	OK(store_tile_get(s, 1, 0, &b, NULL));
	assert_int_equal(b.len, 8192);
	assert_memory_equal(b.p, hashes, 8192);
	buf_free(&b);
}

static enum err_code add_note(void *arg, uint64_t size, struct bytes note)
{
	buf_printf(arg, "%d:", (int)size);
	buf_bytes(arg, note);
	return ERR_OK;
}

static void checkpoints_grow_with_the_log(void **state)
{
	struct store *s = store_of(state);
	struct buf b = buf_new(100);
	uint64_t size;
	assert_int_equal(store_checkpoint_newest(s, &size, &b, NULL), ERR_NOT_FOUND);
	assert_int_equal(store_checkpoint_add(s, 1, bytes_str("early"), NULL), ERR_STORE);
	OK(store_checkpoint_add(s, 0, bytes_str("N0"), NULL));
	for (unsigned i = 0; i < 3; i++)
		OK(log_add(s, i, "a", "o", NULL));
	OK(store_checkpoint_add(s, 2, bytes_str("N2"), NULL));
	OK(store_checkpoint_add(s, 2, bytes_str("N2"), NULL)); /* Ed25519 signs alike each time */
	assert_int_not_equal(store_checkpoint_add(s, 2, bytes_str("X2"), NULL), ERR_OK);
	assert_int_equal(store_checkpoint_add(s, 1, bytes_str("N1"), NULL), ERR_STORE);
	assert_int_equal(store_checkpoint_add(s, 4, bytes_str("N4"), NULL), ERR_STORE);
	OK(store_checkpoint_add(s, 3, bytes_str("N3"), NULL));
	OK(store_checkpoint_newest(s, &size, &b, NULL));
	assert_int_equal(size, 3);
	assert_string_equal(buf_cstr(&b), "N3");
	buf_reset(&b);
	OK(store_checkpoint_list(s, add_note, &b, NULL));
	assert_string_equal(buf_cstr(&b), "0:N02:N23:N3");
	buf_free(&b);
}

static enum err_code set_used(void *arg, const struct cert_row *c)
{
	struct store *s = arg;
	struct cert_row changed = *c;
	struct buf b = buf_new(100);
	changed.state = CERT_REPLACED;
	OK(store_cert_set_state(s, &changed, NULL));
	/* The same walk inside itself, and the same statements. */
	OK(store_cert_of_device(s, c->device, add_serials, &b, NULL));
	assert_string_equal(buf_cstr(&b), "00000001 00000002 ");
	buf_free(&b);
	return ERR_OK;
}

static void a_walk_may_use_the_store(void **state)
{
	struct store *s = store_of(state);
	struct device d = device_of(1);
	struct cert_row out;
	OK(store_device_add(s, &d, NULL));
	for (unsigned i = 1; i <= 2; i++) {
		struct cert_row c = cert_of(i, d.serial);
		OK(store_cert_add(s, &c, bytes_str("DER"), NULL));
	}
	OK(store_cert_of_device(s, d.serial, set_used, s, NULL));
	for (unsigned i = 1; i <= 2; i++) {
		struct cert_row c = cert_of(i, d.serial);
		OK(store_cert_get(s, c.fingerprint, &out, NULL));
		assert_int_equal(out.state, CERT_REPLACED);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(values_of_the_realm),
		CASE(a_device_comes_out_as_it_went_in),
		CASE(a_revoked_device_stays_revoked),
		CASE(devices_are_walked_in_order_and_counted),
		CASE(manufacturers_have_a_name_and_a_certificate_each),
		CASE(a_ticket_works_once),
		CASE(a_ticket_used_at_time_zero_is_used),
		CASE(a_certificate_comes_out_as_it_went_in),
		CASE(a_devices_certificates_are_found_oldest_first),
		CASE(all_certificates_are_walked_in_order_of_issue),
		CASE(a_revoked_certificate_stays_revoked),
		CASE(a_key_has_one_owner),
		CASE(only_a_newer_crl_takes_the_place),
		CASE(operators_are_revoked_for_good),
		CASE(a_release_is_approved_and_published_once),
		CASE(the_newest_release_is_by_counter_then_version),
		CASE(log_entries_have_no_gap),
		CASE(the_newest_entry_about_an_object_is_found),
		CASE(tiles_only_grow),
		CASE(checkpoints_grow_with_the_log),
		CASE(a_walk_may_use_the_store),
	};
	return RUN_TAP(tests);
}
