/*
 * The inside of a worker, for server/worker*.c, conn.c, ask.c and serve.c: one event loop, its
 * connections, and its channels to keeper and signer.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "protocol/api.h"
#include "protocol/est.h"
#include "protocol/http.h"
#include "server/peer.h"
#include "server/process.h"
#include "server/tls.h"

/* Requests of one worker that the keeper has; others wait here, and above that are told to come
 * again.  More in flight would only wait in the keeper instead. */
#define ASKS_IN_FLIGHT 32
#define ASKS_WAITING_MAX 512
#define RETRY_AFTER_SECONDS 2

/* One TLS record of data; read buffers of single connections hold only what must be kept. */
#define SCRATCH_SIZE 16384
/* After a refusal that left the body unread: as long and as much is read and thrown away, so that
 * the client gets to see the answer instead of a reset connection. */
#define LINGER_SECONDS 5
#define LINGER_BYTES ((uint64_t)32 << 20)

struct worker;
struct conn;

/* A question to the keeper. */
struct ask {
	TAILQ_ENTRY(ask) entry; /* while it waits */
	struct message m;       /* views that live as long as the request */
	struct conn *conn;
	enum { ASK_NONE, ASK_WAITING, ASK_SENT } state;
	unsigned place; /* in flight */
};

/* One HTTP request, from its head to its answer. */
struct request {
	struct http_head head;
	uint64_t body_max;
	uint64_t body_got;
	int image_fd; /* the body goes here; -1: it stays in memory */
	enum request_kind { REQUEST_EST, REQUEST_SELF, REQUEST_CRL, REQUEST_API } kind;
	enum est_op est;
	struct csr csr;
	bool has_csr;
	struct enrol_request enrol;
	struct api_call call;
	bool has_call;
	struct ask ask;
};

enum conn_state {
	CONN_NEW,       /* connected, no byte yet: no TLS memory yet */
	CONN_HANDSHAKE,
	CONN_IDLE,      /* between requests */
	CONN_READING,   /* part of a request has come */
	CONN_ASKING,    /* the keeper is asked */
	CONN_WRITING,
	CONN_LINGERING,
	CONN_CLOSED,
};

struct conn {
	TAILQ_ENTRY(conn) entry; /* in worker.waiting or worker.timed */
	struct worker *w;
	enum listener listener;
	enum conn_state state;
	int fd;
	struct event event;
	short watched; /* what the event waits for; 0: nothing */
	bool timed;    /* which list it stands in */
	int64_t since; /* monotonic ms */
	struct tls *tls;
	struct peer *peer; /* after the first request */
	struct buf in;     /* head and body, and what was sent ahead */
	size_t scanned;
	size_t head_len;
	struct request *request;
	struct buf out;
	size_t sent;
	struct bytes large; /* a mapped answer, after `out` */
	bool close_after;
	uint64_t lingered;
};

TAILQ_HEAD(conn_list, conn);
TAILQ_HEAD(ask_list, ask);

struct worker {
	struct process *p;
	struct event_base *base;
	struct channel parent;
	struct channel keeper;
	struct channel signer;
	struct event *channel_events[2];
	struct event *listen_events[LISTEN_COUNT];
	struct event *tick;
	bool serving; /* the keeper's list of manufacturers has come; READY was said */
	bool keeper_lost;
	bool stopping;
	int64_t grace_until; /* monotonic ms */
	int status;

	struct conn_list waiting; /* new and idle ones, the longest idle first */
	struct conn_list timed;   /* handshake, request or answer under way, the oldest first */
	unsigned conns;

	struct ask_list asks;
	unsigned asks_waiting;
	struct conn *in_flight[ASKS_IN_FLIGHT]; /* NULL: free, or its connection is gone */
	uint32_t flight_id[ASKS_IN_FLIGHT];     /* 0: free */
	unsigned flights;
	uint32_t next_id;

	struct request *spare; /* one, for the next request */
	struct buf cacerts;    /* the answer that is the same for everybody */
	uint8_t scratch[SCRATCH_SIZE];
};

/* conn.c */
void conn_accept(struct worker *w, enum listener l, int fd);
/* Go on with a connection that has something to do; it may be gone afterwards. */
void conn_run(struct conn *c);
/* Answers, once a request.  `fields` as in struct http_answer. */
void conn_answer(struct conn *c, int status, const char *type, struct bytes body,
	const char *fields);
void conn_answer_mapped(struct conn *c, int status, const char *type, struct bytes mapping);
void conn_refuse(struct conn *c, const struct err *why, const char *fields);
/* Close the connection that is needed least; false when all are needed. */
bool conn_make_room(struct worker *w);
void conn_sweep(struct worker *w);
void conn_close_idle(struct worker *w);

/* ask.c: the answer arrives by serve_answer. */
void ask_keeper(struct conn *c, const struct message *m);
void ask_forget(struct ask *a); /* its connection goes */
/* The message just received from the keeper.  ERR_PROTOCOL: it answers nothing that was asked. */
MUST_USE enum err_code ask_answered(struct worker *w, const struct message *m, struct err *e);
void ask_fail_all(struct worker *w); /* the keeper is gone */

/* serve.c */
/* The head has come: may it go on, how large may the body be, and where does it go? */
MUST_USE enum err_code serve_head(struct conn *c, const char **fields, struct err *e);
/* The whole request has come: answer, or ask. */
void serve_request(struct conn *c);
/* The keeper has answered.  ERR_PROTOCOL: with something that this request did not ask for. */
MUST_USE enum err_code serve_answer(struct conn *c, const struct message *m, struct err *e);
void serve_forget(struct request *r);
/* What can be made once; before the sandbox closes. */
MUST_USE enum err_code serve_setup(struct worker *w, struct err *e);

/* worker.c */
void worker_check_stop(struct worker *w);

#endif
