/*
 * One connection: TLS, requests one after the other, answers.
 *
 *   NEW -> HANDSHAKE -> IDLE <-> READING -> ASKING -> WRITING -> IDLE
 *                                   \________________/^   \--> LINGERING -> CLOSED
 *
 * Deadlines count from the first byte of a handshake or request, not from the last one that came: who
 * sends a byte a second gains nothing.  Connections wait in two lists in the order of their
 * deadlines, so that ten thousand idle ones cost one look a second.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/worker.h"

/* Images get this many times the time of a request. */
#define LARGE_FACTOR 20
#define OUT_MAX ((size_t)1 << 20) /* head and a body that was not mapped */
/* After the grace of a stop, for requests of which a part has come: less than the parent's patience,
 * after which it kills, and answers under way would be lost with them. */
#define STOP_HALF_MS 3000

/* ---- lists and events ---------------------------------------------------------------------- */

static void leave_list(struct conn *c)
{
	if (c->timed)
		TAILQ_REMOVE(&c->w->timed, c, entry);
	else
		TAILQ_REMOVE(&c->w->waiting, c, entry);
}

/* The clock starts again. */
static void enter_list(struct conn *c, bool timed)
{
	c->timed = timed;
	c->since = clock_monotonic_ms();
	if (timed)
		TAILQ_INSERT_TAIL(&c->w->timed, c, entry);
	else
		TAILQ_INSERT_TAIL(&c->w->waiting, c, entry);
}

static void set_state(struct conn *c, enum conn_state state)
{
	c->state = state;
	leave_list(c);
	enter_list(c, state != CONN_NEW && state != CONN_IDLE);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct conn *c = arg;
	if (c->state == CONN_ASKING) {
		/* The client sends ahead, or went: seen when the answer is written. */
		(void)event_del(&c->event);
		c->watched = 0;
		return;
	}
	conn_run(c);
}

static void watch(struct conn *c, short what)
{
	if (c->watched == what)
		return;
	if (c->watched != 0)
		(void)event_del(&c->event);
	c->watched = 0;
	if (event_assign(&c->event, c->w->base, c->fd, (short)(what | EV_PERSIST), on_event, c) == 0 &&
		event_add(&c->event, NULL) == 0)
		c->watched = what;
	else
		c->state = CONN_CLOSED;
}

static struct request *new_request(struct worker *w)
{
	struct request *r = w->spare;
	w->spare = NULL;
	if (r == NULL)
		r = malloc(sizeof(*r));
	if (r != NULL) {
		memset(r, 0, sizeof(*r));
		r->image_fd = -1;
	}
	return r;
}

static void drop_request(struct conn *c)
{
	struct request *r = c->request;
	if (r == NULL)
		return;
	ask_forget(&r->ask);
	serve_forget(r);
	c->request = NULL;
	if (c->w->spare == NULL)
		c->w->spare = r;
	else
		free(r);
}

static void conn_free(struct conn *c)
{
	struct worker *w = c->w;
	drop_request(c);
	leave_list(c);
	if (c->watched != 0)
		(void)event_del(&c->event);
	tls_free(c->tls);
	if (c->peer != NULL) {
		peer_free(c->peer);
		free(c->peer);
	}
	memfd_unmap(c->large);
	buf_free(&c->in);
	buf_free(&c->out);
	(void)close(c->fd);
	free(c);
	w->conns--;
	worker_check_stop(w);
}

/* ---- answers ------------------------------------------------------------------------------- */

static void put_head(struct conn *c, int status, const char *type, uint64_t length,
	const char *fields)
{
	unsigned minor = c->request != NULL ? c->request->head.minor : 1;
	/* A client of 1.0 reads to the end of the connection, whatever it announced: libest. */
	if (c->request == NULL || !c->request->head.keep_alive || minor == 0 || c->w->stopping)
		c->close_after = true;
	struct http_answer a = {.status = status, .content_type = type, .length = length,
		.fields = fields, .close = c->close_after};
	buf_reset(&c->out);
	c->sent = 0;
	http_answer_encode(&a, minor, clock_now(clock_system()), &c->out);
	set_state(c, CONN_WRITING);
}

void conn_answer(struct conn *c, int status, const char *type, struct bytes body,
	const char *fields)
{
	put_head(c, status, type, body.len, fields);
	buf_bytes(&c->out, body);
	if (c->out.bad)
		c->state = CONN_CLOSED;
}

void conn_answer_mapped(struct conn *c, int status, const char *type, struct bytes mapping)
{
	put_head(c, status, type, mapping.len, NULL);
	c->large = mapping;
}

static void add_retry(enum err_code code, struct buf *fields)
{
	if (err_http(code) == 503)
		buf_printf(fields, "Retry-After: %d\r\n", RETRY_AFTER_SECONDS);
	if (err_http(code) == 401)
		buf_str(fields, "WWW-Authenticate: Basic realm=\"medseal\"\r\n");
}

/* docs/spec/api.md: JSON for operators; one line of text and a header field for devices. */
void conn_refuse(struct conn *c, const struct err *why, const char *more)
{
	struct buf body = buf_new(4096);
	struct buf fields = buf_new(1024);
	const char *type = "application/json";
	buf_str(&fields, more != NULL ? more : "");
	add_retry(why->code, &fields);
	if (c->listener == LISTEN_ADMIN) {
		api_error_body(why, &body);
	} else {
		char line[ERR_OBJECT_MAX + ERR_REASON_MAX + 128];
		err_print(why, line, sizeof(line));
		buf_printf(&body, "%s\n", line);
		buf_printf(&fields, "Medseal-Code: %s\r\n", err_name(why->code));
		type = "text/plain; charset=utf-8";
	}
	LOG(err_http(why->code) >= 500 ? LOG_WARN : LOG_INFO, "request.refused",
		LOG_STR("code", err_name(why->code)), LOG_STR("object", why->object),
		LOG_STR("reason", why->reason));
	conn_answer(c, err_http(why->code), type, buf_view(&body), buf_cstr(&fields));
	buf_free(&fields);
	buf_free(&body);
}

/* A refusal of the request's very form: nothing after it can be understood. */
static void refuse_and_close(struct conn *c, const struct err *why, const char *fields)
{
	c->close_after = true;
	conn_refuse(c, why, fields);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void send_continue(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	size_t put;
	/* 25 bytes on a connection that waits for us; if they do not fit the client sends anyway. */
	(void)tls_write(c->tls, text, sizeof(text) - 1, &put);
}

/* False: an answer was given already. */
static bool take_head(struct conn *c)
{
	struct err e;
	size_t end = 0;
	if (http_head_find(buf_view(&c->in), &c->scanned, &end, &e) != ERR_OK) {
		refuse_and_close(c, &e, NULL);
		return false;
	}
	if (end == 0)
		return true;
	struct request *r = new_request(c->w);
	if (r == NULL) {
		c->state = CONN_CLOSED;
		return false;
	}
	c->request = r;
	c->head_len = end;
	if (http_head_parse(bytes_of(c->in.p, end), &r->head, &e) != ERR_OK) {
		drop_request(c);
		refuse_and_close(c, &e, NULL);
		return false;
	}
	const char *fields = NULL;
	enum err_code rc = serve_head(c, &fields, &e);
	if (rc == ERR_OK && r->head.length > r->body_max)
		rc = err_set(&e, ERR_HTTP_BODY_SIZE, r->head.target, "%llu bytes, limit %llu",
			(unsigned long long)r->head.length, (unsigned long long)r->body_max);
	if (rc != ERR_OK) {
		/* A body that is not wanted is not read; a short one behind it would be misread. */
		c->close_after = c->close_after || r->head.length > 0;
		conn_refuse(c, &e, fields);
		return false;
	}
	if (r->head.expects_continue && r->head.minor == 1 && c->in.len == end)
		send_continue(c);
	return true;
}

/* Move what belongs to an image out of memory; true when all of it has come. */
static bool take_image(struct conn *c)
{
	struct request *r = c->request;
	uint64_t left = r->head.length - r->body_got;
	size_t here = c->in.len - c->head_len;
	size_t n = here < left ? here : (size_t)left;
	struct err e;
	if (memfd_add(r->image_fd, bytes_of(c->in.p + c->head_len, n), &e) != ERR_OK) {
		refuse_and_close(c, &e, NULL);
		return false;
	}
	memmove(c->in.p + c->head_len, c->in.p + c->head_len + n, here - n);
	c->in.len -= n;
	r->body_got += n;
	return r->body_got == r->head.length;
}

/* Is a whole request here?  Then serve it.  False: more must be read. */
static bool take_request(struct conn *c)
{
	if (c->in.len == 0)
		return false;
	if (c->state == CONN_IDLE)
		set_state(c, CONN_READING);
	if (c->request == NULL && !take_head(c))
		return true;
	struct request *r = c->request;
	if (r == NULL)
		return false;
	if (r->image_fd >= 0) {
		if (!take_image(c))
			return c->state != CONN_READING;
	} else if (c->in.len - c->head_len < r->head.length) {
		return false;
	} else {
		r->body_got = r->head.length;
	}
	set_state(c, CONN_ASKING);
	serve_request(c);
	return true;
}

static void fail(struct conn *c, const char *event)
{
	LOG(LOG_DEBUG, event, LOG_STR("reason", tls_reason()));
	c->state = CONN_CLOSED;
}

/* One record at most; false: the kernel has no more. */
static bool read_more(struct conn *c)
{
	size_t got = 0;
	switch (tls_read(c->tls, c->w->scratch, SCRATCH_SIZE, &got)) {
	case TLS_DONE:
		buf_bytes(&c->in, bytes_of(c->w->scratch, got));
		mem_wipe(c->w->scratch, got);
		if (c->in.bad) /* no memory: the limits are checked where the head is read */
			c->state = CONN_CLOSED;
		return true;
	case TLS_WANT_READ:
		watch(c, EV_READ);
		return false;
	case TLS_WANT_WRITE:
		watch(c, EV_WRITE);
		return false;
	case TLS_END:
		c->state = CONN_CLOSED;
		return true;
	default:
		fail(c, "connection.failed");
		return true;
	}
}

static bool run_handshake(struct conn *c)
{
	switch (tls_handshake(c->tls)) {
	case TLS_DONE:
		set_state(c, CONN_IDLE);
		return true;
	case TLS_WANT_READ:
		watch(c, EV_READ);
		return false;
	case TLS_WANT_WRITE:
		watch(c, EV_WRITE);
		return false;
	default:
		fail(c, "handshake.failed");
		return true;
	}
}

static void start_linger(struct conn *c)
{
	tls_close(c->tls);
	(void)shutdown(c->fd, SHUT_WR);
	tls_free(c->tls);
	c->tls = NULL;
	buf_free(&c->in);
	set_state(c, CONN_LINGERING);
}

static void finish_answer(struct conn *c)
{
	struct request *r = c->request;
	size_t used = r != NULL ? c->head_len + (r->image_fd >= 0 ? 0 : (size_t)r->body_got) : 0;
	bool unread = r == NULL || r->body_got < r->head.length;
	memfd_unmap(c->large);
	c->large = BYTES_NONE;
	drop_request(c);
	buf_free(&c->out);
	if (c->close_after) {
		if (unread) {
			start_linger(c);
			return;
		}
		tls_close(c->tls);
		c->state = CONN_CLOSED;
		return;
	}
	size_t left = c->in.len - used;
	if (left > 0) {
		memmove(c->in.p, c->in.p + used, left);
		mem_wipe(c->in.p + left, used);
		c->in.len = left;
	} else {
		buf_free(&c->in);
	}
	c->scanned = 0;
	c->head_len = 0;
	set_state(c, CONN_IDLE);
}

static bool run_writing(struct conn *c)
{
	size_t total = c->out.len + c->large.len;
	while (c->sent < total) {
		const uint8_t *from = c->sent < c->out.len ? c->out.p + c->sent :
							     c->large.p + (c->sent - c->out.len);
		size_t n = c->sent < c->out.len ? c->out.len - c->sent : total - c->sent;
		size_t put = 0;
		switch (tls_write(c->tls, from, n, &put)) {
		case TLS_DONE:
			c->sent += put;
			break;
		case TLS_WANT_WRITE:
			watch(c, EV_WRITE);
			return false;
		case TLS_WANT_READ:
			watch(c, EV_READ);
			return false;
		default:
			fail(c, "connection.failed");
			return true;
		}
	}
	finish_answer(c);
	return true;
}

static bool run_lingering(struct conn *c)
{
	for (;;) {
		ssize_t n = recv(c->fd, c->w->scratch, SCRATCH_SIZE, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			watch(c, EV_READ);
			return false;
		}
		c->lingered += n > 0 ? (uint64_t)n : 0;
		if (n <= 0 || c->lingered > LINGER_BYTES) {
			c->state = CONN_CLOSED;
			return true;
		}
	}
}

static bool start_tls(struct conn *c)
{
	c->tls = tls_new(c->listener, c->fd);
	if (c->tls == NULL)
		c->state = CONN_CLOSED;
	else
		set_state(c, CONN_HANDSHAKE);
	return true;
}

/* False: it waits for something. */
static bool run_step(struct conn *c)
{
	switch (c->state) {
	case CONN_NEW:
		return start_tls(c);
	case CONN_HANDSHAKE:
		return run_handshake(c);
	case CONN_IDLE:
	case CONN_READING:
		return take_request(c) || read_more(c);
	case CONN_ASKING:
		return false;
	case CONN_WRITING:
		return run_writing(c);
	case CONN_LINGERING:
		return run_lingering(c);
	case CONN_CLOSED:
		break;
	}
	return false;
}

void conn_run(struct conn *c)
{
	while (c->state != CONN_CLOSED && run_step(c))
		;
	if (c->state == CONN_CLOSED)
		conn_free(c);
}

/* ---- coming and going ---------------------------------------------------------------------- */

/* An image on its way in or out, which only an operator can set going. */
static bool is_large(const struct conn *c)
{
	return c->large.len > 0 || (c->request != NULL && c->request->image_fd >= 0);
}

/*
 * Who makes room for a newcomer: the longest idle one; when none is idle, the one that has kept us
 * waiting longest for its handshake or request.  Who waits for us stays.
 */
static struct conn *least_needed(struct worker *w)
{
	struct conn *c = TAILQ_FIRST(&w->waiting);
	if (c != NULL)
		return c;
	TAILQ_FOREACH(c, &w->timed, entry)
		if (!is_large(c) && (c->state == CONN_HANDSHAKE || c->state == CONN_READING ||
					    c->state == CONN_LINGERING))
			return c;
	return NULL;
}

bool conn_make_room(struct worker *w)
{
	struct conn *goes = least_needed(w);
	if (goes == NULL) {
		LOG(LOG_WARN, "connections.full", LOG_NUM("connections", w->conns));
		return false;
	}
	conn_free(goes);
	return true;
}

void conn_accept(struct worker *w, enum listener l, int fd)
{
	if (w->conns >= w->p->realm->config.connections_max && !conn_make_room(w)) {
		(void)close(fd);
		return;
	}
	struct conn *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		(void)close(fd);
		return;
	}
	c->w = w;
	c->listener = l;
	c->fd = fd;
	c->state = CONN_NEW;
	/* Head and body; an image's body passes through in pieces.  A ticket may be in the head. */
	c->in = buf_new_secret(HTTP_HEAD_MAX + EST_BODY_MAX + 2 * SCRATCH_SIZE);
	c->out = buf_new(OUT_MAX);
	enter_list(c, false);
	w->conns++;
	watch(c, EV_READ);
	if (c->state == CONN_CLOSED)
		conn_free(c);
}

static void close_politely(struct conn *c)
{
	if (c->tls != NULL && c->state == CONN_IDLE)
		tls_close(c->tls);
	conn_free(c);
}

/* Closing frees, and may free only this one: the next is taken anew from the head. */
static void sweep_waiting(struct worker *w, int64_t before)
{
	struct conn *c;
	while ((c = TAILQ_FIRST(&w->waiting)) != NULL && c->since < before)
		close_politely(c);
}

static void sweep_timed(struct worker *w, int64_t now)
{
	int64_t limit = (int64_t)w->p->realm->config.request_timeout * 1000;
	struct conn *c = TAILQ_FIRST(&w->timed);
	while (c != NULL) {
		struct conn *next = TAILQ_NEXT(c, entry);
		int64_t age = now - c->since;
		bool late = c->state != CONN_ASKING && age > (is_large(c) ? LARGE_FACTOR : 1) * limit;
		late = late || (c->state == CONN_LINGERING && age > LINGER_SECONDS * 1000);
		if (late && c->state == CONN_READING) {
			struct err e;
			(void)err_set(&e, ERR_TIMEOUT, "request", "not complete after %lld ms",
				(long long)age);
			refuse_and_close(c, &e, NULL);
			conn_run(c);
		} else if (late) {
			conn_free(c);
		}
		c = next;
	}
}

/* The rest of their request may never come; a stop does not wait for it. */
static void close_unfinished(struct worker *w)
{
	struct conn *c = TAILQ_FIRST(&w->timed);
	while (c != NULL) {
		struct conn *next = TAILQ_NEXT(c, entry);
		if (c->state != CONN_ASKING && c->state != CONN_WRITING && !is_large(c))
			conn_free(c);
		c = next;
	}
}

void conn_sweep(struct worker *w)
{
	int64_t now = clock_monotonic_ms();
	sweep_timed(w, now);
	sweep_waiting(w, now - (int64_t)w->p->realm->config.idle_timeout * 1000);
	if (w->stopping && now >= w->grace_until + STOP_HALF_MS)
		close_unfinished(w);
	if (w->stopping && now >= w->grace_until)
		conn_close_idle(w);
}

void conn_close_idle(struct worker *w)
{
	sweep_waiting(w, INT64_MAX);
}
