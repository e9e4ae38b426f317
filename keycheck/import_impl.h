/* Shared by lists_import.c and import_pem.c. */
#ifndef KEYCHECK_IMPORT_IMPL_H
#define KEYCHECK_IMPORT_IMPL_H

#include "keycheck/lists_import.h"

struct import {
	const struct import_options *o;
	struct import_counts *counts;
	struct list_maker *maker; /* made with the first entry, which shows the kind */
	unsigned source;
};

MUST_USE enum err_code import_start(
	struct import *im, enum list_kind kind, unsigned hash_size, struct err *e);
/* Every PEM block: of keys and certificates the public number, or an RSA key's primes. */
MUST_USE enum err_code import_pem(struct import *im, struct bytes file, struct err *e);

#endif
