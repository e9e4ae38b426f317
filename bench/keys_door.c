/*
 * keys_door: what the key check at the door costs.  Nanoseconds per issued RSA-2048 key for each
 * kernel, beside mpz_tdiv_r on the same numbers in the same run.  Prints one JSON object.
 *
 * The moduli are random odd numbers: what is measured does not depend on their factors.
 */
#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bigint/residue.h"

#define BUCKET 4096
#define BITS 2048
#define BUCKETS 8
#define ROUNDS 15

static gmp_randstate_t dice;

static double cpu(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void random_modulus(mpz_t n)
{
	mpz_urandomb(n, dice, BITS);
	mpz_setbit(n, BITS - 1);
	mpz_setbit(n, 0);
}

/* The product of `n` moduli: halves first. */
static void product(mpz_t out, size_t n)
{
	mpz_t half;
	if (n == 1) {
		random_modulus(out);
		return;
	}
	mpz_init(half);
	product(half, n / 2);
	product(out, n - n / 2);
	mpz_mul(out, out, half);
	mpz_clear(half);
}

struct work {
	struct residue *r;
	const mpz_t *buckets;
	const struct limbs *views;
	mpz_t n;
	mpz_t rest;
};

static void divide(struct work *w)
{
	for (int b = 0; b < BUCKETS; b++)
		mpz_tdiv_r(w->rest, w->buckets[b], w->n);
}

static void take_all(struct work *w)
{
	residue_take(w->r, w->views, BUCKETS);
}

static void take_each(struct work *w)
{
	for (int b = 0; b < BUCKETS; b++)
		residue_take(w->r, w->views + b, 1);
}

/* Nanoseconds a key, the best of ROUNDS: what disturbs only ever adds. */
static double best_of(void (*f)(struct work *), struct work *w)
{
	double best = 1e9;
	for (int i = 0; i < ROUNDS; i++) {
		double t = cpu();
		f(w);
		t = (cpu() - t) / (BUCKETS * (double)BUCKET) * 1e9;
		best = t < best ? t : best;
	}
	return best;
}

static void kernels(struct work *w)
{
	uint8_t bytes[BITS / 8];
	size_t len;
	mpz_inits(w->n, w->rest, NULL);
	random_modulus(w->n);
	mpz_export(bytes, &len, 1, 1, 0, 0, w->n);
	double peer = best_of(divide, w);
	printf("\"mpz_tdiv_r_ns_per_key\": %.1f", peer);
	for (enum residue_kernel k = RESIDUE_PORTABLE; k < RESIDUE_KERNELS; k++) {
		if (!residue_has(k) || residue_new(bytes_of(bytes, len), k, &w->r, NULL) != ERR_OK)
			continue;
		double ns = best_of(take_all, w);
		printf(",\n \"%s_ns_per_key\": %.1f, \"%s_one_bucket_ns_per_key\": %.1f, "
			"\"%s_times_faster_than_mpz\": %.2f", residue_name(k), ns, residue_name(k),
			best_of(take_each, w), residue_name(k), peer / ns);
		residue_free(w->r);
	}
	mpz_clears(w->n, w->rest, NULL);
}

int main(void)
{
	mpz_t buckets[BUCKETS];
	struct limbs views[BUCKETS];
	struct work w = {.buckets = buckets, .views = views};
	gmp_randinit_default(dice);
	for (int b = 0; b < BUCKETS; b++) {
		mpz_init(buckets[b]);
		product(buckets[b], BUCKET);
		views[b] = (struct limbs){mpz_limbs_read(buckets[b]), mpz_size(buckets[b])};
	}
	printf("{");
	kernels(&w);
	printf("}\n");
	for (int b = 0; b < BUCKETS; b++)
		mpz_clear(buckets[b]);
	gmp_randclear(dice);
	return 0;
}
