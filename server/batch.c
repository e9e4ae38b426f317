/*
 * One batch, one transaction (docs/design/keeper.md):
 *
 *   gather -> [begin] -> decide -> sign (a window of questions) -> commit each, perform the rest
 *          -> [commit: one fsync] -> answer
 *                  any fault of the store: [roll back], audit state put back, everybody refused
 *
 * A request that is refused by a rule costs only itself: its step is undone, the rest stands.
 */
#include <string.h>

#include "authority/keydoor.h"
#include "base/log.h"
#include "server/keeper.h"

/* Must `j` wait for a batch in which `other` does not stand? */
static bool in_the_way(const struct job *j, const struct job *other)
{
	if (j->m.type != MSG_ENROL || other->m.type != MSG_ENROL)
		return false;
	return j->who == other->who || bytes_equal(j->enrol.spki, other->enrol.spki);
}

void batch_add(struct keeper *k, struct job *j)
{
	bool wait = k->batch_n == BATCH_MAX;
	for (size_t i = 0; i < k->batch_n && !wait; i++)
		wait = in_the_way(j, k->batch[i]);
	if (wait)
		k->waiting[k->waiting_n++] = j;
	else
		k->batch[k->batch_n++] = j;
}

void batch_start(struct keeper *k)
{
	struct job *old[WAITING_MAX];
	size_t n = k->waiting_n;

	memcpy(old, k->waiting, n * sizeof(*old));
	k->waiting_n = 0;
	for (size_t i = 0; i < n; i++) {
		if (old[i]->seat->used && old[i]->seat->sitting == old[i]->sitting)
			batch_add(k, old[i]);
		else
			job_free(k, old[i]); /* whoever asked is gone and nothing was begun */
	}
}

/* Faults that say nothing about the request, and leave nothing to build on. */
static bool breaks_transaction(enum err_code rc)
{
	switch (rc) {
	case ERR_STORE:
	case ERR_STORE_DAMAGED:
	case ERR_STORE_VERSION:
	case ERR_DISK_FULL:
	case ERR_IO:
	case ERR_NO_MEMORY:
	case ERR_INTERNAL:
		return true;
	default:
		return false;
	}
}

static void decide(struct keeper *k, struct job *j)
{
	j->rc = enrol_decide(&k->a, &j->enrol, &j->grant, &j->err);
	if (j->rc == ERR_OK)
		enrol_fields(&k->a, &j->grant, &j->fields);
}

/* Everything between begin and commit; the error that spoils the whole, or ERR_OK. */
static enum err_code perform_all(struct keeper *k, struct job **jobs, size_t n, struct err *e)
{
	struct job *enrols[BATCH_MAX];
	size_t enrols_n = 0;

	for (size_t i = 0; i < n; i++) {
		if (jobs[i]->m.type == MSG_ENROL)
			enrols[enrols_n++] = jobs[i];
	}
	for (size_t i = 0; i < enrols_n; i++)
		decide(k, enrols[i]);
	signer_client_certs(k, enrols, enrols_n);
	for (size_t i = 0; i < n; i++) {
		struct job *j = jobs[i];
		if (j->m.type != MSG_ENROL)
			job_perform(k, j);
		else if (j->rc == ERR_OK)
			j->rc = enrol_commit(&k->a, &j->grant, buf_view(&j->made), &j->err);
		if (breaks_transaction(j->rc)) {
			*e = j->err;
			return j->rc;
		}
	}
	return ERR_OK;
}

static void refuse_all(struct job **jobs, size_t n, const struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		jobs[i]->rc = e->code;
		jobs[i]->err = *e;
	}
}

/* The door learns which keys have certificates by now.  What it cannot write down it is given again
 * at the next start. */
static void tell_door(struct keeper *k, struct job **jobs, size_t n, bool committed)
{
	struct err e;
	for (size_t i = 0; i < n && committed; i++) {
		if (jobs[i]->m.type != MSG_ENROL || jobs[i]->rc != ERR_OK)
			continue;
		if (jobs[i]->grant.alarm.code != ERR_OK)
			log_err(LOG_ERROR, "key.alarm", &jobs[i]->grant.alarm);
		if (keydoor_add(&k->a, &jobs[i]->grant, &e) != ERR_OK)
			log_err(LOG_ERROR, "keeper.keys-not-written", &e);
	}
	if (keydoor_settle(&k->a, committed, &e) != ERR_OK)
		log_err(LOG_ERROR, "keeper.keys-not-written", &e);
}

/* A transaction of its own for these jobs; their answers leave after its end. */
static void run_group(struct keeper *k, struct job **jobs, size_t n)
{
	struct audit_state mark;
	struct err e;

	if (n == 0)
		return;
	err_clear(&e);
	authority_mark(&k->a, &mark);
	enum err_code rc = store_begin(k->a.store, &e);
	if (rc == ERR_OK) {
		rc = perform_all(k, jobs, n, &e);
		if (rc == ERR_OK)
			rc = store_commit(k->a.store, &e);
		if (rc != ERR_OK)
			store_rollback(k->a.store);
	}
	tell_door(k, jobs, n, rc == ERR_OK);
	if (rc != ERR_OK) {
		authority_reset(&k->a, &mark);
		log_err(LOG_ERROR, "keeper.transaction-failed", &e);
		refuse_all(jobs, n, &e);
	}
}

static void answer_all(struct keeper *k, struct job **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		job_answer(k, jobs[i]);
		job_free(k, jobs[i]);
	}
}

static void try_checkpoint(struct keeper *k)
{
	struct err e;
	if (keeper_checkpoint(k, &e) != ERR_OK)
		log_err(LOG_WARN, "keeper.checkpoint-failed", &e);
}

/* After a commit, before its answers: what others must know by the time a client hears of it. */
static void follow_up(struct keeper *k, struct job **jobs, size_t n)
{
	struct err e;
	for (size_t i = 0; i < n; i++) {
		if (jobs[i]->rc != ERR_OK || jobs[i]->m.type != MSG_CALL)
			continue;
		if (jobs[i]->call.op == API_RELEASE_PUBLISH)
			try_checkpoint(k); /* its bundle is wanted next */
		if (jobs[i]->call.op == API_MANUFACTURER_ADD)
			k->trust_stale = true;
	}
	if (k->trust_stale && trust_refresh(k, &e) != ERR_OK)
		log_err(LOG_ERROR, "keeper.trust-failed", &e);
}

static void do_group(struct keeper *k, struct job **jobs, size_t n)
{
	run_group(k, jobs, n);
	follow_up(k, jobs, n);
	answer_all(k, jobs, n);
}

static size_t pick(const struct keeper *k, enum job_kind kind, struct job **out)
{
	size_t n = 0;
	for (size_t i = 0; i < k->batch_n; i++) {
		if (k->batch[i]->kind == kind)
			out[n++] = k->batch[i];
	}
	return n;
}

void batch_run(struct keeper *k)
{
	struct job *shared[BATCH_MAX];
	struct job *alone[BATCH_MAX];
	struct job *after[BATCH_MAX];

	size_t shared_n = pick(k, JOB_SHARED, shared);
	size_t alone_n = pick(k, JOB_ALONE, alone);
	size_t after_n = pick(k, JOB_AFTER, after);
	k->batch_n = 0;
	do_group(k, shared, shared_n);
	for (size_t i = 0; i < alone_n; i++)
		do_group(k, &alone[i], 1);
	if (after_n > 0)
		try_checkpoint(k);
	do_group(k, after, after_n);
}
