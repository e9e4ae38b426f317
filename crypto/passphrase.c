#include "crypto/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "crypto/key_file.h"

/*
 * systemd gives a credential to its service by an ACL entry, and the ACL's mask shows as the
 * group's bits: the group may seem to read.
 */
#define CREDENTIAL_FORBIDDEN 037u

/* The first line, without its end. */
static enum err_code keep_first_line(struct buf *file, struct buf *out, const char *path,
	struct err *e)
{
	struct bytes v = buf_view(file);
	const uint8_t *end = v.len > 0 ? memchr(v.p, '\n', v.len) : NULL;
	if (end != NULL)
		v.len = (size_t)(end - v.p);
	if (v.len > 0 && v.p[v.len - 1] == '\r')
		v.len--;
	if (v.len == 0)
		return err_set(e, ERR_PASSPHRASE_WEAK, path, "the first line is empty");
	buf_bytes(out, v);
	return buf_end(out, e, path);
}

static enum err_code from_file(const char *path, unsigned forbidden, struct buf *out,
	struct err *e)
{
	struct buf file = buf_new_secret(PASSPHRASE_MAX + 2);
	enum err_code rc = key_file_read(path, forbidden, PASSPHRASE_MAX + 2, &file, e);
	if (rc == ERR_OK)
		rc = keep_first_line(&file, out, path, e);
	buf_free(&file);
	return rc;
}

/* One line from the terminal without echo; false when it ends early or is too long. */
static bool ask(int tty, const char *prompt, struct buf *out)
{
	struct termios before;
	struct termios quiet;
	if (tcgetattr(tty, &before) != 0)
		return false;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ISIG);
	quiet.c_lflag |= ECHONL | ICANON;
	/* Ctrl-C ends the line and the question, not the process: the echo must come back. */
	quiet.c_cc[VEOL] = before.c_cc[VINTR];
	/* Flushed: what was typed before the question is no answer to it. */
	if (tcsetattr(tty, TCSAFLUSH, &quiet) != 0)
		return false;
	bool ok = dprintf(tty, "%s: ", prompt) > 0;
	uint8_t c = 0;
	while (ok) {
		ssize_t n = read(tty, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != 1 || c == '\n' || c == before.c_cc[VINTR])
			break;
		buf_u8(out, c);
	}
	ok = ok && c == '\n' && !out->bad && out->len > 0;
	mem_wipe(&c, sizeof(c));
	return tcsetattr(tty, TCSAFLUSH, &before) == 0 && ok;
}

static enum err_code from_terminal(const char *prompt, bool confirm, struct buf *out, struct err *e)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return err_set(e, ERR_NOT_TERMINAL, prompt,
			"name a passphrase file, or run it on a terminal");
	struct buf first = buf_new_secret(PASSPHRASE_MAX);
	struct buf second = buf_new_secret(PASSPHRASE_MAX);
	enum err_code rc = ERR_OK;
	if (!ask(tty, prompt, &first))
		rc = err_set(e, ERR_PASSPHRASE, prompt, "nothing was typed, or too much");
	else if (confirm && (dprintf(tty, "Once more, ") < 0 || !ask(tty, prompt, &second) ||
				    first.len != second.len ||
				    !mem_equal_ct(first.p, second.p, first.len)))
		rc = err_set(e, ERR_PASSPHRASE, prompt, "the two were not the same");
	if (rc == ERR_OK) {
		buf_bytes(out, buf_view(&first));
		rc = buf_end(out, e, prompt);
	}
	buf_free(&first);
	buf_free(&second);
	(void)close(tty);
	return rc;
}

/* A credential's name is one path component, chosen by us; its folder comes from the manager. */
static bool credential_path(const char *credential, char *path, size_t size)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	if (credential == NULL || dir == NULL || strchr(credential, '/') != NULL)
		return false;
	int n = snprintf(path, size, "%s/%s", dir, credential);
	return n > 0 && (size_t)n < size && access(path, F_OK) == 0;
}

enum err_code passphrase_read(const char *path, const char *credential, const char *prompt,
	bool confirm, struct buf *out, struct err *e)
{
	char credential_file[PATH_MAX];
	struct buf got = buf_new_secret(PASSPHRASE_MAX);
	enum err_code rc;
	if (path != NULL)
		rc = from_file(path, KEY_FILE_FORBIDDEN, &got, e);
	else if (credential_path(credential, credential_file, sizeof(credential_file)))
		rc = from_file(credential_file, CREDENTIAL_FORBIDDEN, &got, e);
	else
		rc = from_terminal(prompt, confirm, &got, e);
	if (rc == ERR_OK)
		*out = got;
	else
		buf_free(&got);
	return rc;
}
