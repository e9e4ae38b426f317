#include "entropy/watch.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_START 64

struct value {
	uint64_t at; /* in `store` */
	uint64_t place;
	uint16_t len; /* without leading zeros */
};

struct line {
	char product[WATCH_PRODUCT_MAX + 1];
	char kind[WATCH_KIND_MAX + 1];
	struct value *v;
	size_t n, cap;
	size_t longest;
};

struct watch {
	struct line **line; /* in the order they came */
	size_t lines;
	uint32_t *table; /* by hash of product and kind: 1 + index of a line; 0: free */
	size_t table_size;
	uint8_t *store;
	size_t stored, store_cap;
	uint64_t values;
	void (*name_place)(void *arg, uint64_t place, char out[WATCH_PLACE_MAX]);
	void *name_arg;
};

struct watch *watch_new(void)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->table_size = TABLE_START;
	w->table = calloc(w->table_size, sizeof(*w->table));
	if (w->table == NULL) {
		free(w);
		return NULL;
	}
	return w;
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->lines; i++) {
		free(w->line[i]->v);
		free(w->line[i]);
	}
	free(w->line);
	free(w->table);
	free(w->store);
	free(w);
}

/* ---- lines ---- */

/* FNV-1a; the table is small and bounded, so that nobody gains by making names that collide. */
static uint64_t name_hash(const char *product, const char *kind)
{
	uint64_t h = 0xcbf29ce484222325U;
	for (; *product != '\0'; product++)
		h = (h ^ (uint8_t)*product) * 0x100000001b3U;
	h = (h ^ ',') * 0x100000001b3U;
	for (; *kind != '\0'; kind++)
		h = (h ^ (uint8_t)*kind) * 0x100000001b3U;
	return h ^ h >> 32;
}

static uint32_t *table_place(const struct watch *w, const char *product, const char *kind)
{
	for (size_t i = name_hash(product, kind);; i++) {
		uint32_t *place = &w->table[i & (w->table_size - 1)];
		const struct line *l = *place != 0 ? w->line[*place - 1] : NULL;
		if (l == NULL || (strcmp(l->product, product) == 0 && strcmp(l->kind, kind) == 0))
			return place;
	}
}

/* Room for one more line in both lists. */
static bool lines_grow(struct watch *w)
{
	struct line **line = realloc(w->line, (w->lines + 1) * sizeof(*line));

	if (line == NULL)
		return false;
	w->line = line;
	if (2 * (w->lines + 1) <= w->table_size)
		return true;
	uint32_t *table = calloc(2 * w->table_size, sizeof(*table));
	if (table == NULL)
		return false;
	free(w->table);
	w->table = table;
	w->table_size *= 2;
	for (size_t i = 0; i < w->lines; i++)
		*table_place(w, w->line[i]->product, w->line[i]->kind) = (uint32_t)i + 1;
	return true;
}

static struct line *line_add(struct watch *w, const char *product, const char *kind)
{
	struct line *l = calloc(1, sizeof(*l));

	if (l == NULL || !lines_grow(w)) {
		free(l);
		return NULL;
	}
	snprintf(l->product, sizeof(l->product), "%s", product);
	snprintf(l->kind, sizeof(l->kind), "%s", kind);
	*table_place(w, product, kind) = (uint32_t)w->lines + 1;
	w->line[w->lines++] = l;
	return l;
}

static bool value_add(struct watch *w, struct line *l, struct bytes value, uint64_t place)
{
	if (l->n == l->cap) {
		size_t cap = l->cap > 0 ? 2 * l->cap : 16;
		struct value *v = realloc(l->v, cap * sizeof(*v));
		if (v == NULL)
			return false;
		l->v = v;
		l->cap = cap;
	}
	if (w->store_cap - w->stored < value.len) {
		size_t cap = 2 * w->store_cap + WATCH_VALUE_MAX;
		uint8_t *store = realloc(w->store, cap);
		if (store == NULL)
			return false;
		w->store = store;
		w->store_cap = cap;
	}
	if (value.len > 0)
		memcpy(w->store + w->stored, value.p, value.len);
	l->v[l->n++] = (struct value){w->stored, place, (uint16_t)value.len};
	l->longest = value.len > l->longest ? value.len : l->longest;
	w->stored += value.len;
	w->values++;
	return true;
}

enum err_code watch_add(struct watch *w, const char *product, const char *kind, struct bytes value,
	uint64_t place, struct err *e)
{
	struct line *l;
	uint32_t at;

	if (strlen(product) > WATCH_PRODUCT_MAX || strlen(kind) > WATCH_KIND_MAX)
		return err_set(e, ERR_LIMIT, product, "a name of more than %d characters",
			WATCH_PRODUCT_MAX);
	while (value.len > 0 && value.p[0] == 0) {
		value.p++;
		value.len--;
	}
	if (value.len > WATCH_VALUE_MAX)
		return err_set(e, ERR_LIMIT, product, "a value of %zu octets", value.len);
	if (w->values >= WATCH_VALUES_MAX)
		return err_set(e, ERR_LIMIT, product, "more than %d values", WATCH_VALUES_MAX);
	at = *table_place(w, product, kind);
	if (at == 0 && w->lines >= WATCH_LINES_MAX)
		return err_set(
			e, ERR_LIMIT, product, "more than %d product lines", WATCH_LINES_MAX);
	l = at != 0 ? w->line[at - 1] : line_add(w, product, kind);
	if (l == NULL || !value_add(w, l, value, place))
		return err_set(e, ERR_NO_MEMORY, product, "for %llu values",
			(unsigned long long)w->values);
	return ERR_OK;
}

/* ---- places ---- */

void watch_name_places(struct watch *w,
	void (*name)(void *arg, uint64_t place, char out[WATCH_PLACE_MAX]), void *arg)
{
	w->name_place = name;
	w->name_arg = arg;
}

void watch_place_name(const struct watch *w, uint64_t place, char out[WATCH_PLACE_MAX])
{
	if (w->name_place != NULL)
		w->name_place(w->name_arg, place, out);
	else
		snprintf(out, WATCH_PLACE_MAX, "%" PRIu64, place);
}

/* ---- looking ---- */

struct look {
	const struct watch *w;
	const struct line *l;
	void (*each)(void *arg, const struct watch_finding *f);
	void *arg;
};

static void find(const struct look *k, struct watch_finding *f, enum watch_sign sign)
{
	f->sign = sign;
	f->product = k->l->product;
	f->kind = k->l->kind;
	k->each(k->arg, f);
}

static int compare_values(const void *a, const void *b, void *arg)
{
	const struct value *x = a, *y = b;
	const uint8_t *store = arg;
	int c;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	c = memcmp(store + x->at, store + y->at, x->len);
	if (c != 0)
		return c;
	return x->place < y->place ? -1 : x->place > y->place;
}

static bool equal_values(const struct watch *w, const struct value *a, const struct value *b)
{
	return a->len == b->len && memcmp(w->store + a->at, w->store + b->at, a->len) == 0;
}

/* `v`: the line's values, sorted. */
static void look_duplicates(const struct look *k, const struct value *v)
{
	for (size_t from = 0, to; from < k->l->n; from = to) {
		struct watch_finding f;
		char hex[2 * 16 + 1], first[WATCH_PLACE_MAX], second[WATCH_PLACE_MAX];
		size_t shown = v[from].len < 16 ? v[from].len : 16;
		for (to = from + 1; to < k->l->n && equal_values(k->w, &v[from], &v[to]);)
			to++;
		if (to == from + 1)
			continue;
		hex_encode(k->w->store + v[from].at, shown, hex);
		watch_place_name(k->w, v[from].place, first);
		watch_place_name(k->w, v[from + 1].place, second);
		snprintf(f.why, sizeof(f.why), "%s%s came %zu times, at %s and %s%s",
			shown > 0 ? hex : "0", shown < v[from].len ? "..." : "", to - from, first,
			second, to - from > 2 ? " first" : "");
		find(k, &f, WATCH_DUPLICATE);
	}
}

/* The octet of a value that stands `from_end` octets before its last one. */
static uint8_t octet(const struct watch *w, const struct value *v, size_t from_end)
{
	return from_end < v->len ? w->store[v->at + v->len - 1 - from_end] : 0;
}

/*
 * The chance that n fair bits have `ones` or a more uneven number of ones, both sides.  By the
 * normal distribution with its continuity correction where the exact sum would be long.
 */
static double two_sided(uint64_t ones, uint64_t n)
{
	uint64_t less = ones < n - ones ? ones : n - ones;
	double tail = 0;

	if (n > 2000)
		return erfc(((double)n / 2 - (double)less - 0.5) / sqrt((double)n / 2));
	for (uint64_t k = 0; k <= less; k++)
		tail += exp(lgamma((double)n + 1) - lgamma((double)k + 1) -
			    lgamma((double)(n - k) + 1) - (double)n * log(2));
	return fmin(1.0, 2 * tail);
}

/* Bits by their place from the end, so that a value with leading zeros stays in line. */
static void look_bias(const struct look *k)
{
	const struct line *l = k->l;
	bool modulus = strcmp(l->kind, "modulus") == 0;
	size_t first = modulus ? 1 : 0; /* a modulus is odd, and its factors' tops are set */
	size_t end = l->longest - (modulus || strcmp(l->kind, "serial") == 0 ? 1 : 0);

	if (l->n < WATCH_BIAS_MIN || l->longest == 0)
		return;
	for (size_t o = first; o < end; o++) {
		uint64_t ones[8] = {0};
		for (size_t i = 0; i < l->n; i++) {
			uint8_t v = octet(k->w, &l->v[i], o);
			for (unsigned b = 0; b < 8; b++)
				ones[b] += v >> b & 1;
		}
		for (unsigned b = 0; b < 8; b++) {
			struct watch_finding f;
			double p = two_sided(ones[b], l->n);
			if (p * 8 * (double)(end - first) > WATCH_ALPHA)
				continue;
			snprintf(f.why, sizeof(f.why),
				"bit %zu from the end is 1 in %llu of %zu values; chance of as "
				"much: %.2g",
				8 * o + b, (unsigned long long)ones[b], l->n, p);
			find(k, &f, WATCH_BIAS);
		}
	}
}

/* log2 of b - a for a <= b; 0 when they are equal. */
static double distance_bits(const struct watch *w, const struct value *a, const struct value *b)
{
	size_t len = a->len > b->len ? a->len : b->len, top = 0;
	double difference = 0;

	/* the octets from the first that differs on; 8 behind it are more than a double can tell */
	while (len > 0 && octet(w, a, len - 1) == octet(w, b, len - 1))
		len--;
	for (; top < 9 && top < len; top++)
		difference =
			difference * 256 + octet(w, b, len - 1 - top) - octet(w, a, len - 1 - top);
	return difference > 1 ? log2(difference) + 8.0 * (double)(len - top) : 0;
}

static void look_range(const struct look *k, const struct value *v)
{
	const struct line *l = k->l;
	struct watch_finding f;
	double bits;

	if (l->n < WATCH_RANGE_VALUES_MIN || strcmp(l->kind, "modulus") == 0)
		return;
	bits = distance_bits(k->w, &v[0], &v[l->n - 1]);
	if (bits >=
		WATCH_RANGE_BITS_MIN - 4) /* random ones of 64 bits leave some of the range out */
		return;
	snprintf(f.why, sizeof(f.why), "all %zu values lie within a range of 2^%.1f", l->n, bits);
	find(k, &f, WATCH_NARROW);
}

/* Values that mostly grow, by steps that are small beside their range. */
static void look_counter(const struct look *k)
{
	const struct line *l = k->l;
	struct watch_finding f;
	size_t near = 0;

	if (l->n < WATCH_RANGE_VALUES_MIN || strcmp(l->kind, "modulus") == 0)
		return;
	for (size_t i = 1; i < l->n; i++) {
		if (l->v[i].len < l->v[i - 1].len || equal_values(k->w, &l->v[i], &l->v[i - 1]))
			continue;
		near += compare_values(&l->v[i - 1], &l->v[i], k->w->store) < 0 &&
			distance_bits(k->w, &l->v[i - 1], &l->v[i]) < 32;
	}
	if (2 * near < l->n)
		return;
	snprintf(f.why, sizeof(f.why), "%zu of %zu values are the one before and less than 2^32",
		near, l->n - 1);
	find(k, &f, WATCH_COUNTER);
}

enum err_code watch_look(struct watch *w, void (*each)(void *arg, const struct watch_finding *f),
	void *arg, struct err *e)
{
	for (size_t i = 0; i < w->lines; i++) {
		struct look k = {w, w->line[i], each, arg};
		struct value *sorted = malloc(k.l->n * sizeof(*sorted));
		if (sorted == NULL)
			return err_set(
				e, ERR_NO_MEMORY, k.l->product, "to sort %zu values", k.l->n);
		memcpy(sorted, k.l->v, k.l->n * sizeof(*sorted));
		qsort_r(sorted, k.l->n, sizeof(*sorted), compare_values, w->store);
		look_duplicates(&k, sorted);
		look_bias(&k);
		look_range(&k, sorted);
		look_counter(&k);
		free(sorted);
	}
	return ERR_OK;
}

void watch_lines(
	const struct watch *w, void (*each)(void *arg, const struct watch_line *l), void *arg)
{
	for (size_t i = 0; i < w->lines; i++) {
		const struct line *l = w->line[i];
		struct watch_line out = {l->product, l->kind, l->n, (unsigned)(8 * l->longest)};
		each(arg, &out);
	}
}

void watch_values(const struct watch *w,
	void (*each)(void *arg, const char *product, const char *kind, struct bytes value,
		uint64_t place),
	void *arg)
{
	for (size_t i = 0; i < w->lines; i++) {
		const struct line *l = w->line[i];
		for (size_t j = 0; j < l->n; j++)
			each(arg, l->product, l->kind, bytes_of(w->store + l->v[j].at, l->v[j].len),
				l->v[j].place);
	}
}

const char *watch_sign_name(enum watch_sign s)
{
	static const char *const names[] = {
		"duplicate", "bias", "narrow", "counter", "shared-prime"};
	return names[s];
}
