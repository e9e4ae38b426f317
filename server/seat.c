/* The keeper's side of a worker: answers leave without ever waiting for it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server/keeper.h"

struct waiting_answer {
	struct waiting_answer *next;
	struct buf datagram;
	int fd;
	struct message m; /* views into datagram */
};

static void answer_free(struct waiting_answer *w)
{
	if (w->fd >= 0)
		(void)close(w->fd);
	buf_free(&w->datagram);
	free(w);
}

void seat_drop(struct seat *s)
{
	while (s->first != NULL) {
		struct waiting_answer *w = s->first;
		s->first = w->next;
		answer_free(w);
	}
	s->last = NULL;
	s->waiting = 0;
	if (s->used)
		channel_close(&s->channel);
	s->used = false;
	s->sitting++;
}

enum err_code seat_take(struct keeper *k, unsigned slot, int fd, struct err *e)
{
	if (slot >= PROCESS_SLOTS_MAX)
		return err_set(e, ERR_PROTOCOL, "peer", "slot %u", slot);
	struct seat *s = &k->seats[slot];
	seat_drop(s);
	enum err_code rc = channel_open(&s->channel, fd, ROLE_KEEPER, ROLE_WORKER, slot, e);
	s->used = rc == ERR_OK;
	return rc;
}

static void cut_off(struct seat *s, const struct err *e)
{
	log_err(LOG_WARN, "keeper.worker-cut-off", e);
	seat_drop(s);
}

/* A copy of `m` that outlives its views. */
static enum err_code answer_copy(const struct seat *s, const struct message *m,
	struct waiting_answer **out, struct err *e)
{
	struct waiting_answer *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return err_set(e, ERR_NO_MEMORY, "answer", "%s", message_name(m->type));
	w->fd = m->fd >= 0 ? fcntl(m->fd, F_DUPFD_CLOEXEC, 0) : -1;
	w->datagram = buf_new(MESSAGE_MAX);
	enum err_code rc = message_encode(m, &w->datagram, e);
	if (rc == ERR_OK)
		rc = message_parse(buf_view(&w->datagram), w->fd, s->channel.self,
			s->channel.peer, &w->m, e);
	if (rc != ERR_OK) {
		answer_free(w);
		return rc;
	}
	*out = w;
	return ERR_OK;
}

static enum err_code put_off(struct seat *s, const struct message *m, struct err *e)
{
	struct waiting_answer *w = NULL;
	if (s->waiting == OUTBOX_MAX)
		return err_set(e, ERR_PROTOCOL, "worker", "it does not read its answers");
	enum err_code rc = answer_copy(s, m, &w, e);
	if (rc != ERR_OK)
		return rc;
	if (s->last != NULL)
		s->last->next = w;
	else
		s->first = w;
	s->last = w;
	s->waiting++;
	return ERR_OK;
}

void seat_send(struct seat *s, const struct message *m)
{
	struct err e;
	if (!s->used)
		return; /* whoever asked is gone */
	enum err_code rc = s->first != NULL ? ERR_BUSY : channel_try_send(&s->channel, m, &e);
	if (rc == ERR_BUSY)
		rc = put_off(s, m, &e);
	if (rc != ERR_OK)
		cut_off(s, &e);
}

void seat_flush(struct seat *s)
{
	struct err e;
	while (s->used && s->first != NULL) {
		struct waiting_answer *w = s->first;
		enum err_code rc = channel_try_send(&s->channel, &w->m, &e);
		if (rc == ERR_BUSY)
			return;
		if (rc != ERR_OK) {
			cut_off(s, &e);
			return;
		}
		s->first = w->next;
		if (s->first == NULL)
			s->last = NULL;
		s->waiting--;
		answer_free(w);
	}
}
