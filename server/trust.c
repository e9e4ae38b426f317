/*
 * Which manufacturers' certificates the workers may believe: one sealed file, made anew after a
 * change and handed to every worker, so that a worker needs no way to ask.
 */
#include <unistd.h>

#include "base/log.h"
#include "server/keeper.h"
#include "server/wire.h"

/* Some thousand manufacturers. */
#define TRUST_MAX ((size_t)16 << 20)

static enum err_code add_one(void *arg, const struct manufacturer *m)
{
	struct buf *b = arg;
	buf_field(b, bytes_str(m->name));
	buf_field(b, m->cert_der);
	return ERR_OK;
}

void trust_send(struct keeper *k, struct seat *s)
{
	struct message m = wire_message(MSG_TRUST, 0);
	m.n = 1;
	m.f[0].num = k->trust_generation;
	m.fd = k->trust_fd;
	seat_send(s, &m);
}

enum err_code trust_refresh(struct keeper *k, struct err *e)
{
	int fd = -1;
	struct buf b = buf_new(TRUST_MAX);
	enum err_code rc = store_manufacturer_list(k->a.store, add_one, &b, e);
	if (rc == ERR_OK)
		rc = buf_end(&b, e, "manufacturers");
	if (rc == ERR_OK)
		rc = memfd_make("manufacturers", buf_view(&b), &fd, e);
	buf_free(&b);
	if (rc != ERR_OK)
		return rc;
	if (k->trust_fd >= 0)
		(void)close(k->trust_fd);
	k->trust_fd = fd;
	k->trust_generation++;
	k->trust_stale = false;
	for (size_t i = 0; i < PROCESS_SLOTS_MAX; i++) {
		if (k->seats[i].used)
			trust_send(k, &k->seats[i]);
	}
	return ERR_OK;
}
