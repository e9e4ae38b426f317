/*
 * A layer below SQLite that makes the n-th write, truncation or fsync fail, or takes the power away
 * there.  What was not fsynced then is lost, or lost in part.
 */
#ifndef TESTS_UNIT_STORE_FAULTY_VFS_H
#define TESTS_UNIT_STORE_FAULTY_VFS_H

#include <stdbool.h>

enum fault {
	FAULT_FULL_ONCE,   /* one operation finds no space */
	FAULT_FULL,        /* from then on none does */
	FAULT_IO_ONCE,     /* one operation fails */
	FAULT_IO,          /* from then on every one */
	FAULT_POWER,       /* everything since the last fsync of each file is gone */
	FAULT_POWER_SOME,  /* some of it is */
	FAULT_POWER_LYING_DISK /* everything is gone: fsync did nothing */
};

/* Stand before the default VFS: operation number `at` (from 1) gets the fault; 0: none. */
void faulty_vfs_install(enum fault fault, unsigned at, unsigned seed);
/* Step aside; after a power cut, leave the files as the disk would have kept them. */
void faulty_vfs_remove(void);
unsigned faulty_vfs_operations(void); /* since faulty_vfs_install */
bool faulty_vfs_hit(void);

#endif
