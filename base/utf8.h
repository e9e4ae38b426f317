/* UTF-8 (RFC 3629): what may stand in a text that is signed, stored or shown. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>

#include "base/bytes.h"

/* Well formed (no overlong form, no surrogate, nothing above U+10FFFF) and without control
 * characters: no U+0000 to U+001F, no U+007F to U+009F. */
bool utf8_is_text(struct bytes b);
/* Length in bytes of the character of such a text at `p`, 0 when there is none there. */
size_t utf8_character(const uint8_t *p, size_t left);

#endif
