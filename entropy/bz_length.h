/*
 * How many bytes bzip2 makes of samples written as decimal numbers with spaces between them: the
 * compression statistic of SP 800-90B, section 5.1.11.
 *
 * The permutation tests want this number up to 10,000 times and the compressed bytes never.  So it is
 * counted, not compressed: the same blocks, the same sorted rotations, the same Huffman tables as
 * libbz2 chooses, but rotations are sorted by whole numbers and not by their digits.  Equal to
 * libbz2's own output, byte for byte of length: tests/unit/entropy/test_bz_length.c.
 */
#ifndef ENTROPY_BZ_LENGTH_H
#define ENTROPY_BZ_LENGTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The block size that NIST's program uses; the result depends on it. */
#define BZ_LEVEL 5
/* Characters of a block; a run of equal ones is not cut, and at most three digits are equal. */
#define BZ_BLOCK_MAX (BZ_LEVEL * 100000 - 19)
#define BZ_BLOCK_CAP (BZ_BLOCK_MAX + 8)

struct bz_work;

/* Memory for texts of any length, some 20 MiB; NULL without it. */
struct bz_work *bz_work_new(void);
void bz_work_free(struct bz_work *w);

/* Length for n > 0 samples; 0 without memory (only tiny inputs need any). */
size_t bz_length(struct bz_work *w, const uint8_t *samples, size_t n);

#endif
