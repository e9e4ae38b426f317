/*
 * Lists of keys and primes that are known to the public: data files in data/keys/, each with its
 * source and date (docs/spec/key-list.md).  What is not on a list is not thereby good.
 */
#ifndef KEYCHECK_LISTS_H
#define KEYCHECK_LISTS_H

#include "keycheck/finding.h"
#include "keycheck/pubkey.h"

#define LIST_VERSION 1
#define LIST_SUFFIX ".list"
/* A source, a date, a licence: one line each. */
#define LIST_TEXT_MAX 512
/* Sources of one list; an entry names its own in 16 bits. */
#define LIST_SOURCES_MAX 65535
/* The largest list known, of all weak keys of CVE-2008-0166 and all sizes, has some 60 MB. */
#define LIST_FILE_MAX (1u << 30)
/* Hashes cut to fewer octets would hit honest keys by chance. */
#define LIST_HASH_MIN 8
/* A published prime may be as long as half the longest modulus anybody uses, and is not longer. */
#define LIST_PRIME_MAX 2048

/* What an entry is.  The numbers stand in the files. */
enum list_kind {
	LIST_SPKI_SHA256 = 1, /* first octets of SHA-256 of the DER SubjectPublicKeyInfo */
	LIST_NUMBER_SHA256 =
		2, /* of the key's number without leading zeros: modulus, EC x, raw key */
	LIST_OPENSSL_SHA1 =
		3,        /* last octets of SHA-1 of "Modulus=HEX\n" (Debian's openssl-blacklist) */
	LIST_SSH_MD5 = 4, /* last octets of MD5 of the SSH key blob (Debian's openssh-blacklist) */
	LIST_PRIMES = 5,
};

/* What a list says of itself. */
struct list_about {
	enum list_kind kind;
	enum check check;   /* CHECK_KNOWN_KEY, CHECK_DEBIAN_WEAK, CHECK_RSA_KEYPAIR,
			       CHECK_KNOWN_PRIME */
	const char *source; /* where it is from, for people */
	const char *date;   /* of the source: 2026-11-24 */
	const char *licence;
	uint64_t count;
};

struct lists;

/*
 * All lists of a folder (files that end in LIST_SUFFIX), mapped.  A damaged file, one of a newer
 * version or one that is no list is an error that names it; no such folder is ERR_NOT_FOUND.
 */
MUST_USE enum err_code lists_open(const char *dir, struct lists **out, struct err *e);
/* As lists_open, into lists that are open already; on error nothing is added. */
MUST_USE enum err_code lists_add(struct lists *l, const char *dir, struct err *e);
/*
 * The folder of the lists that came with the program: $MEDSEAL_KEY_LISTS when that is set; the one
 * that was installed; when there is none, that of the sources, for a program in a build tree.
 */
const char *lists_dir(void);
/* Is the key itself on a list?  Then *check and *source (static as long as `l`) are set. */
bool lists_find(
	const struct lists *l, const struct pubkey *k, enum check *check, const char **source);
/* The published primes, as one list of big-endian numbers; n may be 0. */
const struct bytes *lists_primes(const struct lists *l, size_t *n);
/* Where the i-th of them was published. */
const char *lists_prime_source(const struct lists *l, size_t i);
/* The i-th list, and the file it stands in (may be NULL); false when there are no more. */
bool lists_about(const struct lists *l, size_t i, struct list_about *out, const char **path);
void lists_free(struct lists *l);

/*
 * Making one.  Entries in any order and repeated; each belongs to a source, added before it.
 * `about` is copied; its count is not used.
 */
struct list_maker;
MUST_USE enum err_code list_maker_new(
	const struct list_about *about, unsigned hash_size, struct list_maker **out, struct err *e);
/* The number of a source; the same text gives the same number. */
MUST_USE enum err_code list_maker_source(
	struct list_maker *m, const char *source, unsigned *number, struct err *e);
/* ERR_MALFORMED when the hash is not of the size that was agreed. */
MUST_USE enum err_code list_maker_hash(
	struct list_maker *m, struct bytes hash, unsigned source, struct err *e);
/* ERR_MALFORMED when it is no odd prime of 64 bits or more. */
MUST_USE enum err_code list_maker_prime(
	struct list_maker *m, struct bytes prime, unsigned source, struct err *e);
/* The file's bytes, entries sorted and each once (the first source stays). */
MUST_USE enum err_code list_maker_end(
	struct list_maker *m, struct buf *out, uint64_t *count, struct err *e);
void list_maker_free(struct list_maker *m);

/* The hash of a key that a list of this kind would hold; false when it has none for such a key. */
bool list_hash(enum list_kind kind, const struct pubkey *k, uint8_t out[SHA256_SIZE], size_t *size);

#endif
