/*
 * Every message between the processes of medseald, in one table (ipc/message.c; docs/spec/ipc.md is
 * compared with it).  A message is one SOCK_SEQPACKET datagram: u16 type, u16 number of fields,
 * u32 request id, then the fields in the table's order, each a u64 or a u32 length and that many
 * bytes; it may carry one file descriptor where the table says so (a sealed memfd).  Whoever
 * receives a message that the table does not allow from that sender breaks off with it: a surprise
 * is fatal to the sender.
 */
#ifndef IPC_MESSAGE_H
#define IPC_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum role { ROLE_PARENT, ROLE_WORKER, ROLE_KEEPER, ROLE_SIGNER, ROLE_COUNT };

/* Longest single fields, by what they hold. */
#define MESSAGE_TEXT_MAX 256    /* names, serials, error objects */
#define MESSAGE_REASON_MAX 320  /* ERR_REASON_MAX */
#define MESSAGE_SPKI_MAX 2048   /* KEY_SPKI_MAX */
#define MESSAGE_NAME_MAX 4096   /* a DER Name or GeneralNames out of a certificate or CSR */
#define MESSAGE_CERT_MAX 8192   /* CERT_DER_MAX */
#define MESSAGE_TBS_MAX 512     /* what a TLS server signs: RFC 8446 §4.4.3, RFC 8422 §5.4 */
#define MESSAGE_SIG_MAX 1024    /* RSA-8192 */
#define MESSAGE_ENVELOPE_MAX 6144 /* APPROVAL_ENVELOPE_MAX: a signed statement about a release */
#define MESSAGE_APPROVALS_MAX 49184 /* APPROVALS_MAX of them as a list */
#define MESSAGE_BODY_MAX 49152  /* API_BODY_MAX; a larger answer travels as a memfd */
#define MESSAGE_HASH_SIZE 32
#define MESSAGE_SERIAL_SIZE 16

/* One datagram; a CSR, certificates and an API body fit.  Larger things travel as a memfd. */
#define MESSAGE_MAX 65536
#define MESSAGE_FIELDS_MAX 16

enum message_type {
	MSG_NONE,
	/* any -> parent, parent -> any */
	MSG_READY,   /* {} the process is sandboxed and serves */
	MSG_PEER,    /* {role, slot} + fd: your end of a channel to that process */
	MSG_STOP,    /* {grace} finish what was begun, then exit; a worker's idle connections may stay
	              * `grace` seconds for one more request each */
	MSG_POLICY,  /* parent -> keeper {ticket lifetime, its maximum, CRL lifetime, image maximum}:
	              * a new configuration holds.  `approvals` is not here: a rule that guards
	              * against a stolen keeper changes only with a restart. */
	/* worker <-> signer */
	MSG_TLS_SIGN,   /* {scheme, tbs}: the server's CertificateVerify or ServerKeyExchange */
	MSG_TLS_SIGNED, /* {signature} */
	/* worker <-> keeper */
	MSG_TRUST,      /* keeper -> worker {generation} + fd: manufacturer certificates, each a
	                 * u32be length and name, a u32be length and DER, up to the end */
	MSG_ENROL,      /* struct enrol_request of authority/enrol.h, field by field */
	MSG_ENROLLED,   /* {certificate DER} */
	MSG_SELF,       /* {fingerprint of the peer's certificate}: what am I; counts as its use */
	MSG_CRL,        /* {} */
	MSG_CALL,       /* struct api_call of protocol/api.h, field by field, perhaps + fd (body) */
	MSG_RESULT,     /* {HTTP status, content type, body} or {.., empty} + fd (large body) */
	MSG_REFUSED,    /* {err_code name, object, reason, retry-after seconds} */
	/* keeper <-> signer */
	MSG_SIGN_CERT,       /* the fields of struct cert_fields; "" is NULL; `names` as a list */
	MSG_SIGN_CRL,        /* {number, this update, next update} + fd: entries, each a u32be length
	                      * and serial in hex, u64be revoked_at, u8 reason, up to the end */
	MSG_SIGN_RELEASE,    /* {proposal envelope, approvals as a list, time} + fd: the image */
	MSG_SIGN_CHECKPOINT, /* {origin, size, root} */
	MSG_SIGNED,          /* {what was made} */
	/* keeper -> parent */
	MSG_RENEWED, /* {} certs/tls.pem is another: new workers take it, the old ones go */
	MSG_COUNT
};

/*
 * A list inside a bytes field is its items one after the other, each a u32be length and that many
 * bytes (buf_field, read_field).  A signed number travels as its two's complement.
 */
struct message_field {
	uint64_t num;       /* F_NUM */
	struct bytes bytes; /* F_BYTES and F_TEXT; a view; text has no NUL inside and is not terminated */
};

struct message {
	enum message_type type;
	uint32_t id; /* chosen by whoever asks; the answer carries it back */
	int fd;      /* -1: none.  Owned by the struct. */
	size_t n;
	struct message_field f[MESSAGE_FIELDS_MAX];
};

/* Encode into `out` (reset first).  Refuses what the table does not allow. */
MUST_USE enum err_code message_encode(const struct message *m, struct buf *out, struct err *e);
/*
 * Parse one datagram that came from a process of role `from` to one of role `to`.  ERR_PROTOCOL
 * for a type, direction, field count, size or descriptor the table does not allow, trailing bytes
 * included.  Views point into `datagram`.
 */
MUST_USE enum err_code message_parse(struct bytes datagram, int fd, enum role from, enum role to,
	struct message *out, struct err *e);
const char *message_name(enum message_type t);
/* The table as text, for docs/spec/ipc.md. */
void message_print_table(struct buf *out);

/*
 * A channel: one end of a SOCK_SEQPACKET socketpair.
 */
struct channel {
	int fd;
	enum role self;
	enum role peer;
	unsigned slot;      /* which worker, on the keeper's and the signer's side */
	struct buf scratch; /* encoding */
	uint8_t *in;        /* MESSAGE_MAX bytes; views of the last received message live here */
};

MUST_USE enum err_code channel_pair(int fds[2], struct err *e);
MUST_USE enum err_code channel_open(struct channel *c, int fd, enum role self, enum role peer,
	unsigned slot, struct err *e);
/* Blocking send; ERR_UNAVAILABLE when the peer is gone.  The descriptor stays the caller's. */
MUST_USE enum err_code channel_send(struct channel *c, const struct message *m, struct err *e);
/* The same, but ERR_BUSY instead of waiting when the peer reads too slowly. */
MUST_USE enum err_code channel_try_send(struct channel *c, const struct message *m,
	struct err *e);
/* Receive one: ERR_BUSY when nothing is there and !wait; ERR_UNAVAILABLE at end of file;
 * ERR_PROTOCOL for what message_parse refuses. */
MUST_USE enum err_code channel_receive(struct channel *c, bool wait, struct message *out,
	struct err *e);
void channel_close(struct channel *c);

/* A memfd in pieces, sealed at its end. */
MUST_USE enum err_code memfd_start(const char *name, int *fd, struct err *e);
MUST_USE enum err_code memfd_add(int fd, struct bytes data, struct err *e);
MUST_USE enum err_code memfd_seal(int fd, struct err *e);
/* A sealed memfd with these bytes (F_SEAL_WRITE|SHRINK|GROW|SEAL), and reading one back: refuses a
 * descriptor that is not fully sealed or larger than `max`; the mapping is freed by memfd_unmap. */
MUST_USE enum err_code memfd_make(const char *name, struct bytes data, int *fd, struct err *e);
MUST_USE enum err_code memfd_map(int fd, uint64_t max, struct bytes *data, struct err *e);
void memfd_unmap(struct bytes data);

#endif
