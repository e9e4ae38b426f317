/*
 * System calls that fail on demand, or at which the process dies, for the files of a batch: what
 * bigint/ calls comes by here first (the linker's --wrap, so that nobody else's calls are counted).
 */
#ifndef TESTS_UNIT_BIGINT_FAULTY_CALLS_H
#define TESTS_UNIT_BIGINT_FAULTY_CALLS_H

enum call { CALL_OPEN, CALL_WRITE, CALL_PWRITE, CALL_FSYNC, CALL_RENAME, CALL_FALLOCATE, CALLS };

/* Instead of an errno: the process is killed before the call, or half of it is written. */
#define FAULT_KILL (-1)
#define FAULT_SHORT (-2)

/* From now on the n-th call (1, 2, ...) of this kind fails once; 0: none does.  Counts anew. */
void calls_fail(enum call call, int n, int fault);
/* How many of this kind came by since calls_fail(). */
int calls_count(enum call call);
const char *calls_name(enum call call);

#endif
