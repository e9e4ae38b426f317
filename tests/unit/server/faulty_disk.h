/*
 * A disk that fails on demand, below everything: fsync, fdatasync and pwrite of this program,
 * libraries included, come by here first.
 */
#ifndef TESTS_FAULTY_DISK_H
#define TESTS_FAULTY_DISK_H

#include <stdbool.h>

enum disk_op { DISK_SYNC, DISK_WRITE };

/* From now on the n-th (1, 2, ...) operation of this kind fails once; 0: none does. */
void disk_fail(enum disk_op op, int n);
/* Every write from now on finds the disk full, until disk_fail(..., 0). */
void disk_full(void);
/* How many of this kind came by since the last call of disk_fail. */
int disk_count(enum disk_op op);
bool disk_failed(void);

/*
 * What would be left after the power went: from now on each file of the database that is synced is
 * copied, as it is at that moment, into this folder.  NULL: no longer.
 */
void disk_mirror(const char *folder);

#endif
