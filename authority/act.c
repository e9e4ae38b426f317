#include "authority/authority.h"

enum err_code act_begin(struct authority *a, struct err *e)
{
	if (!clock_believable(clock_now(a->clock)))
		return err_set(e, ERR_CLOCK, "clock", "nothing is recorded at such a time");
	a->undo = a->audit;
	return store_step_begin(a->store, e);
}

enum err_code act_end(struct authority *a, struct entry *en, struct err *e)
{
	enum err_code rc = audit_append(a->store, &a->audit, en, e);
	if (rc == ERR_OK)
		rc = store_step_end(a->store, e);
	if (rc != ERR_OK)
		act_undo(a);
	return rc;
}

void act_undo(struct authority *a)
{
	store_step_undo(a->store);
	a->audit = a->undo;
}

void authority_mark(const struct authority *a, struct audit_state *mark)
{
	*mark = a->audit;
}

void authority_reset(struct authority *a, const struct audit_state *mark)
{
	a->audit = *mark;
}

enum err_code authority_issuing_ends(struct authority *a, int64_t *ends, struct err *e)
{
	struct cert issuing;
	if (a->issuing_ends == 0) {
		enum err_code rc = cert_parse(a->issuing_der, &issuing, e);
		if (rc != ERR_OK)
			return rc;
		a->issuing_ends = issuing.not_after;
		cert_free(&issuing);
	}
	*ends = a->issuing_ends;
	return ERR_OK;
}
