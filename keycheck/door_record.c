#include "keycheck/door_record.h"

#include <string.h>

#define OBJECT "key record"
#define CHECKSUM_SIZE 8

/* The first bytes of the body's SHA-256: against torn writes and rot, not against people. */
static void checksum(struct bytes body, uint8_t out[CHECKSUM_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	sha256_of(body, digest);
	memcpy(out, digest, CHECKSUM_SIZE);
}

static void encode_body(const struct record *r, struct buf *b)
{
	buf_u8(b, (uint8_t)r->kind);
	if (r->kind == RECORD_KEY || r->kind == RECORD_MARK)
		buf_u64be(b, r->mark);
	if (r->kind != RECORD_MARK)
		buf_u64be(b, (uint64_t)r->at);
	if (r->kind == RECORD_KEY || r->kind == RECORD_BROKEN || r->kind == RECORD_SET_ASIDE)
		buf_bytes(b, bytes_of(r->id, SHA256_SIZE));
	if (r->kind == RECORD_BROKEN)
		buf_bytes(b, bytes_of(r->other, SHA256_SIZE));
	if (r->kind == RECORD_KEY || r->kind == RECORD_SET_ASIDE || r->kind == RECORD_RELEASED)
		buf_field(b, r->owner);
	if (r->kind == RECORD_KEY) {
		buf_field(b, r->line);
		buf_field(b, r->modulus);
	}
}

void record_encode(const struct record *r, struct buf *out)
{
	uint8_t sum[CHECKSUM_SIZE];
	struct buf body = buf_new(DOOR_RECORD_MAX);
	encode_body(r, &body);
	checksum(buf_view(&body), sum);
	out->bad = out->bad || body.bad;
	buf_field(out, buf_view(&body));
	buf_bytes(out, bytes_of(sum, sizeof(sum)));
	buf_free(&body);
}

static void read_id(struct reader *in, uint8_t id[SHA256_SIZE])
{
	struct bytes b = read_bytes(in, SHA256_SIZE);
	if (!in->bad)
		memcpy(id, b.p, SHA256_SIZE);
}

static enum err_code parse_body(struct bytes body, struct record *r, struct err *e)
{
	struct reader in = reader_of(body);
	r->kind = (enum record_kind)read_u8(&in);
	if (r->kind < RECORD_KEY || r->kind > RECORD_RELEASED)
		return err_set(e, ERR_MALFORMED, OBJECT, "kind %d", (int)r->kind);
	if (r->kind == RECORD_KEY || r->kind == RECORD_MARK)
		r->mark = read_u64be(&in);
	if (r->kind != RECORD_MARK)
		r->at = (int64_t)read_u64be(&in);
	if (r->kind == RECORD_KEY || r->kind == RECORD_BROKEN || r->kind == RECORD_SET_ASIDE)
		read_id(&in, r->id);
	if (r->kind == RECORD_BROKEN)
		read_id(&in, r->other);
	if (r->kind == RECORD_KEY || r->kind == RECORD_SET_ASIDE || r->kind == RECORD_RELEASED)
		r->owner = read_field(&in, DOOR_NAME_MAX);
	if (r->kind == RECORD_KEY) {
		r->line = read_field(&in, DOOR_NAME_MAX);
		r->modulus = read_field(&in, DOOR_MODULUS_MAX);
	}
	if (reader_end(&in, e, OBJECT) != ERR_OK)
		return err_set(e, ERR_MALFORMED, OBJECT, "its fields do not fill it");
	struct bytes n = r->modulus;
	if (r->kind == RECORD_KEY && (n.len == 0 || n.p[0] == 0 || n.p[n.len - 1] % 2 == 0 ||
					     (n.len == 1 && n.p[0] == 1)))
		return err_set(e, ERR_MALFORMED, OBJECT, "its modulus is none");
	return ERR_OK;
}

enum err_code record_parse(struct reader *in, struct record *out, struct err *e)
{
	uint8_t sum[CHECKSUM_SIZE];
	struct record r = {0};
	if (reader_left(in) >= 4) {
		struct reader peek = *in;
		if (read_u32be(&peek) > DOOR_RECORD_MAX)
			return err_set(e, ERR_MALFORMED, OBJECT, "it is too long");
	}
	struct bytes body = read_field(in, DOOR_RECORD_MAX);
	struct bytes stated = read_bytes(in, CHECKSUM_SIZE);
	if (in->bad)
		return err_set(e, ERR_TRUNCATED, OBJECT, "it is cut off");
	checksum(body, sum);
	if (memcmp(sum, stated.p, CHECKSUM_SIZE) != 0)
		return err_set(e, ERR_MALFORMED, OBJECT, "its checksum is another");
	enum err_code rc = parse_body(body, &r, e);
	if (rc == ERR_OK)
		*out = r;
	return rc;
}
