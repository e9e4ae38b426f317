#include "tests/unit/cmocka_tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <yyjson.h>

#include "authority/journal.h"
#include "firmware/bundle.h"
#include "ipc/message.h"
#include "protocol/api.h"
#include "tests/unit/authority/realm_maker.h"

#define JSON "application/json"

static struct test_realm r;

static int setup(void **state)
{
	(void)state;
	realm_make(&r);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	realm_check_log(&r);
	realm_free(&r);
	return 0;
}

static enum err_code parse(const char *method, const char *path, const char *type,
	const char *body, struct api_call *c)
{
	return api_parse(method, path, type, bytes_str(body), c, NULL);
}

static void each_path_is_its_call(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path, *body;
		enum api_op op;
		const char *a;
	} cases[] = {
		{"GET", "/v1/status", "", API_STATUS, ""},
		{"GET", "/v1/devices", "", API_DEVICE_LIST, ""},
		{"GET", "/v1/devices?after=PUMP-1&limit=5", "", API_DEVICE_LIST, "PUMP-1"},
		{"POST", "/v1/devices", "{\"serial\":\"S\",\"product\":\"p\"}", API_DEVICE_ADD, "S"},
		{"GET", "/v1/devices/S%3A1", "", API_DEVICE_SHOW, "S:1"},
		{"POST", "/v1/devices/S/ticket", "", API_DEVICE_TICKET, "S"},
		{"POST", "/v1/devices/S/ticket", "{}", API_DEVICE_TICKET, "S"},
		{"POST", "/v1/devices/S/ticket", "{\"lifetime\":60}", API_DEVICE_TICKET, "S"},
		{"POST", "/v1/devices/S/release", "{}", API_DEVICE_RELEASE, "S"},
		{"POST", "/v1/devices/S/revoke", "{\"reason\":\"x\"}", API_DEVICE_REVOKE, "S"},
		{"GET", "/v1/manufacturers", "", API_MANUFACTURER_LIST, ""},
		{"GET", "/v1/operators", "", API_OPERATOR_LIST, ""},
		{"GET", "/v1/releases", "", API_RELEASE_LIST, ""},
		{"POST", "/v1/releases", "{}", API_RELEASE_PROPOSE, ""},
		{"GET", "/v1/releases/00ff", "", API_RELEASE_SHOW, "00ff"},
		{"POST", "/v1/releases/00ff/approvals", "{}", API_RELEASE_APPROVE, "00ff"},
		{"POST", "/v1/releases/00ff/publish", "{}", API_RELEASE_PUBLISH, "00ff"},
		{"GET", "/v1/releases/00ff/image", "", API_RELEASE_IMAGE, "00ff"},
		{"GET", "/v1/releases/00ff/bundle", "", API_RELEASE_BUNDLE, "00ff"},
		{"GET", "/v1/log/checkpoint", "", API_LOG_CHECKPOINT, ""},
		{"GET", "/v1/log/entries?from=3&to=9", "", API_LOG_ENTRIES, ""},
		{"GET", "/v1/log/proof?seq=7", "", API_LOG_PROOF, ""},
		{"GET", "/v1/log/export", "", API_LOG_EXPORT, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct api_call c;
		struct err e = {0};
		if (api_parse(cases[i].method, cases[i].path, JSON, bytes_str(cases[i].body), &c,
			    &e) != ERR_OK)
			fail_msg("%s: %s", cases[i].path, e.reason);
		assert_int_equal(c.op, cases[i].op);
		assert_string_equal(c.a, cases[i].a);
		api_call_free(&c);
	}
	struct api_call c;
	assert_int_equal(parse("GET", "/v1/log/entries?from=3&to=9", NULL, "", &c), ERR_OK);
	assert_int_equal(c.n, 3);
	assert_int_equal(c.m, 9);
	assert_int_equal(parse("POST", "/v1/images", "application/octet-stream", "", &c), ERR_OK);
	assert_int_equal(c.op, API_IMAGE_ADD);
	assert_true(api_takes_image("POST", "/v1/images"));
	assert_false(api_takes_image("GET", "/v1/images"));
	assert_false(api_takes_image("POST", "/v1/images/x"));
}

static void requests_that_are_none_have_their_own_codes(void **state)
{
	(void)state;
	static const struct {
		const char *method, *path, *type, *body;
		enum err_code want;
	} cases[] = {
		{"GET", "/", NULL, "", ERR_HTTP_PATH},
		{"GET", "", NULL, "", ERR_HTTP_PATH},
		{"GET", "/v1/status/", NULL, "", ERR_HTTP_PATH},
		{"GET", "/v1/devices/", NULL, "", ERR_HTTP_PATH},
		{"GET", "/v1/devices/a/b", NULL, "", ERR_HTTP_PATH},
		{"GET", "/v1/devices/%zz", NULL, "", ERR_HTTP_PATH},
		{"GET", "/v1/devices/%0", NULL, "", ERR_HTTP_PATH},
		{"GET", "/v1/devices/%00", NULL, "", ERR_HTTP_PATH},
		{"DELETE", "/v1/devices", NULL, "", ERR_HTTP_METHOD},
		{"POST", "/v1/status", JSON, "{}", ERR_HTTP_METHOD},
		{"get", "/v1/status", NULL, "", ERR_HTTP_METHOD},
		{"GET", "/v1/status?x=1", NULL, "", ERR_USAGE},
		{"GET", "/v1/devices?limit=x", NULL, "", ERR_USAGE},
		{"GET", "/v1/devices?limit=-1", NULL, "", ERR_USAGE},
		{"GET", "/v1/devices?limit=99999999999999999999", NULL, "", ERR_USAGE},
		{"GET", "/v1/devices?limit=1&limit=2", NULL, "", ERR_USAGE},
		{"GET", "/v1/devices?limit", NULL, "", ERR_USAGE},
		{"GET", "/v1/log/proof", NULL, "", ERR_USAGE},
		{"GET", "/v1/status", NULL, "{}", ERR_HTTP_FRAMING},
		{"POST", "/v1/devices", NULL, "{}", ERR_HTTP_TYPE},
		{"POST", "/v1/devices", "text/plain", "{}", ERR_HTTP_TYPE},
		{"POST", "/v1/devices", "application/jsonx", "{}", ERR_HTTP_TYPE},
		{"POST", "/v1/images", JSON, "", ERR_HTTP_TYPE},
		{"POST", "/v1/devices", JSON, "", ERR_JSON},
		{"POST", "/v1/devices", JSON, "[]", ERR_JSON},
		{"POST", "/v1/devices", JSON, "{", ERR_JSON},
		{"POST", "/v1/devices", JSON, "{} x", ERR_JSON},
		{"POST", "/v1/devices", JSON, "{\"serial\":\"S\"}", ERR_JSON},
		{"POST", "/v1/devices", JSON, "{\"serial\":1,\"product\":\"p\"}", ERR_JSON},
		{"POST", "/v1/devices", JSON, "{\"serial\":\"a\\u0000b\",\"product\":\"p\"}", ERR_JSON},
		{"POST", "/v1/devices", JSON, "{\"serial\":\"S\",\"serial\":\"S\",\"product\":\"p\"}",
			ERR_JSON},
		{"POST", "/v1/devices", JSON, "{\"serial\":\"S\",\"product\":\"p\",\"x\":1}", ERR_JSON},
		{"POST", "/v1/devices/S/ticket", JSON, "{\"lifetime\":-5}", ERR_JSON},
		{"POST", "/v1/devices/S/ticket", JSON, "{\"lifetime\":\"5\"}", ERR_JSON},
		{"POST", "/v1/releases/x/publish", JSON, "{\"x\":1}", ERR_JSON},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct api_call c;
		enum err_code rc = parse(cases[i].method, cases[i].path, cases[i].type,
			cases[i].body, &c);
		if (rc != cases[i].want)
			fail_msg("%s %s %s: %s", cases[i].method, cases[i].path, cases[i].body,
				err_name(rc));
	}
	/* too long in each way */
	static char text[API_BODY_MAX + 64];
	struct api_call c;
	(void)snprintf(text, sizeof(text), "/v1/devices/");
	memset(text + 12, 'x', API_TEXT_MAX + 1);
	text[12 + API_TEXT_MAX + 1] = '\0';
	assert_int_equal(parse("GET", text, NULL, "", &c), ERR_HTTP_PATH);
	text[12 + API_TEXT_MAX] = '\0';
	assert_int_equal(parse("GET", text, NULL, "", &c), ERR_OK);
	memset(text, ' ', sizeof(text) - 1);
	text[0] = '{';
	text[sizeof(text) - 2] = '}';
	assert_int_equal(parse("POST", "/v1/releases", JSON, text, &c), ERR_HTTP_BODY_SIZE);
}

/* Parse and perform as `who`; the result is the caller's. */
static enum err_code call(const struct operator_row *who, const char *method, const char *path,
	const char *body, int fd, struct api_result *out)
{
	struct api_call c;
	enum err_code rc = api_parse(method, path, fd >= 0 ? "application/octet-stream" : JSON,
		bytes_str(body), &c, NULL);
	if (rc != ERR_OK)
		return rc;
	memcpy(c.operator_fingerprint, who->fingerprint, SHA256_SIZE);
	rc = REALM_DO(&r, api_perform(&r.a, &c, fd, out, NULL));
	api_call_free(&c);
	return rc;
}

/* The result must be this status; its JSON. */
static yyjson_doc *json(const struct operator_row *who, const char *method, const char *path,
	const char *body, int fd, int status)
{
	struct api_result res;
	enum err_code rc = call(who, method, path, body, fd, &res);
	if (rc != ERR_OK)
		fail_msg("%s %s: %s", method, path, err_name(rc));
	assert_int_equal(res.status, status);
	assert_string_equal(res.content_type, JSON);
	struct bytes text = buf_view(&res.body);
	if (res.fd >= 0)
		assert_int_equal(memfd_map(res.fd, 1 << 24, &text, NULL), ERR_OK);
	yyjson_doc *doc = yyjson_read((const char *)text.p, text.len, 0);
	assert_non_null(doc);
	if (res.fd >= 0)
		memfd_unmap(text);
	api_result_free(&res);
	return doc;
}

static const char *text_of(yyjson_doc *doc, const char *key)
{
	const char *s = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), key));
	return s != NULL ? s : "(none)";
}

static void strangers_and_the_revoked_get_nothing(void **state)
{
	(void)state;
	struct api_result res;
	struct operator_row nobody = r.alice;
	nobody.fingerprint[0] ^= 1;
	assert_int_equal(call(&nobody, "GET", "/v1/status", "", -1, &res), ERR_OPERATOR_UNKNOWN);
	assert_int_equal(REALM_DO(&r, store_operator_revoke(r.a.store, "bob", NULL)), ERR_OK);
	assert_int_equal(call(&r.bob, "GET", "/v1/status", "", -1, &res), ERR_OPERATOR_REVOKED);
	struct api_call c = {.op = API_OP_COUNT};
	assert_int_equal(api_perform(&r.a, &c, -1, &res, NULL), ERR_USAGE);
}

static void devices_are_registered_listed_and_revoked(void **state)
{
	(void)state;
	char path[64];
	struct api_result res;
	yyjson_doc *d = json(&r.alice, "POST", "/v1/devices",
		"{\"serial\":\"PUMP-1\",\"product\":\"pump\"}", -1, 201);
	assert_string_equal(text_of(d, "state"), "registered");
	yyjson_doc_free(d);
	assert_int_equal(call(&r.alice, "POST", "/v1/devices",
		"{\"serial\":\"PUMP-1\",\"product\":\"pump\"}", -1, &res), ERR_EXISTS);
	for (int i = 2; i < 250; i++) {
		(void)snprintf(path, sizeof(path), "{\"serial\":\"D-%03d\",\"product\":\"pump\"}", i);
		yyjson_doc_free(json(&r.alice, "POST", "/v1/devices", path, -1, 201));
	}
	d = json(&r.alice, "GET", "/v1/devices", "", -1, 200);
	yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(d), "devices");
	assert_int_equal(yyjson_arr_size(list), 100);
	(void)snprintf(path, sizeof(path), "/v1/devices?limit=1000&after=%s", text_of(d, "next"));
	yyjson_doc_free(d);
	d = json(&r.alice, "GET", path, "", -1, 200);
	assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(d), "devices")), 149);
	assert_true(yyjson_is_null(yyjson_obj_get(yyjson_doc_get_root(d), "next")));
	yyjson_doc_free(d);
	d = json(&r.alice, "POST", "/v1/devices/PUMP-1/ticket", "{\"lifetime\":3600}", -1, 201);
	assert_string_equal(text_of(d, "expires_at"), "2026-01-01T01:00:00Z");
	assert_int_equal(strlen(text_of(d, "ticket")), 39);
	yyjson_doc_free(d);
	d = json(&r.bob, "POST", "/v1/devices/PUMP-1/revoke", "{\"reason\":\"lost \\\"it\\\"\"}", -1,
		200);
	assert_string_equal(text_of(d, "state"), "revoked");
	assert_string_equal(text_of(d, "revoked_reason"), "lost \"it\"");
	yyjson_doc_free(d);
	d = json(&r.alice, "GET", "/v1/devices/PUMP-1", "", -1, 200);
	assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(d), "certificates")), 0);
	yyjson_doc_free(d);
	assert_int_equal(call(&r.alice, "GET", "/v1/devices/GHOST", "", -1, &res), ERR_NOT_FOUND);
	/* who did it stands in the log */
	struct entry en;
	realm_last_entry(&r, &en);
	assert_string_equal(en.actor, "operator:bob");
	d = json(&r.alice, "GET", "/v1/status", "", -1, 200);
	yyjson_val *n = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(d), "devices"), "revoked");
	assert_int_equal(yyjson_get_uint(n), 1);
	assert_string_equal(text_of(d, "realm"), "Test Pumps");
	yyjson_doc_free(d);
	d = json(&r.alice, "GET", "/v1/operators", "", -1, 200);
	assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(d), "operators")), 4);
	yyjson_doc_free(d);
}

static void a_manufacturer_comes_as_pem(void **state)
{
	(void)state;
	struct person factory;
	struct api_result res;
	struct buf pem = buf_new(8192), body = buf_new(16384);
	person_make(&factory, NULL, PROFILE_ROOT, "Factory", PEOPLE_NOW - 60);
	assert_int_equal(cert_to_pem(buf_view(&factory.der), &pem, NULL), ERR_OK);
	buf_str(&body, "{\"name\":\"factory\",\"cert\":\"");
	for (size_t i = 0; i < pem.len; i++)
		buf_str(&body, pem.p[i] == '\n' ? "\\n" : (char[]){(char)pem.p[i], '\0'});
	buf_str(&body, "\"}");
	yyjson_doc *d = json(&r.alice, "POST", "/v1/manufacturers", buf_cstr(&body), -1, 201);
	char hex[2 * SHA256_SIZE + 1];
	hex_encode(factory.cert.fingerprint, SHA256_SIZE, hex);
	assert_string_equal(text_of(d, "sha256"), hex);
	yyjson_doc_free(d);
	d = json(&r.alice, "GET", "/v1/manufacturers", "", -1, 200);
	assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(d), "manufacturers")), 1);
	yyjson_doc_free(d);
	assert_int_not_equal(call(&r.alice, "POST", "/v1/manufacturers",
		"{\"name\":\"x\",\"cert\":\"no\"}", -1, &res), ERR_OK);
	person_free(&factory);
	buf_free(&pem);
	buf_free(&body);
}

static char *approval_path(char path[96], const char *id, const char *what)
{
	(void)snprintf(path, 96, "/v1/releases/%s%s", id, what);
	return path;
}

static void a_release_goes_all_the_way_over_the_api(void **state)
{
	(void)state;
	char path[96], id[64];
	bool made;
	struct api_result res;
	struct release x = {.product = "pump", .version = {1, 2, 0, 0}, .security_counter = 7,
		.image_size = 8};
	int fd = memfd_create("image", MFD_CLOEXEC);
	assert_int_equal(write(fd, "firmware", 8), 8);
	sha256_of(bytes_str("firmware"), x.image_digest);
	char hex[2 * SHA256_SIZE + 1];
	hex_encode(x.image_digest, SHA256_SIZE, hex);
	yyjson_doc *d = json(&r.alice, "POST", "/v1/images", "", fd, 201);
	assert_string_equal(text_of(d, "sha256"), hex);
	yyjson_doc_free(d);
	(void)close(fd);

	struct buf b = realm_envelope(&r, &r.people.alice, APPROVAL_PROPOSE, &x);
	d = json(&r.alice, "POST", "/v1/releases", buf_cstr(&b), -1, 201);
	(void)snprintf(id, sizeof(id), "%s", text_of(d, "id"));
	assert_string_equal(text_of(d, "proposal"), buf_cstr(&b)); /* byte for byte */
	yyjson_doc_free(d);
	buf_free(&b);
	assert_int_equal(call(&r.alice, "POST", approval_path(path, id, "/publish"), "{}", -1, &res),
		ERR_APPROVALS_MISSING);
	const struct person *people[] = {&r.people.bob, &r.people.carol};
	const struct operator_row *who[] = {&r.bob, &r.carol};
	for (size_t i = 0; i < 2; i++) {
		b = realm_envelope(&r, people[i], APPROVAL_APPROVE, &x);
		d = json(who[i], "POST", approval_path(path, id, "/approvals"), buf_cstr(&b), -1,
			201);
		assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(d),
			"approvals")), i + 1);
		yyjson_doc_free(d);
		buf_free(&b);
	}
	d = json(&r.alice, "POST", approval_path(path, id, "/publish"), "{}", -1, 200);
	assert_string_equal(text_of(d, "state"), "published");
	yyjson_doc_free(d);
	assert_int_equal(REALM_DO(&r, journal_checkpoint(&r.a, &made, NULL)), ERR_OK);

	struct bundle bundle;
	struct bundle_trust t = {.root = &r.people.root.cert, .log_key = r.a.log_key,
		.approvals = 2, .now = r.now};
	assert_int_equal(call(&r.bob, "GET", approval_path(path, id, "/bundle"), "", -1, &res),
		ERR_OK);
	assert_true(res.fd >= 0);
	assert_string_equal(res.content_type, "application/octet-stream");
	/* nobody can change it on its way to the worker */
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	assert_int_equal(fcntl(res.fd, F_GET_SEALS) & seals, seals);
	assert_int_equal(bundle_open(res.fd, &bundle, NULL), ERR_OK);
	assert_int_equal(bundle_verify(&bundle, &t, NULL, NULL), ERR_OK);
	bundle_free(&bundle);
	api_result_free(&res);
	assert_int_equal(call(&r.bob, "GET", approval_path(path, id, "/image"), "", -1, &res),
		ERR_OK);
	struct bytes image;
	assert_int_equal(memfd_map(res.fd, 100, &image, NULL), ERR_OK);
	assert_true(bytes_equal(image, bytes_str("firmware")));
	memfd_unmap(image);
	api_result_free(&res);
	d = json(&r.alice, "GET", "/v1/releases", "", -1, 200);
	assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(d), "releases")), 1);
	yyjson_doc_free(d);
}

static void the_log_can_be_read_and_checked(void **state)
{
	(void)state;
	bool made;
	struct api_result res;
	struct tlog_proof p;
	struct checkpoint cp;
	struct merkle_hash leaf;
	struct audit_verdict v;
	struct buf line = buf_new(ENTRY_MAX);
	assert_int_equal(call(&r.alice, "GET", "/v1/log/checkpoint", "", -1, &res), ERR_NOT_FOUND);
	for (int i = 0; i < 5; i++)
		assert_int_equal(REALM_DO(&r, journal_note(&r.a, "test.note", "x", NULL)), ERR_OK);
	assert_int_equal(REALM_DO(&r, journal_checkpoint(&r.a, &made, NULL)), ERR_OK);
	assert_int_equal(call(&r.alice, "GET", "/v1/log/checkpoint", "", -1, &res), ERR_OK);
	assert_int_equal(checkpoint_check(buf_view(&res.body), &r.a.log_key, &cp, NULL), ERR_OK);
	assert_int_equal(cp.size, 5);
	api_result_free(&res);
	assert_int_equal(call(&r.alice, "GET", "/v1/log/proof?seq=3", "", -1, &res), ERR_OK);
	assert_int_equal(tlog_proof_parse(buf_view(&res.body), &p, NULL), ERR_OK);
	assert_int_equal(store_log_get(r.a.store, 3, &line, &leaf, NULL), ERR_OK);
	assert_int_equal(merkle_check_inclusion(merkle_leaf(buf_view(&line)), 3, cp.size, &p.path,
		cp.root, NULL), ERR_OK);
	api_result_free(&res);
	assert_int_equal(call(&r.alice, "GET", "/v1/log/proof?seq=5", "", -1, &res), ERR_NOT_FOUND);
	assert_int_equal(call(&r.alice, "GET", "/v1/log/entries?from=1&to=3", "", -1, &res), ERR_OK);
	size_t lines = 0;
	for (size_t i = 0; i < res.body.len; i++)
		lines += res.body.p[i] == '\n';
	assert_int_equal(lines, 2);
	api_result_free(&res);
	assert_int_equal(call(&r.alice, "GET", "/v1/log/entries?from=3&to=1", "", -1, &res),
		ERR_USAGE);
	assert_int_equal(call(&r.alice, "GET", "/v1/log/entries?from=18446744073709551600", "", -1,
		&res), ERR_OK);
	assert_int_equal(res.body.len, 0);
	api_result_free(&res);
	assert_int_equal(call(&r.alice, "GET", "/v1/log/export", "", -1, &res), ERR_OK);
	assert_int_equal(lseek(res.fd, 0, SEEK_SET), 0);
	assert_int_equal(audit_verify_export(res.fd, &r.a.log_key, &v, NULL), ERR_OK);
	assert_int_equal(v.entries, 5);
	api_result_free(&res);
	buf_free(&line);
}

static void an_error_says_what_and_why_in_json(void **state)
{
	(void)state;
	struct err e;
	struct buf b = buf_new(4096);
	(void)err_set(&e, ERR_APPROVAL_SELF, "al\"ice\\", "she \x01 proposed");
	api_error_body(&e, &b);
	yyjson_doc *d = yyjson_read((const char *)b.p, b.len, 0);
	assert_non_null(d);
	assert_string_equal(text_of(d, "error"), "approval-self");
	assert_string_equal(text_of(d, "object"), "al\"ice\\");
	assert_string_equal(text_of(d, "reason"), "she ? proposed");
	assert_string_equal(text_of(d, "message"), err_sentence(ERR_APPROVAL_SELF));
	yyjson_doc_free(d);
	buf_free(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_path_is_its_call),
		cmocka_unit_test(requests_that_are_none_have_their_own_codes),
		TEST(strangers_and_the_revoked_get_nothing),
		TEST(devices_are_registered_listed_and_revoked),
		TEST(a_manufacturer_comes_as_pem),
		TEST(a_release_goes_all_the_way_over_the_api),
		TEST(the_log_can_be_read_and_checked),
		cmocka_unit_test(an_error_says_what_and_why_in_json),
	};
	return RUN_TAP(tests);
}
