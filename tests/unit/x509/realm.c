#include "tests/unit/x509/realm.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/random.h"

static const char *const server_names[] = {"pki.example.org", "192.0.2.7", "2001:db8::7", NULL};

struct cert_fields realm_fields(enum profile p, const struct key *k, struct buf *spki)
{
	static const char *const common_names[PROFILE_COUNT] = {"Root", "Issuing CA", "Firmware",
		"Ada Lovelace", "pki.example.org", "PUMP-0001"};
	*spki = buf_new(KEY_SPKI_MAX);
	assert_int_equal(key_spki(k, spki, NULL), ERR_OK);
	struct cert_fields f = {
		.profile = p,
		.organization = "Example Medical",
		.common_name = common_names[p],
		.device_serial = p == PROFILE_DEVICE ? "PUMP-0001" : NULL,
		.not_before = REALM_NOW,
		.spki = buf_view(spki),
		.names = p == PROFILE_SERVER ? server_names : NULL,
		.crl_url = p == PROFILE_ROOT ? NULL : "http://pki.example.org/crl",
	};
	assert_int_equal(random_bytes(f.serial, sizeof(f.serial), NULL), ERR_OK);
	return f;
}

enum err_code realm_issue(const struct cert_fields *f, const struct realm_cert *issuer,
	struct buf *der, struct err *e)
{
	*der = buf_new(CERT_DER_MAX);
	return cert_build(f, issuer->key,
		f->profile == PROFILE_ROOT ? BYTES_NONE : buf_view(&issuer->der), der, e);
}

static void make(struct realm_cert *c, enum profile p, const struct realm_cert *issuer)
{
	struct buf spki;
	struct err e = {0};
	assert_int_equal(key_generate(KEY_P256, &c->key, NULL), ERR_OK);
	struct cert_fields f = realm_fields(p, c->key, &spki);
	enum err_code rc = realm_issue(&f, issuer, &c->der, &e);
	if (rc != ERR_OK)
		print_error("%s: %s\n", profile_row(p)->name, e.reason);
	assert_int_equal(rc, ERR_OK);
	buf_free(&spki);
}

int realm_make(void **state)
{
	struct realm *r = calloc(1, sizeof(*r));
	assert_non_null(r);
	make(&r->root, PROFILE_ROOT, &r->root);
	make(&r->issuing, PROFILE_ISSUING, &r->root);
	make(&r->code, PROFILE_CODE_SIGNING, &r->root);
	make(&r->operator, PROFILE_OPERATOR, &r->root);
	make(&r->server, PROFILE_SERVER, &r->issuing);
	make(&r->device, PROFILE_DEVICE, &r->issuing);
	*state = r;
	return 0;
}

static void drop(struct realm_cert *c)
{
	key_free(c->key);
	buf_free(&c->der);
}

int realm_drop(void **state)
{
	struct realm *r = *state;
	drop(&r->root);
	drop(&r->issuing);
	drop(&r->code);
	drop(&r->operator);
	drop(&r->server);
	drop(&r->device);
	free(r);
	return 0;
}

struct folder folder_make(void)
{
	struct folder f = {"/tmp/medseal-x509-XXXXXX"};
	assert_non_null(mkdtemp(f.path));
	return f;
}

void folder_drop(struct folder *f)
{
	DIR *d = opendir(f->path);
	assert_non_null(d);
	for (struct dirent *x = readdir(d); x != NULL; x = readdir(d))
		(void)unlinkat(dirfd(d), x->d_name, 0);
	(void)closedir(d);
	assert_int_equal(rmdir(f->path), 0);
}

void folder_put(const struct folder *f, const char *name, struct bytes data)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", f->path, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data.p, data.len), (ssize_t)data.len);
	(void)close(fd);
}

void folder_put_pem(const struct folder *f, const char *name, struct bytes cert_der)
{
	struct buf pem = buf_new(2 * CERT_DER_MAX);
	assert_int_equal(cert_to_pem(cert_der, &pem, NULL), ERR_OK);
	folder_put(f, name, buf_view(&pem));
	buf_free(&pem);
}

#define ARGUMENTS_MAX 40

static void become_openssl(const struct folder *f, char *arguments, int output)
{
	char *argv[ARGUMENTS_MAX + 1] = {"openssl"};
	size_t n = 1;
	while (arguments != NULL && n < ARGUMENTS_MAX)
		argv[n++] = strsep(&arguments, " ");
	if (chdir(f->path) == 0 && dup2(output, STDOUT_FILENO) >= 0 &&
		dup2(output, STDERR_FILENO) >= 0)
		(void)execv("/usr/bin/openssl", argv);
	_exit(127);
}

int folder_openssl(const struct folder *f, const char *arguments, char *out, size_t size)
{
	char line[2048];
	int ends[2];
	if (access("/usr/bin/openssl", X_OK) != 0) {
		print_message("# no openssl command\n");
		skip();
	}
	(void)snprintf(line, sizeof(line), "%s", arguments);
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		become_openssl(f, line, ends[1]);
	(void)close(ends[1]);
	size_t n = 0;
	ssize_t got = 1;
	while (got > 0 && n < size - 1) {
		got = read(ends[0], out + n, size - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	out[n] = '\0';
	(void)close(ends[0]);
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
