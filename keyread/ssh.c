/*
 * Lines of OpenSSH: authorized_keys, known_hosts, .pub, what ssh-keyscan prints (sshd(8),
 * AUTHORIZED_KEYS FILE FORMAT and SSH_KNOWN_HOSTS FILE FORMAT).  All are: some fields, the type of
 * a key, the key in base64, a comment.  Blocks of RFC 4716 may stand between.
 */
#include "keyread/readers.h"

#include <string.h>

#include "base/mem.h"
#include "keyread/text64.h"

/* Fields before the type: options, or a marker and hosts. */
#define FIELDS_BEFORE_MAX 3
/* "AAAA": every blob begins with the length of its type's name, which is short. */
#define BLOB_BEGIN "AAAA"
#define BLOCK_BEGIN "---- BEGIN SSH2 PUBLIC KEY"
#define BLOCK_END "---- END SSH2 PUBLIC KEY"

struct line {
	struct bytes before; /* the last field before the type: hosts, options */
	struct bytes type;
	struct bytes blob;
	struct bytes comment;
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static struct bytes trimmed(struct bytes b)
{
	while (b.len > 0 && is_space(b.p[0]))
		b = bytes_of(b.p + 1, b.len - 1);
	while (b.len > 0 && is_space(b.p[b.len - 1]))
		b.len--;
	return b;
}

/* The next field; quotes hold spaces together, as in options. */
static struct bytes next_field(struct bytes *rest)
{
	bool quoted = false;
	size_t n = 0;
	*rest = trimmed(*rest);
	while (n < rest->len && (quoted || !is_space(rest->p[n]))) {
		if (rest->p[n] == '\\' && n + 1 < rest->len)
			n++;
		else if (rest->p[n] == '"')
			quoted = !quoted;
		n++;
	}
	struct bytes field = bytes_of(rest->p, n);
	*rest = bytes_of(rest->p + n, rest->len - n);
	return field;
}

static bool starts_with(struct bytes b, const char *text)
{
	size_t n = strlen(text);
	return b.len >= n && memcmp(b.p, text, n) == 0;
}

/* A field that could be the type of a key, known or not: it is followed by a blob. */
static bool split(struct bytes text, struct line *l)
{
	*l = (struct line){0};
	for (unsigned i = 0; i <= FIELDS_BEFORE_MAX; i++) {
		struct bytes field = next_field(&text);
		struct bytes rest = text;
		struct bytes next = next_field(&rest);
		if (field.len == 0)
			return false;
		if (starts_with(next, BLOB_BEGIN)) {
			l->type = field;
			l->blob = next;
			l->comment = trimmed(rest);
			return true;
		}
		l->before = field;
	}
	return false;
}

bool ssh_is_line(struct bytes line)
{
	struct line l;
	return split(line, &l) &&
	       (starts_with(l.type, "ssh-") || starts_with(l.type, "ecdsa-") ||
		       starts_with(l.type, "sk-") || starts_with(l.type, "rsa-"));
}

static enum err_code read_line(struct found *f, struct bytes text, struct err *e)
{
	struct line l;
	size_t bad_at;
	if (!split(text, &l))
		return err_set(
			e, ERR_MALFORMED, "ssh", "no type of a key and its base64 on this line");
	found_name(f, l.comment.len > 0 ? l.comment : l.before);
	buf_reset(&f->work);
	enum err_code rc = text64_decode(l.blob, &f->work, &bad_at, e);
	if (rc == ERR_BASE64)
		return err_set(e, rc, "ssh", "character 0x%02x in column %zu", l.blob.p[bad_at],
			(size_t)(l.blob.p - text.p) + bad_at + 1);
	return rc == ERR_OK ? ssh_blob_read(f, buf_view(&f->work), e) : rc;
}

/* ---- RFC 4716 ---- */

/* A header's value when the line is `name: value`, which goes on behind a backslash (§3.3). */
static bool is_header(struct bytes line)
{
	return memchr(line.p, ':', line.len) != NULL;
}

static struct bytes take_line(struct bytes *body)
{
	const uint8_t *nl = memchr(body->p, '\n', body->len);
	size_t n = nl != NULL ? (size_t)(nl - body->p) : body->len;
	struct bytes line = bytes_of(body->p, n);
	n = nl != NULL ? n + 1 : n;
	*body = bytes_of(body->p + n, body->len - n);
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Quotes around a comment are not part of it (§3.3.2). */
static struct bytes unquoted(struct bytes b)
{
	return b.len > 1 && b.p[0] == '"' && b.p[b.len - 1] == '"' ? bytes_of(b.p + 1, b.len - 2)
								   : b;
}

enum err_code ssh_block_read(struct found *f, struct bytes body, struct err *e)
{
	struct bytes left = body;
	struct bytes base64 = body;
	size_t bad_at;
	while (left.len > 0) {
		struct bytes line = take_line(&left);
		if (line.len > 0 && !is_header(line))
			break;
		if (starts_with(line, "Comment:"))
			found_name(f, unquoted(trimmed(bytes_of(line.p + 8, line.len - 8))));
		while (left.len > 0 && line.len > 0 && line.p[line.len - 1] == '\\')
			line = take_line(&left);
		base64 = left;
	}
	buf_reset(&f->work);
	enum err_code rc = text64_decode(base64, &f->work, &bad_at, e);
	if (rc == ERR_BASE64)
		return err_set(e, rc, "ssh", "character 0x%02x in the block", base64.p[bad_at]);
	return rc == ERR_OK ? ssh_blob_read(f, buf_view(&f->work), e) : rc;
}

/* A block, its BEGIN line at the window's begin. */
static void read_block(struct found *f, struct stream *s)
{
	struct err why;
	struct buf body = buf_new(STREAM_RECORD_MAX);
	struct bytes line;
	size_t taken;
	bool ended = false;
	found_record(f, s, 0);
	stream_skip_line(s);
	while (!ended && stream_line(s, &line, &taken)) {
		ended = starts_with(line, BLOCK_END);
		if (!ended) {
			buf_bytes(&body, line);
			buf_u8(&body, '\n');
		}
		stream_skip(s, taken);
	}
	enum err_code rc = buf_end(&body, &why, "ssh");
	if (rc == ERR_OK && !ended)
		rc = err_set(&why, ERR_TRUNCATED, "ssh", "the input ends before " BLOCK_END);
	if (rc == ERR_OK && !found_earlier(f))
		rc = ssh_block_read(f, buf_view(&body), &why);
	if (rc != ERR_OK)
		found_flaw(f, "ssh", &why);
	buf_free(&body);
}

void ssh_read(struct found *f, struct stream *s)
{
	struct bytes line;
	size_t taken;
	while (f->stopped == ERR_OK && stream_line(s, &line, &taken)) {
		struct err why;
		struct bytes text = trimmed(line);
		if (text.len == 0 || text.p[0] == '#') {
			stream_skip(s, taken);
			continue;
		}
		if (starts_with(text, BLOCK_BEGIN)) {
			read_block(f, s);
			continue;
		}
		found_record(f, s, 0);
		enum err_code rc = ERR_OK;
		if (line.len >= STREAM_RECORD_MAX)
			rc = err_set(&why, ERR_LIMIT, "ssh", "a line of more than %zu bytes",
				STREAM_RECORD_MAX);
		else if (!found_earlier(f))
			rc = read_line(f, text, &why);
		if (rc != ERR_OK)
			found_flaw(f, "ssh", &why);
		if (rc == ERR_LIMIT && line.len >= STREAM_RECORD_MAX)
			stream_skip_line(s);
		else
			stream_skip(s, taken);
	}
}
