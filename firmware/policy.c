/* The rule of two persons (and of the proposer, who is neither): firmware/approval.h. */
#include <string.h>

#include "firmware/approval.h"

/* One and the same person?  By key, and by name: a second certificate makes nobody two people. */
static bool same_person(const struct approval *a, const struct approval *b)
{
	return memcmp(a->cert.spki_id, b->cert.spki_id, SHA256_SIZE) == 0 ||
		strcmp(a->name, b->name) == 0;
}

/* Parsed and valid, of this meaning; the error names who or which. */
static enum err_code open_one(struct bytes envelope, enum approval_meaning meaning,
	const struct approval_trust *trust, struct approval *out, struct err *e)
{
	struct approval a;
	enum err_code rc = approval_parse(envelope, &a, e);
	if (rc != ERR_OK)
		return rc;
	rc = approval_check(&a, trust, e);
	if (rc == ERR_OK && a.meaning != meaning)
		rc = err_set(e, ERR_APPROVAL_MISMATCH, a.name, "its meaning is %s, not %s",
			approval_meaning_name(a.meaning), approval_meaning_name(meaning));
	if (rc != ERR_OK) {
		approval_free(&a);
		return rc;
	}
	*out = a;
	return ERR_OK;
}

/* Does approval `i` of `all` count beside the ones before it? */
static enum err_code person_check(const struct approval *proposal, const struct approval *all,
	size_t i, struct err *e)
{
	const struct approval *a = &all[i];
	if (!bytes_equal(a->statement, proposal->statement))
		return err_set(e, ERR_APPROVAL_MISMATCH, a->name,
			"what was approved is not, byte for byte, what was proposed");
	if (same_person(a, proposal))
		return err_set(e, ERR_APPROVAL_SELF, a->name, "%s proposed it", proposal->name);
	for (size_t j = 0; j < i; j++)
		if (same_person(a, &all[j]))
			return err_set(e, ERR_APPROVAL_TWICE, a->name, "one person counts once");
	return ERR_OK;
}

static void set_fill(const struct approval *proposal, const struct approval *all, size_t n,
	struct approval_set *out)
{
	*out = (struct approval_set){.release = proposal->release, .approvers_n = n,
		.last = proposal->time};
	memcpy(out->statement, proposal->statement.p, proposal->statement.len);
	out->statement_len = proposal->statement.len;
	memcpy(out->proposer, proposal->name, sizeof(out->proposer));
	for (size_t i = 0; i < n; i++) {
		memcpy(out->approvers[i], all[i].name, sizeof(out->approvers[i]));
		if (all[i].time > out->last)
			out->last = all[i].time;
	}
}

enum err_code approvals_check(struct bytes proposal, const struct bytes *approvals, size_t n,
	unsigned needed, const struct approval_trust *trust, struct approval_set *out,
	struct err *e)
{
	struct approval first, all[APPROVALS_MAX];
	size_t opened = 0;
	if (n > APPROVALS_MAX)
		return err_set(e, ERR_LIMIT, "approvals", "there are %zu, at most %d count", n,
			APPROVALS_MAX);
	enum err_code rc = open_one(proposal, APPROVAL_PROPOSE, trust, &first, e);
	if (rc != ERR_OK)
		return rc;
	while (rc == ERR_OK && opened < n) {
		rc = open_one(approvals[opened], APPROVAL_APPROVE, trust, &all[opened], e);
		if (rc == ERR_OK)
			rc = person_check(&first, all, opened++, e);
	}
	if (rc == ERR_OK && n < needed)
		rc = err_set(e, ERR_APPROVALS_MISSING, first.release.product,
			"%zu of %u people have approved", n, needed);
	if (rc == ERR_OK && out != NULL)
		set_fill(&first, all, n, out);
	while (opened > 0)
		approval_free(&all[--opened]);
	approval_free(&first);
	return rc;
}
