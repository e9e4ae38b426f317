#include "tests/unit/cmocka_tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/realm.h"

static enum err_code parse(const char *text, struct config *c, struct err *e)
{
	return config_parse("medseal.conf", bytes_str(text), c, e);
}

static void what_is_printed_is_read_back(void **state)
{
	(void)state;
	struct config c, again;
	struct buf b = buf_new(CONFIG_FILE_MAX), b2 = buf_new(CONFIG_FILE_MAX);
	config_default(&c);
	(void)snprintf(c.name, sizeof(c.name), "Pumps & S\xc3\xb6hne = 1 # not a comment");
	(void)snprintf(c.listen_est_compat, sizeof(c.listen_est_compat), "[::1]:9443");
	(void)snprintf(c.server_names[1], sizeof(c.server_names[1]), "10.0.0.1");
	c.server_names_n = 2;
	c.workers = 3;
	c.log_format = LOG_JSON;
	c.log_level = LOG_WARN;
	c.ticket_lifetime = 90;
	c.image_max = 3 * 1024;
	c.approvals = 4;
	assert_int_equal(config_print(&c, &b, NULL), ERR_OK);
	struct err e = {0};
	if (config_parse("x", buf_view(&b), &again, &e) != ERR_OK)
		fail_msg("%s: %s", e.object, e.reason);
	assert_string_equal(again.name, c.name);
	assert_int_equal(again.server_names_n, 2);
	assert_string_equal(again.server_names[1], "10.0.0.1");
	assert_int_equal(again.ticket_lifetime, 90);
	assert_int_equal(again.image_max, 3072);
	assert_int_equal(again.log_level, LOG_WARN);
	assert_int_equal(config_print(&again, &b2, NULL), ERR_OK);
	assert_string_equal(buf_cstr(&b2), buf_cstr(&b));
	/* a comment for every setting */
	assert_non_null(strstr(buf_cstr(&b), "\n# HOST:PORT of the listener for devices"));
	buf_free(&b);
	buf_free(&b2);
}

/* The page shows the file that init would write, each line moved in by four spaces. */
static void the_page_shows_the_defaults(void **state)
{
	(void)state;
	struct config c;
	struct buf b = buf_new(CONFIG_FILE_MAX), page = buf_new(1 << 20), want = buf_new(1 << 17);
	char chunk[4096];
	size_t n;
	FILE *f = fopen(CONFIG_PAGE, "r");
	assert_non_null(f);
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_bytes(&page, bytes_of(chunk, n));
	(void)fclose(f);
	config_default(&c);
	(void)snprintf(c.name, sizeof(c.name), "Example Pumps");
	assert_int_equal(config_print(&c, &b, NULL), ERR_OK);
	for (size_t i = 0; i < b.len; i++) {
		if (b.p[i] != '\n' && (i == 0 || b.p[i - 1] == '\n'))
			buf_str(&want, "    ");
		buf_u8(&want, b.p[i]);
	}
	if (strstr(buf_cstr(&page), buf_cstr(&want)) == NULL)
		fail_msg("docs/spec/config.md does not show this:\n%s", buf_cstr(&want));
	buf_free(&b);
	buf_free(&page);
	buf_free(&want);
}

static void what_is_not_said_has_its_default(void **state)
{
	(void)state;
	struct config c, d;
	config_default(&d);
	assert_int_equal(parse("\n  # only a name\n\tname =  My Realm \t\r\n", &c, NULL), ERR_OK);
	assert_string_equal(c.name, "My Realm");
	assert_int_equal(c.ticket_lifetime, 7 * 86400);
	assert_int_equal(c.approvals, 2);
	assert_string_equal(c.listen_est, d.listen_est);
	assert_int_equal(parse("name=x\nticket.lifetime=36h", &c, NULL), ERR_OK);
	assert_int_equal(c.ticket_lifetime, 36 * 3600);
}

static void each_mistake_is_named_with_its_line(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err_code want;
		const char *object;
	} cases[] = {
		{"", ERR_CONFIG_VALUE, "medseal.conf:1"},
		{"name = x\nlisten.est 0.0.0.0:1\n", ERR_CONFIG_SYNTAX, "medseal.conf:2"},
		{"name = x\n\n[section]\n", ERR_CONFIG_SYNTAX, "medseal.conf:3"},
		{"name = x\nlisten.foo = y\n", ERR_CONFIG_KEY, "medseal.conf:2"},
		{"Name = x\n", ERR_CONFIG_KEY, "medseal.conf:1"},
		{"= x\n", ERR_CONFIG_KEY, "medseal.conf:1"},
		{"name = x\nname = y\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name =\n", ERR_CONFIG_VALUE, "medseal.conf:1"},
		{"name = 12345678901234567890123456789012345678901234567890123456789012345\n",
			ERR_CONFIG_VALUE, "medseal.conf:1"},
		{"name = a\tb\n", ERR_CONFIG_VALUE, "medseal.conf:1"},
		{"name = x\nlisten.est = localhost\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nlisten.est = localhost:65536\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nlisten.est = localhost:http\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nlisten.est = ::1:443\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nlisten.est = [::1:443\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nlisten.est = :443\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nlisten.est = a b:443\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nlisten.est =\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nserver.names = a,,b\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nserver.names = a b\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nserver.names = 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n",
			ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nserver.workers = many\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nserver.workers = 65\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nserver.workers = -1\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nserver.workers = 99999999999999999999999\n", ERR_CONFIG_VALUE,
			"medseal.conf:2"},
		{"name = x\nlog.format = xml\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nlog.level = loud\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nticket.lifetime = 7\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nticket.lifetime = 1s\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nticket.lifetime = 31d\n", ERR_CONFIG_VALUE, "medseal.conf:3"},
		{"name = x\nticket.lifetime = 1 d\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nrelease.approvals = 1\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nrelease.approvals = 9\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nrelease.image_max = 5GiB\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nrelease.image_max = 1B\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
		{"name = x\nconnections.max = 1\n", ERR_CONFIG_VALUE, "medseal.conf:2"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config c = {.approvals = 77};
		struct err e = {0};
		enum err_code rc = parse(cases[i].text, &c, &e);
		if (rc != cases[i].want || strcmp(e.object, cases[i].object) != 0)
			fail_msg("case %zu: %s at %s (%s)", i, err_name(rc), e.object, e.reason);
		assert_int_equal(c.approvals, 77); /* written only on success */
	}
	struct config c;
	assert_int_equal(config_parse("f", bytes_of("name = x\0y\n", 11), &c, NULL),
		ERR_CONFIG_SYNTAX);
	static char large[CONFIG_FILE_MAX + 1];
	memset(large, '\n', sizeof(large));
	assert_int_equal(config_parse("f", bytes_of(large, sizeof(large)), &c, NULL), ERR_LIMIT);
}

/* A realm of files only, in a folder of its own. */
static char dir[64];

static void put(const char *part, const char *text, mode_t mode)
{
	char path[PATH_MAX];
	assert_int_equal(realm_path(dir, part, path, NULL), ERR_OK);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static int realm_setup(void **state)
{
	char path[PATH_MAX];
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/medseal-realm.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(realm_path(dir, "keys", path, NULL), ERR_OK);
	assert_int_equal(mkdir(path, 0700), 0);
	put("medseal.conf", "name = x\n", 0600);
	put("keys/log.pem", "x", 0600);
	return 0;
}

static int realm_teardown(void **state)
{
	static const char *const files[] = {"medseal.conf", "keys/log.pem", "keys/more.pem"};
	char path[PATH_MAX];
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(realm_path(dir, files[i], path, NULL), ERR_OK);
		(void)unlink(path);
	}
	assert_int_equal(realm_path(dir, "keys", path, NULL), ERR_OK);
	(void)rmdir(path);
	return rmdir(dir);
}

static enum err_code open_with(const char *part, mode_t mode, struct err *e)
{
	struct realm r;
	struct stat st;
	char path[PATH_MAX];
	assert_int_equal(realm_path(dir, part, path, NULL), ERR_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(chmod(path, mode), 0);
	enum err_code rc = realm_open(dir, &r, e);
	assert_int_equal(chmod(path, st.st_mode & 0777), 0);
	return rc;
}

static void a_realm_that_others_may_read_is_refused(void **state)
{
	(void)state;
	struct realm r;
	struct err e = {0};
	if (realm_open(dir, &r, &e) != ERR_OK)
		fail_msg("%s: %s", e.object, e.reason);
	assert_string_equal(r.config.name, "x");
	assert_string_equal(r.dir, dir);
	assert_int_equal(open_with(".", 0750, NULL), ERR_REALM_PERMISSIONS);
	assert_int_equal(open_with(".", 0701, NULL), ERR_REALM_PERMISSIONS);
	assert_int_equal(open_with("keys", 0750, NULL), ERR_REALM_PERMISSIONS);
	assert_int_equal(open_with("keys/log.pem", 0640, &e), ERR_REALM_PERMISSIONS);
	assert_non_null(strstr(e.object, "keys/log.pem"));
	assert_int_equal(open_with("medseal.conf", 0660, NULL), ERR_REALM_PERMISSIONS);
	put("keys/more.pem", "x", 0604); /* whatever it is called */
	assert_int_equal(realm_open(dir, &r, NULL), ERR_REALM_PERMISSIONS);
}

static void a_realm_that_is_not_there_is_missing(void **state)
{
	(void)state;
	struct realm r;
	char path[PATH_MAX];
	assert_int_equal(realm_open("/nonexistent/realm", &r, NULL), ERR_REALM_MISSING);
	assert_int_equal(realm_path(dir, "medseal.conf", path, NULL), ERR_OK);
	assert_int_equal(realm_open(path, &r, NULL), ERR_REALM_MISSING);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(realm_open(dir, &r, NULL), ERR_REALM_MISSING);
	/* a link is not a file of ours */
	assert_int_equal(symlink("/etc/hostname", path), 0);
	assert_int_equal(realm_open(dir, &r, NULL), ERR_REALM_PERMISSIONS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, realm_setup, realm_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_read_back),
		cmocka_unit_test(the_page_shows_the_defaults),
		cmocka_unit_test(what_is_not_said_has_its_default),
		cmocka_unit_test(each_mistake_is_named_with_its_line),
		TEST(a_realm_that_others_may_read_is_refused),
		TEST(a_realm_that_is_not_there_is_missing),
	};
	return RUN_TAP(tests);
}
