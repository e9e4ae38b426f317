/*
 * keys_batch: how long the gcds of many moduli with all others take.
 *
 *   keys_batch make COUNT FILE [PLANTED [BITS]]   write a moduli file, of 2048 bits, with shared primes
 *   keys_batch run FILE [MEMORY-MIB [WORK-DIR [THREADS [SUBSETS]]]]
 *   keys_batch hex FILE                           as hexadecimal lines (fastgcd's input)
 *
 * bench/keys-batch runs these beside a peer and prints ratios.
 *
 * `make` takes seconds for a million and needs no primes: the moduli are terms a + i d of one
 * arithmetic progression, whose common factors divide differences of i, so that terms without prime
 * factors below the number of terms share nothing, for certain.  PLANTED pairs (default 5) are
 * products of probable primes and share one.  A count always has the same moduli.
 */
#include <gmp.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bigint/batch.h"
#include "bigint/fft.h"

static unsigned modulus_bits = 2048;
#define MODULUS_BITS_MAX 16384

static _Noreturn void die(const struct err *e)
{
	char line[600];
	err_print(e, line, sizeof(line));
	(void)fprintf(stderr, "keys_batch: %s\n", line);
	exit(err_exit(e->code));
}

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- making
 * ---------------------------------------------------------------------------------------- */

/* odd[i]: whether 2 i + 1 is a prime below n; the caller frees it. */
static unsigned char *primes_below(uint64_t n)
{
	unsigned char *odd = malloc(n / 2 + 1);
	if (odd == NULL)
		exit(3);
	memset(odd, 1, n / 2 + 1);
	odd[0] = 0;
	for (uint64_t p = 3; p * p < n; p += 2)
		for (uint64_t j = p * p; odd[p / 2] && j < n; j += 2 * p)
			odd[j / 2] = 0;
	return odd;
}

/* 1 / a modulo the prime p; a is not 0. */
static uint64_t inverse(uint64_t a, uint64_t p)
{
	int64_t r0 = (int64_t)p, r1 = (int64_t)a, t0 = 0, t1 = 1;
	while (r1 != 0) {
		int64_t q = r0 / r1, r = r0 - q * r1, t = t0 - q * t1;
		r0 = r1;
		r1 = r;
		t0 = t1;
		t1 = t;
	}
	return (uint64_t)(t0 < 0 ? t0 + (int64_t)p : t0);
}

/* Which a + i d, i < n, have a prime factor below n. */
static unsigned char *sieved(const mpz_t a, const mpz_t d, uint64_t n)
{
	unsigned char *odd = primes_below(n), *out = calloc(n, 1);
	if (out == NULL)
		exit(3);
	for (uint64_t p = 3; p < n; p += 2) {
		if (!odd[p / 2])
			continue;
		uint64_t am = mpz_fdiv_ui(a, p), dm = mpz_fdiv_ui(d, p);
		uint64_t i = dm == 0 ? (am == 0 ? 0 : n) : (p - am) % p * inverse(dm, p) % p;
		for (; i < n; i += dm == 0 ? 1 : p)
			out[i] = 1;
	}
	free(odd);
	return out;
}

static void add(struct moduli_writer *w, const mpz_t n)
{
	uint8_t b[MODULUS_BITS_MAX / 8];
	struct err e;
	size_t len;
	(void)mpz_export(b, &len, 1, 1, 1, 0, n);
	if (moduli_add(w, bytes_of(b, len), &e) != ERR_OK)
		die(&e);
}

static void random_prime(mpz_t p, gmp_randstate_t rnd)
{
	mpz_urandomb(p, rnd, modulus_bits / 2);
	mpz_setbit(p, modulus_bits / 2 - 1);
	mpz_setbit(p, modulus_bits / 2 - 2);
	mpz_nextprime(p, p);
}

static void make(uint64_t count, const char *path, uint64_t planted)
{
	struct err e;
	struct moduli_writer *w = NULL;
	gmp_randstate_t rnd;
	mpz_t a, d, n, p, *shared = calloc(planted + 1, sizeof(*shared));
	if (shared == NULL)
		exit(3);
	gmp_randinit_mt(rnd);
	gmp_randseed_ui(rnd, count);
	mpz_inits(a, d, n, p, NULL);
	uint64_t span = 32 * count + 4096; /* a little over 1 in 2 * e^-0.577 * ln(span) survives */
	mpz_urandomb(a, rnd, modulus_bits - 1);
	mpz_setbit(a, modulus_bits - 1);
	mpz_setbit(a, 0);
	mpz_clrbit(a, modulus_bits - 2);
	mpz_urandomb(d, rnd, modulus_bits - 42);
	mpz_clrbit(d, 0);
	unsigned char *bad = sieved(a, d, span);
	if (moduli_create(path, &w, &e) != ERR_OK)
		die(&e);
	for (uint64_t i = 0, at = 0; i < count; i++) {
		while (at < span && bad[at])
			at++;
		if (at == span) {
			(void)fputs("keys_batch: too few numbers survive\n", stderr);
			exit(70);
		}
		bool first = i < planted && 2 * planted <= count, second = i >= count - planted;
		if (first) {
			mpz_init(shared[i]);
			random_prime(shared[i], rnd);
		}
		if (first || (second && 2 * planted <= count)) {
			random_prime(p, rnd);
			mpz_mul(n, p, shared[first ? i : count - 1 - i]);
		} else {
			mpz_mul_ui(n, d, at++);
			mpz_add(n, n, a);
		}
		add(w, n);
	}
	if (moduli_end(w, &e) != ERR_OK)
		die(&e);
	free(bad);
	for (uint64_t i = 0; i < planted && 2 * planted <= count; i++)
		mpz_clear(shared[i]);
	free(shared);
	mpz_clears(a, d, n, p, NULL);
	gmp_randclear(rnd);
}

/* ---- running
 * --------------------------------------------------------------------------------------- */

static enum err_code count_hit(void *arg, uint64_t i, struct bytes factor, struct err *e)
{
	(void)i;
	(void)factor;
	(void)e;
	++*(uint64_t *)arg;
	return ERR_OK;
}

static void run(const char *path, uint64_t mib, const char *work_dir, unsigned threads,
	unsigned subsets)
{
	struct err e;
	struct moduli *m = NULL;
	uint64_t hits = 0;
	if (moduli_open(path, &m, &e) != ERR_OK)
		die(&e);
	struct batch_options o = {.memory = mib << 20, .threads = threads, .work_dir = work_dir,
		.subsets = subsets};
	double start = now();
	if (batch_gcd(m, &o, count_hit, &hits, &e) != ERR_OK)
		die(&e);
	double wall = now() - start;
	struct rusage u;
	(void)getrusage(RUSAGE_SELF, &u);
	double user = (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6;
	double sys = (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
	(void)printf("{\"keys\": %llu, \"hits\": %llu, \"seconds\": %.3f, \"cpu\": %.3f, "
		     "\"system\": %.3f, \"peak_mib\": %ld, \"kernel\": \"%s\"}\n",
		(unsigned long long)moduli_count(m), (unsigned long long)hits, wall, user + sys,
		sys, u.ru_maxrss / 1024, fft_load() != NULL ? fft_load()->name : "none");
	moduli_close(m);
}

static void hex(const char *path)
{
	struct err e;
	struct moduli *m = NULL;
	if (moduli_open(path, &m, &e) != ERR_OK)
		die(&e);
	for (uint64_t i = 0; i < moduli_count(m); i++) {
		struct bytes b = moduli_get(m, i);
		for (size_t j = b.len; j-- > 0;)
			(void)printf("%02x", b.p[j]);
		(void)putchar('\n');
	}
	moduli_close(m);
}

int main(int argc, char **argv)
{
	if (argc > 5 && strcmp(argv[1], "make") == 0)
		modulus_bits = (unsigned)strtoul(argv[5], NULL, 10);
	if (modulus_bits < 128 || modulus_bits > MODULUS_BITS_MAX || modulus_bits % 64 != 0)
		return (void)fputs("keys_batch: 128 to 16384 bits, a multiple of 64\n", stderr), 2;
	if (argc >= 4 && strcmp(argv[1], "make") == 0)
		make(strtoull(argv[2], NULL, 10), argv[3],
			argc > 4 ? strtoull(argv[4], NULL, 10) : 5);
	else if (argc >= 3 && strcmp(argv[1], "run") == 0)
		run(argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : 0,
			argc > 4 && *argv[4] != '\0' ? argv[4] : NULL,
			argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 0,
			argc > 6 ? (unsigned)strtoul(argv[6], NULL, 10) : 0);
	else if (argc == 3 && strcmp(argv[1], "hex") == 0)
		hex(argv[2]);
	else
		return (void)fputs(
			       "usage: keys_batch make COUNT FILE [PLANTED [BITS]] | run FILE [MIB [DIR "
			       "[THREADS [SUBSETS]]]] | hex FILE\n",
			       stderr),
		       2;
	return 0;
}
