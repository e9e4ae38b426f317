/*
 * Every repeated string of a text, counted: for each length t, the commonest t-tuple and the number
 * of pairs of equal t-tuples.
 *
 * Sort the suffixes and take the longest common prefix of each with the one before.  A maximal
 * stretch of suffixes whose prefixes of length l agree is one l-tuple and its places (an
 * "interval"). An interval of c suffixes with common length l inside one of length m < l stands for
 * one t-tuple that occurs c times, for every t from m + 1 to l.  So it is entered once at l and
 * taken out once at m, and a running sum from the longest down gives all t: linear in the text,
 * however long its repeats are.
 *
 * Two ways lead to the common prefixes.  In a text with some entropy no string of 64 bits occurs
 * twice, so sorting the windows of 64 bits at each place as numbers is enough, and several times
 * faster than a suffix array.  If it is not, libdivsufsort sorts the suffixes.
 */
#include <divsufsort.h>
#include <stdlib.h>
#include <string.h>

#include "entropy/estimate.h"

#define WINDOW_BITS 64
#define DIGIT 256
#define SMALL_SORT 48 /* below, moving each to its place beats counting digits */

/* ---- from common prefixes to counts ---- */

struct interval {
	uint32_t prefix;
	uint32_t first;
};

struct counter {
	struct repeats *r;
	struct interval *open; /* lengths grow from the bottom up */
	size_t depth;
	uint32_t place;
};

static enum err_code counter_start(
	struct counter *c, struct repeats *r, size_t longest, struct err *e)
{
	*r = (struct repeats){.longest = longest};
	*c = (struct counter){.r = r};
	r->most = calloc(longest + 2, sizeof(*r->most));
	r->pairs = calloc(longest + 2, sizeof(*r->pairs));
	c->open = malloc((longest + 2) * sizeof(*c->open));
	if (r->most != NULL && r->pairs != NULL && c->open != NULL) {
		c->open[0] = (struct interval){0, 0};
		return ERR_OK;
	}
	free(c->open);
	repeats_free(r);
	return err_set(e, ERR_NO_MEMORY, "repeated strings", "for lengths up to %zu", longest);
}

/* The next suffix shares `prefix` symbols with the one before. */
static void counter_feed(struct counter *c, uint32_t prefix)
{
	uint32_t first = c->place++;

	while (c->open[c->depth].prefix > prefix) {
		struct interval done = c->open[c->depth--];
		uint32_t outer = c->open[c->depth].prefix;
		uint64_t places = c->place - done.first;
		uint64_t pairs = places * (places - 1) / 2;
		outer = outer > prefix ? outer : prefix;
		if (places > c->r->most[done.prefix])
			c->r->most[done.prefix] = (uint32_t)places;
		c->r->pairs[done.prefix] += pairs;
		c->r->pairs[outer] -= pairs; /* modulo 2^64; the running sum makes it whole */
		first = done.first;
	}
	if (c->open[c->depth].prefix < prefix)
		c->open[++c->depth] = (struct interval){prefix, first};
}

static void counter_end(struct counter *c)
{
	struct repeats *r = c->r;

	counter_feed(c, 0);
	free(c->open);
	/* a shorter tuple is at least as common as one it begins */
	while (r->longest > 0 && r->most[r->longest] == 0)
		r->longest--;
	for (size_t t = r->longest; t-- > 1;) {
		r->pairs[t] += r->pairs[t + 1];
		if (r->most[t] < r->most[t + 1])
			r->most[t] = r->most[t + 1];
	}
}

/* ---- windows of 64 bits ---- */

struct windows {
	const uint8_t *s;
	size_t n;
	unsigned bits;    /* of a symbol */
	unsigned symbols; /* in a window */
	uint64_t *key;
	uint64_t *spare; /* as long as the fullest bucket */
	size_t start[DIGIT + 1];
};

static uint64_t window_step(const struct windows *w, uint64_t key, size_t i)
{
	uint64_t kept = key >> w->bits | (uint64_t)w->s[i] << (WINDOW_BITS - w->bits);
	return kept >> (WINDOW_BITS - w->symbols * w->bits) << (WINDOW_BITS - w->symbols * w->bits);
}

/* Fill the buckets of the first digit from the end of the text: short windows (filled up with
 * zeros) come before full ones that are equal, the shortest first, which is the order of suffixes.
 */
static void windows_deal(struct windows *w)
{
	size_t at[DIGIT] = {0};
	size_t sum = 0;
	uint64_t key = 0;

	for (size_t i = w->n; i-- > 0;) {
		key = window_step(w, key, i);
		at[key >> 56]++;
	}
	for (unsigned d = 0; d < DIGIT; d++) {
		w->start[d] = sum;
		sum += at[d];
		at[d] = w->start[d];
	}
	w->start[DIGIT] = sum;
	key = 0;
	for (size_t i = w->n; i-- > 0;) {
		key = window_step(w, key, i);
		w->key[at[key >> 56]++] = key;
	}
}

static void sort_small(uint64_t *key, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		uint64_t v = key[i];
		size_t j = i;
		for (; j > 0 && key[j - 1] > v; j--)
			key[j] = key[j - 1];
		key[j] = v;
	}
}

/* Digits from the lowest up; the highest is the bucket's own. */
static void sort_bucket(uint64_t *key, uint64_t *spare, size_t n, unsigned lowest)
{
	static const unsigned digits = 7;
	uint32_t count[7][DIGIT];
	uint64_t *from = key, *to = spare;

	if (n < SMALL_SORT) {
		sort_small(key, n);
		return;
	}
	memset(count, 0, sizeof(count));
	for (size_t i = 0; i < n; i++) {
		for (unsigned d = 0; d < digits; d++)
			count[d][key[i] >> 8 * d & 0xff]++;
	}
	for (unsigned d = lowest; d < digits; d++) {
		uint32_t sum = 0;
		if (count[d][from[0] >> 8 * d & 0xff] == n)
			continue;
		for (unsigned v = 0; v < DIGIT; v++) {
			uint32_t here = count[d][v];
			count[d][v] = sum;
			sum += here;
		}
		for (size_t i = 0; i < n; i++)
			to[count[d][from[i] >> 8 * d & 0xff]++] = from[i];
		uint64_t *swap = from;
		from = to;
		to = swap;
	}
	if (from != key)
		memcpy(key, from, n * sizeof(*key));
}

static enum err_code windows_sort(struct windows *w, struct err *e)
{
	size_t fullest = 0;
	unsigned lowest = (WINDOW_BITS - w->symbols * w->bits) / 8;

	w->key = malloc(w->n * sizeof(*w->key));
	if (w->key == NULL)
		return err_set(e, ERR_NO_MEMORY, "repeated strings", "for %zu windows", w->n);
	windows_deal(w);
	for (unsigned d = 0; d < DIGIT; d++) {
		size_t size = w->start[d + 1] - w->start[d];
		fullest = size > fullest ? size : fullest;
	}
	w->spare = malloc(fullest * sizeof(*w->spare));
	if (w->spare == NULL)
		return err_set(e, ERR_NO_MEMORY, "repeated strings", "for %zu windows", fullest);
	for (unsigned d = 0; d < DIGIT; d++)
		sort_bucket(w->key + w->start[d], w->spare, w->start[d + 1] - w->start[d], lowest);
	return ERR_OK;
}

/* The short windows at the end of the text, by key and length, as they stand among the sorted. */
struct tail {
	uint64_t key;
	uint32_t len;
};

static int by_key(const void *a, const void *b)
{
	const struct tail *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->len < y->len ? -1 : x->len > y->len;
}

static size_t windows_tails(const struct windows *w, struct tail tails[WINDOW_BITS])
{
	uint64_t key = 0;
	size_t n = 0;

	for (size_t i = w->n; i-- > 0 && n + 1 < w->symbols;) {
		key = window_step(w, key, i);
		tails[n].key = key;
		tails[n].len = (uint32_t)(n + 1);
		n++;
	}
	qsort(tails, n, sizeof(*tails), by_key);
	return n;
}

/* False when a string of a whole window is repeated: how far it goes on cannot be told. */
static bool windows_count(const struct windows *w, struct counter *c)
{
	struct tail tails[WINDOW_BITS];
	size_t n_tails = windows_tails(w, tails), next = 0;
	uint32_t len_before = 0;
	uint64_t before = 0;

	for (size_t i = 0; i < w->n; i++) {
		uint64_t key = w->key[i], differ = key ^ before;
		uint32_t len = w->symbols;
		uint32_t prefix;
		if (next < n_tails && tails[next].key == key)
			len = tails[next++].len;
		prefix = differ != 0 ? (uint32_t)__builtin_clzll(differ) / w->bits : w->symbols;
		if (i > 0) {
			prefix = prefix < len ? prefix : len;
			prefix = prefix < len_before ? prefix : len_before;
			if (prefix == w->symbols)
				return false;
			counter_feed(c, prefix);
		}
		before = key;
		len_before = len;
	}
	return true;
}

/* *done: false when windows are too short for this text. */
static enum err_code by_windows(
	const uint8_t *s, size_t n, unsigned bits, struct repeats *out, bool *done, struct err *e)
{
	struct windows w = {.s = s, .n = n, .bits = bits, .symbols = WINDOW_BITS / bits};
	struct counter c;
	enum err_code rc = windows_sort(&w, e);

	*done = false;
	if (rc == ERR_OK)
		rc = counter_start(&c, out, w.symbols, e);
	if (rc == ERR_OK) {
		*done = windows_count(&w, &c);
		if (*done) {
			counter_end(&c);
		} else {
			free(c.open);
			repeats_free(out);
		}
	}
	free(w.key);
	free(w.spare);
	return rc;
}

/* ---- suffix array ---- */

/*
 * Common prefixes in the order of the text, where each is at least the one before less one
 * (Kärkkäinen, Manzini, Puglisi: Permuted longest-common-prefix array, 2009).  `prefix` first holds
 * for each suffix the one sorted before it (-1: none).
 */
static size_t text_order_prefixes(const uint8_t *s, size_t n, int32_t *prefix)
{
	size_t common = 0, longest = 0;

	for (size_t i = 0; i < n; i++) {
		if (prefix[i] < 0) {
			common = 0;
			prefix[i] = 0;
			continue;
		}
		size_t j = (size_t)prefix[i];
		while (i + common < n && j + common < n && s[i + common] == s[j + common])
			common++;
		prefix[i] = (int32_t)common;
		longest = common > longest ? common : longest;
		common = common > 0 ? common - 1 : 0;
	}
	return longest;
}

static enum err_code by_suffix_array(const uint8_t *s, size_t n, struct repeats *out, struct err *e)
{
	int32_t *suffix = malloc(n * sizeof(*suffix)), *prefix = malloc(n * sizeof(*prefix));
	struct counter c;
	enum err_code rc = ERR_OK;

	if (suffix == NULL || prefix == NULL || divsufsort(s, suffix, (int32_t)n) != 0) {
		rc = err_set(e, ERR_NO_MEMORY, "repeated strings", "for %zu suffixes", n);
		goto out;
	}
	prefix[suffix[0]] = -1;
	for (size_t i = 1; i < n; i++)
		prefix[suffix[i]] = suffix[i - 1];
	rc = counter_start(&c, out, text_order_prefixes(s, n, prefix), e);
	if (rc != ERR_OK)
		goto out;
	for (size_t i = 1; i < n; i++)
		counter_feed(&c, (uint32_t)prefix[suffix[i]]);
	counter_end(&c);
out:
	free(suffix);
	free(prefix);
	return rc;
}

enum err_code repeats_count(
	const uint8_t *s, size_t n, unsigned k, struct repeats *out, struct err *e)
{
	unsigned bits = 1;
	bool done;
	enum err_code rc;

	while (k > 1u << bits)
		bits++;
	rc = by_windows(s, n, bits, out, &done, e);
	if (rc != ERR_OK || done)
		return rc;
	return by_suffix_array(s, n, out, e);
}

void repeats_free(struct repeats *r)
{
	if (r == NULL)
		return;
	free(r->most);
	free(r->pairs);
	*r = (struct repeats){0};
}
