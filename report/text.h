/*
 * Text that others wrote (a subject, a comment, a file's name), made fit to be shown: well-formed
 * UTF-8 without control characters and without the characters that turn the order of others round
 * (Unicode TR 36 §3.1).  What is not so becomes U+FFFD, a character for each byte or character.
 */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include "base/bytes.h"

/* Append it; at most `max` bytes of `text` are taken, and an ellipsis stands for the rest. */
void text_clean(struct buf *out, struct bytes text, size_t max);
/* The next character of `text` as it may be shown; `used` (above 0) is what it took of `text`. */
struct bytes text_next(struct bytes text, size_t *used);

#endif
