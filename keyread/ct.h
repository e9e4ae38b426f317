/* Entries of certificate transparency logs (RFC 6962 §3.4, §4.6; C2SP static-ct-api). */
#ifndef KEYREAD_CT_H
#define KEYREAD_CT_H

#include "keyread/found.h"

/*
 * The certificates of chains that were handed on already: a log repeats the same few hundred
 * issuers in millions of entries, and each is read once a file.  SHA-256 of each; begins anew when
 * full, after which an issuer is handed on once more.
 */
struct ct_seen;
MUST_USE enum err_code ct_seen_new(struct ct_seen **out, struct err *e);
/* Was it there?  It is now. */
bool ct_seen_before(struct ct_seen *seen, struct bytes der);
void ct_seen_free(struct ct_seen *seen);

/*
 * One entry: the MerkleTreeLeaf and the extra_data of get-entries.  An error is damage, after
 * whatever could be handed on.
 */
MUST_USE enum err_code ct_entry_read(struct found *f, struct bytes leaf, struct bytes extra,
	struct ct_seen *seen, struct err *e);

/* A u24be length and that many bytes (ASN.1Cert, RFC 6962 §3.1). */
struct bytes ct_read_cert(struct reader *r);

enum ct_entry_type {
	CT_X509_ENTRY = 0,
	CT_PRECERT_ENTRY = 1,
};

#endif
