/*
 * Samples that are the same on every machine, made when a test runs, for which the results of NIST's
 * program are known.  Only integers are used to make them.
 */
#ifndef TESTS_UNIT_ENTROPY_SOURCES_H
#define TESTS_UNIT_ENTROPY_SOURCES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* splitmix64 (Steele, Lea, Flood, 2014) */
static inline uint64_t source_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

enum source {
	SOURCE_FLAT,     /* all values alike */
	SOURCE_BIASED,   /* the sum of two: a triangle, low values cut off */
	SOURCE_MARKOV,   /* stays where it is three times of four */
	SOURCE_COUNTER,  /* 0, 1, 2, ... */
	SOURCE_REPEAT,   /* flat, but the second half is the first again */
	SOURCE_SPARSE,   /* 0 but once in a hundred */
	SOURCE_GAPS,     /* flat over every third value */
	SOURCE_DRIFT,    /* a slow wave under noise */
	SOURCE_ALTERNATE /* 0, 1, 0, 1 */
};

static inline void source_fill(enum source kind, unsigned bits, uint8_t *out, size_t n)
{
	uint64_t state = 1000 * (uint64_t)kind + bits, mask = (1u << bits) - 1;
	uint8_t before = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t v = source_next(&state);
		switch (kind) {
		case SOURCE_FLAT:
		case SOURCE_REPEAT:
			v &= mask;
			break;
		case SOURCE_BIASED:
			v = ((v & mask) + (v >> 8 & mask)) / 2;
			v = bits == 1 ? (v | (state >> 60 & 1)) : v;
			break;
		case SOURCE_MARKOV:
			v = (v >> 32 & 3) != 0 ? before : v & mask;
			break;
		case SOURCE_COUNTER:
			v = i & mask;
			break;
		case SOURCE_SPARSE:
			v = v >> 32 > UINT32_MAX / 100 ? 0 : v & mask;
			break;
		case SOURCE_GAPS:
			v = (v >> 32) % (mask / 3 + 1) * 3;
			break;
		case SOURCE_DRIFT:
			v = ((i >> 9 & mask) + (v & mask >> 1)) & mask;
			break;
		case SOURCE_ALTERNATE:
			v = i & 1;
			break;
		}
		before = out[i] = (uint8_t)v;
	}
	if (kind == SOURCE_REPEAT)
		memcpy(out + n / 2, out, n - n / 2);
}

#endif
