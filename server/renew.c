/*
 * The server's own TLS certificate.  The database decides which one it is; certs/tls.pem follows,
 * and then the parent, whose new workers use it.  Whatever fails is tried again an hour later.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authority/server_cert.h"
#include "base/log.h"
#include "firmware/file.h"
#include "server/files.h"
#include "server/keeper.h"
#include "server/wire.h"

#define TLS_CERT "certs/tls.pem"
/* Where the next one is written before it takes its place; a leftover is overwritten. */
#define TLS_CERT_NEW "certs/tls.pem.new"
/* A third of its life is left when it is replaced, months: an hour is soon enough. */
#define RENEW_LOOK_MS ((int64_t)3600 * 1000)

static enum err_code disk_err(struct err *e, const char *path)
{
	int why = errno;
	return err_sys(e, why == ENOSPC || why == EDQUOT ? ERR_DISK_FULL : ERR_IO, path, why,
		"the certificate cannot be written");
}

static enum err_code write_new(const char *path, struct bytes data, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return disk_err(e, path);
	enum err_code rc = file_write(fd, data, e);
	if (rc == ERR_OK && fsync(fd) != 0)
		rc = disk_err(e, path);
	(void)close(fd);
	return rc;
}

static enum err_code sync_folder(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err_code rc = fd >= 0 && fsync(fd) == 0 ? ERR_OK : disk_err(e, path);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* Whole or not at all, whenever the power goes. */
static enum err_code put_file(const struct keeper *k, struct bytes der, struct err *e)
{
	char fresh[PATH_MAX], path[PATH_MAX], folder[PATH_MAX];
	struct buf pem = buf_new(2 * CERT_DER_MAX);
	enum err_code rc = realm_path(k->dir, TLS_CERT_NEW, fresh, e);
	if (rc == ERR_OK)
		rc = realm_path(k->dir, TLS_CERT, path, e);
	if (rc == ERR_OK)
		rc = realm_path(k->dir, "certs", folder, e);
	if (rc == ERR_OK)
		rc = cert_to_pem(der, &pem, e);
	if (rc == ERR_OK)
		rc = write_new(fresh, buf_view(&pem), e);
	if (rc == ERR_OK && rename(fresh, path) != 0)
		rc = disk_err(e, path);
	if (rc == ERR_OK)
		rc = sync_folder(folder, e);
	buf_free(&pem);
	return rc;
}

/* A file that cannot be read is not this one either. */
static bool file_holds(const struct keeper *k, const struct cert *c)
{
	struct cert there;
	if (files_cert(k->dir, TLS_CERT, &there, NULL) != ERR_OK)
		return false;
	bool same = memcmp(there.fingerprint, c->fingerprint, sizeof(c->fingerprint)) == 0;
	cert_free(&there);
	return same;
}

static enum err_code follow(struct keeper *k, struct err *e)
{
	struct cert newest;
	struct message m = wire_message(MSG_RENEWED, 0);
	enum err_code rc = server_cert_newest(&k->a, &newest, e);
	if (rc != ERR_OK)
		return rc;
	if (!file_holds(k, &newest)) {
		rc = put_file(k, newest.der, e);
		k->renewed = k->renewed || rc == ERR_OK;
	}
	cert_free(&newest);
	if (rc != ERR_OK || !k->renewed)
		return rc;
	rc = channel_send(&k->parent, &m, e);
	if (rc == ERR_OK)
		k->renewed = false;
	return rc;
}

enum err_code keeper_renew(struct keeper *k, struct err *e)
{
	bool made = false;
	k->renew_due = clock_monotonic_ms() + RENEW_LOOK_MS;
	if (!clock_believable(clock_now(k->a.clock)))
		return err_set(e, ERR_CLOCK, "clock", "no certificate is issued at such a time");
	enum err_code rc = keeper_transact(k, server_cert_refresh, &made, e);
	return rc == ERR_OK ? follow(k, e) : rc;
}

enum err_code keeper_open_tls(struct keeper *k, const struct config *c, struct err *e)
{
	struct cert own;
	struct key *key = NULL;
	enum err_code rc = files_cert(k->dir, TLS_CERT, &own, e);
	if (rc != ERR_OK)
		return rc;
	rc = cert_key(&own, &key, e);
	if (rc == ERR_OK)
		rc = key_spki(key, &k->tls_spki, e);
	key_free(key);
	cert_free(&own);
	for (size_t i = 0; i < c->server_names_n; i++)
		k->server_names[i] = c->server_names[i];
	k->a.server_names = k->server_names;
	k->a.tls_spki = buf_view(&k->tls_spki);
	return rc;
}
