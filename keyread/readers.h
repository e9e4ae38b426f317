/* The readers of the formats, as keyread_fd calls them: one file each. */
#ifndef KEYREAD_READERS_H
#define KEYREAD_READERS_H

#include "keyread/found.h"

/* Each reads `s` to its end, or until f->stopped. */
void pem_read(struct found *f, struct stream *s);
void der_stream_read(struct found *f, struct stream *s);
void ssh_read(struct found *f, struct stream *s);
void json_read(struct found *f, struct stream *s);
void openpgp_read(struct found *f, struct stream *s);
void csv_read(struct found *f, struct stream *s);
void ct_tile_read(struct found *f, struct stream *s);

/* Parts that one reader lends to another. */

/* One armoured OpenPGP block, from its BEGIN line on; takes the stream to behind it. */
void openpgp_read_armoured(struct found *f, struct stream *s);
/* A public key blob (RFC 4253 §6.6) or an OpenSSH certificate; an error is damage. */
MUST_USE enum err_code ssh_blob_read(struct found *f, struct bytes blob, struct err *e);
/* OpenSSH's own private key file, decoded (PROTOCOL.key): its public half. */
MUST_USE enum err_code ssh_private_read(struct found *f, struct bytes file, struct err *e);
/* A block of RFC 4716, without its first and last line. */
MUST_USE enum err_code ssh_block_read(struct found *f, struct bytes body, struct err *e);
/* Is the line one that ssh_read understands? */
bool ssh_is_line(struct bytes line);
/* Is it one that csv_read does, without being told? */
bool csv_is_line(struct bytes line);
/* Could `b` be the beginning of a data tile, of OpenPGP packets? */
bool ct_tile_is_start(struct bytes b);
bool openpgp_is_start(struct bytes b);

/* The format of what begins with `b`; KEYREAD_FORMATS when it is none. */
enum keyread_format detect_format(struct bytes b);

#endif
