/*
 * Invariants of a bucket file:
 *  1. it appears under its name whole and synced, and is never written again;
 *  2. its checksum covers every byte, so whatever was damaged is found when it is opened;
 *  3. the records come first and have checksums of their own: they outlive damage behind them, and
 *     everything else can be computed from them.
 */
#include "keycheck/door_bucket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keycheck/door_file.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "products are mapped as they are");

#define INDEX_ENTRY 16 /* u64 fingerprint, u32 offset of the record, u32 zero; little-endian */
#define DIGEST_AT 40
#define ALIGNMENT 64 /* of the product */
/* Products of as many 16,384-bit moduli as there may be keys. */
#define RECORDS_MAX ((uint64_t)BUCKET_KEYS_MAX * DOOR_RECORD_MAX)

struct place {
	uint64_t fingerprint;
	uint32_t offset;
	uint32_t zero;
};

void bucket_name(uint64_t number, char out[BUCKET_NAME_SIZE])
{
	(void)snprintf(out, BUCKET_NAME_SIZE, "bucket-%08llu", (unsigned long long)number);
}

uint64_t modulus_fingerprint(struct bytes modulus)
{
	uint8_t digest[SHA256_SIZE];
	uint64_t v;
	sha256_of(modulus, digest);
	memcpy(&v, digest, sizeof(v));
	return v;
}

static int by_fingerprint(const void *a, const void *b)
{
	const struct place *x = a;
	const struct place *y = b;
	if (x->fingerprint != y->fingerprint)
		return x->fingerprint < y->fingerprint ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* The index of `records`, all of which must be keys.  free(*out). */
static enum err_code index_make(struct bytes records, struct place **out, size_t *n, struct err *e)
{
	struct reader in = reader_of(records);
	struct place *all = NULL;
	size_t count = 0;
	size_t room = 0;
	enum err_code rc = ERR_OK;
	while (rc == ERR_OK && reader_left(&in) > 0) {
		struct record r;
		if (count == room) {
			room = room == 0 ? BUCKET_KEYS : 2 * room;
			struct place *more = realloc(all, room * sizeof(*all));
			if (more == NULL) {
				rc = err_set(e, ERR_NO_MEMORY, "bucket", "its index");
				break;
			}
			all = more;
		}
		uint32_t at = (uint32_t)in.pos;
		rc = record_parse(&in, &r, e);
		if (rc == ERR_OK && r.kind != RECORD_KEY)
			rc = err_set(e, ERR_MALFORMED, "bucket", "a record is no key");
		if (rc == ERR_OK)
			all[count++] = (struct place){modulus_fingerprint(r.modulus), at, 0};
	}
	if (rc == ERR_OK && count > BUCKET_KEYS_MAX)
		rc = err_set(e, ERR_LIMIT, "bucket", "%zu keys", count);
	if (rc != ERR_OK) {
		free(all);
		return rc;
	}
	if (count > 0)
		qsort(all, count, sizeof(*all), by_fingerprint);
	*out = all;
	*n = count;
	return ERR_OK;
}

static size_t padding(size_t records_len, size_t count)
{
	size_t at = BUCKET_HEADER_SIZE + records_len + count * INDEX_ENTRY;
	return (ALIGNMENT - at % ALIGNMENT) % ALIGNMENT;
}

/* The header with zeros where the digest will be. */
static void header_make(uint64_t number, size_t count, size_t records_len, size_t limbs,
	uint8_t out[BUCKET_HEADER_SIZE])
{
	struct buf b = buf_new(BUCKET_HEADER_SIZE);
	buf_str(&b, BUCKET_MAGIC);
	buf_u64be(&b, number);
	buf_u64be(&b, count);
	buf_u64be(&b, records_len);
	buf_u64be(&b, limbs);
	memset(out, 0, BUCKET_HEADER_SIZE);
	if (!b.bad)
		memcpy(out, b.p, b.len);
	buf_free(&b);
}

static enum err_code digest_of(const struct bytes *piece, size_t n, uint8_t out[SHA256_SIZE],
	struct err *e)
{
	struct sha256 h;
	enum err_code rc = sha256_start(&h, e);
	if (rc != ERR_OK)
		return rc;
	for (size_t i = 0; i < n; i++)
		sha256_more(&h, piece[i]);
	sha256_end(&h, out);
	return ERR_OK;
}

enum err_code bucket_write(int dir, uint64_t number, struct bytes records, struct limbs product,
	struct err *e)
{
	static const uint8_t zeros[ALIGNMENT];
	uint8_t header[BUCKET_HEADER_SIZE];
	uint8_t digest[SHA256_SIZE];
	char name[BUCKET_NAME_SIZE];
	struct place *index = NULL;
	size_t count = 0;
	enum err_code rc = index_make(records, &index, &count, e);
	if (rc != ERR_OK)
		return rc;
	header_make(number, count, records.len, product.n, header);
	struct bytes piece[] = {bytes_of(header, sizeof(header)), records,
		bytes_of(index, count * INDEX_ENTRY), bytes_of(zeros, padding(records.len, count)),
		bytes_of(product.p, product.n * sizeof(*product.p))};
	rc = digest_of(piece, 5, digest, e);
	memcpy(header + DIGEST_AT, digest, sizeof(digest));
	bucket_name(number, name);
	if (rc == ERR_OK)
		rc = door_file_write(dir, name, piece, 5, e);
	free(index);
	return rc;
}

static enum err_code take_apart(const char *name, struct bytes map, struct bucket *b,
	struct err *e)
{
	struct reader in = reader_of(map);
	struct bytes magic = read_bytes(&in, strlen(BUCKET_MAGIC));
	b->number = read_u64be(&in);
	uint64_t count = read_u64be(&in);
	uint64_t records_len = read_u64be(&in);
	uint64_t limbs = read_u64be(&in);
	(void)read_bytes(&in, BUCKET_HEADER_SIZE - DIGEST_AT);
	if (in.bad)
		return err_set(e, ERR_TRUNCATED, name, "it has no whole header");
	if (!bytes_equal(magic, bytes_str(BUCKET_MAGIC)))
		return err_set(e, ERR_MALFORMED, name, "it does not begin as a bucket");
	if (count > BUCKET_KEYS_MAX || records_len > RECORDS_MAX ||
		limbs > RECORDS_MAX)
		return err_set(e, ERR_MALFORMED, name, "its header names sizes that cannot be");
	b->count = (uint32_t)count;
	b->records = read_bytes(&in, records_len);
	b->index = read_bytes(&in, count * INDEX_ENTRY).p;
	(void)read_bytes(&in, padding(records_len, count));
	struct bytes product = read_bytes(&in, limbs * sizeof(uint64_t));
	if (in.bad)
		return err_set(e, ERR_TRUNCATED, name, "it ends too early");
	if (reader_left(&in) > 0)
		return err_set(e, ERR_TRAILING, name, "%zu bytes", reader_left(&in));
	b->product = (struct limbs){(const uint64_t *)(const void *)product.p, limbs};
	return ERR_OK;
}

static enum err_code checksum_check(const char *name, struct bytes map, struct err *e)
{
	uint8_t header[BUCKET_HEADER_SIZE];
	uint8_t digest[SHA256_SIZE];
	memcpy(header, map.p, sizeof(header));
	memset(header + DIGEST_AT, 0, SHA256_SIZE);
	struct bytes piece[] = {bytes_of(header, sizeof(header)),
		bytes_of(map.p + sizeof(header), map.len - sizeof(header))};
	enum err_code rc = digest_of(piece, 2, digest, e);
	if (rc == ERR_OK && memcmp(digest, map.p + DIGEST_AT, SHA256_SIZE) != 0)
		rc = err_set(e, ERR_MALFORMED, name, "its checksum is another: it was damaged");
	return rc;
}

enum err_code bucket_open(int dir, uint64_t number, struct bucket *out, struct err *e)
{
	char name[BUCKET_NAME_SIZE];
	struct bytes map = BYTES_NONE;
	struct bucket b = {0};
	bucket_name(number, name);
	enum err_code rc = door_file_map(dir, name, &map, e);
	if (rc != ERR_OK)
		return rc;
	rc = take_apart(name, map, &b, e);
	if (rc == ERR_OK)
		rc = checksum_check(name, map, e);
	if (rc == ERR_OK && b.number != number)
		rc = err_set(e, ERR_MALFORMED, name, "it is number %llu",
			(unsigned long long)b.number);
	if (rc != ERR_OK) {
		door_file_unmap(map);
		return rc;
	}
	b.map = map.p;
	b.size = map.len;
	*out = b;
	return ERR_OK;
}

void bucket_close(struct bucket *b)
{
	door_file_unmap(bytes_of(b->map, b->size));
	*b = (struct bucket){0};
}

enum err_code bucket_each(const struct bucket *b, record_fn each, void *arg, struct err *e)
{
	struct reader in = reader_of(b->records);
	enum err_code rc = ERR_OK;
	while (rc == ERR_OK && reader_left(&in) > 0) {
		struct record r;
		rc = record_parse(&in, &r, e);
		if (rc == ERR_OK)
			rc = each(arg, &r, e);
	}
	return rc;
}

static struct place place_at(const struct bucket *b, size_t i)
{
	struct place p;
	memcpy(&p, b->index + i * INDEX_ENTRY, sizeof(p));
	return p;
}

bool bucket_find(const struct bucket *b, struct bytes modulus, uint64_t fingerprint,
	struct record *out)
{
	size_t low = 0;
	size_t high = b->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (place_at(b, middle).fingerprint < fingerprint)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < b->count; low++) {
		struct record r;
		struct place p = place_at(b, low);
		if (p.fingerprint != fingerprint || p.offset > b->records.len)
			return false;
		struct reader in = reader_of(bytes_of(b->records.p + p.offset,
			b->records.len - p.offset));
		if (record_parse(&in, &r, NULL) == ERR_OK && bytes_equal(r.modulus, modulus)) {
			*out = r;
			return true;
		}
	}
	return false;
}

enum err_code bucket_salvage(int dir, uint64_t number, record_fn each, void *arg, size_t *n,
	struct err *e)
{
	char name[BUCKET_NAME_SIZE];
	struct bytes map = BYTES_NONE;
	bucket_name(number, name);
	enum err_code rc = door_file_map(dir, name, &map, e);
	if (rc != ERR_OK)
		return rc;
	struct reader in = reader_of(map);
	(void)read_bytes(&in, BUCKET_HEADER_SIZE);
	*n = 0;
	while (rc == ERR_OK && !in.bad && reader_left(&in) > 0) {
		struct record r;
		struct err stop;
		if (record_parse(&in, &r, &stop) != ERR_OK || r.kind != RECORD_KEY)
			break; /* the index begins here, or the damage */
		rc = each(arg, &r, e);
		*n += rc == ERR_OK;
	}
	door_file_unmap(map);
	return rc;
}
