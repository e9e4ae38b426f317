/*
 * The newest keys of each product line, as products: only when there are more keys than are looked
 * at inline, because until then all of them are looked at anyway.
 */
#include <stdlib.h>
#include <string.h>

#include "keycheck/door_impl.h"

static struct cohort *find(const struct door *d, struct bytes line)
{
	for (size_t i = 0; i < d->cohorts_n; i++)
		if (bytes_equal(bytes_str(d->cohorts[i].line), line))
			return &d->cohorts[i];
	return NULL;
}

const struct cohort *cohort_of(const struct door *d, const char *line)
{
	return find(d, bytes_str(line));
}

/* When all lines together have too many keys, the line that has most gives up its older half. */
static void make_room(struct door *d)
{
	uint64_t total = 0;
	struct cohort *largest = NULL;
	for (size_t i = 0; i < d->cohorts_n; i++) {
		struct cohort *c = &d->cohorts[i];
		total += c->young.keys + c->old.keys;
		if (largest == NULL || c->old.keys > largest->old.keys)
			largest = c;
	}
	if (largest != NULL && total > COHORT_KEYS_MAX)
		pile_clear(&largest->old);
}

void cohorts_add(struct door *d, struct bytes line, struct bytes modulus)
{
	if (d->cohorts == NULL || line.len == 0)
		return;
	struct cohort *c = find(d, line);
	if (c == NULL) {
		if (d->cohorts_n == COHORT_LINES_MAX)
			return; /* tier 2 is then the newest keys alone; tier 3 sees all */
		c = &d->cohorts[d->cohorts_n++];
		memcpy(c->line, line.p, line.len);
		c->line[line.len] = '\0';
		pile_init(&c->young);
		pile_init(&c->old);
	}
	pile_add(&c->young, modulus);
	if (c->young.keys < COHORT_HALF)
		return;
	pile_clear(&c->old);
	c->old = c->young; /* parts move with their struct */
	pile_init(&c->young);
	make_room(d);
}

static enum err_code take_key(void *arg, const struct record *r, struct err *e)
{
	(void)e;
	cohorts_add(arg, r->line, r->modulus);
	return ERR_OK;
}

enum err_code cohorts_make(struct door *d, struct err *e)
{
	size_t newest = COHORT_KEYS_MAX / BUCKET_KEYS;
	enum err_code rc = ERR_OK;
	d->cohorts = calloc(COHORT_LINES_MAX, sizeof(*d->cohorts));
	if (d->cohorts == NULL)
		return err_set(e, ERR_NO_MEMORY, "door", "its product lines");
	for (size_t i = d->closed_n > newest ? d->closed_n - newest : 0;
		i < d->closed_n && rc == ERR_OK; i++)
		rc = bucket_each(&d->closed[i], take_key, d, e);
	return rc == ERR_OK ? set_each(&d->open, take_key, d, e) : rc;
}

void cohorts_free(struct door *d)
{
	for (size_t i = 0; i < d->cohorts_n; i++) {
		pile_clear(&d->cohorts[i].young);
		pile_clear(&d->cohorts[i].old);
	}
	free(d->cohorts);
}
