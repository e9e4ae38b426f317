/*
 * The lag prediction estimate: SP 800-90B, section 6.3.8.  128 predictors guess what came 1, 2, ...
 * 128 symbols ago; the one that has been right most often is believed.
 *
 * All are compared with the new symbol at each step, 16 or 32 in one instruction.  Their points are
 * bytes, counted relative to the leader's and renewed in blocks: a lag that is further behind the
 * leader than a block is long cannot pass it within the block.
 */
#include <string.h>

#include "entropy/estimate.h"

#define LAGS 128
#define BLOCK 120 /* 2 * BLOCK + 1 must fit in a byte */

/* Predictor e has lag LAGS - e, so that predictors run along with the text. */
struct race {
	/*
	 * Points since the block began, above BLOCK + 1 less the handicap: who reaches `top` has as
	 * many as the leader.  The leader's own place counts from 0 and stays below it.
	 */
	uint8_t near[LAGS];
	uint8_t handicap[LAGS];
	uint32_t points[LAGS]; /* when the block began */
	unsigned leader;
	uint8_t top;
};

static void block_begin(struct race *r)
{
	uint32_t most = r->points[r->leader];
	for (unsigned e = 0; e < LAGS; e++) {
		uint32_t behind = most - r->points[e];
		r->handicap[e] = (uint8_t)(behind > BLOCK + 1 ? BLOCK + 1 : behind);
		r->near[e] = (uint8_t)(BLOCK + 1 - r->handicap[e]);
	}
	r->top = BLOCK + 1;
	r->near[r->leader] = 0;
}

static void block_end(struct race *r)
{
	r->near[r->leader] = r->top;
	for (unsigned e = 0; e < LAGS; e++)
		r->points[e] += (uint32_t)(r->near[e] - (BLOCK + 1 - r->handicap[e]));
}

/* Give the points of one step; has any but the leader got as far as `top`? */
static bool score(
	uint8_t *restrict near, const uint8_t *restrict history, uint8_t symbol, uint8_t top)
{
	uint8_t tie = 0;

	for (unsigned e = 0; e < LAGS; e++) {
		uint8_t right = history[e] == symbol;
		near[e] = (uint8_t)(near[e] + right);
		tie |= (uint8_t)(right & (near[e] >= top));
	}
	return tie != 0;
}

/*
 * Predictors gain their points in the order of their lags, and each leads that then has as many as
 * the leader.  So of those who were right and now have the most, the longest lag leads; if only the
 * others have the most, nothing changes.
 */
static void new_leader(struct race *r, const uint8_t *history, uint8_t symbol, bool leader_right)
{
	uint8_t most = r->top;
	unsigned e = 0;

	for (unsigned i = 0; i < LAGS && !leader_right; i++) {
		if (history[i] == symbol && i != r->leader && r->near[i] > most)
			most = r->near[i];
	}
	while (history[e] != symbol || (e == r->leader ? !leader_right : r->near[e] != most))
		e++;
	if (e == r->leader)
		return;
	r->near[r->leader] = r->top;
	r->leader = e;
	r->top = most;
	r->near[e] = 0;
}

static void step(struct race *r, const uint8_t *history, uint8_t symbol)
{
	bool leader_right = history[r->leader] == symbol;

	r->top = (uint8_t)(r->top + leader_right);
	if (score(r->near, history, symbol, r->top))
		new_leader(r, history, symbol, leader_right);
}

/* As step, for the first symbols, which have a shorter history. */
static void step_early(struct race *r, const uint8_t *s, size_t i)
{
	for (unsigned lag = 1; lag <= i; lag++) {
		unsigned e = LAGS - lag;
		if (s[i - lag] == s[i] && ++r->points[e] >= r->points[r->leader])
			r->leader = e;
	}
}

static void guess(const struct race *r, const uint8_t *s, size_t i, struct prediction *out)
{
	if (s[i - (LAGS - r->leader)] == s[i])
		prediction_right(out);
	else
		out->run = 0;
}

struct estimate estimate_lag(const uint8_t *s, size_t n, unsigned k)
{
	struct race r;
	struct prediction p = {.tried = n - 1};
	size_t i = 1;

	if (n < 3)
		return (struct estimate){.ran = false};
	memset(&r, 0, sizeof(r));
	r.leader = LAGS - 1;
	for (; i < n && i < LAGS; i++) {
		guess(&r, s, i, &p);
		step_early(&r, s, i);
	}
	while (i < n) {
		size_t end = n - i > BLOCK ? i + BLOCK : n;
		block_begin(&r);
		for (; i < end; i++) {
			guess(&r, s, i, &p);
			step(&r, s + i - LAGS, s[i]);
		}
		block_end(&r);
	}
	return prediction_estimate(&p, k);
}
