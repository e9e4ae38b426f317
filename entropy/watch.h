/*
 * Early signs of poor randomness in what a fleet sends: numbers that should be random (serial
 * numbers, nonces, the moduli of keys), sorted by the product line they come from.  One device tells
 * nothing; a thousand of one kind do.
 *
 * What is found:
 *	duplicate   the same value twice
 *	bias        a bit that is 1 too often or too seldom for chance (binomial, corrected for the
 *	            number of bits that are looked at)
 *	narrow      all values lie in a range of fewer bits than an attacker should have to try
 *	counter     each value is a little above the one before
 *	shared-prime  two moduli have a prime in common (found by the caller, who has watch_values)
 */
#ifndef ENTROPY_WATCH_H
#define ENTROPY_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* A value is at most a modulus of 16,384 bits; what is longer is no nonce. */
#define WATCH_VALUE_MAX 2048
#define WATCH_PRODUCT_MAX 128
#define WATCH_KIND_MAX 32
/* Product lines times kinds: a maker has some hundreds; hostile input must not make millions. */
#define WATCH_LINES_MAX 65536
/* Values at once: some 1 GiB with 16-octet values. */
#define WATCH_VALUES_MAX 16000000
/* The chance that a line of truly random values is called biased. */
#define WATCH_ALPHA 1e-6
/* Fewer values say nothing of bits; with these a bit that is always 1 has a chance of 2^-63. */
#define WATCH_BIAS_MIN 64
/* Serial numbers: CA/Browser Forum baseline requirements, 7.1; nonces of less can be guessed. */
#define WATCH_RANGE_BITS_MIN 64
#define WATCH_RANGE_VALUES_MIN 8

enum watch_sign { WATCH_DUPLICATE, WATCH_BIAS, WATCH_NARROW, WATCH_COUNTER, WATCH_SHARED_PRIME };

struct watch_finding {
	enum watch_sign sign;
	const char *product, *kind;
	char why[320];
};

struct watch_line {
	const char *product, *kind;
	uint64_t values;
	unsigned bits; /* of the longest value */
};

struct watch;

struct watch *watch_new(void); /* NULL without memory */
/*
 * A big-endian value of a product line.  `kind`: "serial", "nonce", "modulus", ...; of "serial" the
 * top octet, which DER keeps below 128, and of "modulus" the ends, which are set, are not tested for
 * bias, nor is a modulus for its range.  `place` (a line number, or what watch_name_places says) is
 * told with duplicates.
 * ERR_LIMIT above the limits.
 */
MUST_USE enum err_code watch_add(struct watch *w, const char *product, const char *kind,
	struct bytes value, uint64_t place, struct err *e);
/* What findings call a place: `name` writes it into `out`.  Without this a place is its number. */
#define WATCH_PLACE_MAX 80
void watch_name_places(struct watch *w,
	void (*name)(void *arg, uint64_t place, char out[WATCH_PLACE_MAX]), void *arg);
void watch_place_name(const struct watch *w, uint64_t place, char out[WATCH_PLACE_MAX]);
/* Look at all that was added: each finding in turn, line by line in the order they came. */
MUST_USE enum err_code watch_look(struct watch *w,
	void (*each)(void *arg, const struct watch_finding *f), void *arg, struct err *e);
void watch_lines(const struct watch *w, void (*each)(void *arg, const struct watch_line *l),
	void *arg);
/* All values, line by line; views as long as nothing is added. */
void watch_values(const struct watch *w,
	void (*each)(void *arg, const char *product, const char *kind, struct bytes value,
		uint64_t place),
	void *arg);
const char *watch_sign_name(enum watch_sign s);
void watch_free(struct watch *w);

/*
 * One line of a list (docs/spec/watch.md): "product,hex", or a JSON object with "product" and
 * "value", and perhaps "kind" (else "nonce").  Empty lines, lines that begin with '#' and the head
 * "product,value" are passed over.  ERR_MALFORMED says what is wrong with it.
 */
#define WATCH_TEXT_MAX (2 * WATCH_VALUE_MAX + 1024)
MUST_USE enum err_code watch_add_text(struct watch *w, struct bytes line, uint64_t place,
	struct err *e);

#endif
