/*
 * Finds public keys, and signatures made with them, in whatever people keep them in.  One file a
 * format; each reads a stream of any length in bounded memory, tells where every key stood, names
 * what it could not read and goes on behind it.
 */
#ifndef KEYREAD_KEYREAD_H
#define KEYREAD_KEYREAD_H

#include "keycheck/pubkey.h"

enum keyread_format {
	KEYREAD_AUTO,     /* told from the first bytes, never from the name */
	KEYREAD_PEM,      /* certificates, requests, PKCS#7, PKCS#1, SPKI; text between is skipped */
	KEYREAD_DER,      /* one or many of the same, one after the other */
	KEYREAD_SSH,      /* authorized_keys, known_hosts, .pub (RFC 4253 §6.6), RFC 4716 */
	KEYREAD_JWK,      /* one key, a set, or a set a line (RFC 7517) */
	KEYREAD_OPENPGP,  /* binary or armoured (RFC 9580, RFC 4880) */
	KEYREAD_CSV_HEX,  /* one hex modulus a line, or the column that is one */
	KEYREAD_CT_JSON,  /* answers of get-entries (RFC 6962 §4.6) */
	KEYREAD_CT_TILE,  /* data tiles (C2SP static-ct-api), plain or gzip */
	KEYREAD_FORMATS
};

/* Where something stood.  Views; valid during the call. */
struct key_place {
	const char *file;    /* as it was named to us; "-" for standard input */
	uint64_t offset;     /* of the record's first byte */
	uint64_t line;       /* 0 in binary formats */
	uint64_t record;     /* counted from 1 in the file */
	const char *form;    /* "certificate", "request", "ssh", ... */
	struct bytes name;   /* subject, comment or user id as text; may be empty, may be hostile */
};

/*
 * An ECDSA signature seen (RFC 3279 §2.2.3): for reuse and bias of nonces.  The signer is a key
 * in the same input: its own (a request, a self-signed certificate), or whoever has this name.
 */
struct signature_seen {
	bool self;             /* made with the key that was handed over just before */
	struct bytes issuer;   /* DER Name of the issuer; empty when self */
	struct bytes authority_key_id; /* content of keyIdentifier; may be empty */
	struct bytes sig_alg;  /* content octets of the algorithm's OID */
	struct bytes tbs;      /* what is signed */
	struct bytes sig;      /* DER ECDSA-Sig-Value */
};

struct key_sink {
	void *arg;
	/* `name_der`: the subject's DER Name, empty when there is none.  ERR_OK goes on. */
	enum err_code (*key)(void *arg, const struct pubkey *k, const struct key_place *at,
		struct bytes name_der, struct bytes subject_key_id, struct err *e);
	enum err_code (*signature)(void *arg, const struct signature_seen *s,
		const struct key_place *at, struct err *e); /* may be NULL */
	/* Something that could not be read; reading goes on. */
	void (*flaw)(void *arg, const struct key_place *at, const struct err *why);
	/* Now and then: how far into this file. May be NULL. */
	void (*progress)(void *arg, uint64_t offset);
};

/*
 * Read an open file, pipe or socket to its end.  `from`: hand on nothing of records that begin
 * before this offset, for going on where an earlier run ended; they are passed over, so that lines
 * and records keep their numbers.  Errors are the sink's, ERR_IO or ERR_NO_MEMORY; damage inside
 * the input goes to sink->flaw.  ERR_MALFORMED: no format was recognised, or there is nothing.
 * An input packed with gzip is unpacked; its offsets are those of what is in it.
 */
MUST_USE enum err_code keyread_fd(int fd, const char *name, enum keyread_format format,
	uint64_t from, const struct key_sink *sink, struct err *e);
const char *keyread_format_name(enum keyread_format f);
/* KEYREAD_FORMATS when there is no such name. */
enum keyread_format keyread_format_from_name(const char *name);

#endif
