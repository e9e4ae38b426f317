/*
 * PEM (RFC 7468) and what looks like it: blocks between BEGIN and END lines, with any text between
 * them.  A block that is damaged is named, and reading goes on at the next BEGIN, even when that
 * stands in the middle of a line.
 */
#include "keyread/readers.h"

#include <string.h>

#include "base/mem.h"
#include "keyread/object.h"
#include "keyread/text64.h"

#define BEGIN "BEGIN "
#define BEGIN_LEN (sizeof(BEGIN) - 1)
#define DASHES 5
/* Labels are words; the longest in use has 27 letters. */
#define LABEL_MAX 63

struct block {
	char label[LABEL_MAX + 1];
	bool ssh2;     /* "---- BEGIN" (RFC 4716 §3.2) */
	size_t body;   /* where it begins, counted from the BEGIN line */
	size_t end;    /* where the END line begins */
	size_t behind; /* and what comes after it */
};

/* "-----BEGIN " or "---- BEGIN " at p? */
static bool is_begin(const uint8_t *p, size_t len)
{
	return len >= DASHES + BEGIN_LEN && memcmp(p + DASHES, BEGIN, BEGIN_LEN) == 0 &&
	       (memcmp(p, "-----", DASHES) == 0 || memcmp(p, "---- ", DASHES) == 0);
}

static bool is_end(const uint8_t *p, size_t len)
{
	return len >= DASHES + 4 && memcmp(p + DASHES, "END ", 4) == 0 &&
	       (memcmp(p, "-----", DASHES) == 0 || memcmp(p, "---- ", DASHES) == 0);
}

/* Go to the next BEGIN; false when there is none. */
static bool find_begin(struct stream *s)
{
	while (stream_need(s, DASHES + BEGIN_LEN) > 0) {
		struct bytes w = stream_window(s);
		size_t from = 0;
		const uint8_t *p;
		while ((p = memmem(w.p + from, w.len - from, BEGIN, BEGIN_LEN)) != NULL) {
			size_t at = (size_t)(p - w.p);
			if (at >= DASHES && is_begin(p - DASHES, w.len - at + DASHES)) {
				stream_skip(s, at - DASHES);
				return true;
			}
			from = at + 1;
		}
		/* Its beginning may be at the end of the window. */
		size_t keep = DASHES + BEGIN_LEN - 1;
		if (w.len <= keep)
			keep = s->ended ? 0 : w.len;
		stream_skip(s, w.len - keep);
		if (keep > 0 && stream_need(s, keep + 1) == keep)
			stream_skip(s, keep);
	}
	return false;
}

/* The label of the BEGIN line; false when the line has no end or is too long. */
static bool read_label(struct stream *s, struct block *b)
{
	(void)stream_need(s, DASHES + BEGIN_LEN + LABEL_MAX + DASHES + 2);
	struct bytes w = stream_window(s);
	size_t start = DASHES + BEGIN_LEN;
	size_t n = 0;
	b->ssh2 = w.p[DASHES - 1] == ' ';
	while (n < LABEL_MAX && start + n < w.len && w.p[start + n] != '-' &&
		w.p[start + n] != '\n')
		n++;
	if (start + n >= w.len || w.p[start + n] != '-')
		return false;
	b->body = start + n;
	while (b->body < w.len && w.p[b->body] == '-')
		b->body++;
	while (n > 0 && w.p[start + n - 1] == ' ')
		n--;
	memcpy(b->label, w.p + start, n);
	b->label[n] = '\0';
	return true;
}

/*
 * Have the block whole in the window.  Dashes are rare in it, so that looking for them costs no
 * more than reading.
 */
static enum err_code find_end(struct stream *s, struct block *b, struct err *e)
{
	size_t at = b->body;
	for (size_t want = (size_t)1 << 16;;) {
		size_t have = stream_need(s, want);
		struct bytes w = stream_window(s);
		const uint8_t *p = NULL;
		while (at < have && (p = memchr(w.p + at, '-', have - at)) != NULL) {
			at = (size_t)(p - w.p);
			if (have - at < DASHES + BEGIN_LEN && !s->ended)
				break;
			if (is_begin(p, have - at))
				return err_set(e, ERR_TRUNCATED, b->label,
					"the next BEGIN comes before its END line");
			if (is_end(p, have - at)) {
				b->end = at;
				break;
			}
			at++;
		}
		if (b->end > 0)
			break;
		if (p == NULL)
			at = have;
		if (s->ended)
			return err_set(
				e, ERR_TRUNCATED, b->label, "the input ends before its END line");
		if (have >= STREAM_RECORD_MAX)
			return err_set(e, ERR_LIMIT, b->label, "no END line within %zu bytes",
				STREAM_RECORD_MAX);
		want = 2 * have;
	}
	(void)stream_need(s, b->end + DASHES + BEGIN_LEN + LABEL_MAX + DASHES);
	struct bytes w = stream_window(s);
	b->behind = b->end + DASHES;
	while (b->behind < w.len && w.p[b->behind] != '-' && w.p[b->behind] != '\n')
		b->behind++;
	while (b->behind < w.len && w.p[b->behind] == '-')
		b->behind++;
	return ERR_OK;
}

/*
 * Where base64 begins: behind the headers of RFC 1421 §4.6 (Proc-Type, DEK-Info), which end with
 * an empty line.  *encrypted when they say so.
 */
static struct bytes without_headers(struct bytes body, bool *encrypted)
{
	*encrypted = false;
	size_t first_line = 0;
	while (first_line < body.len && (body.p[first_line] == '\r' || body.p[first_line] == '\n'))
		first_line++;
	const uint8_t *nl = memchr(body.p + first_line, '\n', body.len - first_line);
	size_t len = nl != NULL ? (size_t)(nl - body.p) - first_line : body.len - first_line;
	if (memchr(body.p + first_line, ':', len) == NULL)
		return body;
	const uint8_t *gap = memmem(body.p, body.len, "\n\n", 2);
	const uint8_t *crlf = memmem(body.p, body.len, "\r\n\r\n", 4);
	if (gap == NULL || (crlf != NULL && crlf < gap))
		gap = crlf;
	if (gap == NULL)
		return body;
	size_t n = (size_t)(gap - body.p);
	*encrypted = memmem(body.p, n, "ENCRYPTED", 9) != NULL;
	return bytes_of(gap, body.len - n);
}

/* Blocks that are no keys, and no fault that they are there. */
static bool holds_no_key(const char *label)
{
	static const char *const labels[] = {"X509 CRL", "DH PARAMETERS", "X9.42 DH PARAMETERS",
		"EC PARAMETERS", "DSA PARAMETERS", "ATTRIBUTE CERTIFICATE", "PGP MESSAGE",
		"PGP SIGNED MESSAGE", "PGP SIGNATURE", "SSH SIGNATURE"};
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (strcmp(labels[i], label) == 0)
			return true;
	}
	return false;
}

static enum err_code read_objects(struct found *f, const char *label, struct err *e)
{
	size_t used;
	struct bytes der = buf_view(&f->work);
	enum err_code rc = object_read(f, der, NULL, &used, e);
	/* OpenSSL puts its trust settings behind the certificate (TRUSTED CERTIFICATE). */
	if (rc == ERR_OK && used < der.len && strncmp(label, "TRUSTED", 7) != 0)
		rc = err_set(e, ERR_TRAILING, label, "%zu bytes after the object", der.len - used);
	return rc;
}

static enum err_code read_block(
	struct found *f, const struct stream *s, const struct block *b, struct err *e)
{
	bool encrypted;
	size_t bad_at = 0;
	struct bytes w = stream_window(s);
	struct bytes whole = bytes_of(w.p + b->body, b->end - b->body);
	struct bytes body = b->ssh2 ? whole : without_headers(whole, &encrypted);
	if (b->ssh2)
		return ssh_block_read(f, body, e);
	if (encrypted)
		return err_set(e, ERR_KEY_FORMAT, b->label, "private key, not read: encrypted");
	f->work.len = 0;
	f->work.bad = false;
	enum err_code rc = text64_decode(body, &f->work, &bad_at, e);
	if (rc == ERR_BASE64) {
		struct bytes before = bytes_of(w.p, (size_t)(body.p - w.p) + bad_at);
		return err_set(e, rc, b->label, "character 0x%02x at byte %llu, line %llu",
			w.p[before.len], (unsigned long long)(s->offset + before.len),
			(unsigned long long)(s->line + count_lines(before)));
	}
	if (rc != ERR_OK)
		return rc;
	if (strcmp(b->label, "OPENSSH PRIVATE KEY") == 0)
		return ssh_private_read(f, buf_view(&f->work), e);
	return read_objects(f, b->label, e);
}

static void read_one(struct found *f, struct stream *s)
{
	struct block b = {0};
	struct err why;
	if (!read_label(s, &b)) {
		stream_skip(s, DASHES + BEGIN_LEN);
		return; /* a line of text that only begins like one */
	}
	if (strcmp(b.label, "PGP PUBLIC KEY BLOCK") == 0 ||
		strcmp(b.label, "PGP PRIVATE KEY BLOCK") == 0) {
		openpgp_read_armoured(f, s);
		return;
	}
	found_record(f, s, 0);
	enum err_code rc = find_end(s, &b, &why);
	if (rc == ERR_OK && !found_earlier(f) && !holds_no_key(b.label))
		rc = read_block(f, s, &b, &why);
	if (rc != ERR_OK)
		found_flaw(f, f->at.form, &why);
	if (b.behind == 0)
		b.behind = b.body;
	if (strstr(b.label, "PRIVATE") != NULL) {
		buf_reset(&f->work);
		stream_wipe(s, b.behind);
	} else {
		stream_skip(s, b.behind);
	}
}

void pem_read(struct found *f, struct stream *s)
{
	while (f->stopped == ERR_OK && find_begin(s))
		read_one(f, s);
}
