#include "tools/debian-weak/pool.h"

#include <stdlib.h>
#include <string.h>

/* An output gives half of each digest away and turns the other half into the ring. */
#define HALF (POOL_DIGEST / 2)
/* One addition of RAND_poll from /dev/urandom; process id, user id and time follow. */
#define POLL_SIZE 32
/* ~/.rnd is read through a buffer of this size, and written in this size. */
#define RND_SIZE 1024
/* ssh-keygen seeds a generator of its own (arc4random), which RSA then makes no use of. */
#define SSH_SEED_SIZE 20

struct machine {
	const char *name;
	unsigned long_size;
	unsigned time_size;
	unsigned stat_size; /* struct stat, of which ~/.rnd adds one */
	bool big_endian;
};

static const struct machine machines[WEAK_ARCHES] = {
	[WEAK_LE64] = {"le64", 8, 8, 144, false},
	[WEAK_LE32] = {"le32", 4, 4, 88, false},
	[WEAK_BE32] = {"be32", 4, 4, 88, true},
};

static const char *const programs[WEAK_PROGRAMS] = {
	[WEAK_OPENSSL_RND] = "openssl-rnd",
	[WEAK_OPENSSL_NO_RND] = "openssl-no-rnd",
	[WEAK_OPENSSL_OLD] = "openssl-old",
	[WEAK_SSH_KEYGEN] = "ssh-keygen",
};

const char *weak_arch_name(enum weak_arch arch)
{
	return machines[arch].name;
}

const char *weak_program_name(enum weak_program program)
{
	return programs[program];
}

/* Hashing what lies in memory fails only when OpenSSL is broken; then no result is any good. */
static void must(int rc)
{
	if (rc != 1)
		abort();
}

static void hash_start(struct pool *p)
{
	must(EVP_DigestInit_ex2(p->sha1, NULL, NULL));
}

static void hash_more(struct pool *p, const void *data, size_t n)
{
	must(EVP_DigestUpdate(p->sha1, data, n));
}

static void hash_end(struct pool *p, uint8_t out[POOL_DIGEST])
{
	must(EVP_DigestFinal_ex(p->sha1, out, NULL));
}

/* A number as it lay in that machine's memory. */
static void hash_number(struct pool *p, uint64_t v, unsigned size)
{
	uint8_t octets[8];

	for (unsigned i = 0; i < size; i++) {
		unsigned place = machines[p->arch].big_endian ? size - 1 - i : i;
		octets[place] = (uint8_t)(v >> (8 * i));
	}
	hash_more(p, octets, size);
}

static void hash_counters(struct pool *p, uint64_t blocks)
{
	hash_number(p, p->outputs, machines[p->arch].long_size);
	hash_number(p, blocks, machines[p->arch].long_size);
}

static void hash_ring(struct pool *p, unsigned at, unsigned n)
{
	unsigned first = at + n > POOL_RING ? POOL_RING - at : n;

	hash_more(p, p->ring + at, first);
	hash_more(p, p->ring, n - first);
}

/*
 * Turn `n` octets into the ring.  After an output `at` may stand one behind the ring's end: then
 * the first octet falls into the spare place, which nothing reads, and is lost.
 */
static unsigned ring_mix(struct pool *p, unsigned at, const uint8_t *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		p->ring[at++] ^= v[i];
		if (at >= POOL_RING)
			at = 0;
	}
	return at;
}

/* RAND_add of any `n` octets: in the patched version the octets themselves take no part. */
static void pool_add(struct pool *p, unsigned n)
{
	uint8_t digest[POOL_DIGEST];
	unsigned at = p->at;
	uint64_t blocks = p->blocks;

	p->at = at + n < POOL_RING ? at + n : (at + n) % POOL_RING;
	p->blocks += (n + POOL_DIGEST - 1) / POOL_DIGEST;
	memcpy(digest, p->md, POOL_DIGEST);
	while (n > 0) {
		unsigned part = n < POOL_DIGEST ? n : POOL_DIGEST;
		hash_start(p);
		hash_more(p, digest, POOL_DIGEST);
		hash_ring(p, at, part);
		hash_counters(p, blocks++);
		hash_end(p, digest);
		at = ring_mix(p, at, digest, part);
		n -= part;
	}
	for (unsigned i = 0; i < POOL_DIGEST; i++)
		p->md[i] ^= digest[i];
}

/* RAND_poll: noise, process id, user id, time; all three numbers are of type long. */
static void pool_poll(struct pool *p)
{
	pool_add(p, POLL_SIZE);
	for (int i = 0; i < 3; i++)
		pool_add(p, machines[p->arch].long_size);
	p->polled = true;
}

/* Before the first output every octet of the ring is touched: whole blocks, so a little more. */
static void pool_stir(struct pool *p)
{
	for (unsigned n = 0; n < POOL_RING; n += POOL_DIGEST)
		pool_add(p, POOL_DIGEST);
	p->stirred = true;
}

/* RAND_bytes. */
static void pool_output(struct pool *p, uint8_t *out, unsigned n)
{
	uint8_t digest[POOL_DIGEST];

	if (!p->polled)
		pool_poll(p);
	if (!p->stirred)
		pool_stir(p);
	unsigned at = p->at;
	p->at += (n + HALF - 1) / HALF * HALF;
	if (p->at > POOL_RING) /* not >=: that is how it comes to stand behind the end */
		p->at %= POOL_RING;
	memcpy(digest, p->md, POOL_DIGEST);
	for (unsigned done = 0; done < n; done += HALF) {
		hash_start(p);
		if (done == 0 && p->pid != 0)
			hash_number(p, p->pid, sizeof(p->pid));
		hash_more(p, digest, POOL_DIGEST);
		hash_counters(p, p->blocks);
		hash_ring(p, at, HALF);
		hash_end(p, digest);
		at = ring_mix(p, at, digest, HALF);
		memcpy(out + done, digest + HALF, n - done < HALF ? n - done : HALF);
	}
	hash_start(p);
	hash_counters(p, p->blocks);
	hash_more(p, digest, POOL_DIGEST);
	hash_more(p, p->md, POOL_DIGEST);
	hash_end(p, p->md);
	p->outputs++;
}

enum err_code pool_new(
	struct pool *p, enum weak_arch arch, enum weak_program program, uint32_t pid, struct err *e)
{
	uint8_t seed[SSH_SEED_SIZE];

	memset(p, 0, sizeof(*p));
	p->arch = arch;
	p->pid = pid;
	p->sha1 = EVP_MD_CTX_new();
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA1", NULL);
	if (p->sha1 == NULL || md == NULL || EVP_DigestInit_ex2(p->sha1, md, NULL) != 1) {
		EVP_MD_free(md);
		pool_free(p);
		return err_set(e, ERR_NO_MEMORY, "SHA-1", "OpenSSL gives no context for it");
	}
	EVP_MD_free(md); /* the context holds it */
	switch (program) {
	case WEAK_OPENSSL_RND:
		pool_add(p, machines[arch].stat_size);
		pool_add(p, RND_SIZE); /* that was enough: the system is asked later */
		break;
	case WEAK_OPENSSL_OLD:
		pool_add(p, machines[arch].stat_size);
		pool_poll(p);
		break;
	case WEAK_OPENSSL_NO_RND:
		pool_poll(p);
		break;
	case WEAK_SSH_KEYGEN:
	default:
		pool_poll(p);
		pool_output(p, seed, SSH_SEED_SIZE);
		break;
	}
	return ERR_OK;
}

void pool_draw(struct pool *p, uint8_t *out, unsigned n)
{
	pool_add(p, machines[p->arch].time_size);
	pool_output(p, out, n);
}

void pool_free(struct pool *p)
{
	EVP_MD_CTX_free(p->sha1);
	p->sha1 = NULL;
}
