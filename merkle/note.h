/* C2SP signed-note, tlog-checkpoint and tlog-proof: text, signatures, keys. */
#ifndef MERKLE_NOTE_H
#define MERKLE_NOTE_H

#include "crypto/key.h"
#include "merkle/tree.h"

#define NOTE_MAX 8192 /* a checkpoint with a few dozen cosignatures */
#define NOTE_ORIGIN_MAX 128
#define NOTE_ED25519 0x01 /* signature type of a log's own Ed25519 key */

struct checkpoint {
	char origin[NOTE_ORIGIN_MAX + 1];
	uint64_t size;
	struct merkle_hash root;
};

/* The note text that is signed: "origin\nsize\nbase64 root\n". */
MUST_USE enum err_code checkpoint_encode(const struct checkpoint *c, struct buf *out,
	struct err *e);
MUST_USE enum err_code checkpoint_parse(struct bytes text, struct checkpoint *out, struct err *e);

/* vkey "name+hex(key id)+base64(type || public key)". */
struct note_key {
	char name[NOTE_ORIGIN_MAX + 1];
	uint8_t id[4];
	uint8_t pub[32];
};

MUST_USE enum err_code note_key_make(const char *name, const struct key *k, struct note_key *out,
	struct err *e);
MUST_USE enum err_code note_key_parse(const char *vkey, struct note_key *out, struct err *e);
MUST_USE enum err_code note_key_print(const struct note_key *k, struct buf *out, struct err *e);

/* text || "\n" || signature line, made with `sig` of `k`. */
MUST_USE enum err_code note_encode(struct bytes text, const struct note_key *k,
	const uint8_t sig[64], struct buf *out, struct err *e);
/* Split a note, check that `k` has signed it (ERR_LOG_CHECKPOINT); `text` is a view into it. */
MUST_USE enum err_code note_check(struct bytes note, const struct note_key *k, struct bytes *text,
	struct err *e);
/* note_check and checkpoint_parse, and the origin must be the key's name. */
MUST_USE enum err_code checkpoint_check(struct bytes note, const struct note_key *k,
	struct checkpoint *out, struct err *e);

/* C2SP tlog-proof: index, inclusion proof, checkpoint. */
struct tlog_proof {
	uint64_t index;
	struct merkle_proof path;
	struct bytes checkpoint; /* the signed note; a view when parsed */
};

MUST_USE enum err_code tlog_proof_encode(const struct tlog_proof *p, struct buf *out,
	struct err *e);
MUST_USE enum err_code tlog_proof_parse(struct bytes text, struct tlog_proof *out, struct err *e);

#endif
