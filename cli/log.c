/* medseal log show, prove, export: the audit log from the server, or from the realm's folder. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/log.h"
#include "base/clock.h"
#include "cli/call.h"
#include "cli/file.h"
#include "cli/log_realm.h"
#include "cli/trust.h"

#define PATH_SIZE 128
#define PAGE 1000 /* the API's most */

static struct {
	const char *realm, *out, *entry, *log_key;
	struct arg_number from, to;
} opt;

/* ---- show ---- */

static const struct arg show_args[] = {
	{"from", 0, ARG_NUMBER, false, &opt.from, "N", "the first entry; else 0"},
	{"to", 0, ARG_NUMBER, false, &opt.to, "N", "the entry after the last; else all"},
	{"realm", 0, ARG_TEXT, false, &opt.realm, "DIR", "read the realm's folder, not its server"},
	{.name = NULL},
};

static void print_entry(const struct entry *en)
{
	char at[CLOCK_TEXT_SIZE];

	clock_print(en->time, at);
	printf("%8" PRIu64 "  %s  %-20s ", en->seq, at, en->act);
	out_clean(stdout, en->actor);
	fputs("  ", stdout);
	out_clean(stdout, en->object);
	for (size_t i = 0; i < en->detail_n; i++) {
		printf("  %s=", en->detail[i].key);
		out_clean(stdout, en->detail[i].value);
	}
	putchar('\n');
}

static enum err_code print_line(const struct cli *c, struct bytes line, struct err *e)
{
	struct entry *en;
	enum err_code rc;

	if (c->json) { /* an entry is JSON already, one a line */
		fwrite(line.p, 1, line.len, stdout);
		putchar('\n');
		return ERR_OK;
	}
	en = malloc(sizeof(*en));
	if (en == NULL)
		return err_set(e, ERR_NO_MEMORY, "entry", "to read it");
	rc = entry_parse(line, en, e);
	if (rc == ERR_OK)
		print_entry(en);
	free(en);
	return rc;
}

struct shown {
	const struct cli *cli;
	struct err *e;
};

static enum err_code each_entry(void *arg, uint64_t seq, struct bytes line,
	const struct merkle_hash *leaf)
{
	const struct shown *s = arg;

	(void)seq;
	(void)leaf;
	return print_line(s->cli, line, s->e);
}

static enum err_code show_realm(const struct cli *c, struct err *e)
{
	struct shown s = {c, e};
	struct log_realm r;
	uint64_t size = 0;
	enum err_code rc = log_realm_open(opt.realm, &r, e);

	if (rc != ERR_OK)
		return rc;
	rc = store_log_size(r.store, &size, e);
	if (opt.to.set && opt.to.v < size)
		size = opt.to.v;
	if (rc == ERR_OK)
		rc = store_log_list(r.store, opt.from.v, size, each_entry, &s, e);
	log_realm_close(&r);
	return rc;
}

/* The lines of one page; how many there were. */
static enum err_code print_page(const struct cli *c, const struct buf *page, uint64_t *n,
	struct err *e)
{
	const uint8_t *p = page->p, *end = page->p + page->len;
	enum err_code rc = ERR_OK;

	*n = 0;
	while (rc == ERR_OK && p < end) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			return err_set(e, ERR_PROTOCOL, "log entries", "the last line has no end");
		rc = print_line(c, bytes_of(p, (size_t)(nl - p)), e);
		p = nl + 1;
		(*n)++;
	}
	return rc;
}

static enum err_code show_server(const struct cli *c, struct err *e)
{
	struct session s;
	uint64_t at = opt.from.v, n = PAGE;
	enum err_code rc = session_open(c, &s, e);

	if (rc != ERR_OK)
		return rc;
	while (rc == ERR_OK && n == PAGE && (!opt.to.set || at < opt.to.v)) {
		struct buf page = buf_new(CLIENT_BODY_MAX);
		char path[PATH_SIZE];
		uint64_t to = opt.to.set && opt.to.v - at < PAGE ? opt.to.v : at + PAGE;
		snprintf(path, sizeof(path), "/v1/log/entries?from=%" PRIu64 "&to=%" PRIu64, at, to);
		rc = client_get(s.client, path, &page, e);
		if (rc == ERR_OK)
			rc = print_page(c, &page, &n, e);
		at += n;
		buf_free(&page);
	}
	session_close(&s);
	return rc;
}

static enum err_code run_show(struct cli *c, const struct arg_operands *o, struct err *e)
{
	(void)o;
	return opt.realm != NULL ? show_realm(c, e) : show_server(c, e);
}

const struct command command_log_show = {
	.words = "log show",
	.operands = "",
	.summary = "Show the entries of the audit log, an entry a line",
	.args = show_args,
	.online = true,
	.run = run_show,
};

/* ---- prove ---- */

static const struct arg prove_args[] = {
	{"output", 'o', ARG_TEXT, true, &opt.out, "FILE", "where the proof goes (C2SP tlog-proof)"},
	{"entry", 0, ARG_TEXT, true, &opt.entry, "FILE", "where the entry itself goes"},
	{"log-key", 0, ARG_TEXT, false, &opt.log_key, "FILE",
		"the log's key; else the operator's log.vkey"},
	{"realm", 0, ARG_TEXT, false, &opt.realm, "DIR", "read the realm's folder, not its server"},
	{.name = NULL},
};

static enum err_code prove_server(const struct cli *c, uint64_t seq, struct buf *proof,
	struct buf *entry, struct note_key *k, struct err *e)
{
	struct session s;
	char path[PATH_MAX];
	enum err_code rc = session_open(c, &s, e);

	if (rc != ERR_OK)
		return rc;
	snprintf(path, sizeof(path), "/v1/log/proof?seq=%" PRIu64, seq);
	rc = client_get(s.client, path, proof, e);
	snprintf(path, sizeof(path), "/v1/log/entries?from=%" PRIu64 "&to=%" PRIu64, seq, seq + 1);
	if (rc == ERR_OK)
		rc = client_get(s.client, path, entry, e);
	if (rc == ERR_OK && entry->len > 0 && entry->p[entry->len - 1] == '\n')
		entry->len--;
	if (rc == ERR_OK && opt.log_key == NULL)
		rc = path_join(path, s.id.dir, "log.vkey", e);
	if (rc == ERR_OK)
		rc = trust_log_key(opt.log_key != NULL ? opt.log_key : path, k, e);
	session_close(&s);
	return rc;
}

static enum err_code prove_realm(uint64_t seq, struct buf *proof, struct buf *entry,
	struct note_key *k, struct err *e)
{
	struct log_realm r;
	struct buf note = buf_new(NOTE_MAX);
	struct tlog_proof p = {.index = seq};
	struct merkle_hash leaf;
	uint64_t size;
	enum err_code rc = log_realm_open(opt.realm, &r, e);

	if (rc != ERR_OK)
		return rc;
	rc = store_checkpoint_newest(r.store, &size, &note, e);
	if (rc == ERR_OK && seq >= size)
		rc = err_set(e, ERR_NOT_FOUND, "entry", "no checkpoint covers it yet");
	if (rc == ERR_OK)
		rc = audit_prove(r.store, seq, size, &p.path, e);
	p.checkpoint = buf_view(&note);
	if (rc == ERR_OK)
		rc = tlog_proof_encode(&p, proof, e);
	if (rc == ERR_OK)
		rc = store_log_get(r.store, seq, entry, &leaf, e);
	*k = r.key;
	if (rc == ERR_OK && opt.log_key != NULL)
		rc = trust_log_key(opt.log_key, k, e);
	buf_free(&note);
	log_realm_close(&r);
	return rc;
}

static enum err_code run_prove(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct buf proof = buf_new(NOTE_MAX + 8192), entry = buf_new(ENTRY_MAX + 1);
	struct note_key k;
	uint64_t seq;
	enum err_code rc;

	if (args_number(o->v[0], INT64_MAX, &seq) != ERR_OK)
		return err_set(e, ERR_USAGE, o->v[0], "the number of an entry");
	rc = opt.realm != NULL ? prove_realm(seq, &proof, &entry, &k, e) :
				 prove_server(c, seq, &proof, &entry, &k, e);
	if (rc == ERR_OK)
		rc = log_check_proof(buf_view(&proof), buf_view(&entry), &k, NULL, e);
	if (rc == ERR_OK)
		rc = disk_write_new(opt.out, 0644, buf_view(&proof), e);
	buf_u8(&entry, '\n');
	if (rc == ERR_OK)
		rc = buf_end(&entry, e, "entry");
	if (rc == ERR_OK)
		rc = disk_write_new(opt.entry, 0644, buf_view(&entry), e);
	if (rc == ERR_OK)
		out_note(c, "Entry %" PRIu64 " is proven in %s; check it anywhere with\n"
			    "  medseal log verify --proof %s --entry %s --log-key KEY",
			seq, opt.out, opt.out, opt.entry);
	buf_free(&proof);
	buf_free(&entry);
	return rc;
}

const struct command command_log_prove = {
	.words = "log prove",
	.operands = "SEQ",
	.min = 1,
	.max = 1,
	.summary = "Get the proof that an entry is in the log",
	.args = prove_args,
	.online = true,
	.run = run_prove,
};

/* ---- export ---- */

static const struct arg export_args[] = {
	{"output", 'o', ARG_TEXT, true, &opt.out, "FILE", "where it goes; a new file"},
	{"realm", 0, ARG_TEXT, false, &opt.realm, "DIR", "read the realm's folder, not its server"},
	{.name = NULL},
};

static enum err_code export_realm(int fd, struct err *e)
{
	struct log_realm r;
	struct audit_state state;
	enum err_code rc = log_realm_open(opt.realm, &r, e);

	if (rc != ERR_OK)
		return rc;
	rc = audit_open(r.store, &r.key, &state, e);
	if (rc == ERR_OK)
		rc = audit_export(r.store, &state, fd, e);
	log_realm_close(&r);
	return rc;
}

static enum err_code export_server(const struct cli *c, int fd, struct err *e)
{
	struct session s;
	enum err_code rc = session_open(c, &s, e);

	if (rc != ERR_OK)
		return rc;
	rc = client_download(s.client, "/v1/log/export", fd, "exporting", e);
	session_close(&s);
	return rc;
}

static enum err_code run_export(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct pending file;
	enum err_code rc = pending_start(&file, opt.out, 0644, false, e);

	(void)o;
	if (rc != ERR_OK)
		return rc;
	rc = opt.realm != NULL ? export_realm(file.fd, e) : export_server(c, file.fd, e);
	if (rc == ERR_OK)
		rc = pending_keep(&file, e);
	else
		pending_drop(&file);
	return rc;
}

const struct command command_log_export = {
	.words = "log export",
	.operands = "",
	.summary = "Write the whole log into a file that verifies without a server",
	.args = export_args,
	.online = true,
	.run = run_export,
};
