#include "entropy/conditioning.h"

#include <math.h>

#define UNVETTED_SHARE 0.999 /* what a component that is not vetted can give at most */

/*
 * Section 3.1.5.1.2.  With n = min(n_out, nw), P_high = 2^-h_in and P_low = (1 - P_high) / (2^n_in
 *- 1), both
 *
 *	psi   = 2^(n_in - n) P_low + P_high
 *	omega = (2^(n_in - n) + sqrt(2 n 2^(n_in - n) ln 2)) P_low
 *
 * are 2^-n times something near 1, and the answer is -log2 of the larger: n less log2 of that
 * something.  It is worked out as 1 + x, so that neither 2^n_in nor the last digits of n are
 *needed.
 */
static long double missing_bits(const struct conditioning *c, long double n)
{
	long double none = exp2l(-(long double)c->n_in), high = exp2l(-(long double)c->h_in);
	/* (1 - P_high) / (1 - 2^-n_in), less 1 */
	long double low = (none - high) / (1.0L - none);
	long double spread = sqrtl(2.0L * n * logl(2.0L) * exp2l(n - (long double)c->n_in));
	long double psi = low + exp2l(n - (long double)c->h_in);
	long double omega = low + spread * (1.0L + low);
	return log1pl(fmaxl(psi, omega)) / logl(2.0L);
}

enum err_code conditioning_entropy(
	const struct conditioning *c, struct conditioned *out, struct err *e)
{
	long double n, missing, h;
	uint64_t nw = c->nw < c->n_in ? c->nw : c->n_in; /* appendix E */

	if (c->n_in < 1 || c->n_out < 1 || c->nw < 1 || c->n_in > CONDITIONING_BITS_MAX ||
		c->n_out > CONDITIONING_BITS_MAX || c->nw > CONDITIONING_BITS_MAX)
		return err_set(e, ERR_USAGE, "conditioning", "sizes are 1 to 2^32 - 1 bits");
	if (!(c->h_in > 0 && c->h_in <= (double)c->n_in))
		return err_set(e, ERR_USAGE, "conditioning",
			"%g bits of entropy cannot go in with %llu bits", c->h_in,
			(unsigned long long)c->n_in);
	if (!c->vetted && !(c->h_prime >= 0 && c->h_prime <= 1))
		return err_set(
			e, ERR_USAGE, "conditioning", "%g is no entropy of a bit", c->h_prime);
	n = (long double)(c->n_out < nw ? c->n_out : nw);
	missing = missing_bits(c, n);
	h = fmaxl(0.0L, n - missing);
	out->output_entropy = (double)h;
	out->missing_log2 = (double)-log2l(((long double)c->n_out - n + missing) / c->n_out);
	out->h_out = out->output_entropy;
	if (!c->vetted)
		out->h_out = fmin(out->h_out, fmin(UNVETTED_SHARE, c->h_prime) * (double)c->n_out);
	return ERR_OK;
}
