/* A database in a folder of its own, removed at the end. */
#ifndef TESTS_UNIT_STORE_TEMP_STORE_H
#define TESTS_UNIT_STORE_TEMP_STORE_H

#include "store/store.h"

struct temp_store {
	char folder[40];
	char path[60];
	struct store *store;
};

void temp_store_start(struct temp_store *t); /* made and open */
void temp_store_reopen(struct temp_store *t);
void temp_store_end(struct temp_store *t);

/* Things to put in, with `n` in their names; 32-byte names are filled from `n`. */
struct device device_of(unsigned n);
struct ticket ticket_of(unsigned n);
struct cert_row cert_of(unsigned n, const char *device);
void id_of(unsigned n, uint8_t out[SHA256_SIZE]);
/* Log entry `seq` with some text. */
enum err_code log_add(struct store *s, uint64_t seq, const char *act, const char *object,
	struct err *e);

#define OK(call) assert_int_equal((call), ERR_OK)

#endif
