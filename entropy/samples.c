#include "entropy/samples.h"

#include <stdlib.h>
#include <string.h>

static unsigned width_of(uint8_t max)
{
	unsigned bits = 1;
	while (bits < SAMPLES_BITS_MAX && max >> bits != 0)
		bits++;
	return bits;
}

static enum err_code check_width(
	struct bytes data, unsigned bits, const char *object, struct err *e)
{
	size_t first = 0, wider = 0;
	for (size_t i = 0; i < data.len; i++) {
		if (data.p[i] >> bits == 0)
			continue;
		if (wider++ == 0)
			first = i;
	}
	if (wider == 0)
		return ERR_OK;
	return err_set(e, ERR_SAMPLE_WIDTH, object,
		"the sample at offset %zu is 0x%02x, which has more than %u bit%s; %zu of %zu "
		"samples do",
		first, data.p[first], bits, bits == 1 ? "" : "s", wider, data.len);
}

/* Number the values that occur. */
static void number(struct samples *s)
{
	bool seen[256] = {false};
	uint8_t name[256] = {0};
	for (size_t i = 0; i < s->n; i++)
		seen[s->raw[i]] = true;
	for (unsigned v = 0; v < 256; v++) {
		if (!seen[v])
			continue;
		name[v] = (uint8_t)s->alphabet;
		s->value[s->alphabet++] = (uint8_t)v;
		s->max = (uint8_t)v;
	}
	for (size_t i = 0; i < s->n; i++)
		s->symbols[i] = name[s->raw[i]];
}

enum err_code samples_take(
	struct bytes data, unsigned bits, const char *object, struct samples *out, struct err *e)
{
	struct samples s = {.n = data.len};
	uint8_t max = 0;

	if (bits > SAMPLES_BITS_MAX)
		return err_set(e, ERR_USAGE, object, "%u bits: a sample has 1 to 8", bits);
	if (data.len < SAMPLES_MIN)
		return err_set(e, ERR_TRUNCATED, object, "%zu samples; %d are the least", data.len,
			SAMPLES_MIN);
	if (data.len > SAMPLES_MAX)
		return err_set(e, ERR_LIMIT, object, "more than %u samples", SAMPLES_MAX);
	for (size_t i = 0; i < data.len; i++)
		max = data.p[i] > max ? data.p[i] : max;
	s.bits = bits != 0 ? bits : width_of(max);
	if (max >> s.bits != 0)
		return check_width(data, s.bits, object, e);
	s.raw = malloc(s.n);
	s.symbols = malloc(s.n);
	if (s.raw == NULL || s.symbols == NULL) {
		samples_free(&s);
		return err_set(e, ERR_NO_MEMORY, object, "for %zu samples", data.len);
	}
	memcpy(s.raw, data.p, s.n);
	number(&s);
	*out = s;
	return ERR_OK;
}

uint8_t *samples_bits(const struct samples *s)
{
	uint8_t *bits = malloc(s->n * s->bits);
	uint8_t *to = bits;
	if (bits == NULL)
		return NULL;
	for (size_t i = 0; i < s->n; i++) {
		for (unsigned b = s->bits; b-- > 0;)
			*to++ = s->raw[i] >> b & 1;
	}
	return bits;
}

void samples_free(struct samples *s)
{
	if (s == NULL)
		return;
	free(s->raw);
	free(s->symbols);
	*s = (struct samples){0};
}
