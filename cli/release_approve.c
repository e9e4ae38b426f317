/*
 * medseal release approve: a person looks at exactly what they are about to sign, and signs it with
 * their own key, here.  The server is not believed: the proposal's signature, the release's name
 * and the image's bytes are checked before the question is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/call.h"
#include "cli/file.h"
#include "firmware/approval.h"

#define PATH_SIZE 256

static struct {
	const char *image;
	bool read_it;
} opt;

static const struct arg args[] = {
	{"image", 0, ARG_TEXT, false, &opt.image, "FILE",
		"the image as you have it (for mcuboot: prepared); else the server's copy"},
	{"yes-i-have-read", 0, ARG_FLAG, false, &opt.read_it, NULL,
		"sign without the question; what is signed is still printed"},
	{.name = NULL},
};

/* The envelope, whether the reply holds it as text or as an object. */
static enum err_code member_text(yyjson_val *o, const char *key, struct buf *out, struct err *e)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	char *text;
	size_t len;

	if (yyjson_is_str(v)) {
		buf_bytes(out, bytes_of(yyjson_get_str(v), yyjson_get_len(v)));
		return buf_end(out, e, key);
	}
	if (!yyjson_is_obj(v))
		return err_set(e, ERR_PROTOCOL, key, "the server's answer lacks it");
	text = yyjson_val_write(v, 0, &len);
	if (text == NULL)
		return err_set(e, ERR_NO_MEMORY, key, "for the envelope");
	buf_bytes(out, bytes_of(text, len));
	free(text);
	return buf_end(out, e, key);
}

static enum err_code get_proposal(struct session *s, const char *id, struct approval *out,
	struct err *e)
{
	struct buf path = buf_new(PATH_SIZE), envelope = buf_new(APPROVAL_ENVELOPE_MAX);
	struct approval_trust trust = {.roots_n = 1, .at = clock_now(clock_system())};
	struct cert root = {0};
	yyjson_doc *reply = NULL;
	char file[PATH_MAX], is[RELEASE_ID_SIZE];
	enum err_code rc = client_path("/v1/releases/", id, "", &path, e);

	if (rc == ERR_OK)
		rc = client_json(s->client, buf_cstr(&path), BYTES_NONE, &reply, e);
	if (rc == ERR_OK)
		rc = member_text(yyjson_doc_get_root(reply), "proposal", &envelope, e);
	if (rc == ERR_OK)
		rc = path_join(file, s->id.dir, "ca.pem", e);
	if (rc == ERR_OK)
		rc = cert_load(file, &root, e);
	if (rc == ERR_OK)
		rc = approval_parse(buf_view(&envelope), out, e);
	if (rc != ERR_OK)
		goto out;
	trust.roots = &root;
	rc = approval_check(out, &trust, e);
	release_id(out->statement, is);
	if (rc == ERR_OK && out->meaning != APPROVAL_PROPOSE)
		rc = err_set(e, ERR_APPROVAL_MISMATCH, id, "the server sent no proposal");
	if (rc == ERR_OK && strcmp(is, id) != 0)
		rc = err_set(e, ERR_APPROVAL_MISMATCH, id, "the server sent release %s", is);
	if (rc != ERR_OK)
		approval_free(out);
out:
	cert_free(&root);
	yyjson_doc_free(reply);
	buf_free(&path);
	buf_free(&envelope);
	return rc;
}

/* The bytes that the digest stands for: ours, or fetched. */
static enum err_code check_image(const struct cli *c, struct session *s, const char *id,
	const struct release *r, struct err *e)
{
	struct buf path = buf_new(PATH_SIZE);
	const char *tmp = getenv("TMPDIR");
	enum err_code rc = ERR_OK;
	int fd;

	(void)c;
	if (opt.image != NULL)
		fd = open(opt.image, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	else
		fd = open(tmp != NULL ? tmp : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, ERR_IO, opt.image != NULL ? opt.image : "temporary file", errno,
			"cannot open");
	if (opt.image == NULL) {
		rc = client_path("/v1/releases/", id, "/image", &path, e);
		if (rc == ERR_OK)
			rc = client_download(s->client, buf_cstr(&path), fd, "fetching the image", e);
	}
	if (rc == ERR_OK)
		rc = release_check_image(r, fd, e);
	close(fd);
	buf_free(&path);
	return rc;
}

/* On the terminal, whatever standard output is: it is what the signature will mean. */
static void show(FILE *f, const struct session *s, const char *id, const struct approval *proposal)
{
	struct buf text = buf_new(4096);
	char at[CLOCK_TEXT_SIZE];

	release_print(&proposal->release, &text);
	clock_print(proposal->time, at);
	fprintf(f, "Release %s, proposed by %s at %s:\n\n", id, proposal->name, at);
	for (const char *p = buf_cstr(&text); *p != '\0';) {
		size_t len = strcspn(p, "\n");
		char line[512];
		snprintf(line, sizeof(line), "%.*s", (int)len, p);
		fputs("  ", f);
		out_clean(f, line);
		fputc('\n', f);
		p += len + (p[len] == '\n');
	}
	fprintf(f, "\nThe image's bytes were checked against this SHA-256 (%s).\n"
		   "You, %s, would sign this statement, byte for byte, with the meaning \"approve\":\n\n  ",
		opt.image != NULL ? "your copy" : "fetched from the server", s->id.cert.common_name);
	fwrite(proposal->statement.p, 1, proposal->statement.len, f);
	fputs("\n\n", f);
	buf_free(&text);
}

static enum err_code ask(struct err *e)
{
	char answer[16] = "";
	FILE *tty = fopen("/dev/tty", "r+e");

	if (tty == NULL)
		return err_set(e, ERR_NOT_TERMINAL, "approve",
			"nobody can be asked; --yes-i-have-read says that you have read it");
	fprintf(tty, "Sign it? [y/N] ");
	fflush(tty);
	tcflush(fileno(tty), TCIFLUSH); /* what was typed before the question is no answer to it */
	if (fgets(answer, sizeof(answer), tty) == NULL)
		answer[0] = '\0';
	fclose(tty);
	if (strcmp(answer, "y\n") != 0 && strcmp(answer, "yes\n") != 0)
		return err_set(e, ERR_DECLINED, "approve", "only y or yes signs");
	return ERR_OK;
}

static enum err_code sign_and_send(const struct cli *c, struct session *s, const char *id,
	const struct approval *proposal, struct err *e)
{
	struct buf path = buf_new(PATH_SIZE), envelope = buf_new(APPROVAL_ENVELOPE_MAX);
	yyjson_doc *reply = NULL;
	enum err_code rc = approval_make(APPROVAL_APPROVE, clock_now(clock_system()),
		proposal->statement, s->id.key, s->id.cert.der, &envelope, e);

	if (rc == ERR_OK)
		rc = client_path("/v1/releases/", id, "/approvals", &path, e);
	if (rc == ERR_OK)
		rc = client_json(s->client, buf_cstr(&path), buf_view(&envelope), &reply, e);
	if (rc == ERR_OK)
		rc = out_value(c, yyjson_doc_get_root(reply), e);
	yyjson_doc_free(reply);
	buf_free(&path);
	buf_free(&envelope);
	return rc;
}

static enum err_code run(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct session s;
	struct approval proposal;
	enum err_code rc = session_open(c, &s, e);

	if (rc != ERR_OK)
		return rc;
	rc = get_proposal(&s, o->v[0], &proposal, e);
	if (rc != ERR_OK)
		goto out;
	rc = check_image(c, &s, o->v[0], &proposal.release, e);
	if (rc == ERR_OK) {
		show(c->json ? stderr : stdout, &s, o->v[0], &proposal);
		fflush(stdout);
		if (!opt.read_it)
			rc = ask(e);
	}
	if (rc == ERR_OK)
		rc = sign_and_send(c, &s, o->v[0], &proposal, e);
	approval_free(&proposal);
out:
	session_close(&s);
	return rc;
}

const struct command command_release_approve = {
	.words = "release approve",
	.operands = "ID",
	.min = 1,
	.max = 1,
	.summary = "Look at a proposed release and sign it with your own key",
	.args = args,
	.online = true,
	.run = run,
};
