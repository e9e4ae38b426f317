/*
 * MultiMMC and LZ78Y (SP 800-90B, sections 6.3.9 and 6.3.10) for bits.  There are 2^17 - 2 contexts
 * of 1 to 16 bits, so each has its place in a table; that of d bits with value p is 2^d + p, where
 * the latest bit is the lowest of p.  The loops have no branch that depends on the data, but the
 * one for a change of leader.
 */
#include <stdlib.h>

#include "entropy/context.h"
#include "entropy/estimate.h"

#define D CONTEXT_DEPTH
#define MMC_ENTRIES_MAX 100000
#define LZ_DICTIONARY_MAX 65536

/* followers[2 * context + bit]: how often the bit followed */
#define FOLLOWERS ((size_t)1 << (D + 2))

static inline uint32_t *followers(uint32_t *f, unsigned d, uint32_t history)
{
	uint32_t context = 1u << d | (history & ((1u << d) - 1));
	return f + (size_t)2 * context;
}

/* ---- MultiMMC ---- */

/*
 * Of the models only that of order 16 can be full: the others have at most 2^16 pairs.  The guess
 * is 1 when both bits followed equally often.
 */
struct models {
	uint32_t *f;
	uint32_t entries; /* of order 16 */
	int32_t points[D];
	unsigned leader;
	struct prediction score;
};

static inline bool learn(struct models *m, uint32_t *c, unsigned d, uint8_t bit)
{
	bool add = d < D || c[bit] != 0 || m->entries < MMC_ENTRIES_MAX;
	m->entries += d == D && c[bit] == 0 && add;
	c[bit] += add;
	return add;
}

/* Right, as 1 or 0.  A context that has not been seen is not right: the guess is then none. */
static inline uint32_t is_right(const uint32_t *c, uint8_t bit)
{
	uint32_t same = c[bit], other = c[!bit];
	return (same >= other + !bit) & (same != 0);
}

static void new_leader(struct models *m, const int32_t right[D], int32_t top)
{
	int32_t most = top;

	for (unsigned d = 0; d < D; d++) {
		if (right[d] && m->points[d] > most)
			most = m->points[d];
	}
	for (unsigned d = 0; d < D; d++) {
		if (right[d] && m->points[d] == most)
			m->leader = d; /* the last of them */
	}
}

/* `orders` models take part; learning is for one more when the history is just long enough. */
static inline void mmc_step(struct models *m, uint32_t history, uint8_t bit, unsigned orders)
{
	const uint32_t *led = followers(m->f, m->leader + 1, history);
	bool known = (led[0] | led[1]) != 0;
	int32_t right[D] = {0};
	int32_t top = m->points[m->leader], ties = 0;

	for (unsigned d = 1; d < D && d <= orders; d++) {
		uint32_t *c = followers(m->f, d, history);
		right[d - 1] = (int32_t)is_right(c, bit);
		c[bit]++;
	}
	if (orders == D) {
		uint32_t *c = followers(m->f, D, history);
		right[D - 1] = (int32_t)is_right(c, bit);
		(void)learn(m, c, D, bit);
	}
	/* where the leader has no guess, its run goes on */
	m->score.correct += (uint32_t)right[m->leader];
	m->score.run = right[m->leader] || !known ? m->score.run + (uint32_t)right[m->leader] : 0;
	m->score.longest = m->score.run > m->score.longest ? m->score.run : m->score.longest;
	for (unsigned d = 0; d < D; d++) {
		m->points[d] += right[d];
		ties |= right[d] & (m->points[d] >= top);
	}
	if (ties)
		new_leader(m, right, top);
}

enum err_code estimate_multi_mmc_bits(
	const uint8_t *s, size_t n, struct estimate *out, struct err *e)
{
	struct models m = {.score.tried = n - 2};
	uint32_t history = 0;

	*out = (struct estimate){.ran = false};
	if (n < 4)
		return ERR_OK;
	m.f = calloc(FOLLOWERS, sizeof(*m.f));
	if (m.f == NULL)
		return err_set(e, ERR_NO_MEMORY, "MultiMMC estimate", "for its contexts");
	for (size_t i = 1; i < n; i++) {
		history = history << 1 | s[i - 1];
		if (i > D) {
			mmc_step(&m, history, s[i], D);
			continue;
		}
		mmc_step(&m, history, s[i], (unsigned)i - 1);
		/* the context that begins with the first bit is learnt, and is no prediction */
		(void)learn(&m, followers(m.f, (unsigned)i, history), (unsigned)i, s[i]);
	}
	free(m.f);
	*out = prediction_estimate(&m.score, 2);
	return ERR_OK;
}

/* ---- LZ78Y ---- */

/* The dictionary still has room: the longest contexts get in first. */
static uint32_t lz_fill(uint32_t *f, uint32_t size, uint32_t history, uint8_t bit)
{
	for (unsigned d = D; d > 0; d--) {
		uint32_t *c = followers(f, d, history);
		bool known = (c[0] | c[1]) != 0;
		if (!known && size >= LZ_DICTIONARY_MAX)
			continue;
		size += !known;
		c[bit]++;
	}
	return size;
}

/* What followed most often, of equals for the longest context; 2 when nothing is known. */
static inline unsigned lz_guess(uint32_t *f, uint32_t history)
{
	uint32_t most = 0;
	unsigned guess = 2;

	for (unsigned d = D; d > 0; d--) {
		const uint32_t *c = followers(f, d, history);
		unsigned likelier = c[1] >= c[0];
		uint32_t count = c[likelier];
		guess = count > most ? likelier : guess;
		most = count > most ? count : most;
	}
	return guess;
}

static inline void lz_count(uint32_t *f, uint32_t history, uint8_t bit)
{
	for (unsigned d = D; d > 0; d--) {
		uint32_t *c = followers(f, d, history);
		c[bit] += (c[0] | c[1]) != 0;
	}
}

enum err_code estimate_lz78y_bits(const uint8_t *s, size_t n, struct estimate *out, struct err *e)
{
	struct prediction score = {.tried = n - D - 1};
	uint32_t *f = NULL;
	uint32_t history = 0, size = 0;

	*out = (struct estimate){.ran = false};
	if (n < D + 3)
		return ERR_OK;
	f = calloc(FOLLOWERS, sizeof(*f));
	if (f == NULL)
		return err_set(e, ERR_NO_MEMORY, "LZ78Y estimate", "for its contexts");
	for (size_t i = 0; i < D; i++)
		history = history << 1 | s[i];
	size = lz_fill(f, size, history, s[D]);
	for (size_t i = D + 1; i < n; i++) {
		uint64_t right;
		history = history << 1 | s[i - 1];
		right = lz_guess(f, history) == s[i];
		score.correct += right;
		score.run = right ? score.run + 1 : 0;
		score.longest = score.run > score.longest ? score.run : score.longest;
		if (size < LZ_DICTIONARY_MAX)
			size = lz_fill(f, size, history, s[i]);
		else
			lz_count(f, history, s[i]);
	}
	free(f);
	*out = prediction_estimate(&score, 2);
	return ERR_OK;
}
