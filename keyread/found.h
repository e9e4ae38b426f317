/*
 * What all readers share: where they are in the input, and the handing on of what they find.  A
 * reader says where a record begins, then what is in it; of records before the place where an
 * interrupted run goes on, nothing is handed on.
 */
#ifndef KEYREAD_FOUND_H
#define KEYREAD_FOUND_H

#include "keyread/keyread.h"
#include "keyread/stream.h"

/* Longest name handed on; names are for people. */
#define FOUND_NAME_MAX 1024

struct found {
	const struct key_sink *sink;
	uint64_t from;         /* records that begin before it were handed on by an earlier run */
	struct key_place at;   /* of the record at hand */
	struct buf name;       /* what at.name points into */
	struct buf spki;       /* for keys of formats that are no SubjectPublicKeyInfo */
	struct buf work;       /* a record, decoded; wiped when it may have held a secret */
	uint64_t keys;         /* handed on of the record at hand */
	uint64_t wasted;       /* bytes looked at in vain and to be looked at again */
	enum err_code stopped; /* the sink's error: nothing is read after it */
	struct err *why;       /* of stopped */
};

void found_open(struct found *f, const char *file, uint64_t from, const struct key_sink *sink,
	struct err *why);
void found_close(struct found *f);

/* A record begins at the stream's place, or `ahead` bytes behind it. */
void found_record(struct found *f, const struct stream *s, size_t ahead);
/* Was it handed on before?  Then it need not be looked into. */
bool found_earlier(const struct found *f);
/* The name of what follows in this record; cut at FOUND_NAME_MAX. */
void found_name(struct found *f, struct bytes text);
/* `name_der` and `subject_key_id` may be empty. */
void found_key(struct found *f, const char *form, const struct pubkey *k, struct bytes name_der,
	struct bytes subject_key_id);
void found_signature(struct found *f, const struct signature_seen *s);
/*
 * `n` bytes at the record's place were damage.  True: look for records from the byte behind its
 * first, as one may begin inside.  False: so much has been looked at in vain that the input is made
 * to waste time; pass over all of them.
 */
bool found_may_look_again(struct found *f, uint64_t n);
/* This record, or what is left of it, could not be read. */
void found_flaw(struct found *f, const char *form, const struct err *why);

#endif
