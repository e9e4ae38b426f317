/*
 * A closed bucket: some thousand keys and their product in one file that never changes again
 * (docs/spec/key-buckets.md).  It is mapped; a query reads the product alone.
 */
#ifndef KEYCHECK_DOOR_BUCKET_H
#define KEYCHECK_DOOR_BUCKET_H

#include "bigint/residue.h"
#include "keycheck/door_record.h"

#define BUCKET_MAGIC "MSKEYBK1"
#define BUCKET_HEADER_SIZE 128
/* Keys in a full one: a product of 1 MiB when they are RSA-2048. */
#define BUCKET_KEYS 4096
/* Twice that: one that could not be closed when it was full (no space) goes on growing. */
#define BUCKET_KEYS_MAX 1048576
#define BUCKET_NAME_SIZE 32

struct bucket {
	uint64_t number;
	const uint8_t *map;
	size_t size;
	uint32_t count;
	struct bytes records; /* `count` of RECORD_KEY, in the order of their coming */
	const uint8_t *index; /* where each record is, in order of its modulus's fingerprint */
	struct limbs product;
};

/* "bucket-00000007" */
void bucket_name(uint64_t number, char out[BUCKET_NAME_SIZE]);

/*
 * Write bucket `number` into folder `dir` (a descriptor) and make it durable: the records, which
 * are encoded one behind the other, and their product.  On any error there is no such bucket.
 */
MUST_USE enum err_code bucket_write(int dir, uint64_t number, struct bytes records,
	struct limbs product, struct err *e);
/*
 * Map it and read all of it: ERR_NOT_FOUND, or ERR_MALFORMED, ERR_TRUNCATED or ERR_TRAILING when
 * it is damaged (its checksum covers every byte), with file and reason.
 */
MUST_USE enum err_code bucket_open(int dir, uint64_t number, struct bucket *out, struct err *e);
void bucket_close(struct bucket *b);

typedef enum err_code (*record_fn)(void *arg, const struct record *r, struct err *e);

/* Every record in turn, until `each` returns an error. */
MUST_USE enum err_code bucket_each(const struct bucket *b, record_fn each, void *arg,
	struct err *e);
/* The key with exactly this modulus; false when there is none.  Views into the map. */
bool bucket_find(const struct bucket *b, struct bytes modulus, uint64_t fingerprint,
	struct record *out);
/* What a modulus is looked up by. */
uint64_t modulus_fingerprint(struct bytes modulus);

/*
 * Of a damaged one: every record from its beginning that is whole, whatever else is wrong with the
 * file.  `n`: how many there were.
 */
MUST_USE enum err_code bucket_salvage(int dir, uint64_t number, record_fn each, void *arg,
	size_t *n, struct err *e);

#endif
