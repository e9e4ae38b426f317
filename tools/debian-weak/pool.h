/*
 * The random number generator of Debian's OpenSSL 0.9.8c-1 to 0.9.8g-8 (CVE-2008-0166), rebuilt
 * from its behaviour.  A patch took away the line that hashes what is added to the pool: an
 * addition still turns the pool over, by its length, and its content is lost.  So all that is left
 * of a machine's noise is the process id, and how many octets were added when.
 *
 * Not for making keys: every octet that comes out is known to everybody.
 * docs/design/debian-weak.md tells the story.
 */
#ifndef TOOLS_DEBIAN_WEAK_POOL_H
#define TOOLS_DEBIAN_WEAK_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "base/err.h"

#define POOL_RING 1023
#define POOL_DIGEST 20

/* What of the machine gets into the pool: sizes of C types, and the order of octets. */
enum weak_arch {
	WEAK_LE64, /* amd64 */
	WEAK_LE32, /* i386 */
	WEAK_BE32, /* powerpc, sparc, hppa */
	WEAK_ARCHES,
};

/* What a program adds before it asks for its first octet. */
enum weak_program {
	WEAK_OPENSSL_RND,    /* openssl genrsa or req, with a ~/.rnd as openssl writes it */
	WEAK_OPENSSL_NO_RND, /* the same without ~/.rnd, from 0.9.8f on if not before */
	WEAK_OPENSSL_OLD,    /* the same without ~/.rnd, 0.9.8c; any, with one it cannot read */
	WEAK_SSH_KEYGEN,
	WEAK_PROGRAMS,
};

/* Copying one by value is a snapshot; the copies share the hash context, so one thread. */
struct pool {
	EVP_MD_CTX *sha1;
	enum weak_arch arch;
	uint32_t pid;
	bool polled;  /* the operating system was asked */
	bool stirred; /* turned over once before the first output */
	unsigned at;  /* where in the ring the next octet goes; may be POOL_RING itself */
	uint64_t outputs;
	uint64_t blocks;
	uint8_t md[POOL_DIGEST];
	uint8_t ring[POOL_RING + 1];
};

/* Names as in the data files and on the command line: "le64", "openssl-rnd". */
const char *weak_arch_name(enum weak_arch arch);
const char *weak_program_name(enum weak_program program);

/* The pool of a process that has done what the program does before it makes a key. */
MUST_USE enum err_code pool_new(struct pool *p, enum weak_arch arch, enum weak_program program,
	uint32_t pid, struct err *e);
/* What BN_rand does: mix in the time (whose value is lost), then take `n` octets. */
void pool_draw(struct pool *p, uint8_t *out, unsigned n);
void pool_free(struct pool *p);

#endif
