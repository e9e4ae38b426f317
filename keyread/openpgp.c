/*
 * The packets of OpenPGP (RFC 9580 §4).  A key is handed on when its first user id has been seen,
 * since that is its name; its subkeys have the same.  Where a packet is damaged, the next key
 * packet is looked for from the byte behind its first.
 */
#include "keyread/openpgp.h"

#include <string.h>

#include "keyread/readers.h"

/* Of a packet that is not a key, more than this before its end is damage or no keyring. */
#define HEADER_MAX 6

struct header {
	unsigned tag;
	size_t size;     /* of the header itself */
	uint64_t len;    /* of the body, or of its first part */
	bool partial;    /* more parts follow (§4.2.1.4) */
	bool to_the_end; /* no length at all (§4.2.2, type 3) */
};

struct packets {
	struct found *f;
	struct stream *s;
	const struct armour *armour;
	/* The key that waits for its name. */
	bool waiting;
	struct pubkey key;
	struct key_place at;
	struct buf spki; /* what `key` points into */
	struct buf user_id;
	bool named; /* user_id is of the primary key seen last */
};

/* The header at the beginning of `b`; false when it is none, or is not whole. */
static bool parse_header(struct bytes b, struct header *h)
{
	struct reader r = reader_of(b);
	unsigned first = read_u8(&r);
	*h = (struct header){0};
	if ((first & 0x80) == 0)
		return false;
	if ((first & 0x40) == 0) {
		h->tag = first >> 2 & 0xf;
		switch (first & 3) {
		case 0:
			h->len = read_u8(&r);
			break;
		case 1:
			h->len = read_u16be(&r);
			break;
		case 2:
			h->len = read_u32be(&r);
			break;
		default:
			h->to_the_end = true;
			break;
		}
	} else {
		h->tag = first & 0x3f;
		unsigned len = read_u8(&r);
		h->len = len;
		if (len >= 192 && len < 224)
			h->len = ((len - 192) << 8) + read_u8(&r) + 192;
		else if (len == 255)
			h->len = read_u32be(&r);
		else if (len >= 224) {
			h->len = (uint64_t)1 << (len & 0x1f);
			h->partial = true;
		}
	}
	h->size = r.pos;
	return !r.bad && h->tag != 0;
}

static bool is_key(unsigned tag)
{
	return tag == OPENPGP_PUBLIC_KEY || tag == OPENPGP_PUBLIC_SUBKEY ||
	       tag == OPENPGP_SECRET_KEY || tag == OPENPGP_SECRET_SUBKEY;
}

static bool is_secret(unsigned tag)
{
	return tag == OPENPGP_SECRET_KEY || tag == OPENPGP_SECRET_SUBKEY;
}

static bool is_primary(unsigned tag)
{
	return tag == OPENPGP_PUBLIC_KEY || tag == OPENPGP_SECRET_KEY;
}

bool openpgp_is_start(struct bytes b)
{
	struct header h;
	if (!parse_header(b, &h) || b.len <= h.size)
		return false;
	if (h.tag == 10) /* a marker (§5.8) */
		return h.len == 3 && b.len >= h.size + 3 && memcmp(b.p + h.size, "PGP", 3) == 0;
	unsigned version = b.p[h.size];
	return is_primary(h.tag) && h.len > 6 && version >= 2 && version <= 6;
}

/* Hand on the key that waits. */
static void flush(struct packets *p)
{
	struct found *f = p->f;
	if (!p->waiting)
		return;
	struct key_place here = f->at;
	uint64_t record = f->at.record;
	p->waiting = false;
	f->at = p->at;
	found_name(f, p->named ? buf_view(&p->user_id) : BYTES_NONE);
	found_key(f, p->at.form, &p->key, BYTES_NONE, BYTES_NONE);
	f->at = here;
	f->at.record = record;
	f->at.name = BYTES_NONE;
}

/* A record of `len` bytes begins; true when the armour around it is damaged. */
static bool begin_record(struct packets *p, uint64_t len)
{
	found_record(p->f, p->s, 0);
	return p->armour != NULL && armour_place(p->armour, p->s->offset, len, &p->f->at);
}

static void flaw(struct packets *p, const struct err *why)
{
	flush(p);
	found_flaw(p->f, "OpenPGP", why);
}

/* A key packet's body, whole; what is wrong with it has been said. */
static enum err_code take_key(struct packets *p, unsigned tag, struct bytes body)
{
	struct err why;
	struct pubkey k;
	struct key_place at = p->f->at;
	flush(p);
	p->f->at = at;
	if (is_primary(tag))
		p->named = false;
	enum err_code rc = openpgp_key_parse(body, is_secret(tag), &p->spki, &k, &why);
	if (rc == ERR_OK || rc == ERR_TRAILING) {
		p->key = k;
		p->at = p->f->at;
		p->at.form = is_secret(tag)    ? "public half of an OpenPGP secret key"
			     : is_primary(tag) ? "OpenPGP key"
					       : "OpenPGP subkey";
		p->waiting = true;
		if (!is_primary(tag) || rc != ERR_OK)
			flush(p);
	}
	if (rc != ERR_OK) {
		p->f->at = at;
		found_flaw(p->f, "OpenPGP", &why);
	}
	return rc;
}

static void take_user_id(struct packets *p, struct bytes body)
{
	if (p->named)
		return;
	if (body.len > FOUND_NAME_MAX)
		body.len = FOUND_NAME_MAX;
	buf_reset(&p->user_id);
	buf_bytes(&p->user_id, body);
	p->named = true;
	flush(p);
}

/*
 * Does a whole public key packet begin here, with lengths that add up?  Secret ones are not looked
 * for: what follows their public half may be anything.
 */
static bool is_key_at(struct stream *s)
{
	struct header h;
	if (!parse_header(stream_window(s), &h) || !is_key(h.tag) || is_secret(h.tag) ||
		h.partial || h.to_the_end || h.len > PUBKEY_SPKI_MAX ||
		stream_need(s, h.size + (size_t)h.len) < h.size + h.len)
		return false;
	return openpgp_key_adds_up(bytes_of(stream_window(s).p + h.size, (size_t)h.len));
}

static void resynchronise(struct stream *s)
{
	stream_skip(s, 1);
	while (stream_need(s, HEADER_MAX) > 0 && !is_key_at(s))
		stream_skip(s, 1);
}

/* Pass over `len` bytes; false when there were not as many. */
static bool pass_over(struct stream *s, uint64_t len)
{
	while (len > 0) {
		size_t have = stream_need(s, 1);
		if (have == 0)
			return false;
		if (have > len)
			have = (size_t)len;
		stream_skip(s, have);
		len -= have;
	}
	return true;
}

/* The body of a packet in parts, put together in f->work; for a packet that is no key, nothing. */
static enum err_code gather(struct packets *p, struct header h, struct err *e)
{
	struct stream *s = p->s;
	bool keep = is_key(h.tag);
	buf_reset(&p->f->work);
	stream_skip(s, h.size);
	for (;;) {
		if (!keep && !pass_over(s, h.len))
			break;
		if (keep && (h.len > PUBKEY_SPKI_MAX || p->f->work.len > STREAM_RECORD_MAX / 2))
			return err_set(e, ERR_LIMIT, "OpenPGP",
				"a key packet of more than %u bytes", PUBKEY_SPKI_MAX);
		if (keep) {
			if (stream_need(s, (size_t)h.len) < h.len)
				break;
			buf_bytes(&p->f->work, bytes_of(stream_window(s).p, (size_t)h.len));
			stream_wipe(s, (size_t)h.len);
		}
		if (!h.partial)
			return buf_end(&p->f->work, e, "OpenPGP");
		/* A part's length looks like the second half of a new header. */
		uint8_t next[HEADER_MAX] = {0xc0 | OPENPGP_USER_ID};
		size_t have = stream_need(s, HEADER_MAX - 1);
		have = have < HEADER_MAX - 1 ? have : HEADER_MAX - 1;
		memcpy(next + 1, stream_window(s).p, have);
		unsigned tag = h.tag;
		if (!parse_header(bytes_of(next, have + 1), &h))
			break;
		h.tag = tag;
		stream_skip(s, h.size - 1);
	}
	return err_set(
		e, ERR_TRUNCATED, "OpenPGP", "the input ends inside a packet of type %u", h.tag);
}

/* Is what follows the packet a packet, or the end? */
static bool is_followed(struct stream *s, const struct header *h)
{
	struct header next;
	size_t size = h->size + (size_t)h->len;
	size_t have = stream_need(s, size + HEADER_MAX);
	if (have <= size)
		return true;
	struct bytes w = stream_window(s);
	return parse_header(bytes_of(w.p + size, have - size), &next);
}

static void read_in_parts(struct packets *p, const struct header *h)
{
	struct err why;
	(void)begin_record(p, 0);
	enum err_code rc = gather(p, *h, &why);
	if (rc != ERR_OK)
		flaw(p, &why);
	else if (is_key(h->tag))
		(void)take_key(p, h->tag, buf_view(&p->f->work));
	buf_reset(&p->f->work);
}

/* A packet of a stated length that fits the window. */
static enum err_code read_whole(struct packets *p, const struct header *h, struct err *e)
{
	struct stream *s = p->s;
	size_t size = h->size + (size_t)h->len;
	size_t have = stream_need(s, size);
	enum err_code rc = ERR_OK;
	if (have < size)
		return err_set(e, ERR_TRUNCATED, "OpenPGP",
			"a packet of type %u says %llu bytes, %zu are left", h->tag,
			(unsigned long long)h->len, have - h->size);
	struct bytes body = bytes_of(stream_window(s).p + h->size, (size_t)h->len);
	if (is_key(h->tag)) {
		if (begin_record(p, size))
			return err_set(
				e, ERR_BASE64, "OpenPGP", "the armour of this key is damaged");
		rc = take_key(p, h->tag, body);
	}
	/* The numbers of a key that reach to the end of the packet are proof of its length. */
	bool proven = is_key(h->tag) && rc == ERR_OK;
	if (!proven && !is_followed(s, h)) {
		if (is_key(h->tag)) { /* damage, and told */
			resynchronise(s);
			return ERR_OK;
		}
		return err_set(e, ERR_MALFORMED, "OpenPGP",
			"what follows a packet of type %u, at byte %llu, is no packet", h->tag,
			(unsigned long long)(s->offset + size));
	}
	/* The window may have moved. */
	body = bytes_of(stream_window(s).p + h->size, (size_t)h->len);
	if (h->tag == OPENPGP_USER_ID)
		take_user_id(p, body);
	if (is_secret(h->tag))
		stream_wipe(s, size);
	else
		stream_skip(s, size);
	return ERR_OK;
}

static void read_packet(struct packets *p)
{
	struct header h;
	struct err why;
	struct stream *s = p->s;
	(void)stream_need(s, HEADER_MAX);
	enum err_code rc;
	uint64_t record = p->f->at.record;
	if (!parse_header(stream_window(s), &h)) {
		rc = err_set(&why, ERR_MALFORMED, "OpenPGP", "no packet begins here");
	} else if (h.partial || h.to_the_end) {
		/* A key of unknown length has none that could be trusted. */
		if (h.to_the_end)
			h.len = UINT32_MAX;
		read_in_parts(p, &h);
		return;
	} else if (h.len > STREAM_RECORD_MAX - 2 * HEADER_MAX) {
		rc = err_set(&why, ERR_LIMIT, "OpenPGP", "a packet of type %u of %llu bytes", h.tag,
			(unsigned long long)h.len);
	} else {
		rc = read_whole(p, &h, &why);
	}
	if (rc != ERR_OK) {
		if (p->f->at.record == record)
			(void)begin_record(p, 0);
		flaw(p, &why);
		resynchronise(s);
	}
}

void openpgp_read_packets(struct found *f, struct stream *s, const struct armour *a)
{
	struct packets p = {.f = f,
		.s = s,
		.armour = a,
		.spki = buf_new(PUBKEY_SPKI_MAX),
		.user_id = buf_new(FOUND_NAME_MAX)};
	while (f->stopped == ERR_OK && stream_need(s, 1) > 0)
		read_packet(&p);
	flush(&p);
	buf_free(&p.spki);
	buf_free(&p.user_id);
}

void openpgp_read(struct found *f, struct stream *s)
{
	(void)stream_need(s, 1);
	struct bytes w = stream_window(s);
	if (w.len > 0 && w.p[0] >= 0x80 &&
		w.p[0] != 0xef) { /* 0xef: a byte order mark, no packet */
		openpgp_read_packets(f, s, NULL);
		return;
	}
	s->text = true;
	pem_read(f, s);
}
