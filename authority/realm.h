/*
 * A realm on disk: where its files are, who may read them, and its configuration.
 *
 *   DIR/                  0700
 *     medseal.conf        settings with comments (docs/spec/config.md)
 *     medseal.db          the database
 *     keys/NAME.pem       encrypted PKCS#8, 0600: issuing, code-signing, log, tls
 *     certs/NAME.pem      root, issuing, code-signing, tls; certs/log.vkey; certs/root.crl
 *     images/SHA256       proposed images
 *     keys-seen/          RSA keys that were seen (docs/spec/key-buckets.md)
 *
 * The root's key and the operators' keys are not here: `medseal init` puts them in folders of
 * their own, to be carried away.
 */
#ifndef AUTHORITY_REALM_H
#define AUTHORITY_REALM_H

#include <limits.h>

#include "authority/authority.h"
#include "base/log.h"
#include "keycheck/door.h"

#define CONFIG_FILE "medseal.conf"
#define CONFIG_FILE_MAX 65536
#define CONFIG_NAMES_MAX 16
#define CONFIG_ADDRESS_MAX 256
#define CONFIG_WORKERS_MAX 64

struct config {
	char name[CERT_NAME_MAX + 1];
	char listen_est[CONFIG_ADDRESS_MAX];        /* "HOST:PORT"; port 0: any free one */
	char listen_est_compat[CONFIG_ADDRESS_MAX]; /* TLS 1.2, for old clients; "": off */
	char listen_admin[CONFIG_ADDRESS_MAX];
	char server_names[CONFIG_NAMES_MAX][CONFIG_ADDRESS_MAX];
	size_t server_names_n;
	unsigned workers; /* 0: one a processor */
	char user[64];    /* whom to become when started as root; "": refuse root */
	enum log_format log_format;
	enum log_level log_level;
	char crl_url[CONFIG_ADDRESS_MAX];
	int64_t ticket_lifetime;
	int64_t ticket_lifetime_max;
	int64_t crl_lifetime;
	unsigned approvals;         /* at least 2 */
	uint64_t image_max;         /* bytes */
	enum door_policy key_policy;
	uint64_t keys_inline_max;
	char key_lists[CONFIG_ADDRESS_MAX]; /* folder; "": the one that came with the program */
	unsigned connections_max;   /* a worker's; the oldest idle or unfinished one makes room */
	unsigned idle_timeout;      /* seconds a connection may wait between requests */
	unsigned request_timeout;   /* seconds from a request's (or handshake's) first byte to its last */
};

void config_default(struct config *c);
/* Strict: an unknown key, a key twice, a value out of range each name file and line. */
MUST_USE enum err_code config_parse(const char *path, struct bytes text, struct config *out,
	struct err *e);
/* A commented file with these values. */
MUST_USE enum err_code config_print(const struct config *c, struct buf *out, struct err *e);

struct realm {
	char dir[PATH_MAX];
	struct config config;
};

/* "DIR/keys/NAME.pem" and so on, into `out`. */
MUST_USE enum err_code realm_path(const char *dir, const char *part, char out[PATH_MAX],
	struct err *e);
/* Check owner and modes (ERR_REALM_PERMISSIONS), read the configuration. */
MUST_USE enum err_code realm_open(const char *dir, struct realm *out, struct err *e);

#endif
