/*
 * DER objects, one after the other.  Where one is damaged, its length cannot be trusted: the next
 * one is looked for from the byte behind its first.  That also finds the key inside a certificate
 * whose other parts are gone.
 */
#include "keyread/readers.h"

#include <string.h>

#include "keyread/object.h"

/* Salvage takes a pair of INTEGERs for an RSA key from here on: a signature is a pair too. */
#define SALVAGE_MODULUS_MIN 64
#define SALVAGE_EXPONENT_MAX 8
/* A header of an element, and that of the one in it. */
#define HEADERS 16

/* Have the element at the window's begin whole; *size of it.  An error is damage. */
static enum err_code have_element(struct stream *s, uint64_t *size, struct err *e)
{
	bool bad;
	for (size_t want = (size_t)1 << 12;; want *= 2) {
		size_t have = stream_need(s, want);
		struct bytes w = stream_window(s);
		*size = ber_size(w, &bad);
		if (w.p[0] != DER_SEQUENCE || bad)
			return err_set(e, ERR_MALFORMED, "object", "no ASN.1 SEQUENCE begins here");
		if (*size > 0 || s->ended || have == STREAM_RECORD_MAX)
			break;
	}
	if (*size > STREAM_RECORD_MAX || (*size == 0 && !s->ended))
		return err_set(e, ERR_LIMIT, "object", "it would have more than %zu bytes",
			STREAM_RECORD_MAX);
	size_t have = stream_need(s, (size_t)*size);
	if (*size == 0 || have < *size)
		return err_set(e, ERR_TRUNCATED, "object",
			"%zu bytes are left, it says it has %llu", have, (unsigned long long)*size);
	return ERR_OK;
}

static bool is_salvageable_rsa(struct bytes der)
{
	struct reader r = reader_of(der);
	struct reader in = ber_enter(&r, DER_SEQUENCE);
	struct bytes modulus = ber_take(&in, DER_INTEGER).content;
	struct bytes exponent = ber_take(&in, DER_INTEGER).content;
	return !in.bad && modulus.len >= SALVAGE_MODULUS_MIN &&
	       exponent.len <= SALVAGE_EXPONENT_MAX;
}

/* Does a whole object of a kind that is worth finding begin `at` bytes into the window? */
static bool is_object_at(struct stream *s, size_t at, bool keys_alone)
{
	bool bad;
	(void)stream_need(s, at + HEADERS);
	struct bytes w = stream_window(s);
	struct bytes b = bytes_of(w.p + at, w.len - at);
	/* No indefinite length: to look for its end at each candidate would take for ever. */
	if (b.len < 4 || b.p[0] != DER_SEQUENCE || b.p[1] == 0x80)
		return false;
	uint64_t size = ber_size(bytes_of(b.p, b.len < HEADERS ? b.len : HEADERS), &bad);
	if (bad || size < 4 || size > STREAM_RECORD_MAX - at ||
		stream_need(s, at + (size_t)size) < at + size)
		return false;
	b = bytes_of(stream_window(s).p + at, (size_t)size);
	switch (object_kind(b)) {
	case OBJECT_CERTIFICATE:
	case OBJECT_REQUEST:
		return true;
	case OBJECT_SPKI:
		return keys_alone;
	case OBJECT_RSA:
		return keys_alone && is_salvageable_rsa(b);
	default:
		return false;
	}
}

/* Go to the next object behind the first byte; the end of the input when there is none. */
static void resynchronise(struct stream *s, bool keys_alone)
{
	stream_skip(s, 1);
	while (stream_need(s, HEADERS) > 0) {
		struct bytes w = stream_window(s);
		const uint8_t *p = memchr(w.p, DER_SEQUENCE, w.len);
		if (p == NULL) {
			stream_skip(s, w.len);
			continue;
		}
		stream_skip(s, (size_t)(p - w.p));
		if (is_object_at(s, 0, keys_alone))
			return;
		stream_skip(s, 1);
	}
}

/* Line ends between objects come from editors and shells. */
static bool skip_line_ends(struct stream *s)
{
	while (stream_need(s, 1) > 0) {
		uint8_t c = stream_window(s).p[0];
		if (c != '\n' && c != '\r')
			return true;
		stream_skip(s, 1);
	}
	return false;
}

/* The object at the window's begin, and to the next one; its kind, or OBJECT_UNKNOWN after damage.
 */
static enum object_kind read_one(struct found *f, struct stream *s)
{
	struct err why;
	uint64_t size = 0;
	size_t used;
	found_record(f, s, 0);
	enum err_code rc = have_element(s, &size, &why);
	struct bytes der = bytes_of(stream_window(s).p, rc == ERR_OK ? (size_t)size : 0);
	enum object_kind kind = rc == ERR_OK ? object_kind(der) : OBJECT_UNKNOWN;
	/* Also when it was handed on before: what is in it decides where the next one begins. */
	if (rc == ERR_OK)
		rc = object_read(f, der, NULL, &used, &why);
	if (rc != ERR_OK)
		found_flaw(f, f->at.form, &why);
	if (kind == OBJECT_PRIVATE) {
		stream_wipe(s, (size_t)size);
	} else if (rc == ERR_OK) {
		stream_skip(s, (size_t)size);
	} else if (found_may_look_again(f, size <= stream_window(s).len ? size : 0)) {
		resynchronise(s, f->keys == 0);
		return OBJECT_UNKNOWN;
	} else {
		stream_skip(s, (size_t)size);
		return OBJECT_UNKNOWN;
	}
	return kind;
}

void der_stream_read(struct found *f, struct stream *s)
{
	/* Behind a key that was saved from a damaged certificate is the rest of the damage. */
	bool damaged = false;
	bool saved = false;
	while (f->stopped == ERR_OK && skip_line_ends(s)) {
		if (saved && !is_object_at(s, 0, true)) {
			resynchronise(s, true);
			if (stream_need(s, 1) == 0)
				return;
		}
		enum object_kind kind = read_one(f, s);
		saved = (damaged || saved) && (kind == OBJECT_SPKI || kind == OBJECT_RSA);
		damaged = kind == OBJECT_UNKNOWN;
	}
}
