/* medseal-agent: a device's own credential, from its first key to its last renewal. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <yyjson.h>

#include "agent/enrol.h"
#include "base/log.h"
#include "base/mem.h"

#define CA_FILE_MAX 65536
/* `run` wakes at least this often, so that a clock that is set right is noticed. */
#define RUN_SLEEP_MAX 3600

static const char help[] =
	"usage: medseal-agent COMMAND --state DIR [OPTION]...\n"
	"\n"
	"commands:\n"
	"  enroll   make a key on this device and get its first certificate\n"
	"  renew    renew the certificate when two thirds of its life are over\n"
	"  status   say what this device has\n"
	"  run      renew whenever it is due, until stopped\n"
	"\n"
	"options:\n"
	"  --state DIR          the device's folder (mode 0700)\n"
	"  --server URL         enroll: https://HOST:PORT of the EST server\n"
	"  --ca FILE            enroll: the root certificate that the server must lead to, PEM\n"
	"  --serial SERIAL      enroll: this device's serial\n"
	"  --ticket-file FILE   enroll: a one-time ticket (mode 0600)\n"
	"  --idevid-cert FILE   enroll: the manufacturer's certificate of this device, PEM\n"
	"  --idevid-key FILE    enroll: its key, PEM, mode 0600\n"
	"  --noise FILE         noise source to test before a key is made\n"
	"                       (default: the jitter of the processor's timer)\n"
	"  --force              renew: now, also when it is not due\n"
	"  --json               status: as JSON\n"
	"  --help, --version\n";

struct call {
	const char *command;
	const char *state;
	const char *server;
	const char *ca;
	const char *serial;
	bool json;
	struct enrol_options o;
};

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static enum err_code read_ca(const char *path, struct buf *out, struct err *e)
{
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return err_sys(e, ERR_IO, path, errno, "the root certificate could not be opened");
	char piece[4096];
	size_t n;
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_bytes(out, bytes_of(piece, n));
	(void)fclose(f);
	struct cert anchor = {0};
	enum err_code rc = buf_end(out, e, path);
	if (rc == ERR_OK)
		rc = cert_parse_pem(buf_view(out), &anchor, e);
	cert_free(&anchor);
	return rc;
}

static enum err_code say_enrolled(const struct state *s, const char *what, struct err *e)
{
	struct credential c;
	char due[CLOCK_TEXT_SIZE];
	char until[CLOCK_TEXT_SIZE];
	enum err_code rc = state_credential(s, "current", &c, e);
	if (rc == ERR_OK) {
		clock_print(enrol_due(&c.cert), due);
		clock_print(c.cert.not_after, until);
		printf("%s: %s; certificate %s until %s, renewal from %s\n", s->serial, what,
			c.cert.serial, until, due);
	}
	credential_free(&c);
	return rc;
}

static enum err_code do_enroll(struct call *c, struct err *e)
{
	if (c->server == NULL || c->ca == NULL || c->serial == NULL)
		return err_set(e, ERR_USAGE, "enroll", "it needs --server, --ca and --serial");
	if ((c->o.ticket_path == NULL) == (c->o.idevid_cert == NULL) ||
		(c->o.idevid_cert == NULL) != (c->o.idevid_key == NULL))
		return err_set(e, ERR_USAGE, "enroll",
			"it needs --ticket-file, or --idevid-cert with --idevid-key");
	if (strncmp(c->server, "https://", 8) != 0 || c->server[8] == '\0')
		return err_set(e, ERR_USAGE, "--server", "it takes https://HOST:PORT, not \"%s\"",
			c->server);
	struct state s;
	struct buf ca = buf_new(CA_FILE_MAX);
	enum err_code rc = read_ca(c->ca, &ca, e);
	if (rc == ERR_OK)
		rc = state_open(c->state, true, &s, e);
	if (rc == ERR_OK)
		rc = state_configure(&s, c->server, c->serial, buf_view(&ca), e);
	if (rc == ERR_OK)
		rc = enrol_first(&s, &c->o, e);
	if (rc == ERR_OK)
		rc = say_enrolled(&s, "enrolled", e);
	buf_free(&ca);
	return rc;
}

static enum err_code do_renew(struct call *c, struct err *e)
{
	struct state s;
	enum err_code rc = state_open(c->state, false, &s, e);
	if (rc == ERR_OK)
		rc = enrol_renew(&s, &c->o, e);
	if (rc == ERR_NOT_DUE) {
		printf("%s: not due: %s\n", s.serial, e->reason);
		err_clear(e);
		return ERR_OK;
	}
	return rc == ERR_OK ? say_enrolled(&s, "renewed", e) : rc;
}

struct report {
	const char *state; /* "none", "enrolled", "renewal-pending" */
	char cert[CERT_SERIAL_HEX];
	char not_after[CLOCK_TEXT_SIZE];
	char due[CLOCK_TEXT_SIZE];
	char next_try[CLOCK_TEXT_SIZE];
	unsigned attempts;
};

static enum err_code make_report(const struct state *s, struct report *r, struct err *e)
{
	struct credential c;
	struct retry retry;
	*r = (struct report){.state = "none"};
	enum err_code rc = state_retry_get(s, &retry, e);
	if (rc != ERR_OK || !state_has(s, "current"))
		return rc;
	rc = state_credential(s, "current", &c, e);
	if (rc == ERR_OK) {
		r->state = state_has(s, "next") ? "renewal-pending" : "enrolled";
		(void)snprintf(r->cert, sizeof(r->cert), "%s", c.cert.serial);
		clock_print(c.cert.not_after, r->not_after);
		clock_print(enrol_due(&c.cert), r->due);
		r->attempts = retry.attempts;
		if (retry.attempts > 0)
			clock_print(retry.next_try, r->next_try);
	}
	credential_free(&c);
	return rc;
}

static void print_report_json(const struct state *s, const struct report *r)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	yyjson_mut_doc_set_root(d, o);
	yyjson_mut_obj_add_str(d, o, "serial", s->serial);
	yyjson_mut_obj_add_str(d, o, "server", s->server);
	yyjson_mut_obj_add_str(d, o, "state", r->state);
	yyjson_mut_obj_add_str(d, o, "certificate", r->cert);
	yyjson_mut_obj_add_str(d, o, "not_after", r->not_after);
	yyjson_mut_obj_add_str(d, o, "renewal_due", r->due);
	yyjson_mut_obj_add_uint(d, o, "failures", r->attempts);
	yyjson_mut_obj_add_str(d, o, "next_try", r->next_try);
	char *text = yyjson_mut_write(d, 0, NULL);
	if (text != NULL)
		puts(text);
	free(text);
	yyjson_mut_doc_free(d);
}

static enum err_code do_status(struct call *c, struct err *e)
{
	struct state s;
	struct report r;
	enum err_code rc = state_open(c->state, false, &s, e);
	if (rc == ERR_OK)
		rc = make_report(&s, &r, e);
	if (rc != ERR_OK)
		return rc;
	if (c->json) {
		print_report_json(&s, &r);
		return ERR_OK;
	}
	printf("serial       %s\nserver       %s\nstate        %s\n", s.serial, s.server, r.state);
	if (r.cert[0] != '\0')
		printf("certificate  %s\nvalid until  %s\nrenewal from %s\n", r.cert, r.not_after,
			r.due);
	if (r.attempts > 0)
		printf("failures     %u in a row, next try at %s\n", r.attempts, r.next_try);
	return ERR_OK;
}

/* Seconds until there may be something to do. */
static int64_t until_next(const struct state *s, const struct enrol_options *o)
{
	struct credential c;
	struct retry r;
	int64_t at = 0;
	if (state_credential(s, "current", &c, NULL) == ERR_OK)
		at = enrol_due(&c.cert);
	credential_free(&c);
	if (state_retry_get(s, &r, NULL) == ERR_OK && r.attempts > 0)
		at = r.next_try;
	int64_t wait = at - enrol_now(s, o->clock);
	return wait < 1 ? 1 : wait > RUN_SLEEP_MAX ? RUN_SLEEP_MAX : wait;
}

static enum err_code do_run(struct call *c, struct err *e)
{
	struct state s;
	enum err_code rc = state_open(c->state, false, &s, e);
	if (rc != ERR_OK)
		return rc;
	struct sigaction sa = {.sa_handler = stop};
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	while (!stopped) {
		rc = enrol_renew(&s, &c->o, e);
		if (rc == ERR_OK)
			LOG(LOG_INFO, "agent.renewed", LOG_STR("serial", s.serial));
		else if (rc != ERR_NOT_DUE)
			log_err(LOG_WARN, "agent.renewal-failed", e);
		if (!stopped)
			(void)sleep((unsigned)until_next(&s, &c->o));
	}
	return ERR_OK;
}

static const struct {
	const char *name;
	enum err_code (*run)(struct call *c, struct err *e);
} commands[] = {
	{"enroll", do_enroll},
	{"renew", do_renew},
	{"status", do_status},
	{"run", do_run},
};

static const struct option options[] = {
	{"state", required_argument, NULL, 'd'},
	{"server", required_argument, NULL, 's'},
	{"ca", required_argument, NULL, 'c'},
	{"serial", required_argument, NULL, 'n'},
	{"ticket-file", required_argument, NULL, 't'},
	{"idevid-cert", required_argument, NULL, 'C'},
	{"idevid-key", required_argument, NULL, 'K'},
	{"noise", required_argument, NULL, 'N'},
	{"force", no_argument, NULL, 'f'},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* 0: go on; else what to exit with, less one. */
static int parse_options(int argc, char **argv, struct call *c)
{
	int opt;
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'd': c->state = optarg; break;
		case 's': c->server = optarg; break;
		case 'c': c->ca = optarg; break;
		case 'n': c->serial = optarg; break;
		case 't': c->o.ticket_path = optarg; break;
		case 'C': c->o.idevid_cert = optarg; break;
		case 'K': c->o.idevid_key = optarg; break;
		case 'N': c->o.noise_path = optarg; break;
		case 'f': c->o.force = true; break;
		case 'j': c->json = true; break;
		case 'h': fputs(help, stdout); return 1;
		case 'V': puts("medseal-agent " MEDSEAL_VERSION); return 1;
		default: return 1 + err_exit(ERR_USAGE);
		}
	}
	if (optind + 1 != argc || c->state == NULL) {
		fputs("medseal-agent: it takes one command and --state DIR; see --help\n", stderr);
		return 1 + err_exit(ERR_USAGE);
	}
	c->command = argv[optind];
	return 0;
}

int main(int argc, char **argv)
{
	struct call c = {.o = {.clock = clock_system()}};
	struct err e = {0};
	char line[ERR_OBJECT_MAX + ERR_REASON_MAX + 256];
	int done = parse_options(argc, argv, &c);
	if (done != 0)
		return done - 1;
	log_setup(LOG_LOGFMT, LOG_INFO, "agent");
	enum err_code rc = mem_protect_process(&e);
	if (rc == ERR_OK) {
		rc = err_set(&e, ERR_USAGE, c.command, "there is no such command; see --help");
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			if (strcmp(commands[i].name, c.command) == 0)
				rc = commands[i].run(&c, &e);
	}
	if (rc != ERR_OK) {
		err_print(&e, line, sizeof(line));
		fprintf(stderr, "medseal-agent: %s\n", line);
	}
	return err_exit(rc);
}
