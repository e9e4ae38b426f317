/* Who signed what: kept until all keys are known, for one judgement over all signatures. */
#include "keycheck/keyset_impl.h"

enum err_code keyset_signer(
	struct keyset *s, const struct keyset_signer *r, bool *kept, struct err *e)
{
	bool fits = r->name.len + r->key_id.len + r->tbs.len + r->sig.len + r->sig_alg.len <
		    KEYLOG_RECORD_MAX / 2;

	if (kept != NULL)
		*kept = fits;
	if (!fits)
		return ERR_OK;
	buf_reset(&s->work);
	buf_u8(&s->work, r->is_signature);
	buf_u32le(&s->work, r->key);
	keyset_place_put(&s->work, &r->at);
	buf_field(&s->work, r->name);
	buf_field(&s->work, r->key_id);
	buf_field(&s->work, r->sig_alg);
	buf_field(&s->work, r->tbs);
	buf_field(&s->work, r->sig);
	enum err_code rc = buf_end(&s->work, e, "signature");
	return rc != ERR_OK ? rc : keylog_add(&s->log[LOG_SIGNERS], buf_view(&s->work), NULL, e);
}

static enum err_code signer_at(
	const struct keyset *s, uint64_t *at, struct keyset_signer *out, struct err *e)
{
	struct bytes record;
	enum err_code rc = keylog_get(&s->log[LOG_SIGNERS], at, &record, e);

	if (rc != ERR_OK)
		return rc;
	struct reader r = reader_of(record);
	out->is_signature = read_u8(&r) != 0;
	out->key = read_u32le(&r);
	(void)keyset_place_read(&r, &out->at);
	out->name = read_field(&r, KEYLOG_RECORD_MAX);
	out->key_id = read_field(&r, KEYLOG_RECORD_MAX);
	out->sig_alg = read_field(&r, KEYLOG_RECORD_MAX);
	out->tbs = read_field(&r, KEYLOG_RECORD_MAX);
	out->sig = read_field(&r, KEYLOG_RECORD_MAX);
	rc = reader_end(&r, e, "signers.log");
	if (rc == ERR_OK && out->key != KEYSET_NONE && out->key >= s->n)
		rc = err_set(e, ERR_MALFORMED, "signers.log", "a signer that is no key");
	return rc;
}

enum err_code keyset_signers(struct keyset *s,
	enum err_code (*each)(void *arg, const struct keyset_signer *r, uint64_t id, struct err *e),
	void *arg, struct err *e)
{
	struct keylog *l = &s->log[LOG_SIGNERS];
	uint64_t at = 0, id;
	enum err_code rc = keylog_map(l, e);

	while (rc == ERR_OK && (id = at) < l->mapped) {
		struct keyset_signer r;
		rc = signer_at(s, &at, &r, e);
		if (rc == ERR_OK)
			rc = each(arg, &r, id, e);
	}
	return rc;
}

enum err_code keyset_signer_place(
	const struct keyset *s, uint64_t id, struct keyset_place *out, struct err *e)
{
	struct keyset_signer r;
	enum err_code rc = signer_at(s, &id, &r, e);

	if (rc == ERR_OK)
		*out = r.at;
	return rc;
}
