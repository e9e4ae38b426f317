/* What the files check*.c share: a checker, and one key under its eyes.  Nobody else includes this.
 */
#ifndef KEYCHECK_CHECK_IMPL_H
#define KEYCHECK_CHECK_IMPL_H

#include <gmp.h>

#include "bigint/residue.h"
#include "keycheck/check.h"
#include "keycheck/patterns.h"

/*
 * RSA moduli above this many bits are refused by OpenSSL and by every browser.  The checks whose
 * time grows with the square of the size or faster (a prime, a small private exponent) are left out
 * above it, and the finding on the size says so: at this size they take about a second.
 */
#define RSA_BITS_USUAL_MAX 16384u

/* Small factors are the primes below this: all that a 16-bit table of primes holds. */
#define SMALL_FACTOR_LIMIT 65537u

struct roca;
struct small_keys;

/* The product of some primes, in as many parts of one length as the fastest kernel has lanes. */
#define PRIME_PARTS 8

struct primes {
	mpz_t part[PRIME_PARTS];
	struct limbs limbs[PRIME_PARTS]; /* views of them */
};

struct checker {
	const struct lists *lists;
	uint64_t left_out;          /* bit CHECK_x: that check is not made */
	struct primes small_primes; /* all odd ones below SMALL_FACTOR_LIMIT */
	struct primes known_primes; /* all published ones */
	struct roca *roca;
	struct small_keys *small_keys;
};

/* One key under check. */
struct look {
	const struct checker *c;
	const struct pubkey *k;
	unsigned rsa_bits_min;
	finding_fn each;
	void *arg;
	/* RSA alone */
	mpz_t n, e;
	size_t bits;
	bool shares;   /* a factor with the small or the published primes */
	bool factored; /* what is left of the number's checks would only say the same again */
};

static inline bool look_wants(const struct look *l, enum check check)
{
	return (l->c->left_out >> check & 1) == 0;
}

void look_report(const struct look *l, enum check check, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* In the order of checks.def.  false: the number is such that no more can be said of it. */
bool check_rsa_form(struct look *l);
/* Fills in l->shares; for an odd modulus above 1. */
MUST_USE enum err_code check_rsa_common(struct look *l, struct err *e);
void check_rsa_size(struct look *l);
void check_rsa_exponent(struct look *l);
void check_rsa_small_factor(struct look *l);
void check_rsa_prime(struct look *l);
void check_rsa_power(struct look *l);
void check_rsa_close_primes(struct look *l);
void check_rsa_small_d(struct look *l);
void check_rsa_roca(struct look *l);
void check_pattern(struct look *l, enum check check, struct bytes number, const char *what);
void check_known_prime(struct look *l);
void check_lists(struct look *l);
MUST_USE enum err_code check_ec(struct look *l, struct err *e);
MUST_USE enum err_code check_edwards(struct look *l, struct err *e);    /* Ed25519, Ed448 */
MUST_USE enum err_code check_montgomery(struct look *l, struct err *e); /* X25519, X448 */
MUST_USE enum err_code check_ml_dsa(struct look *l, struct err *e);

void primes_start(struct primes *p);
void primes_small(struct primes *p, unsigned limit);
void primes_add(struct primes *p, size_t i, struct bytes prime); /* the i-th of many */
void primes_ready(struct primes *p);
void primes_end(struct primes *p);
/* gcd of n and the product. */
void primes_common(const struct primes *p, const mpz_t n, mpz_t g);

/* NULL without memory. */
struct roca *roca_new(void);
void roca_free(struct roca *r);

/* Public keys of tiny and patterned private keys, made for a curve when its first key comes. */
struct small_keys *small_keys_new(void);
/*
 * Is the private key of this public key a tiny or patterned one?  `what` then says which.  `nid`:
 * OpenSSL's number of the EC curve, or of the kind of raw key; `point`: the x coordinate in the
 * length of the field, or the raw key.
 */
MUST_USE enum err_code small_keys_find(struct small_keys *s, int nid, struct bytes point,
	char what[SMALL_KEY_TEXT], bool *found, struct err *e);
void small_keys_free(struct small_keys *s);

#endif
