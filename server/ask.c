/* Questions to the keeper: so many at once, the others in order behind them. */
#include <unistd.h>

#include "base/log.h"
#include "server/wire.h"
#include "server/worker.h"

static void refuse_conn(struct conn *c, enum err_code code, const char *why)
{
	struct err e;
	(void)err_set(&e, code, "request", "%s", why);
	c->request->ask.state = ASK_NONE;
	conn_refuse(c, &e, NULL);
}

static unsigned free_place(const struct worker *w)
{
	unsigned i = 0;
	while (w->flight_id[i] != 0)
		i++;
	return i;
}

/* ERR_BUSY: the channel is full; the next answer makes room. */
static enum err_code send_ask(struct worker *w, struct ask *a, struct err *e)
{
	unsigned place = free_place(w);
	/* The place is part of the number, so that an answer finds it; 0 is never used. */
	w->next_id = w->next_id % (UINT32_MAX / ASKS_IN_FLIGHT - 1) + 1;
	a->m.id = w->next_id * ASKS_IN_FLIGHT + place;
	enum err_code rc = channel_try_send(&w->keeper, &a->m, e);
	if (rc != ERR_OK)
		return rc;
	a->state = ASK_SENT;
	a->place = place;
	w->in_flight[place] = a->conn;
	w->flight_id[place] = a->m.id;
	w->flights++;
	return ERR_OK;
}

static void pump(struct worker *w)
{
	struct ask *a;
	struct err e;
	while (w->flights < ASKS_IN_FLIGHT && (a = TAILQ_FIRST(&w->asks)) != NULL) {
		enum err_code rc = send_ask(w, a, &e);
		if (rc == ERR_BUSY && w->flights > 0)
			return;
		TAILQ_REMOVE(&w->asks, a, entry);
		w->asks_waiting--;
		if (rc == ERR_OK)
			continue;
		log_err(LOG_ERROR, "keeper.ask", &e);
		struct conn *c = a->conn;
		refuse_conn(c, rc == ERR_BUSY ? ERR_BUSY : ERR_UNAVAILABLE, "the keeper is not there");
		conn_run(c);
	}
}

void ask_keeper(struct conn *c, const struct message *m)
{
	struct worker *w = c->w;
	struct ask *a = &c->request->ask;
	if (w->keeper_lost) {
		refuse_conn(c, ERR_UNAVAILABLE, "the server stops");
		return;
	}
	if (w->asks_waiting >= ASKS_WAITING_MAX) {
		refuse_conn(c, ERR_BUSY, "the queue is full");
		return;
	}
	*a = (struct ask){.m = *m, .conn = c, .state = ASK_WAITING};
	struct err e;
	if (w->flights < ASKS_IN_FLIGHT && w->asks_waiting == 0 && send_ask(w, a, &e) == ERR_OK)
		return;
	TAILQ_INSERT_TAIL(&w->asks, a, entry);
	w->asks_waiting++;
	/* Nothing under way means no answer would come to move the queue: say no instead. */
	if (w->flights == 0) {
		TAILQ_REMOVE(&w->asks, a, entry);
		w->asks_waiting--;
		refuse_conn(c, ERR_UNAVAILABLE, "the keeper cannot be asked");
	}
}

void ask_forget(struct ask *a)
{
	struct worker *w;
	switch (a->state) {
	case ASK_WAITING:
		w = a->conn->w;
		TAILQ_REMOVE(&w->asks, a, entry);
		w->asks_waiting--;
		break;
	case ASK_SENT:
		/* The answer will come and find nobody. */
		a->conn->w->in_flight[a->place] = NULL;
		break;
	case ASK_NONE:
		break;
	}
	a->state = ASK_NONE;
}

enum err_code ask_answered(struct worker *w, const struct message *m, struct err *e)
{
	unsigned place = m->id % ASKS_IN_FLIGHT;
	if (m->id == 0 || w->flight_id[place] != m->id)
		return err_set(e, ERR_PROTOCOL, message_name(m->type), "nobody asked (id %u)", m->id);
	struct conn *c = w->in_flight[place];
	w->flight_id[place] = 0;
	w->in_flight[place] = NULL;
	w->flights--;
	enum err_code rc = ERR_OK;
	if (c != NULL) {
		c->request->ask.state = ASK_NONE;
		rc = serve_answer(c, m, e);
		conn_run(c);
	} else if (m->fd >= 0) {
		(void)close(m->fd);
	}
	pump(w);
	return rc;
}

void ask_fail_all(struct worker *w)
{
	struct ask *a;
	while ((a = TAILQ_FIRST(&w->asks)) != NULL) {
		TAILQ_REMOVE(&w->asks, a, entry);
		w->asks_waiting--;
		struct conn *c = a->conn;
		refuse_conn(c, ERR_UNAVAILABLE, "the server stops");
		conn_run(c);
	}
	for (unsigned i = 0; i < ASKS_IN_FLIGHT; i++) {
		struct conn *c = w->in_flight[i];
		w->in_flight[i] = NULL;
		w->flight_id[i] = 0;
		if (c == NULL)
			continue;
		refuse_conn(c, ERR_UNAVAILABLE, "the server stops; it is not known whether it was done");
		conn_run(c);
	}
	w->flights = 0;
}
