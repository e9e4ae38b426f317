/*
 * What the door remembers, one record a fact (docs/spec/key-buckets.md).  The same bytes stand in
 * the open bucket, which is only ever appended to, and in a closed one.
 */
#ifndef KEYCHECK_DOOR_RECORD_H
#define KEYCHECK_DOOR_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "crypto/hash.h"

/* A device's serial and a product's name in Medseal have 64 characters at most. */
#define DOOR_NAME_MAX 64
/* RESIDUE_BITS_MAX: what the kernels take. */
#define DOOR_MODULUS_MAX 2048
/* Length, body (the largest is a key), checksum. */
#define DOOR_RECORD_MAX (4 + 1 + 8 + 8 + SHA256_SIZE + 3 * 4 + 2 * DOOR_NAME_MAX + DOOR_MODULUS_MAX + 8)

enum record_kind {
	RECORD_KEY = 1,   /* a key that was seen */
	RECORD_MARK,      /* everything up to this mark is here */
	RECORD_BROKEN,    /* a key that shares a prime */
	RECORD_SET_ASIDE, /* its owner is quarantined */
	RECORD_RELEASED,  /* and no longer */
};

struct record {
	enum record_kind kind;
	uint64_t mark; /* KEY: its certificate's number, 0: none was issued.  MARK: the number */
	int64_t at;    /* seconds; not of MARK */
	uint8_t id[SHA256_SIZE]; /* KEY, BROKEN, SET_ASIDE: the key's name */
	uint8_t other[SHA256_SIZE]; /* BROKEN: the key that it shares with */
	struct bytes owner;   /* KEY, SET_ASIDE, RELEASED; views */
	struct bytes line;    /* KEY: the product line */
	struct bytes modulus; /* KEY: big-endian, without leading zeros, odd */
};

void record_encode(const struct record *r, struct buf *out);
/*
 * The record at the cursor, which moves behind it.  ERR_TRUNCATED when the bytes end in it,
 * ERR_MALFORMED when its checksum or its form is wrong; the cursor is then worth nothing.
 */
MUST_USE enum err_code record_parse(struct reader *in, struct record *out, struct err *e);

#endif
