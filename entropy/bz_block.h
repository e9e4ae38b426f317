/* One block of bzip2 for entropy/bz_length.c: from numbers to the last column of its rotations. */
#ifndef ENTROPY_BZ_BLOCK_H
#define ENTROPY_BZ_BLOCK_H

#include "entropy/bz_length.h"

/* Characters in the order bzip2 sorts them: a space, then the digits. */
#define BZ_SPACE 0
#define BZ_DIGIT(d) (1 + (d))
#define BZ_CHARS 11

/* The digits of a number; at most six where the end of a block meets its beginning. */
#define BZ_WORD_MAX 7
/* A number and a space are two characters at least. */
#define BZ_WORDS_MAX (BZ_BLOCK_CAP / 2 + 2)
/* 0 to 255, and the number that is made of the block's end and beginning. */
#define BZ_NAMES 257
/* What is left of a number from some digit on: 1 + 10 + 100 + 256 of usual ones and the odd one's. */
#define BZ_RESTS (367 + BZ_WORD_MAX)

struct bz_word {
	uint8_t len; /* digits and the space */
	uint8_t c[BZ_WORD_MAX];
};

struct bz_pair {
	uint64_t key;
	uint32_t place;
};

struct bz_block {
	struct bz_word word[BZ_NAMES]; /* by name: the numbers, then the odd one */
	uint16_t name[BZ_WORDS_MAX];   /* the block as a ring of words */
	uint32_t words;

	uint16_t order[BZ_NAMES]; /* rank of a name among those that occur */
	unsigned order_bits;
	struct bz_pair pair[BZ_WORDS_MAX], spare[BZ_WORDS_MAX];
	uint32_t rank[BZ_WORDS_MAX];

	uint8_t last[BZ_BLOCK_CAP]; /* the result: the character before each rotation, in order */
	uint32_t chars;
};

/* The words 0 to 255. */
void bz_block_init(struct bz_block *b);
/* Sort the rotations of the ring of words and fill `last` and `chars`. */
void bz_block_sort(struct bz_block *b);

#endif
