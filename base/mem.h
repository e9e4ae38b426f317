/* Memory: wiping, constant-time comparison, and process-wide protection of secrets. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Overwrite `len` bytes; the compiler may not leave it out. */
void mem_wipe(void *p, size_t len);

/* Equal?  Time depends on `len` alone. */
MUST_USE bool mem_equal_ct(const void *a, const void *b, size_t len);

/* No core dump and no ptrace of this process by its own user: before a secret is read. */
MUST_USE enum err_code mem_protect_process(struct err *e);

/* Copy of `s` on the heap, or NULL without memory. */
char *mem_strdup(const char *s);

#endif
