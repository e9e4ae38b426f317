#include "tools/keypair-keys/keypair.h"

#include <stdlib.h>
#include <string.h>

#include <gmp.h>
#include <openssl/evp.h>

#include "tools/debian-weak/fermat.h"

#define BLOCK 16
#define SHA1_SIZE 20
#define EXPONENT 65537
/* Numbers that are sieved at once: some ten times what it takes to meet a prime of 1024 bits. */
#define WINDOW 8192
/* With primes below this; more of them would cost what they save. */
#define SIEVE_END 8192
#define SIEVE_PRIMES 1028
/* Rounds of Miller and Rabin's test; no composite is known that passes GMP's first 24. */
#define PRIME_ROUNDS 25

struct keypair {
	EVP_CIPHER_CTX *aes;
	EVP_MD_CTX *sha1;
	bool failed; /* something of OpenSSL did; looked at once, at the end */
	uint8_t key[BLOCK], block[BLOCK];
	uint32_t primes[SIEVE_PRIMES];
	bool composite[WINDOW];
	mpz_t n[FERMAT_LANES];
	mpz_t start, p, q, modulus;
};

/* ---- the generator: AES-128, with a new key for each block ---- */

static void sha1_of(struct keypair *k, struct bytes data, uint8_t out[SHA1_SIZE])
{
	if (EVP_DigestInit_ex(k->sha1, EVP_sha1(), NULL) != 1 ||
		EVP_DigestUpdate(k->sha1, data.p, data.len) != 1 ||
		EVP_DigestFinal_ex(k->sha1, out, NULL) != 1)
		k->failed = true;
}

static void take_seed(struct keypair *k, const uint8_t seed[KEYPAIR_SEED])
{
	uint8_t digest[SHA1_SIZE];

	sha1_of(k, bytes_of(seed, KEYPAIR_SEED), digest);
	sha1_of(k, bytes_of(digest, sizeof(digest)), digest);
	memcpy(k->key, digest, BLOCK);
	sha1_of(k, bytes_of(digest, sizeof(digest)), digest);
	memcpy(k->block, digest, BLOCK);
}

static void encrypt(struct keypair *k, uint8_t out[BLOCK])
{
	uint8_t result[BLOCK];
	int n = 0;

	if (EVP_EncryptInit_ex(k->aes, EVP_aes_128_ecb(), NULL, k->key, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(k->aes, 0) != 1 ||
		EVP_EncryptUpdate(k->aes, result, &n, k->block, BLOCK) != 1 || n != BLOCK)
		k->failed = true;
	else
		memcpy(out, result, BLOCK);
}

/* What is left over of the last block is thrown away. */
static void draw(struct keypair *k, uint8_t *out, size_t n)
{
	uint8_t block[BLOCK];

	for (size_t at = 0; at < n; at += BLOCK) {
		encrypt(k, block);
		memcpy(out + at, block, n - at < BLOCK ? n - at : BLOCK);
		/* the last four octets count, without a carry */
		for (unsigned i = BLOCK; i-- > BLOCK - 4 && ++k->block[i] == 0;)
			;
		encrypt(k, k->key);
		encrypt(k, k->block);
	}
}

/* ---- primes ---- */

static void make_primes(struct keypair *k)
{
	bool composite[SIEVE_END] = {false};
	unsigned n = 0;

	for (uint32_t v = 2; v < SIEVE_END; v++) {
		if (composite[v])
			continue;
		if (n == SIEVE_PRIMES)
			abort();
		k->primes[n++] = v;
		for (uint32_t w = 2 * v; w < SIEVE_END; w += v)
			composite[w] = true;
	}
	if (n != SIEVE_PRIMES)
		abort();
}

static void sieve(struct keypair *k)
{
	memset(k->composite, false, sizeof(k->composite));
	for (unsigned i = 0; i < SIEVE_PRIMES; i++) {
		uint32_t p = k->primes[i], rest = (uint32_t)mpz_fdiv_ui(k->start, p);
		for (uint32_t at = rest == 0 ? 0 : p - rest; at < WINDOW; at += p)
			k->composite[at] = true;
	}
}

/* Up to FERMAT_LANES numbers from `*at` on that the sieve leaves; fewer at the window's end. */
static unsigned next_numbers(struct keypair *k, unsigned *at)
{
	unsigned n = 0;

	for (; *at < WINDOW && n < FERMAT_LANES; ++*at) {
		if (!k->composite[*at])
			mpz_add_ui(k->n[n++], k->start, *at);
	}
	return n;
}

/* The first prime from `start` on. */
static void first_prime(struct keypair *k, unsigned bits, mpz_t out)
{
	for (;; mpz_add_ui(k->start, k->start, WINDOW)) {
		sieve(k);
		for (unsigned at = 0, n; (n = next_numbers(k, &at)) > 0;) {
			unsigned i = 0;
			/* lanes want numbers of one length, and all of them */
			if (n == FERMAT_LANES && mpz_sizeinbase(k->n[n - 1], 2) == bits)
				i = fermat_first(k->n, bits);
			for (; i < n; i++) {
				if (mpz_probab_prime_p(k->n[i], PRIME_ROUNDS) == 0)
					continue;
				mpz_set(out, k->n[i]);
				return;
			}
		}
	}
}

/*
 * One octet more than needed is drawn, and the first falls away.  The search begins at the next
 * number of the form 30 k + 1 and meets all that 2, 3 and 5 do not divide.
 */
static void draw_prime(struct keypair *k, unsigned bits, mpz_t out)
{
	uint8_t octets[KEYPAIR_BITS_MAX / 2 / 8 + 1];

	do {
		draw(k, octets, bits / 8 + 1);
		mpz_import(k->start, bits / 8, 1, 1, 1, 0, octets + 1);
		mpz_setbit(k->start, bits - 1);
		mpz_add_ui(k->start, k->start, 31 - mpz_fdiv_ui(k->start, 30));
		first_prime(k, bits, out);
	} while (!k->failed && (mpz_sizeinbase(out, 2) != bits || mpz_fdiv_ui(out, EXPONENT) == 1));
}

/* ---- keys ---- */

void keypair_seed(unsigned index, uint8_t seed[KEYPAIR_SEED])
{
	unsigned digit = index / KEYPAIR_TIMES;

	memset(seed, 0, KEYPAIR_SEED);
	seed[0] = (uint8_t)(index % KEYPAIR_TIMES);
	if (digit > 0)
		seed[1 + (digit - 1) / KEYPAIR_DIGITS] =
			(uint8_t)(1 + (digit - 1) % KEYPAIR_DIGITS);
}

enum err_code keypair_modulus(struct keypair *k, const uint8_t seed[KEYPAIR_SEED], unsigned bits,
	uint8_t *modulus, struct err *e)
{
	if (bits < KEYPAIR_BITS_MIN || bits > KEYPAIR_BITS_MAX || bits % 16 != 0)
		return err_set(e, ERR_USAGE, "bits", "%u: from %d to %d, in steps of 16", bits,
			KEYPAIR_BITS_MIN, KEYPAIR_BITS_MAX);
	take_seed(k, seed);
	draw_prime(k, bits / 2, k->p);
	for (;;) {
		draw_prime(k, bits / 2, k->q);
		mpz_mul(k->modulus, k->p, k->q);
		if (k->failed || mpz_sizeinbase(k->modulus, 2) == bits)
			break;
		if (mpz_cmp(k->p, k->q) < 0) /* the larger one stays */
			mpz_swap(k->p, k->q);
	}
	if (k->failed)
		return err_set(e, ERR_INTERNAL, "key generator", "SHA-1 or AES is not to be had");
	mpz_export(modulus, NULL, 1, 1, 1, 0, k->modulus);
	return ERR_OK;
}

enum err_code keypair_new(struct keypair **out, struct err *e)
{
	struct keypair *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return err_set(e, ERR_NO_MEMORY, "key generator", NULL);
	for (unsigned i = 0; i < FERMAT_LANES; i++)
		mpz_init(k->n[i]);
	mpz_inits(k->start, k->p, k->q, k->modulus, NULL);
	k->aes = EVP_CIPHER_CTX_new();
	k->sha1 = EVP_MD_CTX_new();
	if (k->aes == NULL || k->sha1 == NULL) {
		keypair_free(k);
		return err_set(e, ERR_NO_MEMORY, "key generator", NULL);
	}
	make_primes(k);
	*out = k;
	return ERR_OK;
}

void keypair_free(struct keypair *k)
{
	if (k == NULL)
		return;
	for (unsigned i = 0; i < FERMAT_LANES; i++)
		mpz_clear(k->n[i]);
	mpz_clears(k->start, k->p, k->q, k->modulus, NULL);
	EVP_CIPHER_CTX_free(k->aes);
	EVP_MD_CTX_free(k->sha1);
	free(k);
}
