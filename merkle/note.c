/* C2SP signed-note: https://c2sp.org/signed-note */
#include "merkle/note.h"

#include <string.h>

#include "base/utf8.h"
#include "crypto/base64.h"
#include "merkle/lines.h"

#define PUB_SIZE 32
#define SIG_SIZE 64

/* RFC 8410 §4: SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes. */
static const uint8_t spki_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03,
	0x21, 0x00};

static const char dash[] = "\xe2\x80\x94 "; /* em dash and space open a signature line */

/* Our names are printable ASCII without space and '+', narrower than the specification. */
static bool is_name(struct bytes name)
{
	if (name.len == 0 || name.len > NOTE_ORIGIN_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] <= 0x20 || name.p[i] >= 0x7f || name.p[i] == '+')
			return false;
	return true;
}

static void key_id_of(struct note_key *k)
{
	uint8_t data[NOTE_ORIGIN_MAX + 2 + PUB_SIZE];
	uint8_t digest[SHA256_SIZE];
	size_t n = strlen(k->name);
	memcpy(data, k->name, n);
	data[n] = '\n';
	data[n + 1] = NOTE_ED25519;
	memcpy(data + n + 2, k->pub, PUB_SIZE);
	sha256_of(bytes_of(data, n + 2 + PUB_SIZE), digest);
	memcpy(k->id, digest, sizeof(k->id));
}

static enum err_code key_fill(struct bytes name, const uint8_t *pub, struct note_key *out,
	struct err *e)
{
	if (!is_name(name))
		return err_set(e, ERR_MALFORMED, "log name",
			"1 to %d printable characters without space and '+'", NOTE_ORIGIN_MAX);
	struct note_key k = {0};
	memcpy(k.name, name.p, name.len);
	memcpy(k.pub, pub, PUB_SIZE);
	key_id_of(&k);
	*out = k;
	return ERR_OK;
}

enum err_code note_key_make(const char *name, const struct key *k, struct note_key *out,
	struct err *e)
{
	struct buf spki = buf_new(KEY_SPKI_MAX);
	enum err_code rc = key_spki(k, &spki, e);
	if (rc == ERR_OK && (spki.len != sizeof(spki_head) + PUB_SIZE ||
			memcmp(spki.p, spki_head, sizeof(spki_head)) != 0))
		rc = err_set(e, ERR_KEY_ALGORITHM, name, "a log key is an Ed25519 key");
	if (rc == ERR_OK)
		rc = key_fill(bytes_str(name), spki.p + sizeof(spki_head), out, e);
	buf_free(&spki);
	return rc;
}

enum err_code note_key_parse(const char *vkey, struct note_key *out, struct err *e)
{
	struct note_key k;
	char id[sizeof(k.id) * 2 + 1];
	uint8_t data[1 + PUB_SIZE];
	const char *plus = strchr(vkey, '+');
	const char *second = plus != NULL ? strchr(plus + 1, '+') : NULL;
	if (second == NULL || second - plus != (ptrdiff_t)sizeof(id) ||
		!line_base64(bytes_str(second + 1), data, sizeof(data)) || data[0] != NOTE_ED25519)
		return err_set(e, ERR_KEY_FORMAT, "log key",
			"it reads name+hex(key id)+base64(1 || Ed25519 key)");
	enum err_code rc = key_fill(bytes_of(vkey, (size_t)(plus - vkey)), data + 1, &k, e);
	if (rc != ERR_OK)
		return rc;
	hex_encode(k.id, sizeof(k.id), id);
	if (memcmp(id, plus + 1, sizeof(id) - 1) != 0)
		return err_set(e, ERR_KEY_FORMAT, "log key", "the key id is not that of the key");
	*out = k;
	return ERR_OK;
}

enum err_code note_key_print(const struct note_key *k, struct buf *out, struct err *e)
{
	char id[sizeof(k->id) * 2 + 1];
	uint8_t data[1 + PUB_SIZE] = {NOTE_ED25519};
	memcpy(data + 1, k->pub, PUB_SIZE);
	hex_encode(k->id, sizeof(k->id), id);
	buf_printf(out, "%s+%s+", k->name, id);
	base64_encode(bytes_of(data, sizeof(data)), 0, out);
	return buf_end(out, e, "log key");
}

/* Lines of UTF-8 without control characters, the last one ended. */
static bool is_lines(struct bytes b)
{
	struct reader r = reader_of(b);
	struct bytes line;
	while (line_next(&r, &line))
		if (!utf8_is_text(line))
			return false;
	return reader_left(&r) == 0;
}

enum err_code note_encode(struct bytes text, const struct note_key *k, const uint8_t sig[64],
	struct buf *out, struct err *e)
{
	uint8_t blob[sizeof(k->id) + SIG_SIZE];
	if (text.len == 0 || text.len > NOTE_MAX || !is_lines(text))
		return err_set(e, ERR_MALFORMED, "note", "its text is lines of printable UTF-8");
	memcpy(blob, k->id, sizeof(k->id));
	memcpy(blob + sizeof(k->id), sig, SIG_SIZE);
	buf_bytes(out, text);
	buf_printf(out, "\n%s%s ", dash, k->name);
	base64_encode(bytes_of(blob, sizeof(blob)), 0, out);
	buf_u8(out, '\n');
	return buf_end(out, e, "note");
}

/* The text ends with the last empty line of the note. */
static bool split(struct bytes note, struct bytes *text, struct bytes *sigs)
{
	for (size_t i = note.len; i >= 2; i--) {
		if (note.p[i - 1] != '\n' || note.p[i - 2] != '\n')
			continue;
		*text = bytes_of(note.p, i - 1);
		*sigs = bytes_of(note.p + i, note.len - i);
		return sigs->len > 0;
	}
	return false;
}

/* One signature line: sets `mine` when it is `k`'s, with its signature in `sig`. */
static bool signature_line(struct bytes line, const struct note_key *k, bool *mine,
	uint8_t sig[SIG_SIZE])
{
	*mine = false;
	if (!line_prefix(&line, dash))
		return false;
	const uint8_t *space = line.len > 0 ? memchr(line.p, ' ', line.len) : NULL;
	if (space == NULL || space == line.p)
		return false;
	struct bytes name = bytes_of(line.p, (size_t)(space - line.p));
	struct buf blob = buf_new(NOTE_MAX);
	bool ok = memchr(name.p, '+', name.len) == NULL &&
		base64_decode(bytes_of(space + 1, line.len - name.len - 1), false, &blob, NULL) ==
			ERR_OK &&
		blob.len > sizeof(k->id);
	if (ok && bytes_equal(name, bytes_str(k->name)) &&
		memcmp(blob.p, k->id, sizeof(k->id)) == 0) {
		*mine = true;
		ok = blob.len == sizeof(k->id) + SIG_SIZE;
		if (ok)
			memcpy(sig, blob.p + sizeof(k->id), SIG_SIZE);
	}
	buf_free(&blob);
	return ok;
}

static enum err_code verify(const struct note_key *k, struct bytes text,
	const uint8_t sig[SIG_SIZE], struct err *e)
{
	uint8_t spki[sizeof(spki_head) + PUB_SIZE];
	memcpy(spki, spki_head, sizeof(spki_head));
	memcpy(spki + sizeof(spki_head), k->pub, PUB_SIZE);
	struct key *key = NULL;
	enum err_code rc = key_from_spki(bytes_of(spki, sizeof(spki)), &key, e);
	if (rc == ERR_OK)
		rc = key_verify(key, text, bytes_of(sig, SIG_SIZE), ERR_LOG_CHECKPOINT, e);
	key_free(key);
	return rc;
}

enum err_code note_check(struct bytes note, const struct note_key *k, struct bytes *text,
	struct err *e)
{
	struct bytes body;
	struct bytes sigs;
	struct bytes line;
	unsigned mine_n = 0;
	if (note.len > NOTE_MAX)
		return err_set(e, ERR_LOG_CHECKPOINT, "note", "it is longer than %d bytes",
			NOTE_MAX);
	if (!is_lines(note) || !split(note, &body, &sigs))
		return err_set(e, ERR_LOG_CHECKPOINT, "note", "it does not have the form of a note");
	struct reader r = reader_of(sigs);
	while (line_next(&r, &line)) {
		bool mine;
		uint8_t sig[SIG_SIZE];
		if (!signature_line(line, k, &mine, sig))
			return err_set(e, ERR_LOG_CHECKPOINT, "note", "a signature line is malformed");
		if (!mine)
			continue; /* a witness, or a key that came later */
		enum err_code rc = verify(k, body, sig, e);
		if (rc != ERR_OK)
			return rc;
		mine_n++;
	}
	if (mine_n == 0)
		return err_set(e, ERR_LOG_CHECKPOINT, "note", "%s has not signed it", k->name);
	*text = body;
	return ERR_OK;
}
