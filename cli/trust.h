/* What a verifier brings along: a root certificate, a log's key, a CRL; each from a file. */
#ifndef CLI_TRUST_H
#define CLI_TRUST_H

#include "merkle/note.h"
#include "x509/cert.h"

/* A vkey: the file's one line. */
MUST_USE enum err_code trust_log_key(const char *path, struct note_key *out, struct err *e);
/* A CRL as DER or PEM; DER into the empty `out`. */
MUST_USE enum err_code trust_crl(const char *path, struct buf *out, struct err *e);

#endif
