/*
 * The MultiMMC prediction estimate: SP 800-90B, section 6.3.9.  Sixteen Markov models of order 1 to
 * 16 guess the symbol that followed their context most often; the one that has been right most
 * often is believed.
 *
 * Each model learns at most ENTRIES_MAX pairs of a context and a follower.  A pair that is new to a
 * model is new to all of higher order, so a higher order is never less full, and a context that is
 * not known has no longer one that is: the search ends at the first that is missing.
 */
#include "entropy/context.h"
#include "entropy/estimate.h"

#define ENTRIES_MAX 100000

struct models {
	struct contexts c;
	uint32_t entries[CONTEXT_DEPTH + 1];
	uint64_t points[CONTEXT_DEPTH + 1];
	unsigned leader;
	struct prediction score;
};

static void judge(struct models *m, unsigned d, unsigned leader, bool right)
{
	if (right && ++m->points[d] >= m->points[m->leader])
		m->leader = d;
	if (d != leader)
		return;
	if (right)
		prediction_right(&m->score);
	else
		m->score.run = 0;
}

/* Learn that s[i] follows the contexts of `d` symbols and more, which no model knows yet. */
static bool learn(struct models *m, const uint8_t *s, size_t i, unsigned d, uint32_t id)
{
	for (; d <= CONTEXT_DEPTH && d <= i; d++) {
		if (m->entries[d] >= ENTRIES_MAX)
			return true;
		if (d == 1)
			id = 1U + s[i - 1];
		else
			id = contexts_add(&m->c, d, id, s[i - d]);
		if (id == CONTEXT_NONE ||
			contexts_count(&m->c, d, id, s[i], true) == COUNTED_NO_MEMORY)
			return false;
		m->entries[d]++;
	}
	return true;
}

static bool step(struct models *m, const uint8_t *s, size_t i)
{
	unsigned leader = m->leader;
	uint32_t id = CONTEXT_NONE;

	for (unsigned d = 1; d <= CONTEXT_DEPTH && d < i; d++) {
		uint32_t longer = contexts_longer(&m->c, d, id, s[i - d]);
		const struct context *x = &m->c.v[longer];
		if (longer == CONTEXT_NONE || !x->present)
			return learn(m, s, i, d, id);
		id = longer;
		judge(m, d, leader, x->best == s[i]);
		switch (contexts_count(&m->c, d, id, s[i], m->entries[d] < ENTRIES_MAX)) {
		case COUNTED_NEW:
			m->entries[d]++;
			break;
		case COUNTED_NO_MEMORY:
			return false;
		case COUNTED_OLD:
		case COUNTED_NOT:
			break;
		}
	}
	/* the context that begins with the first symbol is learnt, and is no prediction */
	return i > CONTEXT_DEPTH || learn(m, s, i, (unsigned)i, id);
}

enum err_code estimate_multi_mmc(
	const uint8_t *s, size_t n, unsigned k, struct estimate *out, struct err *e)
{
	struct models m = {.leader = 1, .score.tried = n - 2};
	bool ok;

	*out = (struct estimate){.ran = false};
	if (n < 4)
		return ERR_OK;
	if (k == 2)
		return estimate_multi_mmc_bits(s, n, out, e);
	ok = contexts_init(&m.c, CONTEXT_DEPTH * (n < ENTRIES_MAX ? (uint32_t)n : ENTRIES_MAX));
	for (size_t i = 1; ok && i < n; i++)
		ok = step(&m, s, i);
	contexts_free(&m.c);
	if (!ok)
		return err_set(e, ERR_NO_MEMORY, "MultiMMC estimate", "for its contexts");
	*out = prediction_estimate(&m.score, k);
	return ERR_OK;
}
