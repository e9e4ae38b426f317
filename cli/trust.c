#include "cli/trust.h"

#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "crypto/base64.h"

#define CRL_MAX ((size_t)1 << 24) /* some 400,000 entries */

enum err_code trust_log_key(const char *path, struct note_key *out, struct err *e)
{
	struct buf text = buf_new(NOTE_MAX);
	enum err_code rc = disk_read(path, NOTE_MAX, &text, e);

	char *line = NULL;
	if (rc == ERR_OK) {
		size_t len = text.len;
		while (len > 0 && (text.p[len - 1] == '\n' || text.p[len - 1] == '\r'))
			len--;
		line = strndup((const char *)text.p, len);
		if (line == NULL)
			rc = err_set(e, ERR_NO_MEMORY, path, "to read it");
		else if (len == 0 || strlen(line) != len)
			rc = err_set(e, ERR_KEY_FORMAT, path, "it is not a log's key");
	}
	if (rc == ERR_OK)
		rc = note_key_parse(line, out, e);
	free(line);
	buf_free(&text);
	return rc;
}

/* RFC 7468 §6; one CRL. */
static enum err_code from_pem(const char *path, const char *text, struct buf *out, struct err *e)
{
	static const char begin[] = "-----BEGIN X509 CRL-----", end[] = "-----END X509 CRL-----";
	const char *from = strstr(text, begin);
	const char *to = from != NULL ? strstr(from, end) : NULL;

	if (to == NULL)
		return err_set(e, ERR_MALFORMED, path, "it is no CRL");
	from += strlen(begin);
	return base64_decode(bytes_of(from, (size_t)(to - from)), true, out, e);
}

enum err_code trust_crl(const char *path, struct buf *out, struct err *e)
{
	struct buf file = buf_new(CRL_MAX);
	enum err_code rc = disk_read(path, CRL_MAX, &file, e);

	if (rc == ERR_OK && file.len > 0 && file.p[0] == 0x30) { /* SEQUENCE: DER */
		buf_bytes(out, buf_view(&file));
		rc = buf_end(out, e, path);
	} else if (rc == ERR_OK) {
		rc = from_pem(path, buf_cstr(&file), out, e);
	}
	buf_free(&file);
	return rc;
}
