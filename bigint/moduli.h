/* The moduli file as the engine sees it: limbs, and how they lie.  The rest is bigint/batch.h. */
#ifndef BIGINT_MODULI_H
#define BIGINT_MODULI_H

#include "bigint/batch.h"

#define MODULI_MAGIC "MSEALMOD"
#define MODULI_VERSION 1
#define MODULI_HEAD 64 /* bytes before the first modulus */
/* Above every key; so that one damaged length cannot ask for all memory. */
#define MODULI_BYTES_MAX 1048576

/* Little-endian limbs, the highest not 0; a view that lives as long as the file is open. */
const uint64_t *moduli_limbs(const struct moduli *m, uint64_t i, size_t *n);
/* Names the file's content: equal for files that hold the same moduli in the same order. */
uint64_t moduli_sum(const struct moduli *m);
/*
 * Neighbours of like size make products of like size: the moduli's numbers by size, then as they
 * stand.  NULL when all have one size; else the caller's, for free().
 */
MUST_USE enum err_code moduli_by_size(const struct moduli *m, uint64_t **out, struct err *e);
/* The path it was opened with. */
const char *moduli_path(const struct moduli *m);

#endif
