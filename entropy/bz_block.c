/*
 * A word is a number with the space behind it.  No word is the beginning of another, so texts of
 * words compare as their words do, and it is enough to sort the rotations that begin with a word: a
 * quarter of all.  The others follow: two rotations that begin inside words compare by what is left
 * of those words, and if that is equal, by the rotations that begin with the next word.
 */
#include "entropy/bz_block.h"

#include <string.h>

#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)
#define SMALL_SORT 24

void bz_block_init(struct bz_block *b)
{
	for (unsigned v = 0; v < BZ_NAMES - 1; v++) {
		struct bz_word *w = &b->word[v];
		w->len = 0;
		if (v >= 100)
			w->c[w->len++] = (uint8_t)BZ_DIGIT(v / 100);
		if (v >= 10)
			w->c[w->len++] = (uint8_t)BZ_DIGIT(v / 10 % 10);
		w->c[w->len++] = (uint8_t)BZ_DIGIT(v % 10);
		w->c[w->len++] = BZ_SPACE;
	}
}

static int compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return c != 0 ? c : (a_len > b_len) - (a_len < b_len);
}

/* Ranks of the names that occur; the odd word may be equal to a number. */
static void rank_names(struct bz_block *b, const uint32_t count[BZ_NAMES])
{
	uint16_t sorted[BZ_NAMES];
	unsigned n = 0, rank = 0;

	for (unsigned v = 0; v < BZ_NAMES; v++) {
		unsigned i = n;
		if (count[v] == 0)
			continue;
		for (; i > 0 && compare(b->word[v].c, b->word[v].len, b->word[sorted[i - 1]].c,
					b->word[sorted[i - 1]].len) < 0;
			i--)
			sorted[i] = sorted[i - 1];
		sorted[i] = (uint16_t)v;
		n++;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct bz_word *w = &b->word[sorted[i]];
		if (i > 0) {
			const struct bz_word *before = &b->word[sorted[i - 1]];
			rank += compare(before->c, before->len, w->c, w->len) != 0;
		}
		b->order[sorted[i]] = (uint16_t)rank;
	}
	b->order_bits = 1;
	while (rank >> b->order_bits != 0)
		b->order_bits++;
}

/* ---- sorting pairs by the bits `low` to `high` - 1 of their keys; stable ---- */

static void sort_small(struct bz_pair *p, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct bz_pair v = p[i];
		size_t j = i;
		for (; j > 0 && p[j - 1].key > v.key; j--)
			p[j] = p[j - 1];
		p[j] = v;
	}
}

static void sort_pass(const struct bz_pair *from, struct bz_pair *to, size_t n, unsigned low)
{
	uint32_t at[DIGITS] = {0};
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		at[from[i].key >> low & (DIGITS - 1)]++;
	for (unsigned d = 0; d < DIGITS; d++) {
		uint32_t here = at[d];
		at[d] = sum;
		sum += here;
	}
	for (size_t i = 0; i < n; i++)
		to[at[from[i].key >> low & (DIGITS - 1)]++] = from[i];
}

static void sort_bits(
	struct bz_pair *p, struct bz_pair *spare, size_t n, unsigned low, unsigned high)
{
	if (n < SMALL_SORT) {
		sort_small(p, n);
		return;
	}
	for (; low < high; low += 2 * DIGIT_BITS) {
		sort_pass(p, spare, n, low);
		sort_pass(spare, p, n, low + DIGIT_BITS);
	}
}

/* ---- rotations that begin with a word ---- */

/* As many words as fit a key, in order; how many. */
static unsigned make_keys(struct bz_block *b)
{
	unsigned bits = b->order_bits, fit = 64 / bits;
	uint64_t key = 0, mask = ~UINT64_C(0) << (64 - fit * bits);

	for (unsigned i = fit; i-- > 0;)
		key = key >> bits | (uint64_t)b->order[b->name[i % b->words]] << (64 - bits);
	for (uint32_t k = b->words; k-- > 0;) {
		key = (key >> bits | (uint64_t)b->order[b->name[k]] << (64 - bits)) & mask;
		b->pair[k] = (struct bz_pair){key, k};
	}
	return fit;
}

/*
 * Rank what is sorted: places whose keys are equal share the rank of the first.  Returns whether
 * there are such.
 */
static bool rank_places(struct bz_block *b, uint32_t from, uint32_t to)
{
	uint32_t first = from;
	bool ties = false;

	for (uint32_t i = from; i < to; i++) {
		if (b->pair[i].key != b->pair[first].key)
			first = i;
		ties |= first != i;
		b->rank[b->pair[i].place] = first;
	}
	return ties;
}

/* Those that are equal for h words, by the ranks of what follows after h words; then for 2h. */
static bool refine(struct bz_block *b, uint32_t h)
{
	bool ties = false;

	for (uint32_t from = 0, to; from < b->words; from = to) {
		for (to = from + 1; to < b->words && b->rank[b->pair[to].place] == from;)
			to++;
		if (to == from + 1)
			continue;
		for (uint32_t i = from; i < to; i++)
			b->pair[i].key = b->rank[(b->pair[i].place + h) % b->words];
		sort_bits(b->pair + from, b->spare, to - from, 0, 20);
		ties |= rank_places(b, from, to);
	}
	return ties;
}

static void sort_words(struct bz_block *b)
{
	uint32_t n = b->words;
	uint32_t h = make_keys(b);

	/* by the highest 22 bits, and then what agrees in those by the rest */
	sort_pass(b->pair, b->spare, n, 64 - 2 * DIGIT_BITS);
	sort_pass(b->spare, b->pair, n, 64 - DIGIT_BITS);
	for (uint32_t from = 0, to; from < n; from = to) {
		uint64_t high = b->pair[from].key >> (64 - 2 * DIGIT_BITS);
		for (to = from + 1; to < n && b->pair[to].key >> (64 - 2 * DIGIT_BITS) == high;)
			to++;
		sort_bits(b->pair + from, b->spare, to - from, 0, 64 - 2 * DIGIT_BITS);
	}
	/* rotations that are equal all around may stand in any order: so do their last characters
	 */
	bool ties = rank_places(b, 0, n);
	for (; ties && h < n; h *= 2)
		ties = refine(b, h);
}

/* ---- all rotations ---- */

struct rest {
	const uint8_t *c;
	uint8_t len;
	uint32_t next; /* where in `last` its next rotation goes */
};

struct rests {
	struct rest v[BZ_RESTS];
	uint16_t of[BZ_NAMES][BZ_WORD_MAX]; /* what is left of a word from a character on */
	unsigned n;
};

static unsigned rest_find(const struct rests *r, const uint8_t *c, uint8_t len, bool *found)
{
	unsigned low = 0, high = r->n;
	*found = false;
	while (low < high) {
		unsigned mid = (low + high) / 2;
		int order = compare(c, len, r->v[mid].c, r->v[mid].len);
		if (order == 0) {
			*found = true;
			return mid;
		}
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* Lay out the rests in order, each with room for its rotations. */
static void rests_make(struct rests *r, const struct bz_block *b, const uint32_t count[BZ_NAMES])
{
	uint32_t at = 0;
	bool found;

	r->n = 0;
	for (unsigned v = 0; v < BZ_NAMES; v++) {
		const struct bz_word *w = &b->word[v];
		for (uint8_t i = 0; count[v] > 0 && i < w->len; i++) {
			uint8_t len = (uint8_t)(w->len - i);
			unsigned place = rest_find(r, w->c + i, len, &found);
			if (!found) {
				memmove(r->v + place + 1, r->v + place,
					(r->n - place) * sizeof(r->v[0]));
				r->v[place] = (struct rest){w->c + i, len, 0};
				r->n++;
			}
			r->v[place].next += count[v];
		}
	}
	for (unsigned i = 0; i < r->n; i++) {
		uint32_t size = r->v[i].next;
		r->v[i].next = at;
		at += size;
	}
	for (unsigned v = 0; v < BZ_NAMES; v++) {
		const struct bz_word *w = &b->word[v];
		for (uint8_t i = 0; count[v] > 0 && i < w->len; i++)
			r->of[v][i] =
				(uint16_t)rest_find(r, w->c + i, (uint8_t)(w->len - i), &found);
	}
}

/* A ring of one word, which may lack its space: the end of a text that just did not fit. */
static void sort_one_word(struct bz_block *b)
{
	const struct bz_word *w = &b->word[b->name[0]];
	uint8_t twice[2 * BZ_WORD_MAX], at[BZ_WORD_MAX];

	memcpy(twice, w->c, w->len);
	memcpy(twice + w->len, w->c, w->len);
	for (uint8_t i = 0; i < w->len; i++) {
		uint8_t j = i;
		for (; j > 0 && memcmp(twice + i, twice + at[j - 1], w->len) < 0; j--)
			at[j] = at[j - 1];
		at[j] = i;
	}
	b->chars = w->len;
	for (uint8_t i = 0; i < w->len; i++)
		b->last[i] = twice[at[i] + w->len - 1];
}

void bz_block_sort(struct bz_block *b)
{
	uint32_t count[BZ_NAMES] = {0};
	struct rests r;

	if (b->words == 1) {
		sort_one_word(b);
		return;
	}
	b->chars = 0;
	for (uint32_t k = 0; k < b->words; k++) {
		count[b->name[k]]++;
		b->chars += b->word[b->name[k]].len;
	}
	rank_names(b, count);
	sort_words(b);
	rests_make(&r, b, count);
	for (uint32_t i = 0; i < b->words; i++) {
		uint32_t k = b->pair[i].place;
		unsigned name = b->name[k > 0 ? k - 1 : b->words - 1]; /* the word before */
		const struct bz_word *w = &b->word[name];
		uint8_t before = BZ_SPACE;
		for (unsigned c = 0; c < w->len; c++) {
			b->last[r.v[r.of[name][c]].next++] = before;
			before = w->c[c];
		}
	}
}
