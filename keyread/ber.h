/*
 * BER as it is met (X.690 §8), for finding keys in what others wrote.  crypto/der.h refuses what
 * DER forbids, which is right for what we certify; here the key matters and not the encoder's
 * virtue, so these are let pass:
 *   - lengths in longer forms than needed, and indefinite ones (PKCS#7 of old tools and smart
 *     cards; X.690 §8.1.3);
 *   - tags above 30.
 * Bounds are never let pass: no element reaches beyond the one that holds it.
 */
#ifndef KEYREAD_BER_H
#define KEYREAD_BER_H

#include "base/bytes.h"
#include "crypto/der.h"

struct ber {
	unsigned tag;          /* the identifier octet; 0 when there was no element */
	struct bytes content;  /* without the end-of-contents of an indefinite length */
	struct bytes whole;
};

/* The next element of `r`, which goes bad when there is none that is whole. */
struct ber ber_next(struct reader *r);
/* As ber_next; an indefinite length is bad, so that the cost does not depend on the content. */
struct ber ber_next_definite(struct reader *r);
/* The next element, which must have this tag. */
struct ber ber_take(struct reader *r, unsigned tag);
/* A reader over the content of the next element, which must have this tag. */
struct reader ber_enter(struct reader *r, unsigned tag);
/* The value of a BIT STRING of whole octets (unused bits are not looked at). */
struct bytes ber_bits(struct reader *r);
/*
 * How long the element at the beginning of `b` is in all; `b` may end inside it.  0 when more of it
 * is needed to tell, or, with *bad, when it is no element.
 */
uint64_t ber_size(struct bytes b, bool *bad);

#endif
