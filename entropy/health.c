#include "entropy/health.h"

#include <math.h>

/* Section 4.4.1: C = 1 + ceil(-log2(alpha) / H). */
uint32_t health_repetition_cutoff(double min_entropy, unsigned alpha_log2)
{
	return 1 + (uint32_t)ceil((double)alpha_log2 / min_entropy);
}

/*
 * Section 4.4.2: of a window of W samples, the first sets the value and W - 1 may repeat it, each
 * with a chance of at most p = 2^-H.  So the count is 1 + Binomial(W - 1, p), and the cut-off is
 * one above its critical value: C = 2 + critbinom(W - 1, p, 1 - alpha).  (The standard's text has
 * C = 1 + critbinom(W, p, 1 - alpha), which lets the first sample differ from itself.)  Not above
 * W, because a count of W + 1 cannot come and the test could not fail.
 *
 * critbinom is the smallest k with P(X > k) <= alpha.  The tail is summed from its thin end, in
 * logarithms, because p^(W-1) is below any double.
 */
uint32_t health_proportion_cutoff(uint32_t window, double min_entropy, unsigned alpha_log2)
{
	double n = window - 1;
	double log_p = -min_entropy;
	double log_q = log2(-expm1(log_p * log(2)));
	double alpha = exp2(-(double)alpha_log2);
	double log_term = n * log_p; /* log2 P(X = k), k = n */
	double tail = 0;
	uint32_t k = window - 1;
	for (;;) {
		tail += exp2(log_term); /* P(X > k - 1) */
		if (tail > alpha || k == 0)
			break;
		log_term += log2(k / (n - k + 1)) + log_q - log_p;
		k--;
	}
	return 2 + k < window ? 2 + k : window;
}

enum err_code health_init(struct health *h, unsigned bits, double min_entropy,
	unsigned alpha_log2, struct err *e)
{
	if (bits < 1 || bits > 8 || alpha_log2 < 1 || alpha_log2 > 60)
		return err_set(e, ERR_USAGE, "health test", "%u bits, alpha 2^-%u", bits,
			alpha_log2);
	/* below 1/1000 bit no window of these sizes can tell a source from a constant */
	if (!(min_entropy >= 0.001 && min_entropy <= bits))
		return err_set(e, ERR_USAGE, "health test",
			"%g bits of entropy in a sample of %u bits", min_entropy, bits);
	*h = (struct health){
		.repetition_cutoff = health_repetition_cutoff(min_entropy, alpha_log2),
		.window = bits == 1 ? HEALTH_WINDOW_BINARY : HEALTH_WINDOW,
	};
	h->proportion_cutoff = health_proportion_cutoff(h->window, min_entropy, alpha_log2);
	return ERR_OK;
}

static bool repetition_fails(struct health *h, uint8_t sample)
{
	if (h->samples != 0 && sample == h->last) {
		h->run++;
	} else {
		h->last = sample;
		h->run = 1;
	}
	return h->run >= h->repetition_cutoff;
}

static bool proportion_fails(struct health *h, uint8_t sample)
{
	if (h->window_pos == 0) {
		h->base = sample;
		h->base_count = 0;
	}
	if (sample == h->base)
		h->base_count++;
	h->window_pos = (h->window_pos + 1) % h->window;
	return h->base_count >= h->proportion_cutoff;
}

enum health_verdict health_feed(struct health *h, uint8_t sample)
{
	if (h->verdict != HEALTH_OK)
		return h->verdict;
	if (repetition_fails(h, sample))
		h->verdict = HEALTH_REPETITION;
	else if (proportion_fails(h, sample))
		h->verdict = HEALTH_PROPORTION;
	h->samples++;
	return h->verdict;
}

const char *health_test_name(enum health_verdict v)
{
	switch (v) {
	case HEALTH_REPETITION:
		return "repetition count test";
	case HEALTH_PROPORTION:
		return "adaptive proportion test";
	case HEALTH_OK:
	default:
		return "no test";
	}
}
