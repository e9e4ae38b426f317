/* Step 1: read every input once, and keep every key once. */
#include "cli/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

/* How much work a kill may cost. */
#define CHECKPOINT_MS 5000
/* Signatures kept for the nonce checks, which hold fewer in memory (keycheck/nonce.h). */
#define SIGNATURES_MAX ((uint64_t)4 << 20)

/* ecdsa-with-SHA1 and -SHA2 (RFC 3279 §2.2.3, RFC 5758 §3.2): 1.2.840.10045.4... */
static const uint8_t ecdsa_prefix[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04};

struct collect {
	struct audit *a;
	const struct input *one;
	uint32_t file;
	uint64_t record_at; /* offset of the record at hand */
	bool any;           /* a record was met */
	uint32_t key;       /* the key handed over last */
	uint64_t done;      /* bytes of the files before */
	int64_t checkpoint_ms;
	enum err_code stopped; /* an error of ours: reading ends */
	struct err *e;
	struct keys_progress progress;
};

static struct keyset_place place_of(const struct collect *c, const struct key_place *at)
{
	return (struct keyset_place){.file = c->file,
		.offset = at->offset,
		.line = at->line,
		.record = at->record,
		.form = bytes_str(at->form),
		.name = at->name};
}

static enum err_code checkpoint(struct collect *c, uint64_t offset)
{
	c->checkpoint_ms = clock_monotonic_ms();
	c->a->at.file = c->file;
	c->a->at.offset = offset;
	return keyset_checkpoint(c->a->set, &c->a->at, c->e);
}

/*
 * A record begins: all before it are kept whole, so this is a place to go on from.  (Several keys
 * may come from one record; between them is none.)  A pipe cannot be read again from its middle.
 */
static enum err_code record_begins(struct collect *c, const struct key_place *at)
{
	enum err_code rc = ERR_OK;

	if (c->any && at->offset <= c->record_at)
		return ERR_OK;
	c->any = true;
	c->record_at = at->offset;
	if (c->one->stream)
		return audit_stopped() ? audit_stop(c->a, c->e) : ERR_OK;
	if (audit_stopped() || clock_monotonic_ms() - c->checkpoint_ms >= CHECKPOINT_MS)
		rc = checkpoint(c, at->offset);
	if (rc == ERR_OK && audit_stopped())
		rc = audit_stop(c->a, c->e);
	return rc;
}

static enum err_code take_key(void *arg, const struct pubkey *k, const struct key_place *at,
	struct bytes name_der, struct bytes subject_key_id, struct err *e)
{
	struct collect *c = arg;
	struct keyset_place place = place_of(c, at);
	enum err_code rc = record_begins(c, at);

	if (rc == ERR_OK)
		rc = keyset_add(c->a->set, k, &place, &c->key, e);
	if (rc == ERR_OK && k->kind == PUBKEY_EC && name_der.len > 0) {
		struct keyset_signer s = {
			.key = c->key, .name = name_der, .key_id = subject_key_id, .at = place};
		rc = keyset_signer(c->a->set, &s, NULL, e);
	}
	return c->stopped = rc;
}

static enum err_code take_signature(
	void *arg, const struct signature_seen *s, const struct key_place *at, struct err *e)
{
	struct collect *c = arg;
	bool kept = false;
	enum err_code rc = ERR_OK;

	if (s->sig_alg.len < sizeof(ecdsa_prefix) ||
		memcmp(s->sig_alg.p, ecdsa_prefix, sizeof(ecdsa_prefix)) != 0)
		return ERR_OK;
	if (c->a->tally.signatures < SIGNATURES_MAX) {
		struct keyset_signer r = {.is_signature = true,
			.key = s->self ? c->key : KEYSET_NONE,
			.name = s->issuer,
			.key_id = s->authority_key_id,
			.sig_alg = s->sig_alg,
			.tbs = s->tbs,
			.sig = s->sig,
			.at = place_of(c, at)};
		rc = keyset_signer(c->a->set, &r, &kept, e);
	}
	c->a->tally.signatures += kept;
	return c->stopped = rc;
}

static void take_flaw(void *arg, const struct key_place *at, const struct err *why)
{
	struct collect *c = arg;
	struct keyset_place place = place_of(c, at);

	if (c->stopped != ERR_OK)
		return;
	c->stopped = record_begins(c, at);
	if (c->stopped == ERR_OK)
		c->stopped = keyset_flaw(c->a->set, &place, why, c->e);
}

static void show(void *arg, uint64_t offset)
{
	struct collect *c = arg;
	bool known = c->a->in.bytes > 0 && !c->one->stream;

	if (c->one->size > 0 && offset > c->one->size)
		offset = c->one->size;
	progress_show(&c->progress, (double)(c->done + offset), known ? (double)c->a->in.bytes : 0);
}

/* Something about the file as a whole. */
static enum err_code flaw_of_file(struct collect *c, const struct err *why)
{
	struct keyset_place place = {.file = c->file, .form = bytes_str("file")};

	return keyset_flaw(c->a->set, &place, why, c->e);
}

static enum err_code open_input(const struct input *one, int *fd, struct err *why)
{
	struct stat st;
	const char *path = one->open != NULL ? one->open : one->path;

	if (one->refused != NULL)
		return one->errnum != 0
			       ? err_sys(why, ERR_IO, one->path, one->errnum, "%s", one->refused)
			       : err_set(why, ERR_IO, one->path, "%s", one->refused);
	if (strcmp(path, "-") == 0) {
		*fd = STDIN_FILENO;
		return ERR_OK;
	}
	/* Not by a link that took the file's place since the folder was walked. */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (one->walked ? O_NOFOLLOW : 0));
	if (*fd < 0 || fstat(*fd, &st) != 0)
		return err_sys(why, ERR_IO, one->path, errno, "cannot open");
	if (!S_ISREG(st.st_mode) && !(S_ISFIFO(st.st_mode) && one->stream))
		return err_set(why, ERR_IO, one->path, "it has become another kind of file");
	(void)posix_fadvise(*fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return ERR_OK;
}

static enum err_code collect_file(struct collect *c, uint64_t from)
{
	const struct key_sink sink = {c, take_key, take_signature, take_flaw, show};
	struct err why = {0};
	int fd = -1;
	enum err_code rc = open_input(c->one, &fd, &why);

	c->any = from > 0;
	c->record_at = from > 0 ? from - 1 : 0;
	if (rc == ERR_OK)
		rc = keyread_fd(fd, c->one->path, c->a->format, from, &sink, &why);
	if (fd > STDIN_FILENO)
		(void)close(fd);
	if (c->stopped != ERR_OK) {
		if (c->e->code == ERR_OK) /* told through the reader */
			*c->e = why;
		return c->stopped;
	}
	if (rc == ERR_OK)
		return ERR_OK;
	/* In a folder there are other things than keys; a file that was named should hold some. */
	if (rc == ERR_MALFORMED && c->one->walked && !c->any) {
		c->a->at.skipped++;
		return ERR_OK;
	}
	return flaw_of_file(c, &why);
}

static enum err_code collect_all(struct collect *c)
{
	struct audit *a = c->a;
	enum err_code rc = ERR_OK;

	while (rc == ERR_OK && a->at.file < a->in.n) {
		c->file = a->at.file;
		c->one = &a->in.v[c->file];
		rc = collect_file(c, a->at.offset);
		if (rc != ERR_OK)
			break;
		c->done += c->one->size;
		c->file++;
		a->at.file = c->file;
		a->at.offset = 0;
		if (audit_stopped() || clock_monotonic_ms() - c->checkpoint_ms >= CHECKPOINT_MS ||
			c->one->stream)
			rc = checkpoint(c, 0);
		if (rc == ERR_OK && audit_stopped())
			rc = audit_stop(a, c->e);
	}
	return rc;
}

enum err_code audit_collect(struct audit *a, struct err *e)
{
	struct collect c = {.a = a, .e = e, .key = KEYSET_NONE};
	int64_t start = clock_monotonic_ms();
	enum err_code rc = ERR_OK;

	c.checkpoint_ms = start;
	err_clear(e);
	if (a->at.step == STEP_COLLECT) {
		for (uint32_t i = 0; i < a->at.file; i++)
			c.done += a->in.v[i].size;
		progress_begin(&c.progress, a->c, "reading", NULL, (double)(c.done + a->at.offset));
		rc = collect_all(&c);
		progress_end(&c.progress);
		if (rc == ERR_OK) {
			a->at.step = STEP_CHECK;
			a->at.done = 0;
			rc = keyset_checkpoint(a->set, &a->at, e);
		}
	}
	if (rc == ERR_OK)
		rc = keyset_seal(a->set, e);
	a->tally.seconds[0] = (double)(clock_monotonic_ms() - start) / 1000;
	return rc;
}
