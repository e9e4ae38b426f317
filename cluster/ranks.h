/* The ranks of an MPI run: what they tell each other, in words of 64 bits. */
#ifndef CLUSTER_RANKS_H
#define CLUSTER_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A communication that fails ends all ranks (MPI_ERRORS_ARE_FATAL): checkpoints are for that. */
void ranks_begin(int *argc, char ***argv);
/* All have agreed on how it ended; the exit status of this one. */
int ranks_end(enum err_code err);
int rank_mine(void);
int rank_count(void);

/*
 * All call it with how their step went; one that failed says why (once for each failure).  True
 * when no step failed anywhere.  The status that ranks_end() gives is that of the first failure.
 */
bool ranks_agree(enum err_code err, const struct err *e);

/* From one rank to all; `n` words, which all know. */
void ranks_tell_from(int rank, uint64_t *words, size_t n);
void ranks_tell(uint64_t *words, size_t n); /* from rank 0 */
uint64_t ranks_max(uint64_t mine);
uint64_t ranks_sum(uint64_t mine);

/* From one rank to another, with the length.  The receiver frees it; NULL without memory. */
void rank_send(int to, const uint64_t *words, size_t n);
uint64_t *rank_receive(int from, size_t *n);

/* A rank's part of half of what its machine has free. */
uint64_t rank_memory(void);

#endif
