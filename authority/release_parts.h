/* What the store keeps of one release, read together; and who counts as an operator now. */
#ifndef AUTHORITY_RELEASE_PARTS_H
#define AUTHORITY_RELEASE_PARTS_H

#include "authority/release.h"

struct trust {
	struct cert root;
	struct approval_trust trust; /* points at `root`: do not move the struct */
};

/* ERR_CLOCK while the clock is not believable: nobody can be judged then. */
MUST_USE enum err_code trust_open(struct authority *a, struct trust *t, struct err *e);
void trust_close(struct trust *t);

/* The approvals of one release, in the order in which they came. */
struct envelopes {
	size_t n;
	struct buf mem[APPROVALS_MAX];
	struct bytes view[APPROVALS_MAX];
	char name[APPROVALS_MAX][OPERATOR_MAX + 1];
	int64_t at[APPROVALS_MAX];
};

MUST_USE enum err_code envelopes_read(struct authority *a, const char *id, struct envelopes *out,
	struct err *e);
void envelopes_free(struct envelopes *all);

struct parts {
	struct release_row row;
	struct buf statement;
	struct buf proposal;
	struct envelopes approvals;
};

MUST_USE enum err_code parts_open(struct authority *a, const char *id, struct parts *out,
	struct err *e);
void parts_close(struct parts *p);

#endif
