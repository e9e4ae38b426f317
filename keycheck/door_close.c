/* Closed buckets: how an open one becomes one, and how a damaged one is made again. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keycheck/door_impl.h"

/* The product of no keys. */
static const uint64_t one = 1;

enum err_code bucket_add(struct door *d, const struct bucket *b, struct err *e)
{
	if (!grow((void **)&d->closed, d->closed_n, &d->closed_room, sizeof(*d->closed)))
		return err_set(e, ERR_NO_MEMORY, "door", "%zu buckets", d->closed_n);
	d->closed[d->closed_n++] = *b;
	d->closed_keys += b->count;
	return ERR_OK;
}

static enum err_code write_set(struct door *d, struct key_set *s, uint64_t number, struct err *e)
{
	struct limbs product = s->n > 0 ? pile_whole(&s->pile) : (struct limbs){&one, 1};
	return bucket_write(d->dir, number, buf_view(&s->records), product, e);
}

static enum err_code open_and_add(struct door *d, uint64_t number, struct err *e)
{
	struct bucket b;
	enum err_code rc = bucket_open(d->dir, number, &b, e);
	if (rc != ERR_OK)
		return rc;
	rc = bucket_add(d, &b, e);
	if (rc != ERR_OK)
		bucket_close(&b);
	return rc;
}

enum err_code door_turn_over(struct door *d, struct err *e)
{
	char old[BUCKET_NAME_SIZE];
	uint64_t number = d->number;
	enum err_code rc = write_set(d, &d->open, number, e);
	if (rc == ERR_OK)
		rc = log_begin(d, number + 1, e);
	if (rc != ERR_OK)
		return rc; /* the bucket is written again at the next try; nobody looks at it till then */
	d->log_torn = false;
	/* What was written is read back: what cannot be read stays in memory. */
	rc = open_and_add(d, number, e);
	if (rc != ERR_OK)
		return rc;
	log_name(number, old);
	(void)unlinkat(d->dir, old, 0);
	set_clear(&d->open);
	/* Every key is on the disk again. */
	d->log_behind = false;
	return ERR_OK;
}

static enum err_code keep_record(void *arg, const struct record *r, struct err *e)
{
	return set_add(arg, r, e);
}

static void tell(const struct door *d, const struct err *damage, size_t whole)
{
	struct err what = *damage;
	struct err said;
	(void)err_set(&said, damage->code, damage->object, "%.200s; made anew from %zu whole keys",
		what.reason, whole);
	if (d->o.damage != NULL)
		d->o.damage(d->o.arg, &said);
}

/* How many keys the header says there were; 0 when there is no header. */
static uint64_t stated_count(int dir, const char *name)
{
	uint8_t header[BUCKET_HEADER_SIZE];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd >= 0 ? read(fd, header, sizeof(header)) : -1;
	if (fd >= 0)
		(void)close(fd);
	if (n != (ssize_t)sizeof(header))
		return 0;
	struct reader in = reader_of(bytes_of(header, sizeof(header)));
	(void)read_bytes(&in, strlen(BUCKET_MAGIC));
	(void)read_u64be(&in);
	return read_u64be(&in);
}

enum err_code door_mend(struct door *d, uint64_t number, const struct err *damage, struct err *e)
{
	char name[BUCKET_NAME_SIZE];
	char aside[BUCKET_NAME_SIZE + 16];
	struct key_set whole;
	size_t n = 0;
	bucket_name(number, name);
	set_init(&whole);
	enum err_code rc = bucket_salvage(d->dir, number, keep_record, &whole, &n, e);
	if (rc == ERR_NOT_FOUND)
		rc = ERR_OK;
	if (n == 0 || n != stated_count(d->dir, name))
		d->lost = true;
	/* The damaged file is kept for whoever wants to know why. */
	(void)snprintf(aside, sizeof(aside), "%s.damaged", name);
	if (rc == ERR_OK)
		(void)renameat(d->dir, name, d->dir, aside);
	if (rc == ERR_OK)
		rc = write_set(d, &whole, number, e);
	if (rc == ERR_OK)
		rc = open_and_add(d, number, e);
	if (rc == ERR_OK)
		tell(d, damage, n);
	set_free(&whole);
	return rc;
}
