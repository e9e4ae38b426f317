/*
 * Making a key list out of what others publish: hashes in text, Debian's blacklists, badkeys'
 * blocklist, keys in PEM, primes in hex.  All or nothing: what is not understood is named by line.
 */
#ifndef KEYCHECK_LISTS_IMPORT_H
#define KEYCHECK_LISTS_IMPORT_H

#include "keycheck/lists.h"

/* Octets of a SHA-256 that a list made from keys keeps: no two keys ever had these equal. */
#define LIST_IMPORT_HASH_SIZE 16

struct import_options {
	struct list_about about; /* kind: LIST_KIND_ANY where the file shows it */
	uint64_t size_max;       /* of the result; 0: LIST_FILE_MAX */
};

#define LIST_KIND_ANY ((enum list_kind)0)

struct import_counts {
	uint64_t taken;   /* entries of the result */
	uint64_t skipped; /* PEM blocks that hold no key for a list: encrypted, DSA, parameters */
	const char *form; /* what the file was taken for: static text */
};

/*
 * The list file made from `file` is appended to `out`.
 *
 * Told from its first octets: a key list already (taken as it is); PEM; badkeys' blocklist.dat
 * (records of 15 octets and a list number, sorted); else text, one number in hex a line, `#` begins
 * a comment.  64 digits are SHA-256 of a SubjectPublicKeyInfo, 30 are badkeys' hash; for 20 to 40
 * digits about.kind must say LIST_OPENSSL_SHA1 or LIST_SSH_MD5, because the digits do not.  With
 * CHECK_KNOWN_PRIME the numbers are primes.  ERR_MALFORMED names the line; ERR_USAGE what to add.
 */
MUST_USE enum err_code lists_import(struct bytes file, const struct import_options *o,
	struct buf *out, struct import_counts *counts, struct err *e);

#endif
