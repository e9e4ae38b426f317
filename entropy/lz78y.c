/*
 * The LZ78Y prediction estimate: SP 800-90B, section 6.3.10.  One dictionary of contexts of 1 to 16
 * symbols; the guess is what followed any of the present ones most often.
 *
 * The dictionary takes DICTIONARY_MAX contexts, the longest of a place first.  So in the step that
 * fills it long ones may get in without their shorter ones: those are then entered as not present,
 * for the search alone.
 */
#include "entropy/context.h"
#include "entropy/estimate.h"

#define DICTIONARY_MAX 65536

struct dictionary {
	struct contexts c;
	uint32_t size;
	struct prediction score;
};

/*
 * The contexts before place i, by length, as far as they are known; those that are not are entered
 * if one of them will get into the dictionary.  False without memory.
 */
static bool path(struct dictionary *dict, const uint8_t *s, size_t i,
	uint32_t id[CONTEXT_DEPTH + 1], unsigned *known)
{
	unsigned d = 1;

	for (; d <= CONTEXT_DEPTH; d++) {
		id[d] = contexts_longer(&dict->c, d, id[d - 1], s[i - d]);
		if (id[d] == CONTEXT_NONE)
			break;
	}
	*known = d - 1;
	if (dict->size >= DICTIONARY_MAX)
		return true;
	for (; d <= CONTEXT_DEPTH; d++) {
		id[d] = contexts_add(&dict->c, d, id[d - 1], s[i - d]);
		if (id[d] == CONTEXT_NONE)
			return false;
	}
	*known = CONTEXT_DEPTH;
	return true;
}

/* `judged`: the first place only fills the dictionary. */
static bool step(struct dictionary *dict, const uint8_t *s, size_t i, bool judged)
{
	uint32_t id[CONTEXT_DEPTH + 1] = {CONTEXT_NONE};
	uint32_t most = 0;
	uint8_t guess = 0;
	unsigned known;

	if (!path(dict, s, i, id, &known))
		return false;
	for (unsigned d = known; d > 0; d--) {
		const struct context *x = &dict->c.v[id[d]];
		if (!x->present) {
			if (dict->size >= DICTIONARY_MAX)
				continue;
			dict->size++;
		} else if (x->best_count > most) {
			most = x->best_count;
			guess = x->best;
		}
		if (contexts_count(&dict->c, d, id[d], s[i], true) == COUNTED_NO_MEMORY)
			return false;
	}
	if (!judged)
		return true;
	if (most > 0 && guess == s[i])
		prediction_right(&dict->score);
	else
		dict->score.run = 0;
	return true;
}

enum err_code estimate_lz78y(
	const uint8_t *s, size_t n, unsigned k, struct estimate *out, struct err *e)
{
	struct dictionary dict = {.score.tried = n - CONTEXT_DEPTH - 1};
	bool ok;

	*out = (struct estimate){.ran = false};
	if (n < CONTEXT_DEPTH + 3)
		return ERR_OK;
	if (k == 2)
		return estimate_lz78y_bits(s, n, out, e);
	/* the step that fills it may enter a path beyond the last */
	ok = contexts_init(&dict.c, DICTIONARY_MAX + CONTEXT_DEPTH);
	for (size_t i = CONTEXT_DEPTH; ok && i < n; i++)
		ok = step(&dict, s, i, i > CONTEXT_DEPTH);
	contexts_free(&dict.c);
	if (!ok)
		return err_set(e, ERR_NO_MEMORY, "LZ78Y estimate", "for its contexts");
	*out = prediction_estimate(&dict.score, k);
	return ERR_OK;
}
