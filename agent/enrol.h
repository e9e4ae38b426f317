/*
 * Enrolment and renewal as the device sees them (RFC 7030): a key made on the device once its noise
 * source has passed its start-up tests, a request, an answer that is checked before it is kept.
 */
#ifndef AGENT_ENROL_H
#define AGENT_ENROL_H

#include "agent/state.h"
#include "base/clock.h"

struct enrol_options {
	const char *ticket_path; /* file with a one-time ticket; NULL: none */
	const char *idevid_cert; /* manufacturer credential, PEM; NULL: none */
	const char *idevid_key;
	const char *noise_path;  /* noise source; NULL: the processor's timer */
	bool force;              /* renew before it is due */
	struct clock clock;
};

/* First enrolment: `current` is there afterwards.  ERR_EXISTS when it was before. */
MUST_USE enum err_code enrol_first(struct state *s, const struct enrol_options *o, struct err *e);

/*
 * One step of renewal: use a `next` that waits, or fetch one when due (or forced) and use it.
 * ERR_NOT_DUE when there is nothing to do yet.  A failure leaves `current` as it was and sets the
 * time of the next try.
 */
MUST_USE enum err_code enrol_renew(struct state *s, const struct enrol_options *o, struct err *e);

/* When renewal is due: two thirds of the life, give or take a twentieth of it, so that a fleet that
 * was enrolled in one hour does not come back in one hour.  The same for the same certificate. */
int64_t enrol_due(const struct cert *c);
/* Seconds to wait after the n-th failure in a row (n from 1): a minute, doubling to a day, with a
 * quarter of jitter from `random`. */
int64_t enrol_back_off(unsigned attempts, uint16_t random);
/* The clock, or the latest time that was proven when the clock is behind it. */
int64_t enrol_now(const struct state *s, struct clock c);

#endif
