/*
 * Private keys that somebody wrote down instead of drawing them: octets that repeat, count up or
 * spell a word, powers of two.  A numbered list, the same for each kind of key.
 */
#ifndef KEYCHECK_PATTERNS_H
#define KEYCHECK_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMALL_KEY_TEXT 96

/* How many there are for keys of `size` octets. */
unsigned patterns_count(size_t size);
/* The i-th, big-endian in `size` octets; `what` (may be NULL) says in words what it is. */
void patterns_get(unsigned i, size_t size, uint8_t *out, char what[SMALL_KEY_TEXT]);

#endif
