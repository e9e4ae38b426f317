/*
 * The keeper: decides and remembers.  This header is its inside, for server/keeper*.c, batch.c and
 * tests/unit/server; other processes meet it as messages.
 *
 * Invariants (docs/design/keeper.md has the picture):
 *  1. a reply that says "done" leaves after the commit that made it true;
 *  2. a batch is one transaction: all of its accepted changes with their log entries, or none;
 *  3. no two requests of one device, and no two for one key, stand in the same batch;
 *  4. between batches no transaction is open and the audit state is the database's;
 *  5. the signer signs checkpoints of committed entries only;
 *  6. whatever a worker sends, the keeper never waits for that worker.
 */
#ifndef SERVER_KEEPER_H
#define SERVER_KEEPER_H

#include "authority/enrol.h"
#include "authority/realm.h"
#include "ipc/message.h"
#include "protocol/api.h"
#include "server/process.h"

/* Requests in one transaction: enough to share an fsync, few enough to bound the wait. */
#define BATCH_MAX 128
/* Requests put off to the next batch; while there are more, channels are not read. */
#define WAITING_MAX (2 * BATCH_MAX)
/* Certificates asked of the signer before the first answer is read: what a socket's buffers hold
 * in both directions with room to spare. */
#define SIGN_WINDOW 32
/* A silent signer is a broken signer, in milliseconds. */
#define SIGNER_PATIENCE_MS 30000
/* Answers kept for a worker that does not read; one more and it is cut off. */
#define OUTBOX_MAX 4096

struct waiting_answer; /* server/seat.c */

/* A worker as the keeper sees it. */
struct seat {
	bool used;
	uint32_t sitting; /* changes with each worker that takes the seat */
	struct channel channel;
	struct waiting_answer *first;
	struct waiting_answer *last;
	size_t waiting;
};

/* Which transaction a request may share. */
enum job_kind {
	JOB_SHARED, /* with everything else */
	JOB_ALONE,  /* long, or its failure is not the store's: an image, a publication */
	JOB_AFTER,  /* wants a checkpoint of all that is committed: proofs, bundles, exports */
};

/* One request, from its arrival until its answer is sent. */
struct job {
	struct seat *seat;
	uint32_t sitting;
	struct message m; /* views into mem */
	uint8_t *mem;     /* a channel's receive buffer, taken over */
	enum job_kind kind;
	uint64_t who; /* hash of the device's serial, of an enrolment */

	struct enrol_request enrol;
	struct enrol_grant grant;
	struct cert_fields fields;
	uint32_t sign_id;
	struct buf made; /* certificate, JSON or CRL */

	struct api_call call;
	struct api_result result;

	enum err_code rc; /* of the request */
	struct err err;
};

struct keeper {
	struct authority a;
	struct channel parent;
	struct channel signer;
	uint32_t sign_id; /* of the last request to the signer */
	bool lost;        /* the signer is gone or broke the protocol */

	struct seat seats[PROCESS_SLOTS_MAX];
	unsigned next_seat; /* who is read first; turns */
	uint8_t *spare[BATCH_MAX + WAITING_MAX];
	size_t spare_n;
	struct job *batch[BATCH_MAX];
	size_t batch_n;
	bool crowded; /* the last batch held several: the next one waits for company */
	struct job *waiting[WAITING_MAX];
	size_t waiting_n;

	uint64_t trust_generation;
	int trust_fd; /* sealed: manufacturers and their certificates; -1: not made yet */
	bool trust_stale;

	uint64_t checkpointed;  /* log size of the newest checkpoint */
	int64_t checkpoint_due; /* monotonic ms; 0: at once */
	int64_t crl_due;
	int64_t renew_due;
	bool renewed; /* certs/tls.pem is another, and the parent does not know yet */

	/* Opened at start, for the authority's views. */
	struct cert root;
	struct cert issuing;
	struct cert code_signing;
	struct buf root_crl;
	const char *dir; /* the realm's, and below: views of its configuration */
	const char *server_names[CONFIG_NAMES_MAX + 1];
	struct buf tls_spki; /* of certs/tls.pem at the start: the signer has checked that it is its key */
	bool stop;
	int status; /* exit */
};

/* keeper.c: keeper_close in any case.  The realm outlives the keeper. */
MUST_USE enum err_code keeper_open(const struct realm *r, struct clock clock, struct keeper *k,
	struct err *e);
void keeper_close(struct keeper *k);
/* `act` in a transaction of its own; on any fault nothing has happened. */
MUST_USE enum err_code keeper_transact(struct keeper *k,
	enum err_code (*act)(struct authority *a, bool *made, struct err *e), bool *made,
	struct err *e);
/* Sign and store a checkpoint of what is committed, when something is; in a transaction of its own. */
MUST_USE enum err_code keeper_checkpoint(struct keeper *k, struct err *e);
/* A new CRL when it is time for one; likewise. */
MUST_USE enum err_code keeper_refresh_crl(struct keeper *k, struct err *e);

/* Wait at most `wait` ms for something to happen, then do all of it: one batch.  False when no
 * request was among it. */
bool keeper_round(struct keeper *k, int wait);

/* batch.c: perform what stands in k->batch and answer it. */
void batch_run(struct keeper *k);
/* Move `j` into the batch, or among the waiting when it must not stand beside what is there. */
void batch_add(struct keeper *k, struct job *j);
/* The waiting ones get the first places of the next batch. */
void batch_start(struct keeper *k);

/* job.c */
/* Take over the message just received on the seat's channel.  ERR_PROTOCOL: the seat goes. */
MUST_USE enum err_code job_new(struct keeper *k, struct seat *s, const struct message *m,
	struct job **out, struct err *e);
void job_perform(struct keeper *k, struct job *j); /* everything but enrolments */
void job_answer(struct keeper *k, struct job *j);
void job_free(struct keeper *k, struct job *j);

/* renew.c */
/* The key and the names that the server's certificate is for. */
MUST_USE enum err_code keeper_open_tls(struct keeper *k, const struct config *c, struct err *e);
/*
 * A new certificate for the server when it is time for one, in a transaction of its own; then
 * certs/tls.pem holds the newest of the database, and the parent is told when that is another.
 */
MUST_USE enum err_code keeper_renew(struct keeper *k, struct err *e);

/* seat.c */
MUST_USE enum err_code seat_take(struct keeper *k, unsigned slot, int fd, struct err *e);
void seat_drop(struct seat *s);
/* Never waits; a worker that does not read loses its seat. */
void seat_send(struct seat *s, const struct message *m);
void seat_flush(struct seat *s);

/* trust.c */
MUST_USE enum err_code trust_refresh(struct keeper *k, struct err *e);
void trust_send(struct keeper *k, struct seat *s);

/* signer_client.c: the signer as the authority sees it. */
struct signer_port signer_client_port(struct keeper *k);
/* Certificates for all jobs of `jobs` whose rc is ERR_OK, many at a time. */
void signer_client_certs(struct keeper *k, struct job **jobs, size_t n);

#endif
