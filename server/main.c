/* medseald: reads its options and the realm, binds, and hands over to the parent (server/parent.c). */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "crypto/passphrase.h"
#include "sandbox/sandbox.h"
#include "server/listen.h"
#include "server/parent.h"
#include "server/state_dir.h"
#include "server/tls.h"

#define CREDENTIAL "medseal-passphrase" /* LoadCredential= of server/medseald.service */

struct options {
	const char *realm;
	const char *passphrase_file;
	bool check_config;
};

static void usage(FILE *to)
{
	fputs("usage: medseald --realm DIR [--passphrase-file FILE]\n"
	      "       medseald --realm DIR --check-config\n"
	      "       medseald --help | --version\n"
	      "\n"
	      "Serves a realm that `medseal init` made: EST for devices, the API for operators.\n"
	      "\n"
	      "  --realm DIR             the realm's folder\n"
	      "  --passphrase-file FILE  opens the realm's keys; without it the systemd credential\n"
	      "                          " CREDENTIAL ", or a prompt on the terminal\n"
	      "  --check-config          say whether the configuration is good, and exit\n"
	      "  --help, --version\n"
	      "\n"
	      "SIGTERM stops it gracefully, SIGHUP reads the configuration again.\n"
	      "Exit status: 0 stopped as asked; 1 refused; 2 wrong call or configuration; 3 could not\n"
	      "start now; 4 damaged data; 70 a fault.\n", to);
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {{"realm", required_argument, NULL, 'r'},
		{"passphrase-file", required_argument, NULL, 'p'},
		{"check-config", no_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
	*o = (struct options){.realm = NULL};
	int c;
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (c) {
		case 'r':
			o->realm = optarg;
			break;
		case 'p':
			o->passphrase_file = optarg;
			break;
		case 'c':
			o->check_config = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'v':
			puts("medseald " MEDSEAL_VERSION);
			return 0;
		default:
			usage(stderr);
			return err_exit(ERR_USAGE);
		}
	}
	if (o->realm == NULL || optind != argc) {
		usage(stderr);
		return err_exit(ERR_USAGE);
	}
	return -1;
}

static int fail(const struct err *e)
{
	char line[ERR_OBJECT_MAX + ERR_REASON_MAX + 128];
	err_print(e, line, sizeof(line));
	fprintf(stderr, "medseald: %s\n", line);
	return err_exit(e->code);
}

static enum err_code bind_all(struct parent_start *s, struct err *e)
{
	for (int l = 0; l < LISTEN_COUNT; l++) {
		s->listeners[l] = -1;
		const char *address = listener_address(&s->realm->config, (enum listener)l);
		if (address[0] == '\0')
			continue;
		enum err_code rc = listen_open(address, &s->listeners[l], &s->ports[l], e);
		if (rc != ERR_OK)
			return rc;
	}
	return ERR_OK;
}

/* The folders above the realm may be closed to the user that root has become. */
static enum err_code reach(const struct realm *realm, struct err *e)
{
	char whole[PATH_MAX];
	if (realpath(realm->dir, whole) != NULL && access(whole, R_OK | W_OK | X_OK) == 0)
		return ERR_OK;
	return err_sys(e, ERR_IO, realm->dir, errno,
		"user %s cannot reach it; the folder must be theirs, and each above it let them pass",
		realm->config.user[0] != '\0' ? realm->config.user : "who started this");
}

/* In this order: what needs root, then no root, then what the user's own files hold. */
static enum err_code prepare(const struct options *o, struct parent_start *s, struct err *e)
{
	enum err_code rc = bind_all(s, e);
	if (rc == ERR_OK)
		rc = mem_protect_process(e);
	if (rc == ERR_OK)
		rc = passphrase_read(o->passphrase_file, CREDENTIAL, "Passphrase of the realm",
			false, s->passphrase, e);
	if (rc == ERR_OK)
		rc = sandbox_become(s->realm->config.user, e);
	/* The kernel forgets the protection when the user changes. */
	if (rc == ERR_OK)
		rc = mem_protect_process(e);
	if (rc == ERR_OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		rc = err_sys(e, ERR_SANDBOX, "medseald", errno, "no new privileges");
	if (rc == ERR_OK)
		rc = reach(s->realm, e);
	if (rc == ERR_OK)
		rc = state_dir_lock(s->realm->dir, &s->lock_fd, e);
	if (rc == ERR_OK)
		rc = tls_setup(s->realm, e);
	return rc;
}

int main(int argc, char **argv)
{
	static struct realm realm;
	struct options o;
	struct err e = {.code = ERR_OK};
	int status = read_options(argc, argv, &o);
	if (status >= 0)
		return status;
	(void)umask(077);
	enum err_code rc = realm_open(o.realm, &realm, &e);
	if (rc == ERR_OK && o.check_config)
		rc = sandbox_check_user(realm.config.user, &e);
	if (rc != ERR_OK)
		return fail(&e);
	if (o.check_config) {
		printf("%s: the configuration is good\n", realm.dir);
		return 0;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	log_setup(realm.config.log_format, realm.config.log_level, "medseald");
	struct buf passphrase = buf_new_secret(PASSPHRASE_MAX);
	struct parent_start s = {.realm = &realm, .lock_fd = -1, .passphrase = &passphrase};
	rc = prepare(&o, &s, &e);
	if (rc != ERR_OK) {
		buf_free(&passphrase);
		return fail(&e);
	}
	status = parent_run(&s);
	tls_setup_free();
	return status;
}
