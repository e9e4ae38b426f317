/*
 * The keys of an audit, each once, with every place where it was seen.  They lie on disk, in a work
 * folder of their own (docs/spec/keyset.md); in memory there are some 50 bytes a key: where its
 * record begins, where it was seen last, and two hash tables that find it by its name and by its
 * modulus.
 *
 * Invariants:
 *  1. a key's number is its place in order of first sight: the same input gives the same numbers,
 *     interrupted or not;
 *  2. `state` is replaced as one, after the logs it speaks of are durable: what a run finds there
 *     on resuming is whole, and what lies behind is cut off;
 *  3. no two keys have one id; no two moduli of the batch are equal.
 *
 *   keyset_open ---> collecting --keyset_seal--> sealed: keys, sources and moduli can be read
 *                    keyset_add, keyset_flaw     keyset_finding (any time)
 */
#ifndef KEYCHECK_KEYSET_H
#define KEYCHECK_KEYSET_H

#include "keycheck/finding.h"
#include "keycheck/pubkey.h"

#define KEYSET_VERSION 1
/* Numbers have 32 bits and one value says "none": some 215 GB of memory before they run out. */
#define KEYSET_KEYS_MAX (UINT32_MAX - 1)
#define KEYSET_NONE UINT32_MAX
/* What is kept of a name. */
#define KEYSET_NAME_MAX 256
/* Other keys that one finding names; the report says how many there are beyond. */
#define KEYSET_SHARED_MAX 1000

struct keyset;

/* Where a key stood.  `file` is a number that the caller gives a meaning to. */
struct keyset_place {
	uint32_t file;
	uint64_t offset;
	uint64_t line;
	uint64_t record;
	struct bytes form;
	struct bytes name; /* as it was read: may be hostile */
};

/* How far a run has come; all 0 at the start. */
struct keyset_position {
	uint32_t step; /* the caller's */
	uint32_t file;
	uint64_t offset;  /* of the first record in `file` that has not been read */
	uint64_t done;    /* of the step, in the caller's unit */
	uint64_t skipped; /* the caller's */
};

/*
 * Begin in the folder `dir`, which is there; or, with `resume`, go on where the newest checkpoint
 * was (`at` is filled).  `call` names inputs and options: going on with others is ERR_USAGE.
 * ERR_EXISTS: there is an audit already and `resume` is not set; ERR_NOT_FOUND: there is none;
 * ERR_BUSY: another process works there.
 */
MUST_USE enum err_code keyset_open(const char *dir, bool resume, const uint8_t call[SHA256_SIZE],
	struct keyset_position *at, struct keyset **out, struct err *e);
void keyset_close(struct keyset *s);

/* A key was seen there.  `number` (may be NULL) is the key's. */
MUST_USE enum err_code keyset_add(struct keyset *s, const struct pubkey *k,
	const struct keyset_place *at, uint32_t *number, struct err *e);
/* Something could not be read. */
MUST_USE enum err_code keyset_flaw(
	struct keyset *s, const struct keyset_place *at, const struct err *why, struct err *e);
/* All that was added so far is durable and belongs to this position. */
MUST_USE enum err_code keyset_checkpoint(
	struct keyset *s, const struct keyset_position *at, struct err *e);

/* Keys can be read from now on; none can be added.  The hash tables are given back. */
MUST_USE enum err_code keyset_seal(struct keyset *s, struct err *e);

uint32_t keyset_count(const struct keyset *s);
uint64_t keyset_source_count(const struct keyset *s);
/* The key's parts, views until keyset_close. */
MUST_USE enum err_code keyset_key(
	const struct keyset *s, uint32_t number, struct pubkey *out, struct err *e);
/* Every place where it was seen, in the order of the input. */
MUST_USE enum err_code keyset_sources(const struct keyset *s, uint32_t number,
	enum err_code (*each)(void *arg, const struct keyset_place *at, struct err *e), void *arg,
	struct err *e);
MUST_USE enum err_code keyset_flaws(struct keyset *s,
	enum err_code (*each)(
		void *arg, const struct keyset_place *at, const struct err *why, struct err *e),
	void *arg, struct err *e);

/*
 * RSA moduli of the batch: odd and above 1, each once, numbered in order of first sight.
 * keyset_modulus: the key's, or KEYSET_NONE when it is not in the batch.
 */
uint32_t keyset_modulus_count(const struct keyset *s);
uint32_t keyset_modulus(const struct keyset *s, uint32_t key);
/* Keys that have this modulus: the first seen, then the others; KEYSET_NONE ends. */
uint32_t keyset_modulus_first(const struct keyset *s, uint32_t modulus);
uint32_t keyset_modulus_next(const struct keyset *s, uint32_t key);
/* Write them as the moduli file (bigint/batch.h) `path`, in the order of their numbers. */
MUST_USE enum err_code keyset_write_moduli(const struct keyset *s, const char *path, struct err *e);

/*
 * Who may have signed, and what was signed with ECDSA, for keycheck/nonce.h.  A signer: `key`, the
 * DER Name and key identifier it is called by.  A signature: the key, or KEYSET_NONE and what the
 * signer is called; the rest is views.
 */
struct keyset_signer {
	bool is_signature;
	uint32_t key;
	struct bytes name;
	struct bytes key_id;
	struct bytes sig_alg; /* of signatures alone, as what follows */
	struct bytes tbs;
	struct bytes sig;
	struct keyset_place at;
};

/* Keep one; false in `kept` (may be NULL) when it is longer than a record may be. */
MUST_USE enum err_code keyset_signer(
	struct keyset *s, const struct keyset_signer *r, bool *kept, struct err *e);
/* All of them, in order; `id` finds one again with keyset_signer_place. */
MUST_USE enum err_code keyset_signers(struct keyset *s,
	enum err_code (*each)(void *arg, const struct keyset_signer *r, uint64_t id, struct err *e),
	void *arg, struct err *e);
/* Only while keyset_signers runs or after it: a view until keyset_close. */
MUST_USE enum err_code keyset_signer_place(
	const struct keyset *s, uint64_t id, struct keyset_place *out, struct err *e);

/* What a check says of a key.  `shared` are key numbers; `shared_total` counts them all. */
struct keyset_finding {
	uint32_t key;
	enum check check;
	struct bytes why;
	const uint32_t *shared;
	size_t shared_n; /* at most KEYSET_SHARED_MAX */
	uint64_t shared_total;
};

/* Keep one.  Key numbers in any order. */
MUST_USE enum err_code keyset_finding(
	struct keyset *s, const struct keyset_finding *f, struct err *e);
/* All of them in order of key numbers, those of one key in the order in which they were kept. */
MUST_USE enum err_code keyset_findings(struct keyset *s,
	enum err_code (*each)(void *arg, const struct keyset_finding *f, struct err *e), void *arg,
	struct err *e);

#endif
