/*
 * Patterns that random primes leave in one product of 2^48 or less: the same octets again, a long
 * run of equal bits, far too few or too many ones, a period.  Each limit is set by the chance
 * that an honest modulus crosses it, never by examples.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "keycheck/check_impl.h"

/* Shorter numbers have too little room for a pattern to be told from chance. */
#define OCTETS_MIN 48u
/* Octets that stand twice at any places: at 2048 bits the chance is 2^-49, at 2^20 bits 2^-31. */
#define WINDOW 8u
/* Equal bits in a row: at 2048 bits the chance is 2^-68. */
#define RUN_MAX 80u
/* Standard deviations of the number of ones: the chance is 2^-49, at any size. */
#define SIGMAS_ONES 8.0
/* And of bits that equal those `shift` places on; 512 shifts are tried: 2^-62 each. */
#define SIGMAS_SHIFT 9.0
#define SHIFT_MAX 512u

static int compare_words(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* Does any window of octets stand twice?  Without memory for it: no. */
static bool repeats(struct bytes n)
{
	size_t windows = n.len - WINDOW + 1;
	uint64_t small[512];
	uint64_t *w = windows <= 512 ? small : malloc(windows * sizeof(*w));
	bool yes = false;

	if (w == NULL)
		return false;
	for (size_t i = 0; i < windows; i++)
		memcpy(&w[i], n.p + i, WINDOW);
	qsort(w, windows, sizeof(*w), compare_words);
	for (size_t i = 1; i < windows && !yes; i++)
		yes = w[i] == w[i - 1];
	if (w != small)
		free(w);
	return yes;
}

static unsigned longest_run(struct bytes n)
{
	unsigned run = 0, best = 0, last = 2;

	for (size_t i = 0; i < n.len; i++) {
		/* a whole octet of the same bits, or bit by bit */
		if (run > 0 && n.p[i] == (last != 0 ? 0xff : 0)) {
			run += 8;
		} else {
			for (int b = 7; b >= 0; b--) {
				unsigned bit = n.p[i] >> b & 1u;
				run = bit == last ? run + 1 : 1;
				last = bit;
				best = run > best ? run : best;
			}
		}
		best = run > best ? run : best;
	}
	return best;
}

static bool far_from_half(double ones, double of, double sigmas)
{
	return fabs(ones - of / 2) > sigmas * sqrt(of) / 2;
}

/* The first shift at which n looks like itself (or like its complement), or 0. */
static size_t period_of(const mpz_t n, size_t bits)
{
	mpz_t shifted;
	size_t found = 0;

	mpz_init(shifted);
	for (size_t shift = 1; shift <= SHIFT_MAX && shift < bits / 2 && found == 0; shift++) {
		mpz_tdiv_q_2exp(shifted, n, shift);
		mpz_xor(shifted, shifted, n);
		mpz_tdiv_r_2exp(shifted, shifted, bits - shift);
		double differ = (double)mpz_popcount(shifted);
		if (far_from_half(differ, (double)(bits - shift), SIGMAS_SHIFT))
			found = shift;
	}
	mpz_clear(shifted);
	return found;
}

void check_pattern(struct look *l, enum check check, struct bytes number, const char *what)
{
	if (!look_wants(l, check) || number.len < OCTETS_MIN)
		return;
	mpz_t n;
	mpz_init(n);
	mpz_import(n, number.len, 1, 1, 1, 0, number.p);
	size_t bits = number.len * 8;
	size_t ones = mpz_popcount(n);
	unsigned run = longest_run(number);
	size_t period;

	if (run > RUN_MAX)
		look_report(l, check, "the %s has %u equal bits in a row", what, run);
	else if (far_from_half((double)ones, (double)bits, SIGMAS_ONES))
		look_report(l, check, "the %s has %zu ones in %zu bits", what, ones, bits);
	else if (repeats(number))
		look_report(l, check, "the %s holds the same %u octets twice", what, WINDOW);
	else if ((period = period_of(n, bits)) != 0)
		look_report(l, check, "the %s repeats after %zu bits", what, period);
	mpz_clear(n);
}
