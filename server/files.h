/* Small files of the realm that keeper and signer read at their start. */
#ifndef SERVER_FILES_H
#define SERVER_FILES_H

#include "authority/realm.h"
#include "merkle/note.h"
#include "x509/cert.h"

/* Append DIR/part to `out`, whose limit holds; ERR_NOT_FOUND when there is no such file. */
MUST_USE enum err_code files_read(const char *dir, const char *part, struct buf *out,
	struct err *e);
/* DIR/certs/NAME.pem; cert_free. */
MUST_USE enum err_code files_cert(const char *dir, const char *part, struct cert *out,
	struct err *e);
/* DIR/certs/log.vkey */
MUST_USE enum err_code files_log_key(const char *dir, struct note_key *out, struct err *e);
/* DIR/certs/root.crl, DER; nothing is appended when the root has revoked nobody yet. */
MUST_USE enum err_code files_root_crl(const char *dir, struct buf *out, struct err *e);

#endif
