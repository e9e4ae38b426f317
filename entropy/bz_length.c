#include "entropy/bz_length.h"

#include <bzlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entropy/bz_block.h"

#define GROUP 50 /* symbols that share a table */
#define TABLES_MAX 6
#define ITERATIONS 4
#define CODE_MAX 17
#define RUN_A 0
#define RUN_B 1
#define SYMBOLS_MAX (BZ_CHARS + 2)
#define GROUPS_MAX (BZ_BLOCK_CAP / GROUP + 2)
/* Code lengths before any table is known: symbols of its own range, and all others. */
#define LESSER 0
#define GREATER 15

typedef uint16_t lanes __attribute__((vector_size(16))); /* one for each table */

struct bz_work {
	struct bz_block block;
	uint8_t symbol[BZ_BLOCK_CAP + 2];
	uint32_t symbols;
	uint32_t freq[SYMBOLS_MAX];
	uint8_t table_of[GROUPS_MAX];
	uint8_t len[TABLES_MAX][SYMBOLS_MAX];
	unsigned alphabet; /* used characters, two for runs less the first place, the end */
	unsigned map_bits; /* to say which characters are used */
};

struct bz_work *bz_work_new(void)
{
	struct bz_work *w = malloc(sizeof(*w));
	if (w != NULL)
		bz_block_init(&w->block);
	return w;
}

void bz_work_free(struct bz_work *w)
{
	free(w);
}

/* ---- moving to the front, and runs ---- */

static void put(struct bz_work *w, unsigned symbol)
{
	w->symbol[w->symbols++] = (uint8_t)symbol;
	w->freq[symbol]++;
}

/* A run of zeros as digits of base two that have the values 1 and 2. */
static void put_run(struct bz_work *w, uint32_t run)
{
	while (run > 0) {
		put(w, run & 1 ? RUN_A : RUN_B);
		run = (run - 1) / 2;
	}
}

/*
 * The list is a number of 16 hexadecimal digits, the front the lowest.  A character is found by the
 * lowest zero digit of the difference, and moved by shifting those below.
 */
static void move_to_front(struct bz_work *w)
{
	const struct bz_block *b = &w->block;
	bool used[BZ_CHARS] = {false};
	uint64_t name[BZ_CHARS] = {0}, list = 0;
	uint32_t run = 0;
	unsigned n = 0;

	for (uint32_t i = 0; i < b->words; i++) {
		const struct bz_word *word = &b->word[b->name[i]];
		for (unsigned c = 0; c < word->len; c++)
			used[word->c[c]] = true;
	}
	for (unsigned c = 0; c < BZ_CHARS; c++) {
		if (used[c])
			name[c] = n++;
	}
	for (unsigned i = 0; i < 16; i++)
		list |= (uint64_t)i << 4 * i;
	w->symbols = 0;
	memset(w->freq, 0, sizeof(w->freq));
	for (uint32_t i = 0; i < b->chars; i++) {
		uint64_t c = name[b->last[i]];
		uint64_t differ = list ^ c * 0x1111111111111111U;
		uint64_t zeros = (differ - 0x1111111111111111U) & ~differ & 0x8888888888888888U;
		unsigned at = (unsigned)__builtin_ctzll(zeros) & ~3u; /* 4 times the place */
		if (at == 0) {
			run++;
			continue;
		}
		put_run(w, run);
		run = 0;
		put(w, at / 4 + 1);
		uint64_t moved = (UINT64_C(16) << at) - 1;
		list = (list & ~moved) | (list << 4 & moved) | c;
	}
	put_run(w, run);
	put(w, n + 1);
	w->alphabet = n + 2;
	/* 16 bits for the sixteens of characters, 16 for each that has some: 0x20 and 0x30 */
	w->map_bits = 16 + (used[BZ_SPACE] ? 16 : 0) + 16;
}

/* ---- Huffman tables ---- */

/* The lower 8 bits of a weight are the depth below, so that flatter trees win; then the order in
 * the heap decides, and has to be libbz2's. */
struct heap {
	uint32_t weight[2 * SYMBOLS_MAX + 1];
	unsigned v[SYMBOLS_MAX + 2];
	unsigned n;
};

static void heap_up(struct heap *h, unsigned i)
{
	unsigned node = h->v[i];
	for (; h->weight[node] < h->weight[h->v[i / 2]]; i /= 2)
		h->v[i] = h->v[i / 2];
	h->v[i] = node;
}

static unsigned heap_take(struct heap *h)
{
	unsigned taken = h->v[1], node = h->v[h->n--], i = 1, child;
	for (; (child = 2 * i) <= h->n; i = child) {
		if (child < h->n && h->weight[h->v[child + 1]] < h->weight[h->v[child]])
			child++;
		if (h->weight[node] < h->weight[h->v[child]])
			break;
		h->v[i] = h->v[child];
	}
	h->v[i] = node;
	return taken;
}

static uint32_t weight_sum(uint32_t a, uint32_t b)
{
	uint32_t deeper = (a & 0xff) > (b & 0xff) ? a & 0xff : b & 0xff;
	return ((a & 0xffffff00) + (b & 0xffffff00)) | (1 + deeper);
}

/* One tree; false when a code is longer than CODE_MAX. */
static bool code_lengths_once(struct heap *h, uint8_t *len, unsigned n)
{
	unsigned parent[2 * SYMBOLS_MAX + 1] = {0};
	unsigned nodes = n;
	bool fits = true;

	h->n = 0;
	h->v[0] = 0;
	h->weight[0] = 0;
	for (unsigned i = 1; i <= n; i++) {
		h->v[++h->n] = i;
		heap_up(h, h->n);
	}
	while (h->n > 1) {
		unsigned a = heap_take(h), b = heap_take(h);
		parent[a] = parent[b] = ++nodes;
		h->weight[nodes] = weight_sum(h->weight[a], h->weight[b]);
		h->v[++h->n] = nodes;
		heap_up(h, h->n);
	}
	for (unsigned i = 1; i <= n; i++) {
		unsigned depth = 0;
		for (unsigned k = i; parent[k] != 0; k = parent[k])
			depth++;
		len[i - 1] = (uint8_t)depth;
		fits = fits && depth <= CODE_MAX;
	}
	return fits;
}

static void code_lengths(uint8_t *len, const uint32_t *freq, unsigned n)
{
	struct heap h;

	for (unsigned i = 0; i < n; i++)
		h.weight[i + 1] = (freq[i] == 0 ? 1 : freq[i]) << 8;
	while (!code_lengths_once(&h, len, n)) {
		for (unsigned i = 1; i <= n; i++)
			h.weight[i] = (1 + (h.weight[i] >> 8) / 2) << 8;
	}
}

static unsigned tables_for(uint32_t symbols)
{
	return symbols < 200 ? 2 : symbols < 600 ? 3 : symbols < 1200 ? 4 : symbols < 2400 ? 5 : 6;
}

/* To begin with, each table has a range of symbols with about the same share of all. */
static void first_tables(struct bz_work *w, unsigned tables)
{
	uint32_t left = w->symbols;
	int from = 0, last = (int)w->alphabet - 1;

	for (unsigned part = tables; part > 0; part--) {
		uint32_t share = left / part, sum = 0;
		int to = from - 1;
		while (sum < share && to < last)
			sum += w->freq[++to];
		if (to > from && part != tables && part != 1 && (tables - part) % 2 == 1)
			sum -= w->freq[to--];
		for (int v = 0; v <= last; v++)
			w->len[part - 1][v] = v >= from && v <= to ? LESSER : GREATER;
		from = to + 1;
		left -= sum;
	}
}

/* Give each group the table that is cheapest for it, and make each table for its groups anew. */
static void choose_tables(struct bz_work *w, unsigned tables)
{
	uint32_t freq[TABLES_MAX][SYMBOLS_MAX] = {{0}};
	lanes len[SYMBOLS_MAX];
	uint32_t group = 0;

	for (unsigned v = 0; v < w->alphabet; v++) {
		for (unsigned t = 0; t < 8; t++)
			len[v][t] = t < tables ? w->len[t][v] : 0;
	}
	for (uint32_t from = 0; from < w->symbols; from += GROUP) {
		uint32_t to = w->symbols - from > GROUP ? from + GROUP : w->symbols;
		lanes cost = {0};
		unsigned best = 0;
		for (uint32_t i = from; i < to; i++)
			cost += len[w->symbol[i]];
		for (unsigned t = 1; t < tables; t++)
			best = cost[t] < cost[best] ? t : best;
		w->table_of[group++] = (uint8_t)best;
		for (uint32_t i = from; i < to; i++)
			freq[best][w->symbol[i]]++;
	}
	for (unsigned t = 0; t < tables; t++)
		code_lengths(w->len[t], freq[t], w->alphabet);
}

/* ---- bits ---- */

/* Tables are named by their place in a list from which they move to the front, in unary. */
static uint64_t selector_bits(const struct bz_work *w, uint32_t groups)
{
	uint8_t list[TABLES_MAX] = {0, 1, 2, 3, 4, 5};
	uint64_t bits = 0;

	for (uint32_t g = 0; g < groups; g++) {
		unsigned at = 0;
		while (list[at] != w->table_of[g])
			at++;
		bits += at + 1;
		memmove(list + 1, list, at);
		list[0] = w->table_of[g];
	}
	return bits;
}

/* Code lengths as steps up and down of two bits, and a bit when there. */
static uint64_t table_bits(const uint8_t *len, unsigned n)
{
	uint64_t bits = 5;
	for (unsigned v = 0; v < n; v++) {
		unsigned before = len[v > 0 ? v - 1 : 0];
		bits += 1 + 2 * (len[v] > before ? len[v] - before : before - len[v]);
	}
	return bits;
}

static uint64_t block_bits(struct bz_work *w)
{
	/* magic number, checksum, a flag, the place of the text among the rotations */
	uint64_t bits = 48 + 32 + 1 + 24 + 3 + 15;
	unsigned tables;
	uint32_t groups;

	bz_block_sort(&w->block);
	move_to_front(w);
	tables = tables_for(w->symbols);
	groups = (w->symbols + GROUP - 1) / GROUP;
	first_tables(w, tables);
	for (unsigned i = 0; i < ITERATIONS; i++)
		choose_tables(w, tables);
	bits += w->map_bits + selector_bits(w, groups);
	for (unsigned t = 0; t < tables; t++)
		bits += table_bits(w->len[t], w->alphabet);
	for (uint32_t i = 0; i < w->symbols; i++)
		bits += w->len[w->table_of[i / GROUP]][w->symbol[i]];
	return bits;
}

/* ---- cutting a text into blocks ---- */

struct cursor {
	const uint8_t *sample;
	size_t n, i; /* the sample, and how many of its characters are behind */
	unsigned into;
};

static unsigned word_left(const struct bz_block *b, const struct cursor *c)
{
	/* behind the last number there is no space */
	return b->word[c->sample[c->i]].len - (c->i + 1 == c->n ? 1u : 0u) - c->into;
}

/* Is the next character equal to the one before? Only digits of one number can be. */
static bool in_run(const struct bz_block *b, const struct cursor *c)
{
	const struct bz_word *w = &b->word[c->sample[c->i]];
	return c->into > 0 && w->c[c->into] == w->c[c->into - 1];
}

/*
 * Fill the ring with the next block: it ends with the run that makes it full.  The first word, or
 * what the block before left of it, and what stands behind the last whole one meet in the odd word.
 */
static void next_block(struct bz_block *b, struct cursor *c)
{
	struct bz_word *odd = &b->word[BZ_NAMES - 1];
	uint8_t head[BZ_WORD_MAX];
	uint32_t chars = 0;
	unsigned head_len = 0;

	b->words = 0;
	odd->len = 0;
	while (word_left(b, c) > 0)
		head[head_len++] = b->word[c->sample[c->i]].c[c->into++];
	chars = head_len;
	c->into = 0;
	c->i++;
	while (c->i < c->n && chars + word_left(b, c) <= BZ_BLOCK_MAX && c->i + 1 < c->n) {
		chars += b->word[c->sample[c->i]].len;
		b->name[b->words++] = c->sample[c->i++];
	}
	while (c->i < c->n && word_left(b, c) > 0 && (chars < BZ_BLOCK_MAX || in_run(b, c))) {
		odd->c[odd->len++] = b->word[c->sample[c->i]].c[c->into++];
		chars++;
	}
	/* a last character alone does not begin a block */
	if (c->i + 1 == c->n && word_left(b, c) == 1 && chars >= BZ_BLOCK_MAX)
		odd->c[odd->len++] = b->word[c->sample[c->i]].c[c->into++];
	if (c->i < c->n && c->i + 1 == c->n && word_left(b, c) == 0)
		c->i++;
	memcpy(odd->c + odd->len, head, head_len);
	odd->len = (uint8_t)(odd->len + head_len);
	b->name[b->words++] = BZ_NAMES - 1;
}

/* A text without two words has no ring; nor is one of a hundred worth it. */
#define RING_MIN 100

static size_t by_libbz2(const uint8_t *samples, size_t n)
{
	static const size_t room = 4 * RING_MIN;
	char text[4 * RING_MIN + 1];
	char packed[4 * RING_MIN + 1000];
	unsigned size = sizeof(packed);
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(
			text + len, room + 1 - len, i > 0 ? " %u" : "%u", samples[i]);
	if (BZ2_bzBuffToBuffCompress(packed, &size, text, (unsigned)len, BZ_LEVEL, 0, 0) != BZ_OK)
		return 0;
	return size;
}

size_t bz_length(struct bz_work *w, const uint8_t *samples, size_t n)
{
	struct cursor c = {.sample = samples, .n = n};
	uint64_t bits = 32 + 48 + 32; /* the head, and the end with its checksum */

	if (n < RING_MIN)
		return by_libbz2(samples, n);
	while (c.i < c.n) {
		next_block(&w->block, &c);
		bits += block_bits(w);
	}
	return (size_t)((bits + 7) / 8);
}
