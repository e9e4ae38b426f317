/* Reading texts of lines (C2SP): each line ends in one '\n'; numbers and hashes have one form. */
#ifndef MERKLE_LINES_H
#define MERKLE_LINES_H

#include <stdbool.h>

#include "base/bytes.h"
#include "merkle/tree.h"

/* The next line without its '\n'; false at the end of the text or when the '\n' is missing. */
bool line_next(struct reader *r, struct bytes *line);
/* Take `prefix` off the front of `line`; false when it does not begin so. */
bool line_prefix(struct bytes *line, const char *prefix);
/* Decimal digits, no sign, no leading zero, at most 2^63 - 1. */
bool line_number(struct bytes line, uint64_t *out);
/* Padded base64 of exactly `len` bytes. */
bool line_base64(struct bytes line, uint8_t *out, size_t len);
/* base64 of the hash and '\n'. */
void line_put_hash(struct merkle_hash h, struct buf *out);

#endif
