/* Small files of the realm that keeper and signer read at their start. */
#include "server/files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "firmware/file.h"

enum err_code files_read(const char *dir, const char *part, struct buf *out, struct err *e)
{
	char path[PATH_MAX];
	uint64_t size = 0;

	enum err_code rc = realm_path(dir, part, path, e);
	if (rc != ERR_OK)
		return rc;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, errno,
			"it cannot be opened");
	rc = file_size(fd, &size, e);
	if (rc == ERR_OK && size > out->max)
		rc = err_set(e, ERR_LIMIT, path, "%llu bytes", (unsigned long long)size);
	if (rc == ERR_OK)
		rc = file_read(fd, 0, (size_t)size, out, e);
	(void)close(fd);
	return rc;
}

enum err_code files_cert(const char *dir, const char *part, struct cert *out, struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = realm_path(dir, part, path, e);
	return rc == ERR_OK ? cert_load(path, out, e) : rc;
}

enum err_code files_log_key(const char *dir, struct note_key *out, struct err *e)
{
	struct buf text = buf_new(NOTE_MAX);
	enum err_code rc = files_read(dir, "certs/log.vkey", &text, e);
	if (rc == ERR_OK) {
		while (text.len > 0 && isspace(text.p[text.len - 1]))
			text.p[--text.len] = '\0';
		rc = note_key_parse(buf_cstr(&text), out, e);
	}
	buf_free(&text);
	return rc;
}

enum err_code files_root_crl(const char *dir, struct buf *out, struct err *e)
{
	enum err_code rc = files_read(dir, "certs/root.crl", out, e);
	if (rc == ERR_NOT_FOUND) {
		err_clear(e);
		rc = ERR_OK;
	}
	return rc;
}
