/* Parts of the OpenPGP reader (RFC 9580; RFC 4880 for what is older). */
#ifndef KEYREAD_OPENPGP_H
#define KEYREAD_OPENPGP_H

#include "keyread/found.h"

/* Packet types (RFC 9580 §5, table 3) that are looked into. */
enum openpgp_tag {
	OPENPGP_SECRET_KEY = 5,
	OPENPGP_PUBLIC_KEY = 6,
	OPENPGP_SECRET_SUBKEY = 7,
	OPENPGP_USER_ID = 13,
	OPENPGP_PUBLIC_SUBKEY = 14,
};

/*
 * The key in the body of a key packet (RFC 9580 §5.5.2); `k` points into `spki`, which it is written
 * into.  Of a secret key only the public half is read.  ERR_KEY_ALGORITHM when the algorithm is
 * not known; ERR_TRAILING, with the key in `k`, when something follows it.
 */
MUST_USE enum err_code openpgp_key_parse(struct bytes body, bool secret, struct buf *spki,
	struct pubkey *k, struct err *e);
/* Do the lengths in the body of a public key packet add up to it?  Costs no more than a look. */
bool openpgp_key_adds_up(struct bytes body);

/* Where the bytes of an armoured block are in the input. */
struct armour;
/*
 * Where decoded byte `offset` stands: offset and line of its line.  True when a character near it
 * was no base64, so that the `len` bytes from there on are not what was meant.
 */
bool armour_place(const struct armour *a, uint64_t offset, uint64_t len, struct key_place *at);

/* Packets to the end of `s`; `a` is NULL when they are not armoured. */
void openpgp_read_packets(struct found *f, struct stream *s, const struct armour *a);

#endif
