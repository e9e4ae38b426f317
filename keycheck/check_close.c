/*
 * Primes that lie near each other, or near a simple ratio (Fermat 1643, Lehman 1974), and private
 * exponents that are short (Wiener 1990).  Every answer is proven by a division.
 */
#include "keycheck/check_impl.h"

/* Steps of Fermat's method; two random primes of a real generator are never found by fewer than
 * 2^500. */
#define FERMAT_ROUNDS 110u
/* Ratios u:v with u * v up to this; each costs a square root. */
#define RATIO_PRODUCT_MAX 32u
/* Steps at each ratio. */
#define RATIO_ROUNDS 3u
/* Above this the exponent cannot be one that somebody chose to be short and public. */
#define LONG_EXPONENT_BITS 64u

/* Steps x = ceil(sqrt(m)) upward until x^2 - m is a square, whose root is left in y2. */
static bool steps_to_square(const mpz_t m, unsigned rounds, mpz_t x, mpz_t y2)
{
	mpz_sqrtrem(x, y2, m);
	if (mpz_sgn(y2) == 0)
		return true;
	/* (x + 1)^2 - m = 2x + 1 - (m - x^2) */
	for (unsigned i = 0; i < rounds; i++) {
		if (i == 0)
			mpz_neg(y2, y2);
		mpz_addmul_ui(y2, x, 2);
		mpz_add_ui(y2, y2, 1);
		mpz_add_ui(x, x, 1);
		if (mpz_perfect_square_p(y2)) {
			mpz_sqrt(y2, y2);
			return true;
		}
	}
	return false;
}

/* A proper factor of n out of x and y with x^2 - y^2 = 0 (mod n), into g. */
static bool proper_factor(mpz_t g, const mpz_t n, const mpz_t x, const mpz_t y)
{
	mpz_sub(g, x, y);
	mpz_gcd(g, g, n);
	return mpz_cmp_ui(g, 1) > 0 && mpz_cmp(g, n) < 0;
}

static void report_close(struct look *l, mpz_t p, unsigned ratio)
{
	mpz_t q;

	mpz_init(q);
	mpz_divexact(q, l->n, p);
	if (mpz_cmp(p, q) < 0)
		mpz_swap(p, q);
	if (ratio == 1) {
		mpz_sub(p, p, q);
		look_report(l, CHECK_RSA_CLOSE_PRIMES, "they differ by a number of %zu bits",
			mpz_sgn(p) != 0 ? mpz_sizeinbase(p, 2) : 0);
	} else {
		mpz_mul_ui(p, p, 1000);
		mpz_tdiv_q(p, p, q);
		look_report(l, CHECK_RSA_CLOSE_PRIMES,
			"one is %lu.%03lu times the other, close to a ratio of small numbers",
			mpz_get_ui(p) / 1000, mpz_get_ui(p) % 1000);
	}
	l->factored = true;
	mpz_clear(q);
}

void check_rsa_close_primes(struct look *l)
{
	mpz_t x, y2, m;
	bool found = false;

	if (!look_wants(l, CHECK_RSA_CLOSE_PRIMES) || l->factored)
		return;
	mpz_inits(x, y2, m, NULL);
	if (steps_to_square(l->n, FERMAT_ROUNDS, x, y2) && proper_factor(m, l->n, x, y2)) {
		report_close(l, m, 1);
		found = true;
	}
	/* u*p near v*q: then 4uv*n is a little below the square of u*p + v*q */
	for (unsigned uv = 2; uv <= RATIO_PRODUCT_MAX && !found; uv++) {
		mpz_mul_ui(m, l->n, 4 * uv);
		if (steps_to_square(m, RATIO_ROUNDS, x, y2) && proper_factor(m, l->n, x, y2)) {
			report_close(l, m, uv);
			found = true;
		}
	}
	mpz_clears(x, y2, m, NULL);
}

/* Is `phi` the number of units modulo n?  Then n = p*q with p + q = n - phi + 1. */
static bool is_phi(const mpz_t n, const mpz_t phi)
{
	mpz_t s, t;
	bool yes = false;

	mpz_inits(s, t, NULL);
	mpz_sub(s, n, phi);
	mpz_add_ui(s, s, 1);
	if (mpz_sgn(s) > 0 && mpz_even_p(s) && mpz_cmp(s, n) < 0) {
		mpz_mul(t, s, s);
		mpz_submul_ui(t, n, 4);
		if (mpz_sgn(t) >= 0 && mpz_perfect_square_p(t)) {
			mpz_sqrt(t, t);
			mpz_sub(s, s, t);
			mpz_tdiv_q_2exp(s, s, 1);
			yes = mpz_cmp_ui(s, 1) > 0 && mpz_divisible_p(n, s);
		}
	}
	mpz_clears(s, t, NULL);
	return yes;
}

struct convergents {
	mpz_t a, b;         /* the rest of Euclid's algorithm on e and n */
	mpz_t k, d;         /* this convergent k/d */
	mpz_t k_old, d_old; /* the one before */
	mpz_t q, t;
};

static void convergents_start(struct convergents *c, const mpz_t e, const mpz_t n)
{
	mpz_inits(c->k_old, c->d, c->q, c->t, NULL);
	mpz_init_set(c->a, e);
	mpz_init_set(c->b, n);
	mpz_init_set_ui(c->k, 1);
	mpz_init_set_ui(c->d_old, 1);
}

static void convergents_step(struct convergents *c)
{
	mpz_tdiv_qr(c->q, c->t, c->a, c->b);
	mpz_swap(c->a, c->b);
	mpz_swap(c->b, c->t);
	mpz_addmul(c->k_old, c->q, c->k);
	mpz_swap(c->k_old, c->k);
	mpz_addmul(c->d_old, c->q, c->d);
	mpz_swap(c->d_old, c->d);
}

static void convergents_end(struct convergents *c)
{
	mpz_clears(c->a, c->b, c->k, c->d, c->k_old, c->d_old, c->q, c->t, NULL);
}

/*
 * Wiener: with d < n^(1/4) / 3, k/d of e*d = 1 + k*phi is a convergent of e/n.  Where d belongs to
 * lcm(p-1, q-1), the convergent is k/(d*g) with g their gcd, and phi = floor(e*d*g / k) still.
 */
void check_rsa_small_d(struct look *l)
{
	if (!look_wants(l, CHECK_RSA_SMALL_D) || l->factored || l->bits > RSA_BITS_USUAL_MAX ||
		mpz_sizeinbase(l->e, 2) <= LONG_EXPONENT_BITS || mpz_cmp(l->e, l->n) >= 0)
		return;
	struct convergents c;
	mpz_t phi;
	bool found = false;

	convergents_start(&c, l->e, l->n);
	mpz_init(phi);
	while (!found && mpz_sgn(c.b) != 0) {
		convergents_step(&c);
		if (mpz_sizeinbase(c.d, 2) > l->bits / 2)
			break;
		if (mpz_sgn(c.k) == 0)
			continue;
		mpz_mul(phi, l->e, c.d);
		mpz_tdiv_q(phi, phi, c.k);
		/* the remainder may be above a tiny k; phi itself is a multiple of 4 */
		mpz_clrbit(phi, 0);
		mpz_clrbit(phi, 1);
		found = is_phi(l->n, phi);
	}
	if (found) {
		look_report(l, CHECK_RSA_SMALL_D, "it has at most %zu bits of the modulus's %zu",
			mpz_sizeinbase(c.d, 2), l->bits);
		l->factored = true;
	}
	mpz_clear(phi);
	convergents_end(&c);
}
