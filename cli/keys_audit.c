/* medseal keys audit: every public key in the input, alone and together with all others. */
#include "cli/keys.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/out.h"

#define THREADS_MAX 256
/* As err_codes.def has it: the answer is no; the data is damaged. */
#define STATUS_FOUND 1
#define STATUS_FLAWS 4

static struct {
	const char *format, *realm_db, *lists, *work, *memory, *sarif, *html, *private_keys,
		*fail_on;
	struct arg_number threads, min_bits;
	bool resume, prepare;
} opt;

static const struct arg args[] = {
	{"format", 0, ARG_TEXT, false, &opt.format, "NAME",
		"pem, der, ssh, jwk, openpgp, csv-hex, ct-json or ct-tile; else told from the "
		"bytes"},
	{"realm-db", 0, ARG_TEXT, false, &opt.realm_db, "FILE",
		"a realm's database: every certificate it issued"},
	{"lists", 0, ARG_TEXT, false, &opt.lists, "DIR",
		"more lists of known keys, beside those that came along"},
	{"work", 0, ARG_TEXT, false, &opt.work, "DIR",
		"keep what is found on the way here; else in a temporary folder"},
	{"resume", 0, ARG_FLAG, false, &opt.resume, NULL, "go on where --work was left"},
	{"prepare", 0, ARG_FLAG, false, &opt.prepare, NULL,
		"stop before the moduli are compared: medseal-keys-mpi does that in --work"},
	{"memory", 0, ARG_TEXT, false, &opt.memory, "SIZE",
		"bytes to compare moduli in (512M, 4G); else half of what is free"},
	{"threads", 0, ARG_NUMBER, false, &opt.threads, "N", "else one for each processor"},
	{"min-bits", 0, ARG_NUMBER, false, &opt.min_bits, "N",
		"shorter RSA moduli are a finding; else 2048"},
	{"fail-on", 0, ARG_TEXT, false, &opt.fail_on, "SEVERITY",
		"exit with 1 from here on: note, warning, error or never; else error"},
	{"sarif", 0, ARG_TEXT, false, &opt.sarif, "FILE", "also a SARIF 2.1.0 report"},
	{"html", 0, ARG_TEXT, false, &opt.html, "FILE", "also a page with tables and drawings"},
	{"private-keys", 0, ARG_TEXT, false, &opt.private_keys, "FILE",
		"write the private keys that were computed into a new file"},
	{.name = NULL},
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

bool audit_stopped(void)
{
	return stopped != 0;
}

/* The first signal asks; a second one kills, as it would have without us. */
static void catch_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
}

enum err_code audit_stop(const struct audit *a, struct err *e)
{
	if (a->work_temp)
		return err_set(e, ERR_INTERRUPTED, "keys audit",
			"nothing was kept; with --work DIR it could go on");
	return err_set(e, ERR_INTERRUPTED, a->work, "go on with --resume");
}

static enum err_code parse_size(const char *text, uint64_t *out, struct err *e)
{
	static const char units[] = "KMGT";
	char digits[24];
	size_t len = strlen(text);
	unsigned shift = 0;
	const char *unit = len > 0 ? strchr(units, text[len - 1]) : NULL;

	if (unit != NULL && *unit != '\0') {
		shift = 10 * (unsigned)(unit - units + 1);
		len--;
	}
	if (len == 0 || len >= sizeof(digits))
		return err_set(
			e, ERR_USAGE, "memory", "--memory takes 512M or 4G, not \"%s\"", text);
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (args_number(digits, UINT64_MAX >> shift, out) != ERR_OK || *out == 0)
		return err_set(
			e, ERR_USAGE, "memory", "--memory takes 512M or 4G, not \"%s\"", text);
	*out <<= shift;
	return ERR_OK;
}

static enum err_code parse_severity(const char *text, int *out, struct err *e)
{
	*out = SEVERITY_ERROR;
	if (text == NULL)
		return ERR_OK;
	for (*out = SEVERITY_NOTE; *out <= SEVERITY_ERROR; ++*out) {
		if (strcmp(text, severity_name((enum severity) * out)) == 0)
			return ERR_OK;
	}
	if (strcmp(text, "never") == 0)
		return ERR_OK; /* above all of them */
	return err_set(
		e, ERR_USAGE, "fail-on", "it is note, warning, error or never, not \"%s\"", text);
}

static enum err_code parse_options(struct audit *a, struct err *e)
{
	enum err_code rc = parse_severity(opt.fail_on, &a->fail_on, e);

	a->format = opt.format != NULL ? keyread_format_from_name(opt.format) : KEYREAD_AUTO;
	if (rc == ERR_OK && a->format == KEYREAD_FORMATS)
		rc = err_set(e, ERR_USAGE, "format", "there is none called \"%s\"; see --help",
			opt.format);
	if (rc == ERR_OK && opt.memory != NULL)
		rc = parse_size(opt.memory, &a->memory, e);
	if (rc == ERR_OK && opt.resume && opt.work == NULL)
		rc = err_set(e, ERR_USAGE, "resume", "it needs --work DIR");
	if (rc == ERR_OK && opt.prepare && opt.work == NULL)
		rc = err_set(e, ERR_USAGE, "prepare", "it needs --work DIR");
	if (rc == ERR_OK && opt.threads.set && (opt.threads.v < 1 || opt.threads.v > THREADS_MAX))
		rc = err_set(e, ERR_USAGE, "threads", "1 to %d", THREADS_MAX);
	if (rc == ERR_OK && opt.min_bits.set && opt.min_bits.v > PUBKEY_BITS_MAX)
		rc = err_set(e, ERR_USAGE, "min-bits", "at most %u", PUBKEY_BITS_MAX);
	if (rc != ERR_OK)
		return rc;
	a->threads = opt.threads.set ? (unsigned)opt.threads.v : 0;
	a->bits_min = opt.min_bits.set ? (unsigned)opt.min_bits.v : 0;
	a->resume = opt.resume;
	a->prepare = opt.prepare;
	a->sarif = opt.sarif;
	a->html = opt.html;
	a->private_keys = opt.private_keys;
	return ERR_OK;
}

static enum err_code make_work(struct audit *a, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	int n;

	if (opt.work != NULL) {
		n = snprintf(a->work, sizeof(a->work), "%s", opt.work);
		if (n < 0 || (size_t)n >= sizeof(a->work))
			return err_set(e, ERR_USAGE, opt.work, "the path is too long");
		if (mkdir(a->work, 0700) != 0 && errno != EEXIST)
			return err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_USAGE, a->work,
				errno, "the work folder cannot be made");
		return ERR_OK;
	}
	n = snprintf(a->work, sizeof(a->work), "%s/medseal-keys-XXXXXX",
		tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
	if (n < 0 || (size_t)n >= sizeof(a->work))
		return err_set(e, ERR_USAGE, tmp, "the path is too long");
	if (mkdtemp(a->work) == NULL)
		return err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, a->work, errno,
			"the work folder cannot be made");
	a->work_temp = true;
	return ERR_OK;
}

void audit_remove_work(struct audit *a)
{
	struct folder f = {.kept = true};

	if (!a->work_temp)
		return;
	snprintf(f.path, sizeof(f.path), "%s", a->work);
	snprintf(f.temp, sizeof(f.temp), "%s", a->work);
	folder_drop(&f);
	a->work_temp = false;
}

static enum err_code add_inputs(struct audit *a, const struct arg_operands *operands, struct err *e)
{
	enum err_code rc = ERR_OK;

	if (operands->n == 0 && opt.realm_db == NULL)
		return err_set(e, ERR_USAGE, "keys audit", "it needs an input; see --help");
	for (size_t i = 0; rc == ERR_OK && i < operands->n; i++)
		rc = inputs_add(&a->in, operands->v[i], e);
	if (rc == ERR_OK && opt.realm_db != NULL) {
		char copy[PATH_MAX];
		rc = path_join(copy, a->work, "realm.der", e);
		if (rc == ERR_OK)
			rc = inputs_add_realm(&a->in, opt.realm_db, copy, e);
	}
	return rc;
}

/* What decides the report: another run with the same is the same. */
static enum err_code digest_call(struct audit *a, uint8_t out[SHA256_SIZE], struct err *e)
{
	struct sha256 h;
	uint32_t numbers[] = {KEYSET_VERSION, a->format, a->bits_min};
	const char *lists = opt.lists != NULL ? opt.lists : "";
	enum err_code rc = sha256_start(&h, e);

	if (rc != ERR_OK)
		return rc;
	sha256_more(&h, bytes_of(numbers, sizeof(numbers)));
	sha256_more(&h, bytes_of(lists, strlen(lists) + 1));
	inputs_digest(&a->in, &h);
	sha256_end(&h, out);
	return ERR_OK;
}

/* The lists that came along are a help, not a condition; those that were named must be there. */
static enum err_code open_lists(struct audit *a, struct err *e)
{
	enum err_code rc = lists_open(lists_dir(), &a->lists, e);

	if (rc == ERR_NOT_FOUND && getenv("MEDSEAL_KEY_LISTS") == NULL) {
		out_note(a->c, "there are no lists of known keys in %s", lists_dir());
		rc = ERR_OK;
	}
	if (rc != ERR_OK || opt.lists == NULL)
		return rc;
	return a->lists != NULL ? lists_add(a->lists, opt.lists, e)
				: lists_open(opt.lists, &a->lists, e);
}

static enum err_code run_steps(struct audit *a, struct err *e)
{
	enum err_code rc = audit_collect(a, e);

	if (rc == ERR_OK)
		rc = audit_check(a, e);
	if (rc == ERR_OK && a->prepare)
		return audit_shared(a, e);
	if (rc == ERR_OK && a->private_keys != NULL)
		rc = private_begin(a->private_keys, &a->private_out, e);
	if (rc == ERR_OK)
		rc = audit_sign(a, e);
	if (rc == ERR_OK)
		rc = audit_shared(a, e);
	if (rc == ERR_OK && a->private_out != NULL)
		rc = private_rsa(a, e);
	return rc;
}

static enum err_code write_reports(struct audit *a, struct err *e)
{
	uint64_t written = 0;
	enum err_code rc = tally_make(a, e);

	if (rc == ERR_OK && a->sarif != NULL)
		rc = report_sarif(a, e);
	if (rc == ERR_OK && a->html != NULL)
		rc = report_html(a, e);
	if (rc == ERR_OK && a->private_out != NULL) {
		rc = private_keep(a->private_out, &written, e);
		a->private_out = NULL;
	}
	if (rc == ERR_OK)
		rc = a->c->json ? report_json(a, stdout, e) : report_text(a, stdout, e);
	if (rc == ERR_OK && a->private_keys != NULL)
		out_note(a->c, "%llu private keys were written to %s", (unsigned long long)written,
			a->private_keys);
	return rc;
}

static enum err_code audit(struct audit *a, const struct arg_operands *operands, struct err *e)
{
	uint8_t call[SHA256_SIZE];
	int64_t start = clock_monotonic_ms();
	enum err_code rc = parse_options(a, e);

	if (rc == ERR_OK && a->private_keys != NULL && access(a->private_keys, F_OK) == 0)
		rc = err_set(e, ERR_EXISTS, a->private_keys, "choose another name");
	if (rc == ERR_OK)
		rc = make_work(a, e);
	if (rc == ERR_OK)
		rc = add_inputs(a, operands, e);
	if (rc == ERR_OK)
		rc = digest_call(a, call, e);
	if (rc == ERR_OK)
		rc = open_lists(a, e);
	if (rc == ERR_OK)
		rc = keyset_open(a->work, a->resume, call, &a->at, &a->set, e);
	if (rc == ERR_OK)
		rc = run_steps(a, e);
	a->tally.seconds[4] = (double)(clock_monotonic_ms() - start) / 1000;
	if (rc == ERR_OK && a->prepare) {
		out_note(a->c, "%u moduli are prepared in %s", keyset_modulus_count(a->set), a->work);
		return ERR_OK;
	}
	return rc != ERR_OK ? rc : write_reports(a, e);
}

static enum err_code run(struct cli *c, const struct arg_operands *operands, struct err *e)
{
	struct audit *a = calloc(1, sizeof(*a));
	enum err_code rc;

	if (a == NULL)
		return err_set(e, ERR_NO_MEMORY, "keys audit", "for the work");
	a->c = c;
	catch_signals();
	rc = audit(a, operands, e);
	/* Findings before flaws: a broken key is the answer that was asked for. */
	if (rc == ERR_OK && tally_fails(a))
		c->status = STATUS_FOUND;
	else if (rc == ERR_OK && a->tally.flaws > 0)
		c->status = STATUS_FLAWS;
	private_drop(a->private_out);
	shared_free(&a->shared);
	keyset_close(a->set);
	lists_free(a->lists);
	inputs_free(&a->in);
	audit_remove_work(a);
	free(a);
	return rc;
}

const struct command command_keys_audit = {
	.words = "keys audit",
	.operands = "INPUT...",
	.min = 0,
	.max = SIZE_MAX,
	.summary = "find weak, known and related keys in certificates, requests, key files",
	.args = args,
	.run = run,
};
