#include "tests/unit/verify/image_maker.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t default_body[40] = "insulin pump, basal rate controller, v1";

struct maker maker_default(bool counted)
{
	struct maker m = {
		.magic = 0x96f3b83d,
		.header_size = 32,
		.protected_size = -1,
		.body_len = -1,
		.version = {1, 2, 3, 0, 4, 0, 0, 0},
		.body = default_body,
		.real_body_len = sizeof(default_body),
		.protected_magic = 0x6908,
		.protected_total = -1,
		.magic2 = 0x6907,
		.unprotected_total = -1,
	};
	if (counted)
		maker_protect(&m, 0x50, "\x07\0\0\0", 4);
	return m;
}

static void put(uint8_t *p, size_t *pos, size_t max, const void *data, size_t len)
{
	if (len > max - *pos)
		abort();
	if (len != 0)
		memcpy(p + *pos, data, len);
	*pos += len;
}

static void put_le(uint8_t *p, size_t *pos, size_t max, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = (uint8_t)(v >> 8 * i);
		put(p, pos, max, &byte, 1);
	}
}

static void put_tlv(uint8_t *p, size_t *pos, size_t max, uint16_t type, const void *data,
	size_t len)
{
	put_le(p, pos, max, type, 2);
	put_le(p, pos, max, len, 2);
	put(p, pos, max, data, len);
}

void maker_protect(struct maker *m, uint16_t type, const void *data, size_t len)
{
	put_tlv(m->prot, &m->prot_len, MAKER_AREA, type, data, len);
}

void maker_append(struct maker *m, uint16_t type, const void *data, size_t len)
{
	put_tlv(m->unprot, &m->unprot_len, MAKER_AREA, type, data, len);
}

static uint64_t or_real(int64_t wanted, size_t real)
{
	return wanted < 0 ? real : (uint64_t)wanted;
}

static void put_signed(const struct maker *m, uint8_t *out, size_t *pos)
{
	size_t prot = m->no_protected ? 0 : m->prot_len + 4;
	put_le(out, pos, MAKER_IMAGE, m->magic, 4);
	put_le(out, pos, MAKER_IMAGE, m->load_addr, 4);
	put_le(out, pos, MAKER_IMAGE, m->header_size, 2);
	put_le(out, pos, MAKER_IMAGE, or_real(m->protected_size, prot), 2);
	put_le(out, pos, MAKER_IMAGE, or_real(m->body_len, m->real_body_len), 4);
	put_le(out, pos, MAKER_IMAGE, m->flags, 4);
	put(out, pos, MAKER_IMAGE, m->version, 8);
	put_le(out, pos, MAKER_IMAGE, m->pad, 4);
	while (*pos < m->header_size)
		put_le(out, pos, MAKER_IMAGE, 0, 1);
	put(out, pos, MAKER_IMAGE, m->body, m->real_body_len);
	if (m->no_protected)
		return;
	put_le(out, pos, MAKER_IMAGE, m->protected_magic, 2);
	put_le(out, pos, MAKER_IMAGE, or_real(m->protected_total, prot), 2);
	put(out, pos, MAKER_IMAGE, m->prot, m->prot_len);
}

size_t image_make(const struct maker *m, const struct test_key *k, uint8_t out[MAKER_IMAGE])
{
	size_t pos = 0;
	uint8_t digest[VERIFY_SHA256_SIZE];
	uint8_t der[72];
	uint8_t area[MAKER_AREA];
	size_t area_len = 0;

	put_signed(m, out, &pos);
	test_sha256(out, pos, digest);
	if (m->flip_hash)
		digest[31] ^= 1;
	size_t der_len = test_key_sign(k, digest, der);

	if (!m->no_hash)
		put_tlv(area, &area_len, MAKER_AREA, 0x10, digest, sizeof(digest));
	if (!m->no_keyhash)
		put_tlv(area, &area_len, MAKER_AREA, 0x01, k->keyhash, sizeof(k->keyhash));
	if (m->signature != NULL)
		put_tlv(area, &area_len, MAKER_AREA, 0x22, m->signature, m->signature_len);
	else if (!m->no_signature)
		put_tlv(area, &area_len, MAKER_AREA, 0x22, der, der_len);
	put(area, &area_len, MAKER_AREA, m->unprot, m->unprot_len);

	put_le(out, &pos, MAKER_IMAGE, m->magic2, 2);
	put_le(out, &pos, MAKER_IMAGE, or_real(m->unprotected_total, area_len + 4), 2);
	put(out, &pos, MAKER_IMAGE, area, area_len);
	return pos;
}
